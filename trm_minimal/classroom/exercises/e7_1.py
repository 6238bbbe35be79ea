"""Exercise 7.1: interval."""

import math

from trm_minimal.classroom.exercise import Code
from trm_minimal.classroom.watched import refuse_unless, shown
from trm_minimal.lab.records import score

STATEMENT = """
Write `interval(successes, n, z=1.96)`: Wilson's interval of a share, as the pair (low, high).
`successes` of `n` puzzles were solved; so p is `successes / n`. Use the formulas above, with
whatever `z` is given. Plain Python numbers and `math.sqrt` are all you need. The rest of this
notebook draws its bars with your function.
"""


def interval(successes, n, z=1.96):
    """Wilson's interval of a share: (low, high)."""
    ...  # your code


CASES = ((7, 10), (10, 10), (0, 10), (1, 160), (499, 500), (3, 4))


def probe(f):
    for successes, n in CASES:
        check_case(f, successes, n, 1.96)
    refuse_unless(
        close(f(7, 10), f(7, 10, 1.96)),
        "without z it gives another interval than with z = 1.96, the default",
    )
    for z in (1.0, 2.576):
        got = f(7, 10, z)
        refuse_unless(
            not close(got, f(7, 10, 1.96)),
            f"z = {z} gives the interval of z = 1.96; use the z that is given",
        )
        check_case(f, 7, 10, z)


def close(a, b):
    return all(math.isclose(x, y, rel_tol=0, abs_tol=1e-9) for x, y in zip(a, b, strict=True))


def check_case(f, successes, n, z):
    got, right = f(successes, n, z), score.interval(successes, n, z)
    here = f"{successes} of {n} with z = {z}"
    refuse_unless(got is not None, "it returns nothing; it should return (low, high)")
    pair = isinstance(got, (tuple, list)) and len(got) == 2
    refuse_unless(pair, f"it returns {shown(got)}; a pair (low, high) is wanted")
    told = f"{here}: it says {got[0]:.3f} to {got[1]:.3f}"
    refuse_unless(
        not close(got, right[::-1]) or got[0] == got[1], f"{told}: the two ends are exchanged"
    )
    p = successes / n
    plain = z * math.sqrt(p * (1 - p) / n)
    refuse_unless(
        not close(got, (p - plain, p + plain)),
        f"{told}. That is the plain interval around p; it has no width where all are solved."
        " Wilson's is wanted",
    )
    middle, half = (right[0] + right[1]) / 2, (right[1] - right[0]) / 2
    refuse_unless(
        not close(got, (middle, half)),
        f"{told}: those are the middle and the half width, not the two ends",
    )
    shrink = 1 + z * z / n
    refuse_unless(
        not close(got, (middle * shrink - half * shrink, middle * shrink + half * shrink)),
        f"{told}: middle and half width both lack the division by 1 + z^2 / n",
    )
    refuse_unless(
        not close(got, (p - half, p + half)),
        f"{told}: its middle is p itself; Wilson's middle is pulled towards one half",
    )
    rough = z / shrink * math.sqrt(p * (1 - p) / n + z * z / (4 * n))
    refuse_unless(
        not close(got, (middle - rough, middle + rough)) and not close(got, clipped(middle, rough)),
        f"{told}: far too wide. Under the root the second term has n squared below the line",
    )
    rounded = all(
        abs(mine - exact) < 6e-3 and round(mine, 6) == mine
        for mine, exact in zip(got, right, strict=True)
    )
    refuse_unless(
        close(got, right) or not rounded,
        f"{here}: it says {got[0]} to {got[1]}, which is rounded; return the numbers as they come",
    )
    refuse_unless(
        close(got, right),
        f"{here}: it says {got[0]:.6f} to {got[1]:.6f}; {right[0]:.6f} to {right[1]:.6f} is right",
    )


def clipped(middle, half):
    return max(0.0, middle - half), min(1.0, middle + half)


def parts(successes, n, z):
    """(p, middle, half width, the divisor)."""
    low, high = score.interval(successes, n, z)
    return successes / n, (low + high) / 2, (high - low) / 2, 1 + z * z / n


def plain_interval(successes, n, z=1.96):
    p = successes / n
    half = z * math.sqrt(p * (1 - p) / n)
    return p - half, p + half


def not_divided(successes, n, z=1.96):
    _, middle, half, shrink = parts(successes, n, z)
    return shrink * (middle - half), shrink * (middle + half)


def around_p(successes, n, z=1.96):
    p, _, half, _ = parts(successes, n, z)
    return p - half, p + half


def n_not_squared(successes, n, z=1.96):
    p, middle, _, shrink = parts(successes, n, z)
    half = z / shrink * math.sqrt(p * (1 - p) / n + z * z / (4 * n))
    return middle - half, middle + half


def middle_and_half(successes, n, z=1.96):
    return parts(successes, n, z)[1:3]


def ends_exchanged(successes, n, z=1.96):
    return score.interval(successes, n, z)[::-1]


def z_ignored(successes, n, z=1.96):
    return score.interval(successes, n)


def another_default(successes, n, z=1.645):
    return score.interval(successes, n, z)


def half_without_z(successes, n, z=1.96):
    _, middle, half, _ = parts(successes, n, z)
    return middle - half / z, middle + half / z


def rounded(successes, n, z=1.96):
    return tuple(round(end, 3) for end in score.interval(successes, n, z))


EXERCISE = Code(
    number="7.1",
    title="interval",
    kind="implement",
    minutes=8,
    difficulty=1,
    statement=STATEMENT,
    hints=(
        "Compute p, then the middle, then the half width h; return (middle - h, middle + h).",
        "Both the middle and h are divided by 1 + z**2 / n.",
        "h is z * math.sqrt(p * (1 - p) / n + z**2 / (4 * n**2)) / (1 + z**2 / n).",
    ),
    stub=interval,
    package=score.interval,
    probe=probe,
    wrong={
        plain_interval: "the plain interval around p",
        not_divided: "lack the division",
        around_p: "pulled towards one half",
        n_not_squared: "has n squared below",
        middle_and_half: "the middle and the half width, not",
        ends_exchanged: "ends are exchanged",
        z_ignored: "use the z that is given",
        another_default: "the default",
        half_without_z: "is right",
        rounded: "as they come",
    },
    names="import math",
)
