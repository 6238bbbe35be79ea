"""Exercise 9.3: three pairs of curves without their names."""

from trm_minimal.classroom.exercise import Choice

STATEMENT = """
The three pictures above are recorded trainings, with the names taken off. In one picture the two
curves are *one training*, scored twice: with its raw weights, and with their moving average, whose
half-life is 34 steps. In another they are two trainings that differ in *nothing but the seed*. In
the third they are *two recipes*. Which is which, and how sure may you be?
"""

EXERCISE = Choice(
    number="9.3",
    title="three pictures without names",
    kind="read the curve",
    minutes=6,
    difficulty=2,
    statement=STATEMENT,
    options={
        "a": (
            "A is the two recipes, since no seed makes such a gap; C is two seeds; B is the one"
            " training"
        ),
        "b": (
            "C is the one training, since its curves have the same shape and one runs behind; A is"
            " two recipes"
        ),
        "c": (
            "A is the one training: the average of the weights has lost its way while the weights"
            " themselves learn"
        ),
        "d": (
            "B is the one training; which of A and C is the two recipes cannot be told from one"
            " curve of each"
        ),
    },
    right="d",
    verdicts={
        "a": (
            "B is right. But in A nothing differs except the seed: one recipe of 15x15 mazes. Seeds"
            " do make such gaps, and one curve of each recipe cannot rule that out"
        ),
        "b": (
            "an average with a half-life of 34 steps lags by about so many. In C one curve stays"
            " below for hundreds of steps; look for the picture in which one curve is a smoothed"
            " form of the other"
        ),
        "c": (
            "an average forgets half its past in 34 steps. It cannot stay near 0 for 1,000 steps"
            " while the weights that it averages are good"
        ),
        "d": (
            "in B one curve zigzags, the other is steadier and soon above: raw and average. A is"
            " one recipe with seeds 0 and 1. C is halting on and off, where three seeds of each"
            " agree (notebook 05). The larger gap is the seed's"
        ),
    },
    hints=(
        (
            "What does averaging do to a zigzag? In one pair a curve is the steadier form of the"
            " other."
        ),
        (
            "How far can an average with a half-life of 34 steps be behind? Compare with the gaps"
            " in A and C."
        ),
        (
            "Two pictures are left. What would look different if the gap were a seed's? How many"
            " seeds do you see?"
        ),
    ),
)
