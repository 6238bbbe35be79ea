"""Exercise 9.1: paired."""

import math
from statistics import NormalDist, mean, pstdev, stdev

from scipy.stats import t

from trm_minimal.classroom.exercise import Code
from trm_minimal.classroom.watched import explained, refuse_unless, shown
from trm_minimal.lab.studies import compare
from trm_minimal.lab.studies.compare import Difference

STATEMENT = """
Write `paired(ours, theirs)`. Both are dictionaries from a seed to a score. For each seed that
*both* have, take ours minus theirs. Return `Difference(mean, low, high, n)`: the mean of these n
differences and its 95 % interval,

$$\\bar d \\pm t_{n-1} \\, s / \\sqrt{n} ,$$

with $s$ their standard deviation (`stdev`, which divides by $n - 1$) and $t_{n-1}$ Student's
quantile, `t.ppf(0.975, n - 1)`. Two values are no spread at all if there is only one: with fewer
than two pairs the interval is endless, from `-math.inf` to `math.inf`. With no pair at all the mean
is `math.nan`.
"""
OURS = {0: 0.62, 1: 0.71, 2: 0.86, 5: 0.40}
THEIRS = {2: 0.71, 1: 0.53, 0: 0.50, 7: 0.99}


def paired(ours, theirs):
    """The Difference of two variants, seed by seed."""
    ...  # your code


def numbers(found) -> tuple:
    refuse_unless(found is not None, "it returns nothing; a Difference is wanted")
    refuse_unless(
        isinstance(found, tuple) and getattr(found, "_fields", ()) == ("mean", "low", "high", "n"),
        f"it returns {shown(found)}; a Difference, with mean, low, high and n, is wanted",
    )
    return tuple(float(part) for part in found)


def probe(f):
    with explained(
        KeyError,
        "it asks for a seed that only one of the two has ({error}); skip what is not in both",
    ):
        check_pairs(f, OURS, THEIRS)
    check_pairs(f, {0: 0.2, 1: 0.0, 2: 0.5}, {0: 0.0, 1: 0.1, 2: 0.1})
    check_pairs(f, {seed: 0.5 + 0.01 * seed**2 for seed in range(6)}, dict.fromkeys(range(6), 0.5))
    check_pairs(f, {3: 0.25, 4: 0.85}, {4: 0.5, 3: 0.5})
    check_equal_gaps(f)
    for ours, theirs, n in (({0: 0.6, 1: 0.9}, {0: 0.5}, 1), ({0: 0.6}, {1: 0.5}, 0), ({}, {}, 0)):
        value, low, high, count = numbers(f(ours, theirs))
        refuse_unless(
            count == n,
            f"of seeds {list(ours)} and {list(theirs)} it makes {count:g} pairs; {n} is right",
        )
        refuse_unless(
            (low, high) == (-math.inf, math.inf),
            f"from {n} pairs it claims the interval {low:g} to {high:g}; fewer than two pairs claim"
            " nothing: endless",
        )
        right = math.isnan(value) if n == 0 else math.isclose(value, 0.1)
        refuse_unless(right, f"with {n} pairs the mean is {value:g}")


def check_equal_gaps(f):
    """Two seeds with the same difference are two pairs. The numbers are exact in binary."""
    ours, theirs = {0: 0.5, 1: 0.75, 2: 1.0}, {0: 0.25, 1: 0.5, 2: 0.5}
    _, _, _, count = numbers(f(ours, theirs))
    refuse_unless(
        count == 3,
        f"where two of three differences are equal it counts {count:g}; a set keeps equal ones"
        " once, so keep them in a list",
    )
    check_pairs(f, ours, theirs)


def check_pairs(f, ours, theirs):
    seeds = sorted(ours.keys() & theirs.keys())
    gaps = [ours[seed] - theirs[seed] for seed in seeds]
    n, s, value = len(gaps), stdev(gaps), mean(gaps)
    found, low, high, count = numbers(f(ours, theirs))
    refuse_unless(
        not math.isclose(found, -value),
        f"the mean is {found:.3f}: the sign is turned; ours minus theirs",
    )
    told = (
        f"of seeds {list(ours)} and {list(theirs)} it makes {count:g} pairs with the mean"
        f" {found:.3f}"
    )
    refuse_unless(
        count == n and math.isclose(found, value, abs_tol=1e-9),
        f"{told}; {n} pairs with {value:.3f} are right: only a seed that both have is a pair",
    )
    half, quantile = (high - low) / 2, float(t.ppf(0.975, n - 1))
    refuse_unless(
        math.isclose((high + low) / 2, value, abs_tol=1e-9),
        "the interval has not the mean in its middle",
    )
    both = [stdev(list(of[seed] for seed in seeds)) for of in (ours, theirs)]
    mistakes = {
        "1.96 is the quantile for very many seeds; Student's is larger": (
            NormalDist().inv_cdf(0.975) * s / n**0.5
        ),
        "0.95 leaves 5 % above, and another 5 % below; 0.975 leaves 5 % in all": (
            float(t.ppf(0.95, n - 1)) * s / n**0.5
        ),
        "n differences have n - 1 degrees of freedom": float(t.ppf(0.975, n)) * s / n**0.5,
        "that is the spread of a single difference; of a mean it is smaller by the root of n": (
            quantile * s
        ),
        "pstdev divides by n, and so is too small for a few seeds": (
            quantile * pstdev(gaps) / n**0.5
        ),
        "it is what unpaired seeds would give; the spread wanted is that of the differences": (
            quantile * math.hypot(*both) / n**0.5
        ),
    }
    right = quantile * s / n**0.5
    said = f"around {value:.3f} it claims plus or minus {half:.3f}, where {right:.3f} is right"
    for words, width in mistakes.items():
        refuse_unless(
            not math.isclose(half, width, rel_tol=1e-6) or math.isclose(width, right),
            f"{said}: {words}",
        )
    refuse_unless(math.isclose(half, right, rel_tol=1e-6), said)


