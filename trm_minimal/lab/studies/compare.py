"""What a sweep says: means with their spread, paired differences, and a verdict computed from the numbers.

Two variants are compared seed by seed: the same seed means the same batches. The interval is Student's, 95 %.
"""

import math
from collections.abc import Iterable
from functools import partial
from statistics import mean, stdev
from typing import NamedTuple

from scipy.stats import t

LEAST = 3  # seeds that a claim needs


class Difference(NamedTuple):
    """Mean of the paired differences (one variant minus another), its 95 % interval, and how many pairs."""

    mean: float
    low: float
    high: float
    n: int

    def __str__(self) -> str:
        return f"{self.mean:+.3f} [{self.low:+.3f}, {self.high:+.3f}]"


def paired(ours: dict[int, float], theirs: dict[int, float]) -> Difference:
    """Of two variants by seed, over the seeds that both have. With fewer than two pairs the interval is endless."""
    differences = [ours[seed] - theirs[seed] for seed in sorted(ours.keys() & theirs.keys())]
    n = len(differences)
    if n < 2:
        return Difference(mean(differences) if n else math.nan, -math.inf, math.inf, n)
    half = float(t.ppf(0.975, n - 1)) * stdev(differences) / math.sqrt(n)
    return Difference(mean(differences), mean(differences) - half, mean(differences) + half, n)


def verdict(difference: Difference, better: str = "better", worse: str = "worse") -> str:
    """What may be said of a difference: a direction with its size, or no claim."""
    if difference.n < LEAST:
        return f"no claim: {difference.n} pairs of seeds, and a claim needs {LEAST}"
    if difference.low <= 0 <= difference.high:
        return f"no claim: {difference}, the interval includes zero (n = {difference.n})"
    return f"{better if difference.mean > 0 else worse}: {difference} (n = {difference.n})"


def exact(record: dict, which: str = "ema", test: str = "test") -> float:
    """Exact accuracy of a record on one of its test sets."""
    flags = record["exact"][test][which]
    return flags.count("1") / len(flags)


def by_seed(records: dict[tuple[str, int], dict], variant: str, value=exact) -> dict[int, float]:
    """seed -> value of the variant's record."""
    return {seed: value(record) for (name, seed), record in sorted(records.items()) if name == variant}


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


def at_step(record: dict, steps: int, which: str = "ema") -> float:
    """Validation accuracy at the last look up to that step; 0 before the first look and where the run diverged."""
    rows = [row[which] for row in record["curve"] if row["step"] <= steps]
    return rows[-1] if rows and not record["diverged"] else 0.0


def at_equal_steps(records: dict[tuple[str, int], dict], *variants: str) -> tuple[list[dict[int, float]], str]:
    """seed -> accuracy of each variant when the shortest ends, and on which puzzles.

    Those are "test", or "validation" where one went on longer and is read off its curve.
    """
    steps = {record["recipe"]["steps"] for (name, _), record in records.items() if name in variants}
    if len(steps) < 2:
        return [by_seed(records, variant) for variant in variants], "test"
    return [by_seed(records, variant, partial(at_step, steps=min(steps))) for variant in variants], "validation"


def at_calls(record: dict, calls: float, which: str = "ema") -> float:
    """Validation accuracy at the last look within so many net calls a slot. NaN when there was none yet."""
    rows = [row[which] for row in record["curve"] if row["step"] * calls_a_step(record) <= calls]
    return rows[-1] if rows else math.nan


def best_rates(records: dict[tuple[str, int], dict], seeds: Iterable[int]) -> dict[str, str]:
    """For variants swept as `name@rate`: name -> the full name at the best rate, chosen on training loss alone.

    Best is the lowest mean loss over the last rows of the curves of `seeds`; a run that diverged has none.
    """
    seeds, best = set(seeds), {}
    for variant in dict.fromkeys(variant for variant, _ in records):
        runs = [record for (name, seed), record in records.items() if name == variant and seed in seeds]
        loss = mean(math.inf if run["diverged"] else run["curve"][-1]["loss"] for run in runs)
        best.setdefault(variant.partition("@")[0], []).append((loss, float(variant.partition("@")[2]), variant))
    return {name: min(tried)[2] for name, tried in best.items()}


def core_hours(records: Iterable[dict]) -> float:
    """Hours of one core that the runs took, scoring included. Of runs on a CPU."""
    return sum(record["env"]["cpu_seconds"] for record in records) / 3600
