"""Exercise 7.2: a score by difficulty that is too good."""

import torch

from trm_minimal.classroom.exercise import Code
from trm_minimal.classroom.watched import refuse_unless

STATEMENT = """
A colleague sorts puzzles into bins of a number (givens, or rating) and counts in each bin how many
are solved. On the hard puzzles her function reports a splendid score for the very net that has just
failed above. Find the bug and mend it. What should come out: for each bin `(least, most)`, both
ends included, the pair (puzzles with **every** cell right, puzzles in the bin), as plain ints. It
must hold for boards of any size, mazes of 900 cells too.
"""


def exact_by_bin(tokens_NL, labels_NL, values_N, bins):
    """For each (least, most), both included: (puzzles exactly right, puzzles)."""
    share_N = (tokens_NL == labels_NL).double().mean(1)
    found = []
    for least, most in bins:
        inside_N = (values_N >= least) & (values_N <= most)
        found.append((int(share_N[inside_N].round().sum()), int(inside_N.sum())))
    return found


def mended(tokens_NL, labels_NL, values_N, bins):
    """Exact means all cells."""
    right_N = (tokens_NL == labels_NL).all(1)
    within = [(values_N >= least) & (values_N <= most) for least, most in bins]
    return [(int((right_N & inside_N).sum()), int(inside_N.sum())) for inside_N in within]


def boards(cells: int, mistakes: list[int]):
    """(tokens_NL, labels_NL): puzzle i has so many wrong cells, at places that differ."""
    labels_NL = torch.arange(cells).remainder(9).add(2).expand(len(mistakes), cells).to(torch.uint8)
    tokens_NL = labels_NL.clone()
    for row, count in enumerate(mistakes):
        for k in range(count):
            tokens_NL[row, (7 * row + k) % cells] = 1
    return tokens_NL, labels_NL


def probe(f):
    check_sides(f)
    check_one(f, 81, 79, "one right cell is enough for it")
    check_one(f, 81, 30, "a puzzle with more than half of its cells right still counts as solved")
    for cells in (900, 1_000_000):
        check_one(
            f,
            cells,
            1,
            "a bar of 99 %, or of any share, lets wrong boards pass when they are large",
        )
    check_exchanged(f)
    for cells, mistakes in (
        (81, [0, 1, 30, 0, 81, 2, 40]),
        (16, [0, 16, 1, 0, 9, 0, 3]),
        (900, [1, 0, 3, 4, 0, 1, 0]),
    ):
        check_bins(f, cells, mistakes)


def solved_of_one(f, tokens_NL, labels_NL):
    """How many puzzles it counts as solved of a single one in a single bin."""
    found = f(tokens_NL, labels_NL, torch.tensor([25]), [(20, 30)])
    refuse_unless(
        found is not None, "it returns nothing; it should return a list with a pair for each bin"
    )
    return found[0][0]


def check_one(f, cells, wrong, fault):
    """One puzzle in one bin, and not solved."""
    solved = solved_of_one(f, *boards(cells, [wrong]))
    told = f"one board of {cells:,} cells, {wrong} of them wrong: it says {solved} of 1 solved"
    refuse_unless(solved <= 1, f"{told}; those are cells, and whole puzzles are wanted")
    refuse_unless(solved != 1, f"{told}: {fault}")


def check_exchanged(f):
    """Two cells with each other's digit: the sums agree, the boards do not."""
    tokens_NL, labels_NL = boards(81, [0])
    tokens_NL[0, :2] = labels_NL[0, [1, 0]]
    refuse_unless(
        solved_of_one(f, tokens_NL, labels_NL) == 0,
        "a board with two digits exchanged counts as solved: the sums agree; compare cell by cell",
    )


def check_sides(f):
    """A wrong token may be larger than the right one, or smaller."""
    solved = {}
    for change, word in ((1, "larger"), (-1, "smaller")):
        tokens_NL, labels_NL = boards(81, [0])
        tokens_NL[0, 40] += change
        solved[word] = solved_of_one(f, tokens_NL, labels_NL)
    for word, other in (("larger", "smaller"), ("smaller", "larger")):
        refuse_unless(
            (solved[word], solved[other]) != (1, 0),
            f"a board with one token {word} than the right one counts as solved, and with one "
            f"{other} it does not; ask for equal ones",
        )


