"""Exercise 9.4: confounds."""

import json

from trm_minimal.classroom.exercise import Code
from trm_minimal.classroom.watched import refuse_unless

STATEMENT = """
Write `confounds(ours, theirs, factor)`. Two dictionaries describe two trainings that are meant to
differ in `factor` alone. Return the *set* of what spoils the comparison:

- every key but `factor` with other values in the two, or present in only one of them;
- `"inside warm-up"` where either has made at most as many `"steps"` as its `"warm-up"` has;
- `"one seed"` where either has fewer than three `"seeds"`;
- `"blind score"` where `factor` is `"EMA"` and the `"score"` of either is `"training loss"`:
  averaged weights are used at test time only, so that score cannot move.

Every description has the keys `"steps"`, `"warm-up"`, `"seeds"` and `"score"`; what else it has
varies.
"""
GOOD = {
    "layers": 2,
    "depth": [6, 3],
    "EMA": True,
    "steps": 1000,
    "warm-up": 50,
    "seeds": 3,
    "score": "held-out exact",
}
ABSENT = object()


def confounds(ours, theirs, factor):
    """What spoils the comparison of two described trainings, as a set of words."""
    ...  # your code


def reference():
    def confounds(ours, theirs, factor):
        found = {
            key
            for key in ours.keys() | theirs.keys()
            if key != factor and ours.get(key, ABSENT) != theirs.get(key, ABSENT)
        }
        either = (ours, theirs)
        found |= (
            {"inside warm-up"} if any(run["steps"] <= run["warm-up"] for run in either) else set()
        )
        found |= {"one seed"} if any(run["seeds"] < 3 for run in either) else set()
        blind = factor == "EMA" and any(run["score"] == "training loss" for run in either)
        return found | ({"blind score"} if blind else set())

    return confounds


LOSS = {"score": "training loss"}
CASES = (  # changes of GOOD in ours and in theirs, the factor, and what a wrong answer is told
    ({}, {"layers": 4}, "layers", "a clean comparison"),
    (
        {},
        {"layers": 4, "width": 64},
        "layers",
        "a key that only the second has is a difference, too",
    ),
    ({"width": 64}, {"layers": 4}, "layers", "a key that only the first has is a difference, too"),
    ({"clip": None}, {"layers": 4}, "layers", "None is a value, and not the same as an absent key"),
    ({}, {"layers": 4, "batch": 8, "steps": 900}, "layers", "every key but the factor counts"),
    ({"steps": 40}, {"layers": 4, "steps": 40}, "layers", "both end inside their warm-up"),
    ({}, {"warm-up": 2000, "layers": 4}, "layers", "the second alone is inside its warm-up"),
    ({"warm-up": 2000}, {"layers": 4}, "layers", "the first alone is inside its warm-up"),
    (
        {"steps": 50},
        {"layers": 4, "steps": 50},
        "layers",
        "a run that ends where its warm-up ends was never past it",
    ),
    ({"seeds": 2}, {"layers": 4, "seeds": 2}, "layers", "two seeds are fewer than three"),
    ({"seeds": 1}, {"layers": 4}, "layers", "the first alone has one seed, and the numbers differ"),
    (
        {},
        {"layers": 4, "seeds": 1},
        "layers",
        "the second alone has one seed, and the numbers differ",
    ),
    ({**LOSS}, {"EMA": False, **LOSS}, "EMA", "a training loss cannot show EMA"),
    (
        {**LOSS},
        {"layers": 4, **LOSS},
        "layers",
        "a training loss can show layers; it is blind to EMA alone",
    ),
    ({}, {"EMA": False}, "EMA", "a held-out score does show EMA"),
    ({**LOSS}, {"EMA": False}, "EMA", "the first score is a training loss"),
    ({}, {"EMA": False, **LOSS}, "EMA", "the second score is a training loss"),
    (
        {"score": "held-out loss"},
        {"EMA": False, "score": "held-out loss"},
        "EMA",
        "a held-out loss does show EMA",
    ),
    ({}, {"steps": 2000}, "steps", "steps may be the factor, and then are no confound"),
    ({}, {"seeds": 5}, "seeds", "seeds may be the factor, and then are no confound"),
    (
        {"steps": 40, "warm-up": 20},
        {"layers": 4, "steps": 200, "warm-up": 100},
        "layers",
        "each run is past its own warm-up; compare each run's steps with its own",
    ),
    (
        {"seeds": 5},
        {"layers": 4, "seeds": 2},
        "layers",
        "five seeds do not make up for the other run's two",
    ),
    ({"seeds": 1}, {}, "seeds", "where seeds are the factor, one seed is a confound all the same"),
    (
        {"steps": 40},
        {},
        "steps",
        "where steps are the factor, a run inside its warm-up is a confound all the same",
    ),
    (
        {"warm-up": 2000},
        {},
        "warm-up",
        "where the warm-up is the factor, a run inside it is a confound all the same",
    ),
)


