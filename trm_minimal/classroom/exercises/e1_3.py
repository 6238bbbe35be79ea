"""Exercise 1.3: what a cell accuracy says about the share of puzzles solved."""

from trm_minimal.classroom.exercise import Choice

STATEMENT = """
A paper reports one number: on held-out 30x30 mazes, made like `maze-generated`, its net gets **96 %
of the cells** right. Use the figure. What share of the mazes has it solved, every cell right?
"""

EXERCISE = Choice(
    number="1.3",
    title="96 % of the cells",
    kind="read the curve",
    minutes=5,
    difficulty=2,
    statement=STATEMENT,
    hints=(
        "Find the bar of `maze-generated`: what does a net get that marks no path at all?",
        (
            "So of the cells that are worth anything, the path cells, it finds about 9 in 13. They"
            " may lie in any mazes."
        ),
        (
            "Two extremes: each maze lacks a few path cells; or some mazes are solved, and the"
            " others merely copied."
        ),
    ),
    options={
        "a": "About 96 %.",
        "b": "As good as none: a maze has 900 cells, and 0.96 to the power of 900 is nearly zero.",
        "c": "None: a copy of the question gets nearly as many cells, and it solves nothing.",
        "d": "It cannot be told: none, or two thirds, or anything between would fit.",
    },
    right="d",
    verdicts={
        "a": (
            "96 % is the share of cells, not of mazes. A copy has 87 % of the cells and no maze at"
            " all."
        ),
        "b": (
            "the power holds if mistakes are independent, as in the table. Here they need not be: a"
            " net that misses one way misses all of its cells, and other mazes may be without a"
            " mistake."
        ),
        "c": (
            "the copy has 87 %, so 96 % is 9 of the 13 points that are to be had. This net finds"
            " most path cells; it may well finish whole mazes."
        ),
        "d": (
            "If each maze lacks some of its path, none is solved. If the failures are copies, each"
            " costs 13 % of its cells, so 4 in 13 fail, and 69 % are solved. Ask for the exact"
            " accuracy, for the score of a copy, whether any shortest path counts, and by what key"
            " the test mazes were kept apart."
        ),
    },
)
