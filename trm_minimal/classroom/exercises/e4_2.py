import torch

from trm_minimal import recursion
from trm_minimal.classroom.exercise import Code
from trm_minimal.classroom.probes import (
    Tape,
    compare_gradients,
    compare_results,
    compare_tapes,
    two_states,
)
from trm_minimal.classroom.watched import refuse_unless

STATEMENT = """
A colleague writes the recursion without `torch.no_grad()`. Each round starts from detached states,
so that no gradient can flow into the round before. That is a fine idea. The states come out right,
and the loss falls. But the memory in use is lower than it should be, and it does not grow with `n`.
Find out which calls get gradient, and mend the function. Keep its idea: the last round must carry
gradient in all its calls, the rounds before in none.
"""


def detached_rounds(net, x, y, z, n, T):
    """T rounds; each begins with states that are cut off from the round before. Returns (y, z)."""
    for _ in range(T):
        for _ in range(n):
            z = net(z.detach(), x + y.detach())
        y = net(y.detach(), z)
    return y, z


def probe(f):
    n = 3
    for T in (1, 3):
        mine, right = Tape(), Tape()
        result = two_states(f(mine, *mine.states, n, T))
        answer = recursion.deep_recursion(right, *right.states, n, T)
        compare_tapes(mine, right)
        compare_results(mine, right, result, answer)
        carrying = mine.carrying(result[0])
        last, before = carrying[-(n + 1) :], carrying[: -(n + 1)]
        here = (
            f"with n = {n} and T = {T} the gradient reaches calls"
            f" {[i for i, on in enumerate(carrying, 1) if on]}"
        )
        refuse_unless(any(carrying), f"{here}: none at all. The returned y is already detached")
        refuse_unless(
            last != [False] * (n - 1) + [True] * 2,
            f"{here}: the last z call and the y call alone. Inside the round something cuts each z"
            " call off",
        )
        refuse_unless(
            last != [False] * n + [True],
            f"{here}: no z call has any. The y call must see z with its history",
        )
        refuse_unless(
            not any(before),
            f"{here}: now it also flows through the rounds before the last. Each round must start"
            " from detached states",
        )
        refuse_unless(all(last), f"{here}; it should be {n + 1} calls, all of the last round")
        # y and z may well be cut off as they come in
        compare_gradients(mine, right, result, answer, names="x")


def still_cut_inside(net, x, y, z, n, T):
    for _ in range(T):
        y = y.detach()
        for _ in range(n):
            z = net(z.detach(), x + y)
        y = net(y, z)
    return y, z


def never_cut(net, x, y, z, n, T):
    for _ in range(T):
        for _ in range(n):
            z = net(z, x + y)
        y = net(y, z)
    return y, z


def cut_at_the_end(net, x, y, z, n, T):
    for _ in range(T):
        for _ in range(n):
            z = net(z, x + y)
        y = net(y, z)
        y, z = y.detach(), z.detach()
    return y, z


def cut_before_y(net, x, y, z, n, T):
    for _ in range(T):
        y, z = y.detach(), z.detach()
        for _ in range(n):
            z = net(z, x + y)
        y = net(y, z.detach())
    return y, z


def old_answer(net, x, y, z, n, T):
    for _ in range(T):
        y, z = y.detach(), z.detach()
        before = y
        for _ in range(n):
            z = net(z, x + y)
        y = net(y, z)
    return before, z


def one_round_fewer(net, x, y, z, n, T):
    for _ in range(max(T - 1, 1)):
        y, z = y.detach(), z.detach()
        for _ in range(n):
            z = net(z, x + y)
        y = net(y, z)
    return y, z


def question_detached(net, x, y, z, n, T):
    for _ in range(T):
        y, z = y.detach(), z.detach()
        for _ in range(n):
            z = net(z, x.detach() + y)
        y = net(y, z)
    return y, z


def caller_overruled(net, x, y, z, n, T):
    for t in range(T):
        with torch.set_grad_enabled(t == T - 1):
            for _ in range(n):
                z = net(z, x + y)
            y = net(y, z)
    return y, z


EXERCISE = Code(
    number="4.2",
    title="a gradient that went missing",
    kind="find the bug",
    minutes=8,
    difficulty=2,
    statement=STATEMENT,
    hints=(
        (
            "Ask `calls_with_gradient(detached_rounds, n=6, T=3)`: how many of the 21 calls get"
            " gradient, and which?"
        ),
        "`.detach()` runs at every call. How often should it run in a round, and where?",
        "Detach y and z once, as the first thing in a round; then use them as they are.",
    ),
    stub=detached_rounds,
    package=recursion.deep_recursion,
    probe=probe,
    wrong={
        still_cut_inside: "Inside the round something",
        never_cut: "now it also flows through",
        cut_at_the_end: "none at all",
        cut_before_y: "with its history",
        old_answer: "not the last y and z",
        one_round_fewer: "call 9 is another one",
        question_detached: "no gradient reaches x",
        caller_overruled: "inside its caller's torch.no_grad()",
    },
    names="import torch",
)