def check_bins(f, cells, mistakes):
    values, bins = [20, 25, 25, 30, 31, 22, 30], [(20, 25), (26, 30), (31, 40), (41, 50)]
    tokens_NL, labels_NL = boards(cells, mistakes)
    values_N = torch.tensor(values)
    found = f(tokens_NL, labels_NL, values_N, bins)
    right = mended(tokens_NL, labels_NL, values_N, bins)
    found = [tuple(pair) for pair in found]
    refuse_unless(len(found) == len(bins), f"{len(bins)} bins go in, {len(found)} pairs come out")
    for (least, most), (solved, count), (truly, there) in zip(bins, found, right, strict=True):
        here = f"boards of {cells} cells, bin {least} to {most}"
        inside = [
            wrong for wrong, value in zip(mistakes, values, strict=True) if least <= value <= most
        ]
        told = f"{here}: its {there} puzzles have {inside} wrong cells. It says {solved} of {count}"
        refuse_unless(solved == solved, f"{here}: nan; an empty bin is (0, 0)")
        refuse_unless(
            not any(isinstance(part, torch.Tensor) for part in (solved, count)),
            f"{here}: the pair holds tensors; plain ints are wanted, and int(...) makes them",
        )
        refuse_unless(count != len(mistakes), f"{told}: it counts the puzzles of all bins in each")
        refuse_unless(
            count == there,
            f"{told}: a puzzle at an edge of the bin gets lost; both ends belong to it",
        )
        share = truly / there if there else 0
        refuse_unless(
            solved == truly or solved != share,
            f"{told}: that is a share, and the number of puzzles right is wanted",
        )
        cells_right = sum(1 - wrong / cells for wrong in inside)
        refuse_unless(
            solved == truly or not cells_right - 1 < solved <= cells_right,
            f"{told}: it adds up shares of cells; three puzzles that are one third right are no"
            " puzzle solved",
        )
        refuse_unless(solved == truly, f"{told}; {truly} of {there} is right")


def bins_of(values_N, bins):
    return [(values_N >= least) & (values_N <= most) for least, most in bins]


def whole(right_N, values_N, bins):
    return [
        (int(right_N[inside_N].sum()), int(inside_N.sum())) for inside_N in bins_of(values_N, bins)
    ]


def shares_added(tokens_NL, labels_NL, values_N, bins):
    return whole((tokens_NL == labels_NL).double().mean(1), values_N, bins)


def ninety_nine(tokens_NL, labels_NL, values_N, bins):
    return whole((tokens_NL == labels_NL).double().mean(1) > 0.99, values_N, bins)


def still_half(tokens_NL, labels_NL, values_N, bins):
    return whole((tokens_NL == labels_NL).double().mean(1) > 0.5, values_N, bins)


def one_cell(tokens_NL, labels_NL, values_N, bins):
    return whole((tokens_NL == labels_NL).any(1), values_N, bins)


def cells_counted(tokens_NL, labels_NL, values_N, bins):
    return whole((tokens_NL == labels_NL).sum(1), values_N, bins)


def edge_lost(tokens_NL, labels_NL, values_N, bins):
    right_N = (tokens_NL == labels_NL).all(1)
    within = [(values_N >= least) & (values_N < most) for least, most in bins]
    return [(int(right_N[inside_N].sum()), int(inside_N.sum())) for inside_N in within]


def all_in_each(tokens_NL, labels_NL, values_N, bins):
    right_N = (tokens_NL == labels_NL).all(1)
    return [(int(right_N.sum()), len(right_N)) for _ in bins]


def a_share(tokens_NL, labels_NL, values_N, bins):
    return [
        (solved / max(count, 1), count)
        for solved, count in mended(tokens_NL, labels_NL, values_N, bins)
    ]


def empty_is_nan(tokens_NL, labels_NL, values_N, bins):
    right_N = (tokens_NL == labels_NL).all(1).double()
    within = bins_of(values_N, bins)
    return [
        (float(right_N[inside_N].mean()) * int(inside_N.sum()), int(inside_N.sum()))
        for inside_N in within
    ]


def sums_compared(tokens_NL, labels_NL, values_N, bins):
    return whole(tokens_NL.sum(1) == labels_NL.sum(1), values_N, bins)


def nearly_all(tokens_NL, labels_NL, values_N, bins):
    return whole((tokens_NL == labels_NL).double().mean(1) >= 0.999, values_N, bins)


def not_smaller(tokens_NL, labels_NL, values_N, bins):
    return whole((tokens_NL >= labels_NL).all(1), values_N, bins)


def not_larger(tokens_NL, labels_NL, values_N, bins):
    return whole((tokens_NL <= labels_NL).all(1), values_N, bins)


def tensors(tokens_NL, labels_NL, values_N, bins):
    right_N = (tokens_NL == labels_NL).all(1)
    return [(right_N[inside_N].sum(), inside_N.sum()) for inside_N in bins_of(values_N, bins)]


EXERCISE = Code(
    number="7.2",
    title="a splendid score",
    kind="find the bug",
    minutes=6,
    difficulty=1,
    statement=STATEMENT,
    hints=(
        (
            "Hand it one board with half of the cells wrong, and one with a single wrong cell. What"
            " does it count?"
        ),
        "`round` turns every share above one half into 1.",
        (
            "Exact is a question about all cells of a puzzle: `(tokens_NL == labels_NL).all(1)`."
            " Count where it is true."
        ),
    ),
    stub=exact_by_bin,
    package=mended,
    probe=probe,
    wrong={
        exact_by_bin: "more than half of its cells",
        shares_added: "it adds up shares of cells",
        ninety_nine: "one board of 900 cells, 1 of them wrong",
        nearly_all: "one board of 1,000,000 cells, 1 of them wrong",
        sums_compared: "two digits exchanged",
        one_cell: "one right cell is enough",
        cells_counted: "those are cells",
        edge_lost: "gets lost",
        all_in_each: "of all bins in each",
        a_share: "that is a share",
        not_smaller: "one token larger than",
        not_larger: "one token smaller than",
        tensors: "the pair holds tensors",
        empty_is_nan: "an empty bin",
    },
)
