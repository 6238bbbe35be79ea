"""Toys in one row: the parity of bits, the parity after each bit, and the value that a key stands
with.

The first cell asks. Parity and recall are answered there, by one token; running parity below each
bit. All other cells have no label (0), so they count neither in the loss nor in accuracy. Training
rows are of all sizes up to the largest, which is a ladder to climb; the held-out rows are of the
largest size, and in no training row.

Dimension key: B batch, N puzzles, L cells, P pairs.
"""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import pad

from trm_minimal.errors import BadInput
from trm_minimal.tasks import Puzzles, Task, split_symbols, unmoved
from trm_minimal.tasks.face import Face

BITS = ("_", "0", "1", "?")  # padding, the bits, and the sign of the cell for the answer
KEYS, VALUES = "abcdefgh", "12"
PAIRS = ("_", *KEYS, *VALUES, *(key + value for key in KEYS for value in VALUES))
FIRST_VALUE, FIRST_PAIR = 1 + len(KEYS), 1 + len(KEYS) + len(VALUES)


def _task(
    name: str, symbols: Sequence[str], splits: dict[str, Tensor], answer: Callable[[Tensor], Tensor]
) -> Task:
    """The Task of question rows [N, L]; `answer` maps them to their labels, [N, L] with 0 for no
    label.
    """
    length = splits["test"].shape[1]

    def labelled(rows_NL: Tensor) -> Puzzles:
        return Puzzles(rows_NL.to(torch.uint8), answer(rows_NL.long()).to(torch.uint8))

    def is_solution(inputs_BL: Tensor, prediction_BL: Tensor) -> Tensor:
        labels_BL = answer(inputs_BL)
        return ((labels_BL == prediction_BL) | (labels_BL == 0)).all(dim=1)

    def cells(question: str) -> list[str]:
        found = split_symbols(question, symbols)
        return found + [symbols[0]] * (length - len(found))

    def parse(question: str) -> Tensor:
        found = cells(question)
        if len(found) > length or not set(found) <= set(symbols):
            told = f"up to {length} of the words {' '.join(symbols)}"
            raise BadInput(f"{name}: {question!r} is not {told}")
        return torch.tensor([symbols.index(word) for word in found], dtype=torch.uint8)

    return Task(
        name=name,
        rows=1,
        columns=length,
        symbols=symbols,
        symmetries=partial(unmoved, length=length, vocab=len(symbols)),
        is_solution=is_solution,
        cells=cells,
        parse=parse,
        solve=lambda tokens_L: labelled(tokens_L.unsqueeze(0)).labels_NL[0],
        draw=lambda tokens_L: " ".join(symbols[token] for token in tokens_L if token),
        face=Face(blanks=symbols),  # answers replace what is asked
        **{split: labelled(rows_NL) for split, rows_NL in splits.items()},
    )


def _first(token_B: Tensor, length: int) -> Tensor:
    """Labels [B, length] with these tokens in the first cell, and no others."""
    return pad(token_B.unsqueeze(1), (0, length - 1))


def total(inputs_BL: Tensor) -> Tensor:
    """In the first cell "1" where the number of ones is odd, else "0"."""
    return _first(1 + (inputs_BL == 2).sum(1) % 2, inputs_BL.shape[1])


def after_each(inputs_BL: Tensor) -> Tensor:
    """In the cell of each bit "1" where the number of ones up to it is odd, else "0"."""
    is_bit_BL = (inputs_BL == 1) | (inputs_BL == 2)
    return (1 + (inputs_BL == 2).cumsum(1) % 2).where(is_bit_BL, 0)


