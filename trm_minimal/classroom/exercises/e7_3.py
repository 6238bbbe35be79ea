"""Exercise 7.3: what makes hard puzzles hard for a net that has seen only easy ones."""

from trm_minimal.classroom.exercise import Choice

STATEMENT = """
The net has trained on puzzles with 36 to 50 givens, nearly all of which fall without a guess. Hard
puzzles differ in two ways: they have fewer givens, and most need guesses. Use *both* kinds of marks
of the left picture where they stand in one column, the triangles (made here: no guess needed) and
the crosses (hard set). What makes the net fail?
"""

EXERCISE = Choice(
    number="7.3",
    title="few givens, or guesses?",
    kind="read the curve",
    minutes=5,
    difficulty=2,
    statement=STATEMENT,
    options={
        "a": "Few givens alone: at an equal number of givens both kinds are solved equally often",
        "b": (
            "Both: it loses some puzzles as givens get fewer, and many more where guesses are"
            " needed as well"
        ),
        "c": "Guesses alone: puzzles that need none are solved as often with 25 givens as with 45",
        "d": (
            "It cannot be told: hard puzzles always have fewer givens, so the two causes cannot be"
            " separated"
        ),
    },
    right="b",
    verdicts={
        "a": (
            "then triangle and cross at 24 to 26 givens would stand at one height. The cross stands"
            " far lower"
        ),
        "b": (
            "down the triangles only the givens change, and accuracy falls, from nearly all to"
            " little more than half. At the lowest triangle, with as many givens, the cross is far"
            " below it again"
        ),
        "c": (
            "then the triangles would lie on a level line with the discs. They go down to the left"
        ),
        "d": (
            "in the hard set alone it could not. That is why the triangles were made: few givens,"
            " and no guess"
        ),
    },
    hints=(
        (
            "Follow one kind of mark only: the discs and triangles need no guess. What happens to"
            " the left?"
        ),
        (
            "Now fix the number of givens, 24 to 26, and compare the triangle with the cross in its"
            " column."
        ),
        "Two causes can both be at work. Is either of the two differences zero, within the bars?",
    ),
)