def of_gaps(gaps, quantile=None, spread=stdev, root=True, value=mean):
    """Right but for the parts that are given."""
    n = len(gaps)
    if n < 2:
        return Difference(value(gaps) if n else math.nan, -math.inf, math.inf, n)
    half = (quantile or t.ppf(0.975, n - 1)) * spread(gaps) / (math.sqrt(n) if root else 1)
    return Difference(value(gaps), value(gaps) - half, value(gaps) + half, n)


def gaps_of(ours, theirs):
    return [ours[seed] - theirs[seed] for seed in ours if seed in theirs]


def turned(ours, theirs):
    return of_gaps(gaps_of(theirs, ours))


def by_position(ours, theirs):
    return of_gaps([a - b for a, b in zip(ours.values(), theirs.values(), strict=False)])


def normal_quantile(ours, theirs):
    return of_gaps(gaps_of(ours, theirs), quantile=NormalDist().inv_cdf(0.975))


def one_sided(ours, theirs):
    gaps = gaps_of(ours, theirs)
    return of_gaps(gaps, quantile=t.ppf(0.95, max(len(gaps) - 1, 1)))


def one_degree_more(ours, theirs):
    gaps = gaps_of(ours, theirs)
    return of_gaps(gaps, quantile=t.ppf(0.975, max(len(gaps), 1)))


def spread_of_one(ours, theirs):
    return of_gaps(gaps_of(ours, theirs), root=False)


def population(ours, theirs):
    return of_gaps(gaps_of(ours, theirs), spread=pstdev)


def unpaired(ours, theirs):
    seeds = [seed for seed in ours if seed in theirs]
    if len(seeds) < 2:
        return of_gaps(gaps_of(ours, theirs))
    spreads = [stdev([of[seed] for seed in seeds]) for of in (ours, theirs)]
    return of_gaps(gaps_of(ours, theirs), spread=lambda gaps: math.hypot(*spreads))


def sure_of_one(ours, theirs):
    gaps = gaps_of(ours, theirs)
    if len(gaps) == 1:
        return Difference(gaps[0], gaps[0], gaps[0], 1)
    return of_gaps(gaps)


def any_seed(ours, theirs):
    return of_gaps([ours[seed] - theirs[seed] for seed in ours])


def no_score_of_zero(ours, theirs):
    return of_gaps([ours[seed] - theirs[seed] for seed in ours if theirs.get(seed)])


def plain_tuple(ours, theirs):
    return tuple(of_gaps(gaps_of(ours, theirs)))


def set_of_gaps(ours, theirs):
    return of_gaps(list(set(gaps_of(ours, theirs))))


EXERCISE = Code(
    number="9.1",
    title="paired",
    kind="implement",
    minutes=10,
    difficulty=2,
    statement=STATEMENT,
    hints=(
        (
            "`ours.keys() & theirs.keys()` are the seeds that both have. The order of the"
            " dictionaries means nothing."
        ),
        "Three cases: no pair, one pair, more. The first two need no formula.",
        (
            "`half = t.ppf(0.975, n - 1) * stdev(gaps) / math.sqrt(n)`, and the ends are the mean"
            " minus and plus `half`."
        ),
    ),
    stub=paired,
    package=compare.paired,
    probe=probe,
    wrong={
        turned: "the sign is turned",
        by_position: "of seeds [0, 1, 2, 5] and [2, 1, 0, 7] it makes 4 pairs",
        normal_quantile: "for very many seeds",
        one_sided: "another 5 % below",
        one_degree_more: "degrees of freedom",
        spread_of_one: "of a single difference",
        population: "pstdev divides by n",
        unpaired: "what unpaired seeds would give",
        sure_of_one: "claim nothing",
        any_seed: "skip what is not in both",
        no_score_of_zero: "of seeds [0, 1, 2] and [0, 1, 2] it makes 2 pairs",
        set_of_gaps: "a set keeps equal ones",
        plain_tuple: "with mean, low, high and n",
    },
    names=(
        "import math\nfrom statistics import mean, stdev\n\nfrom scipy.stats import t\n\n"
        "from trm_minimal.lab.studies.compare import Difference"
    ),
)