def parity(
    longest: int,
    train: int = 4_000,
    held_out=(32, 96),
    seed: int = 0,
    data_dir: Path | None = None,
    answer: Callable[[Tensor], Tensor] = total,
) -> Task:
    """Is the number of ones odd?

    Rows: "?", 1 to `longest` bits, padding. `held_out`: validation and test rows.

    `answer` says where: `total` in the first cell, for all bits; `after_each` below each bit, for
    those up to it.
    """
    if not sum(held_out) <= 2 ** (longest - 1) <= 2**61:
        raise BadInput(
            f"parity of {longest} bits: there are too few such rows, or too many bits for an"
            " integer"
        )
    generator = torch.Generator().manual_seed(seed)
    # Twice as many codes as wanted, so that enough are left when the equal ones are gone.
    held_N = torch.randint(2**longest, (4 * sum(held_out),), generator=generator).unique()
    held_N = held_N[torch.randperm(len(held_N), generator=generator)][: sum(held_out)]
    bits_N = torch.randint(1, longest + 1, (train,), generator=generator)
    codes_N = torch.randint(2**longest, (train,), generator=generator) % 2**bits_N
    fresh_N = (bits_N < longest) | ~torch.isin(codes_N, held_N)

    def rows(codes_N: Tensor, bits_N: Tensor) -> Tensor:
        place_L = torch.arange(longest)
        bit_NL = 1 + (codes_N.unsqueeze(1) >> place_L) % 2
        return pad(bit_NL.where(place_L < bits_N.unsqueeze(1), 0), (1, 0), value=BITS.index("?"))

    validation, test = rows(held_N, torch.full_like(held_N, longest)).split(held_out)
    splits = {
        "train": rows(codes_N[fresh_N], bits_N[fresh_N]),
        "validation": validation,
        "test": test,
    }
    return _task(f"parity-{longest}", BITS, splits, answer)


def _recalled(inputs_BL: Tensor) -> Tensor:
    """In the first cell the value from the pair whose key stands there."""
    key_BL = (inputs_BL[:, 1:] - FIRST_PAIR).div(len(VALUES), rounding_mode="floor")
    place_B = (key_BL == inputs_BL[:, :1] - 1).int().argmax(1)
    pair_B = inputs_BL[:, 1:].gather(1, place_B.unsqueeze(1)).squeeze(1)
    return _first(FIRST_VALUE + (pair_B - FIRST_PAIR) % len(VALUES), inputs_BL.shape[1])


def recall(
    train: int = 20_000, held_out=(128, 500), seed: int = 0, data_dir: Path | None = None
) -> Task:
    """Which value stands with the key asked for?

    Rows: a key, then 1 to 8 pairs of different keys, in any order.

    Values are drawn anew for each row, so none can be learned by heart. One assignment of values to
    all 8 keys in eight is held out: no training row has all 8 pairs with these values, in whatever
    order.
    """
    generator = torch.Generator().manual_seed(seed)
    count = 2 * train + 100 * sum(held_out)  # one row in 64 is of the largest size and held out
    keys_NP = torch.rand(count, len(KEYS), generator=generator).argsort(1)
    values_NP = torch.randint(len(VALUES), (count, len(KEYS)), generator=generator)
    pairs_N = torch.randint(1, len(KEYS) + 1, (count,), generator=generator)
    asked_N = (torch.rand(count, generator=generator) * pairs_N).long()
    code_N = (values_NP * len(VALUES) ** keys_NP).sum(1)
    held_N = code_N * 2_654_435_761 % 2**32 < 2**29  # a multiplicative hash: one in eight

    pair_NP = (FIRST_PAIR + keys_NP * len(VALUES) + values_NP).where(
        torch.arange(len(KEYS)) < pairs_N.unsqueeze(1), 0
    )
    rows_NL = torch.cat((1 + keys_NP.gather(1, asked_N.unsqueeze(1)), pair_NP), dim=1)
    full_N = pairs_N == len(KEYS)
    validation, test = rows_NL[full_N & held_N][: sum(held_out)].split(held_out)
    splits = {"train": rows_NL[~(full_N & held_N)][:train], "validation": validation, "test": test}
    return _task("recall-8", PAIRS, splits, _recalled)
