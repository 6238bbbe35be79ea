"""What a sweep says: spreads, paired differences, verdicts by the rule of data/sweeps/JUDGEMENT.md.

Two variants are compared seed by seed: the same seed means the same batches. The interval is
Student's, 95 %. Scores are shares of held-out puzzles solved.
"""

import math
from collections.abc import Callable, Iterable
from functools import partial
from statistics import mean, stdev
from typing import NamedTuple

from scipy.stats import t

LEAST = 3  # seeds that a claim needs
SMALLEST = 0.05  # the smallest difference that matters
BEGUN = 0.05  # a variant whose mean is at or below this has not begun
RATES = "half-rate", "double-rate"  # the yardstick: the baseline at other learning rates
Records = dict[tuple[str, int], dict]  # (variant, seed) -> record


class Difference(NamedTuple):
    """Mean of the paired differences (one variant minus another), its 95 % interval, their
    number.
    """

    mean: float
    low: float
    high: float
    n: int

    def __str__(self) -> str:
        return f"{self.mean:+.3f} [{self.low:+.3f}, {self.high:+.3f}]"

    @property
    def sign(self) -> int:
        """+1 or -1 where the interval excludes zero and the mean is at least `SMALLEST`, else 0."""
        if self.n < LEAST or self.low <= 0 <= self.high or abs(self.mean) < SMALLEST:
            return 0
        return 1 if self.mean > 0 else -1

    @property
    def unclear(self) -> str:
        """Why the sign is 0, of enough pairs."""
        holds_zero = self.low <= 0 <= self.high
        return "the interval includes zero" if holds_zero else f"smaller than {SMALLEST:g}"


def paired(ours: dict[int, float], theirs: dict[int, float]) -> Difference:
    """Of two variants by seed, over the seeds of both.

    With fewer than two pairs the interval is endless.
    """
    differences = [ours[seed] - theirs[seed] for seed in sorted(ours.keys() & theirs.keys())]
    n = len(differences)
    if n < 2:
        return Difference(mean(differences) if n else math.nan, -math.inf, math.inf, n)
    half = float(t.ppf(0.975, n - 1)) * stdev(differences) / math.sqrt(n)
    return Difference(mean(differences), mean(differences) - half, mean(differences) + half, n)


def verdict(difference: Difference, better: str = "better", worse: str = "worse") -> str:
    """What may be said of a difference alone; before the colon: a direction, no claim, too few
    seeds.
    """
    if difference.n < LEAST:
        return f"too few seeds: {difference.n} pairs, and a claim needs {LEAST}"
    if difference.sign:
        return f"{better if difference.sign > 0 else worse}: {difference} (n = {difference.n})"
    return f"no claim: {difference}, {difference.unclear} (n = {difference.n})"


WORDS = (
    "better",
    "worse",
    "time to learn only",
    "depends on the reading",
    "no claim",
    "not begun",
    "too few seeds",
)


class Judged(NamedTuple):
    """A verdict on one variant against another."""

    word: str  # one of WORDS
    gap: Difference
    because: str

    def __str__(self) -> str:
        word = f"{self.word}: " if self.gap.n < LEAST else f"{self.word}: {self.gap}, "
        return f"{word}{self.because} (n = {self.gap.n})"

    @property
    def sign(self) -> int:
        """The direction that was found, on a climb as well; 0: none."""
        return self.gap.sign if self.word in ("better", "worse", "time to learn only") else 0


def weigh(
    ours: dict[int, float],
    theirs: dict[int, float],
    move: float = 0.0,
    shifts: dict[str, dict[int, float]] | None = None,
    earlier: Difference | None = None,
) -> Judged:
    """The rule, on scores by seed.

    move: how far the curves moved over the last quarter of training; shifts: by name, seed -> what
    another learning rate does to the baseline; earlier: the difference a quarter earlier.
    """
    gap = paired(ours, theirs)
    if gap.n < LEAST:
        return Judged("too few seeds", gap, f"a claim needs {LEAST} pairs")
    if max(mean(ours.values()), mean(theirs.values())) <= BEGUN:
        return Judged("not begun", gap, f"neither solves more than {BEGUN:.0%}")
    if not gap.sign:
        return Judged("no claim", gap, gap.unclear)
    gap_by_seed = {seed: ours[seed] - theirs[seed] for seed in ours.keys() & theirs.keys()}
    for name, shift in (shifts or {}).items():
        rest = paired(gap_by_seed, shift)
        if mean(shift.values()) * gap.sign > 0 and rest.sign != gap.sign:
            return Judged("no claim", gap, f"not clear of what {name} does, which leaves {rest}")
    if earlier and earlier.mean * gap.sign < 0:
        return Judged("depends on the reading", gap, f"a quarter earlier it is {earlier}")
    if move > SMALLEST:
        learns = "sooner" if gap.sign > 0 else "later"
        return Judged("time to learn only", gap, f"it learns {learns}, the curves still move")
    return Judged("better" if gap.sign > 0 else "worse", gap, "the curves stand still")


def exact(record: dict, which: str = "ema", test: str = "test") -> float:
    """Exact accuracy of a record on one of its test sets."""
    flags = record["exact"][test][which]
    return flags.count("1") / len(flags)


def by_seed(records: Records, variant: str, value=exact) -> dict[int, float]:
    """seed -> value of the variant's record."""
    return {
        seed: value(record) for (name, seed), record in sorted(records.items()) if name == variant
    }


