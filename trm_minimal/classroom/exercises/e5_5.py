"""Exercise 5.5: what the reliability diagram says about stopping early."""

from trm_minimal.classroom.exercise import Choice

STATEMENT = """
Stop every maze at its first step with q above 0, and about one answer in ten is wrong, while nearly
all are right after sixteen steps. Read the diagram of the answers after *one* step (left). What
does it say about the cause?
"""

EXERCISE = Choice(
    number="5.5",
    title="why stopping early costs accuracy",
    kind="read the curve",
    minutes=5,
    difficulty=2,
    statement=STATEMENT,
    options={
        "a": "Q is far too sure: in every bin many fewer answers are right than Q claims",
        "b": "Q is far too shy: in every bin many more answers are right than Q claims",
        "c": (
            "Q's claims are roughly true, but the rule already stops at claims a little above one"
            " half"
        ),
        "d": (
            "Q has learned nothing: answers with a claim of 0.1 are as often right as those with a"
            " claim of 0.9"
        ),
    },
    right="c",
    verdicts={
        "a": (
            "then the points would lie far below the diagonal everywhere. Some do, between 0.5 and"
            " 0.8; but the last bin holds most mazes, and lies on it"
        ),
        "b": "then the points would lie far above the diagonal everywhere; they scatter around it",
        "c": (
            "of the answers with a claim between 0.5 and 0.8 about four in ten are wrong, not far"
            " from what Q says. The rule takes them all, though one more step would mend most"
        ),
        "d": "then the points would lie on a level line; they climb from near 0 to near 1",
    },
    hints=(
        "On the diagonal, what Q claims and what comes true are the same.",
        "q above 0 is a claim above one half. Which points are to the right of it?",
        "Of the answers with a claim near 0.7, about how many are right?",
    ),
)
