"""Exercise 3.2: a recorder of calls that forgets something between two rounds."""

from trm_minimal.classroom.exercise import Code
from trm_minimal.classroom.probes import Tape, compare_tapes
from trm_minimal.classroom.watched import refuse_unless, shown
from trm_minimal.recursion import latent_recursion

STATEMENT = """
This recorder runs `T` rounds of the recursion and keeps the state after each call, as pairs `("z",
state)` and `("y", state)`. With `T = 1` it is right. With more rounds it gives other states than
`T` calls of `latent_recursion`, each of which starts from the `y` and `z` that the one before
returned. On the trained 4x4 net the symptom is odd: the answers are as good as ever, and yet `z`
makes a jump at the beginning of every round and never comes to rest. Find the cause and mend it.
The next figure draws what the mended recorder sees.
"""


def record_calls(net, x, y, z, n, T):
    """Every state of T rounds in order: n times ("z", state), then ("y", state), and again."""
    seen = []
    for _ in range(T):
        thought = z
        for _ in range(n):
            thought = net(thought, x + y)
            seen.append(("z", thought))
        y = net(y, thought)
        seen.append(("y", y))
    return seen


def carried(net, x, y, z, n, T):
    seen = []

    def watched(state, injection):
        seen.append(net(state, injection))
        return seen[-1]

    for _ in range(T):
        y, z = latent_recursion(watched, x, y, z, n)
    return [("y" if i % (n + 1) == n else "z", state) for i, state in enumerate(seen)]


def probe(f):
    for n, T in ((1, 1), (3, 1), (2, 2), (1, 3), (2, 3)):
        mine, right = Tape(), Tape()
        seen = f(mine, *mine.states, n, T)
        wanted = carried(right, *right.states, n, T)
        count = T * (n + 1)
        refuse_unless(
            len(mine.calls) == count,
            f"with n = {n} and T = {T} net is called {len(mine.calls)} times; T (n + 1) makes"
            f" {count}",
        )
        if T > 1:
            (state, injection), (answer, _) = mine.calls[n + 1], mine.calls[2 * n + 1]
            refuse_unless(
                answer != "y",
                "round 2 improves the first y again: the answer of round 1 is not carried on",
            )
            refuse_unless(
                "y" not in injection,
                f"in round 2 the thoughts look at an outdated y: net({state}, {injection})",
            )
            refuse_unless(
                state != "z",
                f"round 2 begins with net({state}, {injection}): what round 1 thought is lost",
            )
        compare_tapes(mine, right)
        kind = type(seen).__name__
        refuse_unless(
            isinstance(seen, list | tuple), f"it returns {kind}; it should return the list of pairs"
        )
        refuse_unless(
            len(seen) == count,
            f"the list has {len(seen)} pairs for {count} calls; keep one for each call",
        )
        pairs = all(isinstance(pair, tuple | list) and len(pair) == 2 for pair in seen)
        refuse_unless(
            pairs, f'it holds {shown(seen[0])}; pairs are wanted, ("z", state) or ("y", state)'
        )
        said = [(name, mine.say(state)) for name, state in seen]
        expected = [(name, right.say(state)) for name, state in wanted]
        refuse_unless(
            said == expected, f"the list is {said}, but the states came in the order {expected}"
        )


def answer_forgotten(net, x, y, z, n, T):
    seen = []
    for _ in range(T):
        for _ in range(n):
            z = net(z, x + y)
            seen.append(("z", z))
        seen.append(("y", net(y, z)))
    return seen


def sum_taken_out_of_the_loop(net, x, y, z, n, T):
    seen, question_and_answer = [], x + y
    for _ in range(T):
        for _ in range(n):
            z = net(z, question_and_answer)
            seen.append(("z", z))
        y = net(y, z)
        seen.append(("y", y))
    return seen


def question_missing(net, x, y, z, n, T):
    seen = []
    for _ in range(T):
        for _ in range(n):
            z = net(z, y)
            seen.append(("z", z))
        y = net(y, z)
        seen.append(("y", y))
    return seen


def states_before(net, x, y, z, n, T):
    seen = []
    for _ in range(T):
        for _ in range(n):
            seen.append(("z", z))
            z = net(z, x + y)
        seen.append(("y", y))
        y = net(y, z)
    return seen


def returned_nothing(net, x, y, z, n, T):
    for _ in range(T):
        y, z = latent_recursion(net, x, y, z, n)


def last_thought_only(net, x, y, z, n, T):
    seen = []
    for _ in range(T):
        for _ in range(n):
            z = net(z, x + y)
        seen.append(("z", z))
        y = net(y, z)
        seen.append(("y", y))
    return seen


def answer_in_the_loop(net, x, y, z, n, T):
    seen = []
    for _ in range(T):
        for _ in range(n):
            z = net(z, x + y)
            seen.append(("z", z))
            y = net(y, z)
            seen.append(("y", y))
    return seen


EXERCISE = Code(
    number="3.2",
    title="the notes that jump",
    kind="find the bug",
    minutes=8,
    difficulty=2,
    statement=STATEMENT,
    hints=(
        "Run it by hand with T = 2 and n = 1. From which z does the second round start?",
        (
            "y is carried from round to round because the loop writes to y itself. What does it"
            " write to for the thought?"
        ),
        (
            "The line `thought = z` stands inside the loop over rounds, and z never changes. Work"
            " on z itself."
        ),
    ),
    stub=record_calls,
    package=carried,
    probe=probe,
    wrong={
        record_calls: "what round 1 thought is lost",
        answer_forgotten: "is not carried on",
        sum_taken_out_of_the_loop: "an outdated y",
        question_missing: "is another one",
        states_before: "came in the order",
        returned_nothing: "should return the list",
        last_thought_only: "keep one for each call",
        answer_in_the_loop: "T (n + 1) makes",
    },
    names="",
)
