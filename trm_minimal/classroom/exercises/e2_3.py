"""Exercise 2.3: a straight line on an axis of powers of ten."""

from trm_minimal.classroom.exercise import Choice

STATEMENT = """
The figure shows one supervision step, 42 blocks, and for the last 28 of them the pre-norm line is
nearly straight. Training and solving take 16 such steps in a row, each beginning with the states
that the one before left. Say the line goes on as it began. How large is the pre-norm state after
the 16 steps? Mind the axis.
"""

EXERCISE = Choice(
    number="2.3",
    title="how harmless is pre-norm?",
    kind="read the curve",
    minutes=4,
    difficulty=1,
    statement=STATEMENT,
    hints=(
        (
            "On this axis equal distances are equal *factors*. By what factor does the line climb"
            " from block 14 to 42?"
        ),
        "In one step the state grows by a factor of nearly a thousand, about three powers of ten.",
        (
            "16 steps, each with nearly three powers of ten. The line at the top of the figure is"
            " at 38."
        ),
    ),
    options={
        "a": (
            "About a thousand: it is full by the end of the first step, since pre-norm norms what"
            " the parts see."
        ),
        "b": "About sixteen thousand: each step adds another thousand.",
        "c": (
            "No number any more: it grows by the same factor in each step, past the largest float."
        ),
        "d": (
            "No number any more: right after block 42 the product in the SwiGLU takes over, as in"
            " `no norm`."
        ),
    },
    right="c",
    verdicts={
        "a": (
            "the line does not bend towards a ceiling. Pre-norm bounds what each part adds, but in"
            " a loop that adds z to y and y to z, the sums feed each other."
        ),
        "b": (
            "that would be a straight line on an axis of plain numbers. Here each mark of the axis"
            " is ten powers of ten, and a straight line multiplies."
        ),
        "c": (
            "nearly three powers of ten in a step make more than forty in 16 steps, and the largest"
            " 32-bit float has 38. A small slope is still a slope. The next cell measures the"
            " factor."
        ),
        "d": (
            "the end is right, the reason is not. In pre-norm each SwiGLU sees a normed input,"
            " however large the state is, so its product never runs away. Look at the slope"
            " instead."
        ),
    },
)
