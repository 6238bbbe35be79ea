"""What every task family gives: puzzles as tokens, symmetries, a meaning and a picture in text.

Dimension key: B batch, N puzzles, L cells, V vocabulary. Token 0 is padding in every task; real classes start at 1.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor


class Puzzles(NamedTuple):
    """N puzzles and their answers, uint8 tokens, row by row. Its length is N, so `_replace` does not work on it."""

    inputs_NL: Tensor
    labels_NL: Tensor

    def __len__(self) -> int:
        return self.inputs_NL.shape[0]


def no_puzzles(length: int) -> Puzzles:
    """None at all, of this board length."""
    return Puzzles(*torch.zeros(2, 0, length, dtype=torch.uint8))


class Move(NamedTuple):
    """One symmetry for each row of a batch: `new[i] = values[old[cells[i]]]`."""

    cells_BL: Tensor
    values_BV: Tensor

    def __call__(self, tokens_BL: Tensor) -> Tensor:
        return self.values_BV.gather(1, tokens_BL.long().gather(1, self.cells_BL))


def stay(batch: int, generator: torch.Generator, length: int, vocab: int) -> Move:
    """The symmetry that moves nothing; draws nothing from the generator."""
    return Move(torch.arange(length).expand(batch, length), torch.arange(vocab).expand(batch, vocab))


@dataclass(frozen=True, kw_only=True)
class Task:
    """A set of puzzles that share a board, a vocabulary and a meaning."""

    name: str
    rows: int
    columns: int
    symbols: Sequence[str]  # symbols[token] is how the token is written; symbols[0] stands for padding
    train: Puzzles
    validation: Puzzles
    test: Puzzles
    symmetries: Callable[[int, torch.Generator], Move]  # (batch, CPU generator) -> a random Move
    is_solution: Callable[[Tensor, Tensor], Tensor]  # (inputs_BL, prediction_BL) -> bool_B: any valid answer counts
    parse: Callable[[str], Tensor]  # a question as text -> tokens_L; BadInput when it is no such puzzle
    solve: Callable[[Tensor], Tensor]  # a question that parse has given -> its answer, by search
    draw: Callable[[Tensor], str]  # tokens_L -> the board in text, several lines

    @property
    def vocab_size(self) -> int:
        return len(self.symbols)

    @property
    def length(self) -> int:
        return self.rows * self.columns
