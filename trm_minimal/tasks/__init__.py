"""What every task family gives: puzzles as tokens, symmetries, a meaning, a face and a text.

Dimension key: B batch, N puzzles, L cells, V vocabulary. Token 0 is padding in every task; real
classes start at 1.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

import torch
from torch import Tensor

from trm_minimal.tasks.face import Face


@dataclass(frozen=True, eq=False)
class Puzzles:
    """N puzzles and their answers. It unpacks into inputs and labels; its length is N."""

    inputs_NL: Tensor  # uint8 tokens
    labels_NL: Tensor  # uint8 tokens, 0 where a cell has no label
    ids_N: Tensor | None = None  # identities, for a model that has a vector for each

    def __len__(self) -> int:
        return len(self.inputs_NL)

    def __getitem__(self, rows) -> Self:
        """Some of the rows: a slice, a tensor of indices or a mask."""
        ids_N = None if self.ids_N is None else self.ids_N[rows]
        return Puzzles(self.inputs_NL[rows], self.labels_NL[rows], ids_N)

    def __iter__(self) -> Iterator[Tensor]:
        return iter((self.inputs_NL, self.labels_NL))


def no_puzzles(length: int) -> Puzzles:
    """None at all, of this board length."""
    return Puzzles(*torch.zeros(2, 0, length, dtype=torch.uint8))


class Move(NamedTuple):
    """One symmetry for each row of a batch: `new[i] = values[old[cells[i]]]`.

    Cells and values are permutations.
    """

    cells_BL: Tensor
    values_BV: Tensor

    def __call__(self, tokens_BL: Tensor) -> Tensor:
        return self.values_BV.gather(1, tokens_BL.long().gather(1, self.cells_BL))

    def inverse(self) -> Self:
        """The symmetry that undoes this one, row by row."""
        return Move(self.cells_BL.argsort(1), self.values_BV.argsort(1))


def unmoved(batch: int, generator: torch.Generator, length: int, vocab: int) -> Move:
    """The symmetry that moves nothing; draws nothing from the generator."""
    return Move(
        torch.arange(length).expand(batch, length), torch.arange(vocab).expand(batch, vocab)
    )


def split_symbols(text: str, symbols: Sequence[str]) -> list[str]:
    """A board of a family that has no other way of writing: its symbols, with or without spaces and
    line feeds between them; with spaces where symbols have several characters."""
    words = text.split()
    return words if any(len(symbol) > 1 for symbol in symbols) else list("".join(words))


def one_answer(tokens_L: Tensor) -> int:
    """For families whose questions have exactly one answer."""
    return 1


def that_answer(inputs_L: Tensor, labels_L: Tensor, tokens_L: Tensor) -> Tensor:
    """For families whose questions have exactly one answer: the label."""
    return labels_L


@dataclass(frozen=True, kw_only=True)
class Task:
    """A set of puzzles that share a board, a vocabulary and a meaning."""

    name: str
    rows: int
    columns: int
    # symbols[token] is how the token is written; symbols[0] stands for padding
    symbols: Sequence[str]
    train: Puzzles
    validation: Puzzles
    test: Puzzles
    symmetries: Callable[[int, torch.Generator], Move]  # (batch, CPU generator) -> a random Move
    # (inputs_BL, prediction_BL) -> bool_B: any valid answer counts
    is_solution: Callable[[Tensor, Tensor], Tensor]
    cells: Callable[[str], Sequence[str]]  # a board as people write it -> its symbols, row by row
    parse: Callable[[str], Tensor]  # such a text -> tokens_L; BadInput when it is no such puzzle
    solve: Callable[[Tensor], Tensor]  # a question that parse has given -> its answer, by search
    draw: Callable[[Tensor], str]  # tokens_L -> the board in text, several lines
    answers: Callable[[Tensor], int] = one_answer  # how many answers a question of parse has
    # (inputs_L, labels_L, tokens_L) -> of several answers the one that these tokens are nearest to
    nearest: Callable[[Tensor, Tensor, Tensor], Tensor] = that_answer
    face: Face = Face()

    @property
    def vocab_size(self) -> int:
        return len(self.symbols)

    @property
    def length(self) -> int:
        return self.rows * self.columns
