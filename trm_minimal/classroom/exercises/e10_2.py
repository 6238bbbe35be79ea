"""Exercise 10.2: a loss that falls, and a loss that stays in the millions."""

from trm_minimal.classroom.exercise import Choice

STATEMENT = """
All four nets above trained on the same rows. In R the loss falls by a factor of several hundred
thousand. In Q it stays above a million to the end. Which sentence fits both panels, the upper and
the lower?
"""

EXERCISE = Choice(
    number="10.2",
    title="a loss in the millions",
    kind="read the curve",
    minutes=6,
    difficulty=3,
    statement=STATEMENT,
    options={
        "a": "R has learned more than Q: its loss is a hundred times lower",
        "b": "Q has learned its rows by heart, so its loss on them does not count",
        "c": (
            "in Q and R the loss tells mostly how large the logits are; how many rows are right is"
            " another question"
        ),
        "d": "in Q the loss is not a number any more, so the lower panel can not be right",
    },
    right="c",
    verdicts={
        "a": (
            "the lower panel says the opposite: in R about half of the rows are right, which is"
            " guessing, and in Q nearly all"
        ),
        "b": (
            "both panels show training rows, the very rows that the loss is taken of. A net that"
            " knew them by heart would have a small loss on them"
        ),
        "c": (
            "the logits are read from a state that has grown eleven powers of ten. A row that is"
            " right costs nothing, a wrong one costs as much as the logits are apart: millions, for"
            " a few rows in a hundred. R's loss fell since its logits shrank, not since they were"
            " right"
        ),
        "d": (
            "it is a number, if a large one; a run whose loss stops being finite is recorded as"
            " diverged, and has no curve to the end"
        ),
    },
    hints=(
        (
            "Cross-entropy of a wrong row is about the distance between two logits. What if the"
            " logits are a million?"
        ),
        (
            "Compare the two panels of P with each other, then those of R. Which height of the loss"
            " belongs to guessing?"
        ),
        (
            "If 3 rows of 100 are wrong and the mean loss is two million, how much does one wrong"
            " row cost?"
        ),
    ),
)
