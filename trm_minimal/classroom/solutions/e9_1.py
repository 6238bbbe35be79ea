"""Solution of exercise 9.1, and right answers that are written differently."""

import math
from statistics import mean, stdev

from scipy.stats import t

from trm_minimal.lab.studies.compare import Difference


def paired(ours, theirs):
    gaps = [ours[seed] - theirs[seed] for seed in ours.keys() & theirs.keys()]
    n = len(gaps)
    if n == 0:
        return Difference(math.nan, -math.inf, math.inf, 0)
    if n == 1:
        return Difference(gaps[0], -math.inf, math.inf, 1)
    half = t.ppf(0.975, n - 1) * stdev(gaps) / math.sqrt(n)
    return Difference(mean(gaps), mean(gaps) - half, mean(gaps) + half, n)


def by_hand(ours, theirs):
    gaps = []
    for seed, score in ours.items():
        if seed in theirs:
            gaps.append(score - theirs[seed])
    n = len(gaps)
    middle = sum(gaps) / n if n else math.nan
    half = math.inf
    if n > 1:
        variance = sum((gap - middle) ** 2 for gap in gaps) / (n - 1)
        half = -t.ppf(0.025, n - 1) * (variance / n) ** 0.5
    low, high = (middle - half, middle + half) if n else (-math.inf, math.inf)
    return Difference(middle, low, high, n)


VARIANTS = (by_hand,)
