"""A learner's function under watch: what a call changes behind its caller's back is refused, and
named.

Two things belong to the caller: the values that are handed in, and whatever is global (world.py). A
probe calls the answer through `Watched` and need not ask for either.
"""

import inspect
import reprlib
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from trm_minimal.classroom.world import picture, same, unchanged

_SHORT = reprlib.Repr()
_SHORT.maxother = _SHORT.maxstring = 300


class Refused(Exception):
    """The mistake, in a sentence that says what was seen, what is right, and where to look."""


def refuse_unless(holds: bool, message: str) -> None:
    """Refused with the message, unless the condition holds."""
    if not holds:
        raise Refused(message)


def shown(value: Any) -> str:
    """A value or an error for a message: short, and something even where its own repr fails."""
    return _SHORT.repr(value)


class FirstCall(Exception):
    """The first call is over, and no more was wanted."""


class Watched:
    """The answer, as a probe calls it.

    Refused where a call raises, overwrites what it was given, or leaves anything global changed
    (which is put back). `names` are the parameters; may_draw allows draws from torch's global
    generator. With first_only the first call ends in FirstCall, and an error of the answer is no
    matter. Where the caller has switched gradients off, nothing may be recorded for autograd.
    """

    def __init__(
        self, answer: Callable, names: list[str], may_draw: bool, first_only: bool = False
    ):
        self.answer, self.names = answer, names
        self.may_draw, self.first_only = may_draw, first_only

    def __call__(self, *arguments, **keywords):
        given = dict(zip(self.names, arguments, strict=False)) | keywords
        before = picture(given)
        mistakes, result, cause = [], None, None
        try:
            with (
                recorded() as tensors,
                unchanged(self.may_draw) as faults,
                told("it raised", self.answer),
            ):
                result = self.answer(*arguments, **keywords)
        except Refused as mistake:
            mistakes, cause = [] if self.first_only else [str(mistake)], mistake.__cause__
        mistakes += faults
        if not mistakes and not torch.is_grad_enabled() and (tensors or has_history(result)):
            mistakes.append(
                "it switches gradients on inside its caller's torch.no_grad(); a function may only"
                " switch them off, as `with torch.no_grad():` does, and"
                " `torch.is_grad_enabled()` tells what the caller wants"
            )
        if not mistakes:
            mistakes = [
                f"it changes `{name}`, which its caller still needs; make something new, as "
                "`a = a + b` does where `a += b` writes into the old"
                for name, old in before.items()
                if not same(old, picture(given[name]))
            ]
        if not mistakes and is_inference(result) and not torch.is_inference_mode_enabled():
            mistakes.append(
                "what it returns was made under torch.inference_mode(), and no gradient may ever "
                "pass such a tensor; use `with torch.no_grad():`"
            )
        if mistakes:
            raise Refused("; and ".join(mistakes)) from cause
        if self.first_only:
            raise FirstCall
        return result


@contextmanager
def told(words: str, answer: Any = None) -> Iterator[None]:
    """Whatever a learner's code raises becomes Refused: these words, the error, the answer's own
    line.
    """
    try:
        yield
    except Refused:
        raise
    except (Exception, SystemExit) as error:
        raise Refused(f"{words} {shown(error)}{line_of(error, answer)}") from error


@contextmanager
def explained(kind: type[Exception], message: str) -> Iterator[None]:
    """A better sentence for errors of that kind in the answer; {error} is what Python says."""
    try:
        yield
    except Refused as mistake:
        if not isinstance(mistake.__cause__, kind):
            raise
        raise Refused(message.format(error=shown(mistake.__cause__))) from mistake.__cause__


@contextmanager
def recorded() -> Iterator[list[torch.Size]]:
    """The list that it gives holds the shape of each tensor that autograd kept inside."""
    shapes = []

    def keep(tensor: Tensor) -> Tensor:
        shapes.append(tensor.shape)
        return tensor

    if torch.is_grad_enabled():  # nothing to watch: the caller wants it
        yield shapes
        return
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        yield shapes


def tensors_of(value: Any) -> list[Tensor]:
    """The tensors among these values, also in modules, lists, tuples and dictionaries."""
    if isinstance(value, nn.Module):
        value = [*value.parameters(), *value.buffers()]
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list | tuple):
        return [tensor for part in value for tensor in tensors_of(part)]
    return [value] if isinstance(value, Tensor) else []


def is_inference(value: Any) -> bool:
    """Is a tensor among these values that was made in inference mode?"""
    return any(tensor.is_inference() for tensor in tensors_of(value))


def has_history(value: Any) -> bool:
    """Is a tensor among these values that autograd remembers the making of?"""
    return any(tensor.grad_fn is not None for tensor in tensors_of(value))


def line_of(error: BaseException, answer: Any) -> str:
    """ " in `...`": the line of the learner's code that the error came from, if Python knows it."""
    code = getattr(inspect.unwrap(answer), "__code__", None)
    frames = traceback.extract_tb(error.__traceback__)
    lines = [
        frame.line for frame in frames if code and frame.filename == code.co_filename and frame.line
    ]
    return f" in `{lines[-1]}`" if lines else ""
