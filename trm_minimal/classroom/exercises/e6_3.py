"""Exercise 6.3: an augmentation that contradicts itself."""

from collections import Counter
from functools import cache

import torch
from torch import Tensor

from trm_minimal.classroom.exercise import Code
from trm_minimal.classroom.watched import refuse_unless
from trm_minimal.tasks import Puzzles, maze

STATEMENT = """
A colleague makes eight mazes of each: four turns of the maze, and four turns of its mirror image.
The labels are turned along. Every turned label is a shortest path, and the check of the file format
is happy. But the rule that chose among the shortest paths did not turn. Mend `eightfold`, so that
the labels of all copies follow the one rule.

It returns `(inputs, labels)`, both of them [8 N, L], row by row the maze and its label. The order
of the rows is free. `maze.labels(inputs_NL)` returns (labels by the rule, whether the shortest path
is the only one).
"""


def eightfold(inputs_NL, labels_NL):
    """Each maze in its 8 symmetries, with its label. Returns (inputs, labels)."""
    size = int(inputs_NL.shape[1] ** 0.5)
    turned = []
    for tokens_NL in (inputs_NL, labels_NL):
        boards = tokens_NL.view(-1, size, size)
        both = (boards, boards.flip(2))
        copies = [some.rot90(k, (1, 2)).flatten(1) for some in both for k in range(4)]
        turned.append(torch.cat(copies))
    return turned[0], turned[1]


def relabelled(inputs_NL, labels_NL):
    return tuple(maze.relabelled(Puzzles(inputs_NL, labels_NL)))


@cache
def mazes(size: int, count: int, seed: int) -> Puzzles:
    """Mazes with several shortest paths, no two of them equal."""
    generator = torch.Generator().manual_seed(seed)
    pairs = [maze.noise_maze(size, generator, min_path=size) for _ in range(count)]
    tokens = [
        [[maze.SYMBOLS.index(symbol) for symbol in text] for text in texts]
        for texts in zip(*pairs, strict=True)
    ]
    return Puzzles(*torch.tensor(tokens, dtype=torch.uint8))


def rows(tokens_NL: Tensor) -> list[tuple[int, ...]]:
    return [tuple(row) for row in tokens_NL.tolist()]


def probe(f):
    many = mazes(6, 12, 0)
    for puzzles, chosen in ((many, slice(None)), (many, [0, 1, 0]), (mazes(20, 1, 1), slice(None))):
        check_copies(f, Puzzles(*(tokens_NL[chosen].clone() for tokens_NL in puzzles)))


def check_copies(f, puzzles: Puzzles):
    N, result = len(puzzles), f(*puzzles)
    pair = isinstance(result, (tuple, list)) and len(result) == 2
    refuse_unless(
        pair and all(isinstance(part, Tensor) for part in result),
        "two tensors are wanted: inputs, labels",
    )
    inputs_NL, labels_NL = result
    expected = maze.plain_eightfold(puzzles)
    shape, differ = list(expected.inputs_NL.shape), len(set(rows(puzzles.inputs_NL)))
    refuse_unless(
        list(inputs_NL.shape) == shape and labels_NL.shape == inputs_NL.shape,
        f"{N} mazes, of which {differ} differ, become inputs {list(inputs_NL.shape)} and labels "
        f"{list(labels_NL.shape)}; both should be {shape}",
    )
    missing = Counter(rows(expected.inputs_NL)) - Counter(rows(inputs_NL))
    refuse_unless(
        not missing,
        f"{missing.total()} of the {shape[0]} turned and mirrored mazes are not there; others come"
        " too often",
    )
    unmarked_NL = torch.where(labels_NL == maze.PATH, maze.SPACE, labels_NL)
    foreign = int((unmarked_NL != inputs_NL).any(1).sum())
    refuse_unless(
        not foreign,
        f"{foreign} of {shape[0]} labels belong to another maze: their walls are elsewhere",
    )
    rule_NL = maze.labels(inputs_NL)[0]
    broken = int((labels_NL != rule_NL).any(1).sum())
    turned = set(zip(rows(expected.inputs_NL), rows(expected.labels_NL), strict=True))
    along = set(zip(rows(inputs_NL), rows(labels_NL), strict=True)) == turned
    refuse_unless(
        not (broken and along),
        f"{broken} of {shape[0]} labels break the rule: each was chosen before its maze turned",
    )
    refuse_unless(
        not broken,
        f"some labels follow the rule, but {broken} of {shape[0]} do not; give all of them to it",
    )
    refuse_unless(
        labels_NL.dtype == torch.uint8, f"the labels come out as {labels_NL.dtype}; uint8 went in"
    )


def turned(tokens_NL: Tensor) -> Tensor:
    """The eight copies, as the stub makes them."""
    return eightfold(tokens_NL, tokens_NL)[0]


def relabelled_too_early(inputs_NL, labels_NL):
    return turned(inputs_NL), turned(maze.labels(inputs_NL)[0])


def labels_stay(inputs_NL, labels_NL):
    return turned(inputs_NL), labels_NL.repeat(8, 1)


def no_mirror(inputs_NL, labels_NL):
    size = int(inputs_NL.shape[1] ** 0.5)
    copies = torch.cat(
        [inputs_NL.view(-1, size, size).rot90(k, (1, 2)).flatten(1) for k in range(4)]
    )
    return copies, maze.labels(copies)[0]


def half_turn_twice(inputs_NL, labels_NL):
    size = int(inputs_NL.shape[1] ** 0.5)
    boards = inputs_NL.view(-1, size, size)
    both = (boards, boards.flip(1, 2))
    copies = torch.cat([some.rot90(k, (1, 2)).flatten(1) for some in both for k in range(4)])
    return copies, maze.labels(copies)[0]


def mirror_not_relabelled(inputs_NL, labels_NL):
    copies, along = turned(inputs_NL), turned(labels_NL)
    half = len(copies) // 2
    return copies, torch.cat([maze.labels(copies[:half])[0], along[half:]])


def everything_returned(inputs_NL, labels_NL):
    copies = turned(inputs_NL)
    return copies, maze.labels(copies)


def as_integers(inputs_NL, labels_NL):
    copies = turned(inputs_NL)
    return copies, maze.labels(copies)[0].long()


def each_once(inputs_NL, labels_NL):
    copies = turned(inputs_NL).unique(dim=0)
    return copies, maze.labels(copies)[0]


EXERCISE = Code(
    number="6.3",
    title="labels that did not turn",
    kind="find the bug",
    minutes=8,
    difficulty=2,
    statement=STATEMENT,
    hints=(
        "The mazes are turned rightly. Which line makes the labels, and from what?",
        (
            "A label made by the rule depends on the maze as it lies. So turn first, then apply the"
            " rule."
        ),
        "Turn the inputs only, and return `inputs, maze.labels(inputs)[0]`.",
    ),
    stub=eightfold,
    package=relabelled,
    probe=probe,
    wrong={
        relabelled_too_early: "before its maze turned",
        labels_stay: "walls are elsewhere",
        half_turn_twice: "others come too often",
        no_mirror: "12 mazes, of which 12 differ, become inputs [48, 36]",
        each_once: "3 mazes, of which 2 differ, become inputs [16, 36]",
        mirror_not_relabelled: "give all of them to it",
        everything_returned: "two tensors are wanted",
        as_integers: "uint8 went in",
    },
    names="import torch\n\nfrom trm_minimal.tasks import maze",
)
