"""Exercise 6.2: when averaging the weights helps."""

from trm_minimal.classroom.exercise import Choice

STATEMENT = """
Half-way up its climb the net with averaged weights solves many more mazes than the net it is
averaged from, though every number in it is *older*. At the end of the run the two are as good as
equal. Which explanation fits both halves of the left panel, and the learning rate on the right?
"""

EXERCISE = Choice(
    number="6.2",
    title="why the average is ahead, and then is not",
    kind="read the curve",
    minutes=5,
    difficulty=2,
    statement=STATEMENT,
    options={
        "a": (
            "steps are large while the learning rate is high, so the weights zigzag around a good"
            " place; the average lies in its middle. Later the steps are small, and little is left"
            " to average away"
        ),
        "b": (
            "the raw weights have learned the training mazes by heart, and the average has"
            " forgotten them"
        ),
        "c": "the average is a second net that has been trained with its own, lower learning rate",
        "d": (
            "the average is ahead because the first weights are still in it, and those generalise"
            " best"
        ),
    },
    right="a",
    verdicts={
        "a": (
            "the gap is widest while the rate is near its top, and closes as the rate falls. Curves"
            " fit a story; they do not prove it. A run at a constant rate, where the gap should"
            " stay, would be a test"
        ),
        "b": "then the gap would widen as training goes on; it closes instead",
        "c": "nothing trains it: no loss and no gradient ever reaches it, it only follows",
        "d": (
            "of the first weights hardly anything is left after a few half-lives, and the half-life"
            " is far shorter than the run"
        ),
    },
    hints=(
        "Where is the gap widest, and where is the learning rate then?",
        "Think of a walk with long strides around a spot, and of the mean of its last steps.",
        (
            "An explanation must say why the gap closes. Which letters say nothing about that, or"
            " the opposite?"
        ),
    ),
)
