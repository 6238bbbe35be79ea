"""Exercise 3.3: read slopes off drift curves."""

from trm_minimal.classroom.exercise import Choice

STATEMENT = """
**What you should see.** Three straight lines, on an axis where equal steps up are equal *factors*.
Each line is one number that is updated by `slope * (state + injection)`, always with the same
injection, and shows how far the number moved at each call. So a straight line means that the move
is multiplied by the same factor at every call. Slopes and starts differ from line to line. Which
statement is right?
"""

EXERCISE = Choice(
    number="3.3",
    title="drift of three numbers",
    kind="read the curve",
    minutes=5,
    difficulty=2,
    statement=STATEMENT,
    hints=(
        (
            "On this axis, equal steps down are equal factors. By what factor does line Q fall from"
            " one call to the next?"
        ),
        (
            "After one call the drift is multiplied by the size of the slope. What happens to the"
            " sign of the slope?"
        ),
        (
            "Line Q falls to a tenth in ten calls: 0.8 to the power of ten is 0.11. Could -0.8 draw"
            " the same line?"
        ),
    ),
    options={
        "a": "P settles too. Its moves are small at the beginning, and it only needs more calls.",
        "b": "Q is the number with slope 0.8. No other slope draws that line.",
        "c": "Q has slope 0.8 or -0.8. This figure cannot tell which.",
        "d": (
            "R lies below Q because it started nearer to its fixed point. Their slopes are the"
            " same."
        ),
    },
    right="c",
    verdicts={
        "a": (
            "P's moves grow by the same factor at each call, so no number of calls brings it to"
            " rest; a small first move says only where it started"
        ),
        "b": (
            "the drift is a distance, so it has lost the sign: a slope of -0.8 jumps from side to"
            " side and shrinks by the same factor of 0.8"
        ),
        "c": (
            "Drift is a distance and knows no sides. The fall gives the size of the slope, 0.8, not"
            " its sign."
        ),
        "d": (
            "where a number starts moves its line up or down, but never makes it steeper; R falls"
            " faster, so its slope is smaller in size"
        ),
    },
)
