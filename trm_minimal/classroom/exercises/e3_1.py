"""Exercise 3.1: latent_recursion."""

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
Write the paper's `latent_recursion(net, x, y, z, n)`. It updates the thought `z` for `n` times, and
each time the net sees the question `x` and the answer `y`. Then it updates the answer `y` once, and
this time the net does not see the question. `net(state, injection)` adds the injection to the state
itself. Return `(y, z)`.
"""


def latent_recursion(net, x, y, z, n):
    """Think n times about the question, then improve the answer once. Returns (y, z)."""
    ...  # your code


def probe(f):
    for n in (1, 2, 5):
        mine, right = Tape(), Tape()
        result = two_states(f(mine, *mine.states, n))
        answer = recursion.latent_recursion(right, *right.states, n)
        refuse_unless(
            n == 1 or len(mine.calls) != 2 * n,
            f"with n = {n} it calls both updates {n} times each; the answer's line stands after the"
            " loop, not in it",
        )
        refuse_unless(
            len(mine.calls) == n + 1,
            f"with n = {n} it calls net {len(mine.calls)} times; {n} for z and 1 for y make"
            f" {n + 1}",
        )
        (state, injection), last = mine.calls[0], mine.calls[-1]
        refuse_unless(
            state == "z", f"the first call is net({state}, {injection}); its state is the thought z"
        )
        refuse_unless(
            "y" in injection,
            f"the thought does not see the answer: its call is net({state}, {injection})",
        )
        refuse_unless(
            "x" not in last[1],
            f"the question leaks into the answer: its call is net({last[0]}, {last[1]})",
        )
        compare_tapes(mine, right)
        compare_results(mine, right, result, answer)
        check_gradient(mine, result, n)
        compare_gradients(mine, right, result, answer)


def check_gradient(tape, result, n):
    """Every call carries gradient; which rounds need none is for deep_recursion to decide."""
    refuse_unless(
        all(tape.in_graph),
        f"with n = {n} only {sum(tape.in_graph)} of {n + 1} calls are remembered by autograd; "
        "leave out torch.no_grad(): the caller decides which rounds run without gradient",
    )
    refuse_unless(
        all(tape.carrying(result[0])) or not result[0].requires_grad,
        f"the gradient of y reaches {sum(tape.carrying(result[0]))} of {n + 1} calls: a state is "
        "detached between them, and the calls before it would learn nothing",
    )


def question_leaks(net, x, y, z, n):
    for _ in range(n):
        z = net(z, x + y)
    return net(y, x + z), z


def one_too_few(net, x, y, z, n):
    for _ in range(n - 1):
        z = net(z, x + y)
    return net(y, z), z


def answer_in_the_loop(net, x, y, z, n):
    for _ in range(n):
        z = net(z, x + y)
        y = net(y, z)
    return y, z


def answer_missing(net, x, y, z, n):
    for _ in range(n):
        z = net(z, x)
    return net(y, z), z


def roles_swapped(net, x, y, z, n):
    for _ in range(n):
        z = net(x + y, z)
    return net(y, z), z


def first_thought_used(net, x, y, z, n):
    thought = z
    for _ in range(n):
        thought = net(thought, x + y)
    return net(y, z), thought


def results_swapped(net, x, y, z, n):
    for _ in range(n):
        z = net(z, x + y)
    return z, net(y, z)


def thought_detached(net, x, y, z, n):
    for _ in range(n):
        z = net(z, x + y)
    y = net(y, z.detach())
    return y, z


def returned_detached(net, x, y, z, n):
    for _ in range(n):
        z = net(z, x + y)
    y = net(y, z)
    return y.detach(), z.detach()


def thought_without_gradient(net, x, y, z, n):
    with torch.no_grad():
        for _ in range(n):
            z = net(z, x + y)
    y = net(y, z)
    return y, z


def question_overwritten(net, x, y, z, n):
    x += y
    for _ in range(n):
        z = net(z, x)
    y = net(y, z)
    return y, z


def question_detached(net, x, y, z, n):
    for _ in range(n):
        z = net(z, x.detach() + y)
    return net(y, z), z


def gradients_switched_on(net, x, y, z, n):
    with torch.enable_grad():
        for _ in range(n):
            z = net(z, x + y)
        return net(y, z), z


EXERCISE = Code(
    number="3.1",
    title="latent_recursion",
    kind="implement",
    minutes=10,
    difficulty=1,
    statement=STATEMENT,
    hints=(
        "A for loop with n turns, and one more line after it.",
        "In the loop z is the state, and x + y is what is added to it.",
        "After the loop y is the state, and z alone is added to it.",
    ),
    stub=latent_recursion,
    package=recursion.latent_recursion,
    probe=probe,
    wrong={
        question_leaks: "the question leaks",
        one_too_few: "calls net",
        answer_in_the_loop: "stands after the loop",
        answer_missing: "does not see the answer",
        roles_swapped: "its state is the thought",
        first_thought_used: "is another one",
        results_swapped: "the order is (y, z)",
        thought_detached: "a state is detached between",
        returned_detached: "y comes back detached",
        thought_without_gradient: "leave out torch.no_grad()",
        question_overwritten: "it changes `x`",
        question_detached: "no gradient reaches x",
        gradients_switched_on: "inside its caller's torch.no_grad()",
    },
    names="",
)