def spread(values: Iterable[float]) -> str:
    """mean (standard deviation), or the values where there are fewer than three."""
    values = list(values)
    if len(values) < LEAST:
        return ", ".join(f"{value:.3f}" for value in values) or "none"
    return f"{mean(values):.3f} ({stdev(values):.3f})"


def calls_a_step(record: dict) -> int:
    """Net calls of one supervision step, T (n + 1), of a run at constant depth."""
    n, T = record["recipe"]["test_depth"]
    return T * (n + 1)


def at_step(record: dict, steps: float, which: str = "ema") -> float:
    """Validation accuracy at the last look up to that step; 0 before the first and where it
    diverged.
    """
    rows = [row[which] for row in record["curve"] if row["step"] <= steps]
    return rows[-1] if rows and not record["diverged"] else 0.0


def _first(records: Records, variants: Iterable[str]) -> dict[str, dict]:
    """variant -> one of its records, of those that have any."""
    return {name: record for (name, _), record in sorted(records.items()) if name in variants}


def equal_steps(records: Records, variants: Iterable[str]) -> dict[str, float]:
    """variant -> the step to read it at: where the shortest of them ends."""
    steps = {name: record["recipe"]["steps"] for name, record in _first(records, variants).items()}
    return dict.fromkeys(steps, min(steps.values(), default=0))


def equal_compute(records: Records, variants: Iterable[str]) -> dict[str, float]:
    """variant -> the step by which it has passed as many layers as the cheapest run in all."""
    first = _first(records, variants)
    cost = {name: calls_a_step(run) * run["recipe"]["layers"] for name, run in first.items()}
    budget = min((first[name]["recipe"]["steps"] * cost[name] for name in first), default=0)
    return {name: budget / cost[name] for name in first}


Ruler = Callable[[Records, Iterable[str]], dict[str, float]]


def scores(
    records: Records, *variants: str, ruler: Ruler = equal_steps
) -> tuple[list[dict[int, float]], str]:
    """seed -> score of each variant, by a ruler, and on which puzzles.

    Those are "test" where every run is read at its end; else "validation", read off the curves.
    """
    steps = ruler(records, variants)
    ends = {name: record["recipe"]["steps"] for name, record in _first(records, variants).items()}
    if steps == ends:
        return [by_seed(records, variant) for variant in variants], "test"
    at = [partial(at_step, steps=steps.get(variant, 0)) for variant in variants]
    return [by_seed(records, *pair) for pair in zip(variants, at, strict=True)], "validation"


def validated(records: Records, variant: str, steps: float) -> dict[int, float]:
    """seed -> validation accuracy at the last look up to that step."""
    return by_seed(records, variant, partial(at_step, steps=steps))


def move(records: Records, steps: dict[str, float]) -> float:
    """How far mean validation accuracy moved over the last quarter of each variant's steps, at
    most.
    """
    moves = [0.0]
    for variant, end in steps.items():
        before, after = (validated(records, variant, share * end).values() for share in (0.75, 1))
        moves.append(abs(mean(after) - mean(before)))
    return max(moves)


def judge(
    records: Records, variant: str, against: str = "baseline", ruler: Ruler = equal_steps
) -> Judged:
    """One variant against another by the rule, with the yardstick as far as the records go."""
    (ours, theirs), puzzles = scores(records, variant, against, ruler=ruler)
    steps = ruler(records, [variant, against])
    read = exact if puzzles == "test" else partial(at_step, steps=steps.get(against, 0))
    base, shifts = by_seed(records, "baseline", read), {}
    for name in RATES:
        rate = by_seed(records, name, read)
        if variant not in RATES and rate.keys() & base.keys():
            shifts[name] = {seed: rate[seed] - base[seed] for seed in rate.keys() & base.keys()}
    earlier = (validated(records, name, 0.75 * steps.get(name, 0)) for name in (variant, against))
    watched = steps | {"baseline": steps.get(against, 0)} if base else steps
    return weigh(ours, theirs, move(records, watched), shifts, paired(*earlier))


def at_calls(record: dict, calls: float, which: str = "ema") -> float:
    """Validation accuracy at the last look within so many net calls a slot.

    NaN when there was none yet.
    """
    rows = [row[which] for row in record["curve"] if row["step"] * calls_a_step(record) <= calls]
    return rows[-1] if rows else math.nan


def best_rates(records: Records, seeds: Iterable[int]) -> dict[str, str]:
    """For variants swept as `name@rate`: name -> the full name at the best rate.

    Best is the lowest mean loss over the last rows of the curves of `seeds`; a run that diverged
    has none.
    """
    seeds, best = set(seeds), {}
    for variant in dict.fromkeys(variant for variant, _ in records):
        runs = [
            record for (name, seed), record in records.items() if name == variant and seed in seeds
        ]
        loss = mean(math.inf if run["diverged"] else run["curve"][-1]["loss"] for run in runs)
        best.setdefault(variant.partition("@")[0], []).append(
            (loss, float(variant.partition("@")[2]), variant)
        )
    return {name: min(tried)[2] for name, tried in best.items()}


def core_hours(records: Iterable[dict]) -> float:
    """Hours of one core that the runs took, scoring included. Of runs on a CPU."""
    return sum(record["env"]["cpu_seconds"] for record in records) / 3600
