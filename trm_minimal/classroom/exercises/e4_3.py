from trm_minimal.classroom.exercise import Choice

STATEMENT = """
Look at the last figure again. You train with `n = 6` and `T = 3`, so 21 calls of the net in a
supervision step, with TRM's gradient (the last round). The memory of your card is full, and you
want a larger batch. You want to keep about 21 calls. Which change makes room?
"""

EXERCISE = Choice(
    number="4.3",
    title="make room",
    kind="read the curve",
    minutes=4,
    difficulty=1,
    statement=STATEMENT,
    options={
        "a": "fewer rounds of more calls: n = 20, T = 1",
        "b": "fewer supervision steps: 8 instead of 16, each with n = 6 and T = 3",
        "c": (
            "the same n and T, with the gradient of the last two rounds, so that the first is freed"
            " earlier"
        ),
        "d": "more rounds of fewer calls: n = 2, T = 7",
    },
    right="d",
    verdicts={
        "a": (
            "with T = 1 all 21 calls are in the only round, and so all of them are kept: three"
            " times what you had"
        ),
        "b": (
            "y and z are detached after each supervision step, so only one step is kept at a time,"
            " however many there are; their number costs time, not memory"
        ),
        "c": (
            "two rounds with gradient keep 14 calls instead of 7; the rounds before them kept"
            " nothing anyway"
        ),
        "d": (
            "n = 2 keeps 3 calls instead of 7 and still makes 21. Whether the model learns as well"
            " is another question: its gradient now sees 3 calls only"
        ),
    },
    hints=(
        "What is kept are the calls of the rounds with gradient. How many calls does a round have?",
        "A round has n + 1 calls. With the last round alone T does not matter.",
        "Compute n + 1 for each letter, times the rounds with gradient, and look for fewer than 7.",
    ),
)