def another(value):
    """An equal value, and not the same object, as if it were read from another file."""
    return json.loads(json.dumps(value))


def probe(f):
    right = reference()
    for ours, theirs, factor, told in CASES:
        ours, theirs = GOOD | ours, another(GOOD | theirs)
        found, wanted = f(ours, theirs, another(factor)), right(ours, theirs, factor)
        refuse_unless(found is not None, "it returns nothing; a set is wanted, also an empty one")
        refuse_unless(
            isinstance(found, (set, frozenset)),
            f"it returns a {type(found).__name__}; a set is wanted",
        )
        refuse_unless(
            factor not in found,
            f"it names {factor!r}, which is what the two are meant to differ in",
        )
        equal = [key for key in ours if key in found and key in theirs and ours[key] == theirs[key]]
        refuse_unless(
            not equal,
            f"it names {equal}, though both have the same there; compare with `!=`, since `is not`"
            " asks for one object",
        )
        refuse_unless(
            found == wanted,
            f"{told}: it finds {sorted(found) or 'nothing'}, {sorted(wanted) or 'nothing'} is"
            " right",
        )


def without(found: set, *words) -> set:
    return found - set(words)


def factor_named(ours, theirs, factor):
    return reference()(ours, theirs, "nothing") | {
        key for key in (factor,) if ours.get(key) != theirs.get(key)
    }


def shared_keys_only(ours, theirs, factor):
    shared = ours.keys() & theirs.keys()
    return reference()(
        {key: ours[key] for key in shared}, {key: theirs[key] for key in shared}, factor
    )


def keys_of_the_first_forgotten(ours, theirs, factor):
    return reference()({key: value for key, value in ours.items() if key in theirs}, theirs, factor)


def none_for_absent(ours, theirs, factor):
    return without(
        reference()(ours, theirs, factor),
        *(k for k in ours if ours[k] is None and theirs.get(k) is None),
    )


def first_difference(ours, theirs, factor):
    found = reference()(ours, theirs, factor)
    keys = sorted(found & (ours.keys() | theirs.keys()))
    return without(found, *keys[1:])


def no_warm_up(ours, theirs, factor):
    return without(reference()(ours, theirs, factor), "inside warm-up")


def first_warm_up(ours, theirs, factor):
    found = without(reference()(ours, theirs, factor), "inside warm-up")
    return found | ({"inside warm-up"} if ours["steps"] <= ours["warm-up"] else set())


def strictly_inside(ours, theirs, factor):
    found = without(reference()(ours, theirs, factor), "inside warm-up")
    inside = any(run["steps"] < run["warm-up"] for run in (ours, theirs))
    return found | ({"inside warm-up"} if inside else set())


def two_are_enough(ours, theirs, factor):
    found = without(reference()(ours, theirs, factor), "one seed")
    return found | ({"one seed"} if min(ours["seeds"], theirs["seeds"]) < 2 else set())


