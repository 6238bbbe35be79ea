"""What an exercise is: one file in exercises/ holds everything but the solution, which lies in
solutions/.

A probe takes the learner's answer and raises Refused with the mistake in words; to return is to
accept.
"""

import ast
import inspect
import textwrap
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import torch

from trm_minimal.classroom.watched import FirstCall, Watched, refuse_unless, shown, told
from trm_minimal.classroom.world import plain_world

KINDS = ("implement", "find the bug", "read the curve", "predict")


@dataclass(frozen=True, kw_only=True)
class Exercise:
    """What both kinds of exercise share."""

    number: str  # "3.1": the notebook and the place in it
    title: str
    kind: str  # one of KINDS
    minutes: int
    difficulty: int  # 1 to 3
    statement: str  # Markdown
    hints: tuple[str, ...]  # a ladder: each says more than the one before

    @property
    def name(self) -> str:
        """The variable of the notebook that holds the answer."""
        raise NotImplementedError

    @property
    def module(self) -> str:
        """Stem of the file in exercises/ and in solutions/."""
        return f"e{self.number.replace('.', '_')}"


@dataclass(frozen=True, kw_only=True)
class Code(Exercise):
    """Write a function, or mend one.

    The stub is the cell that the learner finds (for a bug: the broken function).
    """

    stub: Callable
    package: Callable  # what the notebook goes on with until the learner's own is right
    probe: Callable[[Callable], None]
    wrong: dict[Callable, str]  # mistakes, each with words that its own message must have
    # what the answer may use besides Python: the imports of a file that keeps it
    names: str = "import torch"
    may_draw: bool = False  # from torch's global generator, as whatever makes weights does

    @property
    def name(self) -> str:
        return self.stub.__name__

    def stub_source(self) -> str:
        return source_of(self.stub)

    def attempted(self, answer: Any) -> bool:
        return not callable(answer) or shape_of(source_of(answer)) != shape_of(self.stub_source())

    def examine(self, answer: Any) -> None:
        """Refused when it is wrong. All that is global is afterwards as it was."""
        refuse_unless(callable(answer), f"{self.name} is {shown(answer)}; it must be a function")
        names = list(inspect.signature(self.stub).parameters)
        with plain_world():
            with told("what it returns leads to", answer):
                self.probe(Watched(answer, names, self.may_draw))
            with torch.no_grad(), suppress(FirstCall):  # gradients stay off?
                self.probe(Watched(answer, names, self.may_draw, first_only=True))


@dataclass(frozen=True, kw_only=True)
class Choice(Exercise):
    """Read a curve, or predict: one letter is right, and each other letter has its own answer."""

    options: dict[str, str]  # letter -> what it claims
    right: str
    verdicts: dict[str, str]  # letter -> why it is wrong, or, for the right one, why it is right

    @property
    def name(self) -> str:
        return f"answer_{self.number.replace('.', '_')}"

    def stub_source(self) -> str:
        return f'{self.name} = "?"  # one letter: {", ".join(self.options)}'

    def attempted(self, answer: Any) -> bool:
        return not (isinstance(answer, str) and answer.strip() in ("", "?"))

    def examine(self, answer: Any) -> None:
        """Refused when it is wrong, or no letter of the options."""
        refuse_unless(
            isinstance(answer, str),
            f"{self.name} is {shown(answer)}; write one letter in quotes, as in `{self.name} = "
            f'"{next(iter(self.options))}"`',
        )
        letter = answer.strip("() .").lower()
        refuse_unless(
            letter in self.options,
            f"{shown(answer)} is none of the letters {', '.join(self.options)}",
        )
        refuse_unless(letter == self.right, self.verdicts[letter])


def source_of(function: Callable) -> str | None:
    """The text of a function, from its `def` on, not indented; None where Python does not
    know it.
    """
    try:
        return textwrap.dedent(inspect.getsource(function)).strip()
    except (OSError, TypeError):  # typed at a prompt; an object, or a function in C
        return None


def shape_of(source: str | None) -> str | None:
    """The code without comments, layout and docstrings: equal for two texts that do the same in the
    same words.
    """
    try:
        tree = ast.parse(source or "")
    except SyntaxError:  # part of a line, as of a lambda
        return source
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and ast.get_docstring(node) is not None:
            node.body = node.body[1:] or [ast.Pass()]
    return ast.dump(tree)
