"""Exercise 10.1: growth_factor."""

import math

from trm_minimal.classroom.exercise import Code
from trm_minimal.classroom.watched import refuse_unless, shown

STATEMENT = """
Write `growth_factor(n)`: by how much does one round multiply the state, once it has gone on for a
while? The round is the one above, with $f = 0$ and without $x$: `n` times $z \\leftarrow z + y$,
then $y \\leftarrow y + z$ with the *new* $z$. Return a float. You may iterate the two lines from y
= z = 1, or find the eigenvalue.
"""


def growth_factor(n):
    """What one round of n latent updates and one answer update multiplies y and z by, at last."""
    ...  # your code


def by_eigenvalue(n):
    """The larger root of t^2 - (n + 2) t + 1: trace n + 2, determinant 1."""
    half = (n + 2) / 2
    return half + math.sqrt(half * half - 1)


def reference():
    def growth_factor(n):
        return by_eigenvalue(n)

    return growth_factor


def probe(f):
    for n in (2, 6, 7, 20, 1):  # at n = 1 several mistakes give the same number
        found, right = f(n), by_eigenvalue(n)
        refuse_unless(
            isinstance(found, float), f"n = {n}: it returns {shown(found)}; a float is wanted"
        )
        told = f"n = {n}: it returns {found:.4f}, and {right:.4f} is right"
        refuse_unless(
            abs(found * right - 1) > 1e-6 or abs(found - right) < 1e-6,
            f"{told}; that is the smaller eigenvalue, which dies out",
        )
        refuse_unless(
            abs(found - (n + 2)) > 1e-6, f"{told}; that is the trace, the sum of both eigenvalues"
        )
        refuse_unless(
            abs(found - (n + 1)) > 1e-6, f"{told}; n + 1 is the number of calls in a round"
        )
        stale = 1 + math.sqrt(n)
        refuse_unless(
            abs(found - stale) > 1e-6,
            f"{told}; there y reads the z of the round before, not the new one",
        )
        refuse_unless(
            abs(found - right ** (1 / (n + 1))) > 1e-6,
            f"{told}; that is the growth of one call, and of a round is wanted",
        )
        first = (2 * n + 3) / (n + 2)
        refuse_unless(
            abs(found - (n + 2)) > 1e-6 and abs(found - first) > 1e-6,
            f"{told}; that is an early round: go on for a while",
        )
        refuse_unless(abs(found - right) < 1e-4, told)


def smaller(n):
    return 1 / by_eigenvalue(n)


def trace(n):
    return float(n + 2)


def stale(n):
    return 1 + math.sqrt(n)


def per_call(n):
    return by_eigenvalue(n) ** (1 / (n + 1))


def calls_counted(n):
    return float(n + 1)


def as_text(n):
    return f"{by_eigenvalue(n):.2f}"


EXERCISE = Code(
    number="10.1",
    title="growth_factor",
    kind="implement",
    minutes=8,
    difficulty=2,
    statement=STATEMENT,
    hints=(
        (
            "Two loops: some 50 rounds, and in each n times `z += y` and then once `y += z`."
            " Compare y after the last round with y after the one before."
        ),
        (
            "The numbers become large, but not too large: at n = 20 a round multiplies by about 22,"
            " so 50 rounds stay far below the largest float, 1e308."
        ),
        (
            "By the eigenvalue: the matrix has trace n + 2 and determinant 1, so the factor is the"
            " larger root of t * t - (n + 2) * t + 1."
        ),
    ),
    stub=growth_factor,
    package=reference(),
    probe=probe,
    wrong={
        smaller: "the smaller eigenvalue",
        trace: "that is the trace",
        stale: "reads the z of the round before",
        per_call: "the growth of one call",
        calls_counted: "the number of calls",
        as_text: "a float is wanted",
    },
)