def loss_is_always_blind(ours, theirs, factor):
    found = reference()(ours, theirs, factor)
    return found | (
        {"blind score"} if "training loss" in (ours["score"], theirs["score"]) else set()
    )


def never_blind(ours, theirs, factor):
    return without(reference()(ours, theirs, factor), "blind score")


def as_list(ours, theirs, factor):
    return sorted(reference()(ours, theirs, factor))


def objects_compared(ours, theirs, factor):
    other = {
        key for key in ours if key in theirs and key != factor and ours[key] is not theirs[key]
    }
    return reference()(ours, theirs, factor) | other


def steps_no_factor(ours, theirs, factor):
    differ = {key for key in ("steps", "seeds") if ours[key] != theirs[key]}
    return reference()(ours, theirs, factor) | differ


def any_loss(ours, theirs, factor):
    blind = factor == "EMA" and any("loss" in run["score"] for run in (ours, theirs))
    return reference()(ours, theirs, factor) | ({"blind score"} if blind else set())


def with_rule(word, ours, theirs, factor, holds):
    """Right but for one rule."""
    return without(reference()(ours, theirs, factor), word) | ({word} if holds else set())


def least_steps_and_most_warm_up(ours, theirs, factor):
    inside = min(run["steps"] for run in (ours, theirs)) <= max(
        run["warm-up"] for run in (ours, theirs)
    )
    return with_rule("inside warm-up", ours, theirs, factor, inside)


def mean_of_seeds(ours, theirs, factor):
    few = (ours["seeds"] + theirs["seeds"]) / 2 < 3
    return with_rule("one seed", ours, theirs, factor, few)


def seeds_as_factor_skipped(ours, theirs, factor):
    found = reference()(ours, theirs, factor)
    return without(found, "one seed") if factor == "seeds" else found


def steps_as_factor_skipped(ours, theirs, factor):
    found = reference()(ours, theirs, factor)
    return without(found, "inside warm-up") if factor == "steps" else found


def warm_up_as_factor_skipped(ours, theirs, factor):
    found = reference()(ours, theirs, factor)
    return without(found, "inside warm-up") if factor == "warm-up" else found


EXERCISE = Code(
    number="9.4",
    title="find the confound",
    kind="implement",
    minutes=10,
    difficulty=2,
    statement=STATEMENT,
    hints=(
        (
            "`ours.keys() | theirs.keys()` are all keys. `run.get(key, ABSENT)` with an object of"
            " your own, `ABSENT = object()`, tells an absent key from the value None."
        ),
        "The other three rules ask about either run: `any(... for run in (ours, theirs))`.",
        (
            "Start with a set of keys, and `add` a word for each rule that holds. Return it, empty"
            " or not."
        ),
    ),
    stub=confounds,
    package=reference(),
    probe=probe,
    wrong={
        factor_named: "it names 'layers', which",
        steps_no_factor: "it names 'steps', which",
        shared_keys_only: "a key that only the second has",
        keys_of_the_first_forgotten: "a key that only the first has",
        none_for_absent: "None is a value",
        first_difference: "every key but the factor counts",
        no_warm_up: "both end inside",
        first_warm_up: "the second alone is inside",
        strictly_inside: "never past it",
        two_are_enough: "fewer than three:",
        never_blind: "cannot show EMA",
        loss_is_always_blind: "blind to EMA alone",
        objects_compared: "asks for one object",
        any_loss: "a held-out loss does show EMA",
        least_steps_and_most_warm_up: "past its own warm-up",
        mean_of_seeds: "do not make up for",
        seeds_as_factor_skipped: "where seeds are the factor",
        steps_as_factor_skipped: "where steps are the factor",
        warm_up_as_factor_skipped: "where the warm-up is the factor",
        as_list: "returns a list",
    },
)
