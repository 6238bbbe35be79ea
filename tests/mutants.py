"""Mutants of a function: its source with one small mistake in one place, as a tired person makes
it.
"""

import ast
import copy
import inspect
import random
import warnings
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import chain, count
from textwrap import indent

import numpy
import torch

MOST_TURNS = 500_000  # of all loops of one mutant together
MODES = ("torch.no_grad()", "torch.inference_mode()")
SWITCHES = (  # at the beginning of a function each leaves something global changed
    "torch.set_grad_enabled(False)",
    "torch.set_grad_enabled(True)",
    "torch.set_default_dtype(torch.float64)",
    "torch.set_num_threads(2)",
    "torch.manual_seed(0)",
    "random.seed(0)",
    "numpy.random.seed(0)",
    "torch.autocast('cpu').__enter__()",
    "torch.use_deterministic_algorithms(True)",
)
DRAWS = {"rand", "randint", "randn", "randperm"}
IN_PLACE = {ast.Add: "add_", ast.Sub: "sub_", ast.Mult: "mul_", ast.Div: "div_"}
MISTAKEN = {  # operators, and what they are taken for
    ast.Add: (ast.Sub,),
    ast.Sub: (ast.Add,),
    ast.Mult: (ast.Div,),
    ast.Div: (ast.Mult,),
    ast.FloorDiv: (ast.Mod,),
    ast.Mod: (ast.FloorDiv,),
    ast.Pow: (ast.Mult,),
    ast.BitAnd: (ast.BitOr,),
    ast.BitOr: (ast.BitAnd,),
    ast.And: (ast.Or,),
    ast.Or: (ast.And,),
    ast.Lt: (ast.LtE, ast.Gt),
    ast.LtE: (ast.Lt, ast.GtE),
    ast.Gt: (ast.GtE, ast.Lt),
    ast.GtE: (ast.Gt, ast.LtE),
    ast.Eq: (ast.NotEq, ast.Is),
    ast.NotEq: (ast.Eq, ast.IsNot),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}


class NeverEnds(Exception):
    """A loop of a mutant turns more than MOST_TURNS times."""


def mutants(function: Callable, gradients: bool = True) -> Iterator[tuple[str, Callable]]:
    """(name, function) for each small mistake; the name tells the line that changed.

    Without gradients there are none that only cut a gradient. One that cannot even be defined, as
    where a decorator fails, is left out.
    """
    (tree,) = ast.parse(inspect.getsource(function)).body
    original = ast.unparse(tree)
    for text in dict.fromkeys(
        chain(switched(tree), misspelt(tree, mistakes), misspelt(tree, cuts) if gradients else ())
    ):
        with suppress(TypeError, AttributeError):
            if text != original:
                yield f"{function.__name__}: {difference(original, text)}", defined(text, function)


def switched(tree: ast.FunctionDef) -> Iterator[str]:
    """The source with each of SWITCHES in front."""
    for switch in SWITCHES:
        tree.body.insert(0, statement(switch))
        yield ast.unparse(tree)
        del tree.body[0]


def misspelt(tree: ast.FunctionDef, ways: Callable[[ast.AST], Iterator[ast.AST]]) -> Iterator[str]:
    """The source with one node replaced, for each node and each of the ways to replace it."""
    for parent in ast.walk(tree):
        for field, value in ast.iter_fields(parent):
            for i, node in enumerate(value if isinstance(value, list) else [value]):
                for wrong in ways(node) if isinstance(node, ast.AST) else ():
                    setattr(
                        parent,
                        field,
                        [*value[:i], wrong, *value[i + 1 :]] if isinstance(value, list) else wrong,
                    )
                    yield ast.unparse(tree)
                setattr(parent, field, value)


def difference(old: str, new: str) -> str:
    """The first line that differs, before and after."""
    pairs = zip(old.splitlines(), new.splitlines(), strict=False)
    return next(
        f"{before.strip()} -> {after.strip()}" for before, after in pairs if before != after
    )


