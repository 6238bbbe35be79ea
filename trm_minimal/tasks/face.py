"""The face of a task family: which marks stand in a cell, and what its symbols are called.

Plain data. The painters of `show` draw marks and know no family; a task that says nothing about its
face shows each symbol as it is written, and what is right, wrong and changed beside it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

KINDS = ("changed", "given", "answer", "right", "missing", "wrong")  # in the order they are drawn
FILL, DISC, RING, CROSS = "fill", "disc", "ring", "cross"  # shapes; every other glyph is a text
CENTRE, BESIDE, CORNER, BELOW = (0.5, 0.5), (0.42, 0.54), (0.8, 0.22), (0.84, 0.82)
SPOKEN = {"_": "padding", ".": "empty", " ": "empty"}  # unless a family has other names
SILENT = (*SPOKEN, "")  # symbols that are not written into a cell


class Cell(NamedTuple):
    """One cell of an answer, as far as it is known."""

    symbol: str  # what stands there
    wanted: str = ""  # the symbol of the true answer; "" where that is unknown or has none
    given: bool = False  # the question has it
    changed: bool = False  # the answer before had another symbol

    @property
    def wrong(self) -> bool:
        return self.wanted not in ("", self.symbol)

    @property
    def right(self) -> bool:
        return self.wanted == self.symbol and not self.given


class Mark(NamedTuple):
    """One sign in a cell. Lengths are in cells, `at` counts from the upper left corner."""

    kind: str  # of KINDS: what it says
    glyph: str  # a shape or a text; "" is the sign that the visual language has for this kind
    colour: str = "ink"  # "ink", "page", a name of the visual language, or #rrggbb
    size: float = 1.0  # its longer side
    at: tuple[float, float] = CENTRE
    bold: bool = False
    least: float = 0.0  # points that the longer side has at least, though it may cover neighbours


def signed(cell: Cell) -> list[Mark]:
    """The symbol itself, a tick or a cross beside it, a dot and a ground where it has changed."""
    marks = []
    if cell.given:
        marks.append(Mark("given", FILL, "given"))
    elif cell.changed:
        marks.append(Mark("changed", FILL, "changed"))
    if cell.symbol not in SILENT and cell.given:
        marks.append(Mark("given", cell.symbol, "ink", 0.5, BESIDE, bold=True))
    elif cell.symbol not in SILENT:
        marks.append(Mark("answer", cell.symbol, "wrong" if cell.wrong else "ink", 0.5, BESIDE))
    if cell.right:
        marks.append(Mark("right", "", "right", 0.34, CORNER, bold=True))
    if cell.wrong:
        marks.append(Mark("wrong", "", "wrong", 0.32, CORNER, bold=True))
    if cell.changed:
        marks.append(Mark("changed", DISC, "ink", 0.16, BELOW))
    return marks


def coloured(colours: Mapping[str, str]) -> Callable[[Cell], list[Mark]]:
    """Marks of a family whose symbols are colours (#rrggbb), as in ARC: filled cells."""

    def marks(cell: Cell) -> list[Mark]:
        kind = "given" if cell.given else "answer"
        found = [Mark(kind, FILL, colours[cell.symbol])] if cell.symbol in colours else []
        if cell.wrong:
            found.append(Mark("wrong", CROSS, "wrong", 0.6))
        elif cell.changed:
            found.append(Mark("changed", DISC, "ink", 0.25))
        return found

    return marks


@dataclass(frozen=True, kw_only=True)
class Face:
    """How the boards of a family look and sound."""

    marks: Callable[[Cell], list[Mark]] = signed
    blanks: Sequence[str] = (".", " ")  # symbols of a question where an answer is wanted
    spoken: Mapping[str, str] = field(default_factory=dict)  # names of symbols in sentences
    brushes: Mapping[str, str] = field(default_factory=dict)  # of an editor: name -> symbol
    boxes: tuple[int, int] | None = (
        0,
        0,
    )  # a thick line after so many rows, columns; None: no lines
    several: str = "right answers"  # what a question has that has more than one

    def says(self, symbol: str) -> str:
        """The name of a symbol in a sentence."""
        return self.spoken.get(symbol, SPOKEN.get(symbol, symbol))
