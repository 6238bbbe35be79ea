"""Exercise 8.3: what the drift of unsolved puzzles says."""

from trm_minimal.classroom.exercise import Choice

STATEMENT = """
Look at the figure of the drift once more, at step 8, and at the two tables below it. For the
puzzles that end wrong, the median drift of y is near a half of its length. What follows?
"""

EXERCISE = Choice(
    number="8.3",
    title="what drift says",
    kind="read the curve",
    minutes=5,
    difficulty=2,
    statement=STATEMENT,
    options={
        "a": (
            "These runs have found no resting place; but at step 1 or 2 drift hardly says more than"
            " the givens do"
        ),
        "b": "These runs are stuck: they rest at a wrong answer and repeat it",
        "c": "Twice as many steps will bring them to rest, since all four curves fall",
        "d": (
            "At step 1 drift tells nearly surely which puzzles will be solved, so the others can be"
            " given up"
        ),
    },
    right="a",
    verdicts={
        "a": (
            "half of y is exchanged in each update up to the end, and in the first rows the rivals"
            " are close: rest is a sign of success, not an early prophecy of it"
        ),
        "b": (
            "who rests does not move; a drift of a half is far from the hundredths of those that"
            " rest"
        ),
        "c": (
            "the curves of those that end wrong fall once, after step 1, and are level from"
            " there on"
        ),
        "d": (
            "read the first row of each table: the AUC of drift is well below 1, and the givens,"
            " known before any thought, do about as well"
        ),
    },
    hints=(
        "A drift of 0.5: the state has moved by half of its length in one call. Is that rest?",
        "Follow the crosses from step 2 to step 8. Up, down, or level?",
        "In the tables compare three columns in the rows of steps 1 and 2.",
    ),
)