def mistakes(node: ast.AST) -> Iterator[ast.AST]:
    """What may stand in the place of a node, each with one small mistake."""
    with_arguments = lambda arguments: changed(node, args=arguments)  # noqa: E731
    match node:
        case ast.Call(func, arguments, keywords):
            name = func.attr if isinstance(func, ast.Attribute) else ast.unparse(func)
            if isinstance(func, ast.Attribute):
                yield func.value  # x.detach() -> x, and likewise any other method
            if name in DRAWS:
                yield expression(f"shared({ast.unparse(node)})")
            if name in {"range", *DRAWS}:
                for i, argument in enumerate(arguments):
                    for step in (1, -1):
                        off = ast.BinOp(argument, ast.Add(), ast.Constant(step))
                        yield with_arguments([*arguments[:i], off, *arguments[i + 1 :]])
            yield from map(with_arguments, swapped(arguments))
            yield from (changed(node, keywords=others) for others in without_one(keywords))
        case ast.Constant(bool(value)):
            yield ast.Constant(not value)
        case ast.Constant(int(value)):
            yield from (ast.Constant(value + step) for step in (1, -1))
        case ast.Constant(float(value)):
            yield from (ast.Constant(value * factor + 0.01) for factor in (1, 0.9))
        case ast.BinOp(left, op, right):
            yield from (changed(node, op=other()) for other in MISTAKEN.get(type(op), ()))
            if isinstance(op, ast.Sub | ast.Div | ast.FloorDiv | ast.Mod | ast.Pow | ast.MatMult):
                yield changed(node, left=right, right=left)
            if type(op) in IN_PLACE:
                yield expression(
                    f"({ast.unparse(left)}).{IN_PLACE[type(op)]}({ast.unparse(right)})"
                )
        case ast.UnaryOp(operand=operand):
            yield operand
        case ast.BoolOp(op, values):
            yield from (changed(node, op=other()) for other in MISTAKEN[type(op)])
            yield from (changed(node, values=others) for others in without_one(values))
        case ast.Compare(left, [op, *others], [right, *_]):
            yield from (
                changed(node, ops=[other(), *others]) for other in MISTAKEN.get(type(op), ())
            )
            if isinstance(op, ast.In):
                # 0 and None are in it, too
                yield expression(f"{ast.unparse(right)}.get({ast.unparse(left)})")
        case ast.IfExp(_, body, orelse):
            yield from (body, orelse)
        case ast.Subscript(value):
            yield value
        case ast.Tuple(elements) | ast.List(elements):
            yield from (changed(node, elts=others) for others in swapped(elements))
        case ast.comprehension(ifs=conditions):
            yield from (changed(node, ifs=others) for others in without_one(conditions))
        case ast.FunctionDef(decorator_list=decorators):
            yield from (changed(node, decorator_list=others) for others in without_one(decorators))
        case ast.If(test):
            yield changed(node, test=ast.UnaryOp(ast.Not(), test))
    if (
        isinstance(node, ast.stmt)
        and not isinstance(node, ast.FunctionDef)
        and not is_docstring(node)
    ):
        yield ast.Pass()


def cuts(node: ast.AST) -> Iterator[ast.AST]:
    """What may stand in the place of a node and cuts a gradient off."""
    is_value = isinstance(node, ast.Call | ast.BinOp) or (
        isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
    )
    if is_value and not ast.unparse(node).endswith(".detach()"):
        yield expression(f"({ast.unparse(node)}).detach()")
    computes = any(isinstance(part, ast.Call | ast.BinOp) for part in ast.walk(node))
    if isinstance(node, ast.stmt) and computes and not isinstance(node, ast.FunctionDef):
        yield from (
            statement(f"with {mode}:\n{indent(ast.unparse(node), '    ')}") for mode in MODES
        )


def is_docstring(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def expression(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body


def statement(text: str) -> ast.stmt:
    return ast.parse(text).body[0]


def changed(node: ast.AST, **fields) -> ast.AST:
    other = copy.copy(node)
    for name, value in fields.items():
        setattr(other, name, value)
    return other


def swapped(items: list) -> Iterator[list]:
    """The list with each pair of neighbours exchanged."""
    return ([*items[:i], items[i + 1], items[i], *items[i + 2 :]] for i in range(len(items) - 1))


def without_one(items: list) -> Iterator[list]:
    return (items[:i] + items[i + 1 :] for i in range(len(items)))


def defined(text: str, original: Callable) -> Callable:
    """The function of that text, beside the original.

    Turns of loops are counted, so that all end.
    """
    turns = count()

    def tick() -> None:
        if next(turns) > MOST_TURNS:
            raise NeverEnds

    module = ast.parse(text)
    for node in ast.walk(module):
        if isinstance(node, ast.For | ast.While):
            node.body.insert(0, statement("tick()"))
    names = original.__globals__ | {
        "torch": torch,
        "numpy": numpy,
        "random": random,
        "tick": tick,
        "shared": shared,
    }
    with warnings.catch_warnings(action="ignore", category=SyntaxWarning):  # `n is 0`
        exec(compile(ast.fix_missing_locations(module), "mutant", "exec"), names)
    return names[original.__name__]


def shared(drawn_BX: torch.Tensor) -> torch.Tensor:
    """The first row's draw for all rows."""
    return drawn_BX[:1].expand_as(drawn_BX)
