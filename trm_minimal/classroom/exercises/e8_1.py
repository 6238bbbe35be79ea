"""Exercise 8.1: position."""

from numbers import Integral

from trm_minimal.classroom.exercise import Code
from trm_minimal.classroom.watched import refuse_unless, shown
from trm_minimal.schedules import Depth
from trm_minimal.show.trace import Trace

STATEMENT = """
Write `position(k, n, T)`: where in a run moment k stands, as the four values `(step, round, call,
state)`. Steps, rounds and calls count from 1. A supervision step has T rounds; a round has n + 1
calls: the first n renew `"z"`, the last one renews `"y"`. Moment k is the one after the k-th call.
Moment 0, before any call, is `(0, 0, 0, "")`. Whole numbers are enough: `divmod(a, b)` gives
quotient and remainder. The survey below uses your function.
"""


def position(k, n, T):
    """(step, round, call, state) of moment k."""
    ...  # your code


class Endless:
    """A run that never ends, for `Trace.position`."""

    def __init__(self, n: int, T: int):
        self.depth = Depth(n, T)

    def __len__(self) -> int:
        return 2**31


def reference():
    def position(k, n, T):
        return Trace.position(Endless(n, T), k)

    return position


def probe(f):
    right = reference()
    for n, T in ((2, 2), (6, 3), (4, 1), (1, 2)):
        for k in range(1, 2 * T * (n + 1) + 2):
            check_moment(
                f(k, n, T), tuple(right(k, n, T)), f"moment {k} with n = {n} and T = {T}", n, T
            )
    check_moment(
        f(1001, 1000, 2),
        tuple(right(1001, 1000, 2)),
        "moment 1001 with n = 1000 and T = 2",
        1000,
        2,
    )
    begin = f(0, 2, 2)
    refuse_unless(
        begin == (0, 0, 0, ""),
        f'moment 0 is {shown(begin)}; before any call it is (0, 0, 0, ""), by definition',
    )


def check_moment(got, right, here: str, n: int, T: int):
    refuse_unless(
        got is not None, 'it returns nothing; it should return (step, round, call, "z" or "y")'
    )
    refuse_unless(
        isinstance(got, (tuple, list)) and len(got) == 4,
        f"it returns {shown(got)}; four values are wanted: {right}",
    )
    (step, round, call, state), wanted = got, f"{here} is {tuple(got)}; it should be {right}"
    refuse_unless(
        (step + 1, round + 1, call + 1) != right[:3],
        f"{wanted}. Steps, rounds and calls count from 1, not from 0",
    )
    refuse_unless(
        call == right[2],
        f"{wanted}. Look at the call: it goes from 1 to n + 1 = {n + 1} and begins anew",
    )
    refuse_unless(
        round == right[1],
        f"{wanted}. Look at the round: it runs from 1 to T = {T} and then begins anew",
    )
    refuse_unless(
        step == right[0], f"{wanted}. Look at the step: it ends after T rounds of n + 1 calls each"
    )
    refuse_unless(state == right[3], f"{wanted}. Which state does this call renew?")
    refuse_unless(
        all(isinstance(part, Integral) for part in (step, round, call)),
        f"{wanted}. Whole numbers are wanted, with no point in them: `//` gives them, `/` does not",
    )


def counted_from_zero(k, n, T):
    rounds, call = divmod(k - 1, n + 1)
    return rounds // T, rounds % T, call, "y" if call == n else "z"


def without_the_call_for_y(k, n, T):
    rounds, call = divmod(k - 1, n)
    return rounds // T + 1, rounds % T + 1, call + 1, "y" if call == n else "z"


def rounds_never_begin_anew(k, n, T):
    rounds, call = divmod(k - 1, n + 1)
    return rounds // T + 1, rounds + 1, call + 1, "y" if call == n else "z"


def a_step_for_each_round(k, n, T):
    rounds, call = divmod(k - 1, n + 1)
    return rounds + 1, rounds % T + 1, call + 1, "y" if call == n else "z"


def y_comes_first(k, n, T):
    rounds, call = divmod(k - 1, n + 1)
    return rounds // T + 1, rounds % T + 1, call + 1, "z" if call else "y"


def no_moment_zero(k, n, T):
    rounds, call = divmod(k - 1, n + 1)
    return rounds // T + 1, rounds % T + 1, call + 1, "y" if call == n else "z"


def step_with_a_point(k, n, T):
    step, *others = reference()(k, n, T)
    return (float(step), *others)


EXERCISE = Code(
    number="8.1",
    title="position",
    kind="implement",
    minutes=8,
    difficulty=1,
    statement=STATEMENT,
    hints=(
        (
            "Count the k - 1 calls *before* call k: how many whole rounds are they, and how many"
            " calls are left over?"
        ),
        (
            "`rounds, call = divmod(k - 1, n + 1)`. How many whole supervision steps are `rounds`"
            " rounds?"
        ),
        (
            "The step is `rounds // T + 1`, the round `rounds % T + 1`, the call `call + 1`; it"
            ' renews "y" if `call == n`. Treat k = 0 apart.'
        ),
    ),
    stub=position,
    package=reference(),
    probe=probe,
    wrong={
        counted_from_zero: "count from 1, not from 0",
        without_the_call_for_y: "Look at the call",
        rounds_never_begin_anew: "Look at the round",
        a_step_for_each_round: "Look at the step",
        y_comes_first: "Which state does this call renew",
        step_with_a_point: "no point in them",
        no_moment_zero: "by definition",
    },
    names="",
)
