"""Exercise 1.2: a split that keeps twins together, but for one class."""

import random
from collections import Counter

import torch

from trm_minimal.classroom.exercise import Code
from trm_minimal.classroom.watched import Refused, refuse_unless

STATEMENT = """
Here is the `suspect`, under its own name. `keys` has a key for each puzzle, its text or its
canonical form; puzzles with equal keys are a *class*. The function puts a random tenth of the
puzzles aside for testing. For nearly every class it keeps its promise, and yet the line above shows
twins in training.

Find the bug and mend it. A class must lie on one side as a whole. So a tenth cannot always be hit
exactly: the number of puzzles put aside may miss it by less than one class.
"""


def put_aside(keys, seed):
    """Indices of a random tenth of the puzzles. Puzzles with equal keys stay together."""
    classes = {}
    for index, key in enumerate(keys):
        classes.setdefault(key, []).append(index)
    members = list(classes.values())
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(members), generator=generator).tolist()
    shuffled = [index for i in order for index in members[i]]
    return set(shuffled[: len(keys) // 10])


def put_aside_whole_classes(keys, seed):
    """Class by class, until a tenth is reached."""
    classes = {}
    for index, key in enumerate(keys):
        classes.setdefault(key, []).append(index)
    members, aside = list(classes.values()), set()
    for i in torch.randperm(len(members), generator=torch.Generator().manual_seed(seed)).tolist():
        if len(aside) < len(keys) / 10:
            aside.update(members[i])
    return aside


def probe(f):
    for keys in (
        mixed_keys(1, 5),
        mixed_keys(2, 9, 3),
        list("abc" * 50 + "defghijk" * 60),
        range(400),
    ):
        seen = [examine(keys, f(keys, seed)) for seed in range(6)]
        refuse_unless(len(set(seen)) > 1, "it puts the same puzzles aside whatever the seed is")
        refuse_unless(
            examine(keys, f(keys, 0)) == seen[0],
            "it puts other puzzles aside when it is called again",
        )
    few = [str(number) for number in range(10)]
    splits = {frozenset(f([Text(salt, key) for key in few], 0)) for salt in range(8)}
    refuse_unless(
        len(splits) == 1,
        "the split hangs on the order of a set, which is another one in each process, since "
        "Python hashes text anew; sort the keys, or keep them in a dictionary",
    )
    splits = {frozenset(f([SaltedText(salt, key) for key in few], 0)) for salt in range(8)}
    refuse_unless(
        len(splits) == 1,
        "the split hangs on the hash of `str(key)`, directly or through a set; Python hashes text"
        " anew in each process, so draw from a generator with that seed",
    )
    chosen = set().union(*(f(few, seed) for seed in range(200)))
    refuse_unless(
        len(chosen) == len(few),
        f"of {len(few)} classes of one puzzle {len(few) - len(chosen)} are never put aside, in "
        "200 calls with other seeds; every class should have its chance",
    )


class Text(str):
    """Text whose hash is another one, as it is in another process."""

    def __new__(cls, salt: int, text: str):
        made = super().__new__(cls, text)
        made.salt = salt
        return made

    def __hash__(self):
        return hash((self.salt, str.__str__(self)))


class SaltedText(Text):
    """Such a text that stays one in `str(text)`."""

    __hash__ = Text.__hash__

    def __str__(self):
        return self

    def __format__(self, spec):
        return self


def mixed_keys(seed, *sizes):
    """Shuffled keys of 100 classes of each of these sizes and 100 of size 1."""
    keys = [
        f"{size}-{number}" for size in (1, *sizes) for number in range(100) for _ in range(size)
    ]
    random.Random(seed).shuffle(keys)
    return keys


def examine(keys, answer) -> frozenset:
    """Refused unless the indices are a tenth, made of whole classes."""
    refuse_unless(
        answer is not None, "it returns nothing; it should return the indices that are put aside"
    )
    aside, number = frozenset(map(int, answer)), len(keys)
    inside, outside = ({keys[i] for i in side} for side in (aside, set(range(number)) - aside))
    torn = len(inside & outside)
    refuse_unless(
        torn < 2,
        f"{torn} of {len(set(keys))} classes lie on both sides; deal out classes, not puzzles",
    )
    if torn:
        (key,) = inside & outside
        members = [i for i in range(number) if keys[i] == key]
        here = sum(i in aside for i in members)
        raise Refused(
            f"one class is cut in two: of its {len(members)} puzzles {here} are put aside, the"
            " others are in training. Look at what happens to the class dealt last",
        )
    refuse_unless(
        len(aside) < number / 2,
        f"it puts {len(aside)} of {number} puzzles aside: that is the side to train on",
    )
    largest = max(Counter(keys).values())
    refuse_unless(
        abs(len(aside) - number / 10) < largest,
        f"it puts {len(aside)} of {number} puzzles aside; a tenth is {number / 10:.0f}, missed by"
        " less than a class",
    )
    return aside


def grouped(keys):
    classes = {}
    for index, key in enumerate(keys):
        classes.setdefault(key, []).append(index)
    return list(classes.values())


def shuffled(members, seed):
    order = torch.randperm(len(members), generator=torch.Generator().manual_seed(seed)).tolist()
    return [members[i] for i in order]


def one_more(keys, seed):
    flat = [index for group in shuffled(grouped(keys), seed) for index in group]
    return set(flat[: len(keys) // 10 + 1])


def puzzles_not_classes(keys, seed):
    return set(shuffled(range(len(keys)), seed)[: len(keys) // 10])


def tenth_of_the_classes(keys, seed):
    groups = shuffled(grouped(keys), seed)
    return {index for group in groups[: len(groups) // 10] for index in group}


def other_side(keys, seed):
    return set(range(len(keys))) - put_aside_whole_classes(keys, seed)


def forgets_to_return(keys, seed):
    put_aside_whole_classes(keys, seed)


def seed_unused(keys, seed):
    return put_aside_whole_classes(keys, 0)


def clock_used(keys, seed):
    return put_aside_whole_classes(keys, torch.Generator().seed() % 10**9)


def seed_lost(keys, seed):
    return put_aside_whole_classes(keys, random.randrange(10**9))


def never_the_last(keys, seed):
    members, aside = grouped(keys), set()
    for i in torch.randperm(
        len(members) - 1, generator=torch.Generator().manual_seed(seed)
    ).tolist():
        if len(aside) < len(keys) / 10:
            aside.update(members[i])
    return aside


def in_the_order_of_a_set(keys, seed):
    names, aside = list(set(keys)), set()
    for i in torch.randperm(len(names), generator=torch.Generator().manual_seed(seed)).tolist():
        if len(aside) < len(keys) / 10:
            aside.update(index for index, key in enumerate(keys) if key == names[i])
    return aside


def in_the_order_of_hashes(keys, seed):
    members, aside = {}, set()
    for index, key in enumerate(keys):
        members.setdefault(str(key), []).append(index)
    for name in sorted(members, key=lambda name: hash((name, seed))):
        if len(aside) < len(keys) / 10:
            aside.update(members[name])
    return aside


EXERCISE = Code(
    number="1.2",
    title="the split that almost keeps its promise",
    kind="find the bug",
    minutes=10,
    difficulty=2,
    statement=STATEMENT,
    hints=(
        "Which lines know about classes, and which line only knows numbers of puzzles?",
        "`shuffled` lists class after class. Where does the slice at a tenth cut that list?",
        (
            "Instead of slicing, go through `order` and add all members of a class at once, until a"
            " tenth is reached."
        ),
    ),
    stub=put_aside,
    package=put_aside_whole_classes,
    probe=probe,
    wrong={
        one_more: "one class is cut in two",
        puzzles_not_classes: "lie on both sides",
        tenth_of_the_classes: "missed by less than a class",
        forgets_to_return: "returns nothing",
        other_side: "the side to train on",
        seed_unused: "whatever the seed is",
        seed_lost: "the global generator of `random`",
        clock_used: "when it is called again",
        never_the_last: "every class should have its chance",
        in_the_order_of_a_set: "the order of a set",
        in_the_order_of_hashes: "the hash of `str(key)`",
    },
)
