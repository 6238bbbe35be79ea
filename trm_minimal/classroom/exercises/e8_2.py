"""Exercise 8.2: settle_time."""

import torch
from torch import Tensor

from trm_minimal.classroom.exercise import Code
from trm_minimal.classroom.watched import refuse_unless, shown

STATEMENT = """
Write `settle_time(tokens_KNL)`. It gets the decoded answers of a whole run: K moments, N puzzles, L
cells, as numbers of type uint8. It returns a tensor `[N, L]` of whole numbers (`torch.long`): for
each cell the first moment from which on its token never changes again. A cell that always holds the
same token settles in moment 0; one that changes in the very last moment settles there. It need not
be *right*: a cell can settle on a wrong token.
"""


def settle_time(tokens_KNL):
    """[N, L]: the first moment from which on the token of a cell never changes again."""
    ...  # your code


def reference():
    def settle_time(tokens_KNL):
        foreign_KNL = tokens_KNL != tokens_KNL[-1]  # not yet what it will be in the end
        moments_K11 = torch.arange(1, len(tokens_KNL) + 1).view(-1, 1, 1)
        return (foreign_KNL * moments_K11).amax(0)

    return settle_time


CELLS = (
    (3, 3, 3, 3, 3),
    (0, 1, 1, 1, 1),
    (2, 1, 2, 1, 1),
    (1, 1, 1, 1, 2),
    (2, 2, 1, 2, 2),
    (1, 5, 4, 3, 3),
)


def probe(f):
    tokens_KNL = torch.tensor(CELLS, dtype=torch.uint8).T.reshape(5, 1, 6)
    got = shaped(f(tokens_KNL), (1, 6))
    for cell, time, right in zip(CELLS, got[0].tolist(), (0, 1, 3, 4, 3, 3), strict=True):
        check_cell(cell, time, right)
    generator = torch.Generator().manual_seed(8)
    for shape in ((7, 4, 3), (2, 3, 5), (1, 2, 2)):
        tokens_KNL = torch.randint(0, 3, shape, generator=generator).to(torch.uint8)
        got, right = shaped(f(tokens_KNL), shape[1:]), reference()(tokens_KNL)
        refuse_unless(
            torch.equal(got, right),
            f"with {shape[0]} moments of {shape[1]} puzzles another time comes out than the"
            " right one",
        )
    long_KNL = torch.zeros(300, 1, 2, dtype=torch.uint8)
    long_KNL[290:, 0, 0] = 1
    got = shaped(f(long_KNL), (1, 2))
    refuse_unless(
        got.tolist() == [[290, 0]],
        f"a cell that changes in moment 290 of 300 settles in moment {int(got[0, 0])}, by your"
        " function; uint8 ends at 255, so count moments in torch.long",
    )


def shaped(got, shape) -> Tensor:
    refuse_unless(isinstance(got, Tensor), f"it returns {shown(got)}; a tensor [N, L] is wanted")
    refuse_unless(
        tuple(got.shape) == tuple(shape),
        f"it returns a tensor of shape {tuple(got.shape)}; {tuple(shape)} is wanted",
    )
    refuse_unless(
        got.dtype == torch.long,
        f"the times have type {got.dtype}; whole numbers, torch.long, are wanted",
    )
    return got


def check_cell(cell, time: int, right: int):
    here = (
        f"a cell holds {cell}, moment by moment, and you say that it settles in moment {time};"
        f" {right} is right"
    )
    changes = [k for k in range(1, 5) if cell[k] != cell[k - 1]]
    final = [k for k in range(5) if cell[k] == cell[-1]]
    refuse_unless(
        time == right or changes, f"{here}: it never changes, so it is settled from the start"
    )
    refuse_unless(
        time != right - 1, f"{here}: one too early, it still changes from there to the next moment"
    )
    first = final[0] != right and time == final[0]
    refuse_unless(
        not first, f"{here}: there it has its last token for the first time, but it loses it again"
    )
    often = len(changes) != right and time == len(changes)
    refuse_unless(not often, f"{here}: that is how often it changes, not when")
    refuse_unless(time == right, here)


def first_time_final(tokens_KNL):
    return (tokens_KNL == tokens_KNL[-1]).int().argmax(0)


def one_too_early(tokens_KNL):
    moments_K11 = torch.arange(len(tokens_KNL)).view(-1, 1, 1)
    return ((tokens_KNL != tokens_KNL[-1]) * moments_K11).amax(0)


def how_often(tokens_KNL):
    return (tokens_KNL[1:] != tokens_KNL[:-1]).sum(0)


def never_is_the_end(tokens_KNL):
    times = reference()(tokens_KNL)
    return torch.where((tokens_KNL == tokens_KNL[0]).all(0), len(tokens_KNL) - 1, times)


def one_time_for_all_cells(tokens_KNL):
    return reference()(tokens_KNL).amax(1)


def as_fractions(tokens_KNL):
    return reference()(tokens_KNL).double()


def first_puzzle_only(tokens_KNL):
    return reference()(tokens_KNL)[:1].expand(tokens_KNL.shape[1:])


def moments_in_uint8(tokens_KNL):
    moments_K11 = torch.arange(1, len(tokens_KNL) + 1).to(torch.uint8).view(-1, 1, 1)
    return ((tokens_KNL != tokens_KNL[-1]) * moments_K11).amax(0).long()


EXERCISE = Code(
    number="8.2",
    title="settle_time",
    kind="implement",
    minutes=10,
    difficulty=2,
    statement=STATEMENT,
    hints=(
        (
            "Compare every moment with the last one: `tokens_KNL != tokens_KNL[-1]`. When is that"
            " true for the last time?"
        ),
        (
            "A cell settles one moment after the last one in which it differs from the end; if it"
            " never does, in moment 0."
        ),
        (
            "Give moment k the number k + 1, as `torch.arange(1, K + 1).view(-1, 1, 1)`; multiply"
            " by the comparison, and take the largest over moments: `.amax(0)`."
        ),
    ),
    stub=settle_time,
    package=reference(),
    probe=probe,
    wrong={
        first_time_final: "but it loses it again",
        one_too_early: "one too early",
        how_often: "not when",
        never_is_the_end: "settled from the start",
        one_time_for_all_cells: "is wanted",
        as_fractions: "whole numbers, torch.long",
        moments_in_uint8: "uint8 ends at 255",
        first_puzzle_only: "another time comes out",
    },
)
