"""Exercise 10.3: the confound in the report's commit."""

from trm_minimal.classroom.exercise import Choice

STATEMENT = """
Recall "passed" in the commit described above, and the report credits the recurrence. Which single
run would tell most about whether the recurrence was the cause?
"""

EXERCISE = Choice(
    number="10.3",
    title="one run that tells",
    kind="predict",
    minutes=5,
    difficulty=2,
    statement=STATEMENT,
    options={
        "a": "The new recurrence again, with four more seeds and the new settings",
        "b": "The old recurrence with the new settings: learning rate, warm-up, decay, length",
        "c": "The new recurrence on a third task",
        "d": "The new recurrence at the new settings, for ten times as long",
    },
    right="b",
    verdicts={
        "a": (
            "more seeds tell whether the pass repeats, not why; everything that was changed is"
            " still changed together"
        ),
        "b": (
            "if the old recurrence passes too, the settings did it; if it fails, the recurrence is"
            " left. At a rate of 3e-6 nothing could have passed"
        ),
        "c": "a third task tells how far the pass reaches, not what made it",
        "d": (
            "longer tells whether the pass lasts; the old recurrence never had the new learning"
            " rate at all"
        ),
    },
    hints=(
        (
            "Five things changed at once. A run tells about a cause when it differs from another in"
            " one thing."
        ),
        "Which of the two runs, before and after, is missing its partner?",
        "Hold the settings of the successful run, and put back what is said to be the cause.",
    ),
)
