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
from trm_minimal.recursion import latent_recursion

STATEMENT = """
Write the paper's `deep_recursion(net, x, y, z, n, T, grad_rounds=1)`. It runs `T` rounds of
`latent_recursion(net, x, y, z, n)`, each from the states that the round before returned. The first
`T - grad_rounds` rounds only move the states: autograd must remember nothing of them. The last
`grad_rounds` rounds carry gradient in all their calls. Return `(y, z)`, still attached to the
graph: the heads have yet to read `y`. `grad_rounds` lies between 1 and `T`.
"""


def deep_recursion(net, x, y, z, n, T, grad_rounds=1):
    """T rounds of latent_recursion; only the last grad_rounds carry gradient. Returns (y, z)."""
    ...  # your code


def probe(f):
    for n, T, rounds in ((3, 3, 1), (3, 1, 1), (3, 4, 2), (2, 2, 2), (2, 4, 3), (5, 3, 1)):
        mine, right = Tape(), Tape()
        asked = {"grad_rounds": rounds} if rounds > 1 else {}  # 1 is the default
        result = two_states(f(mine, *mine.states, n, T, **asked))
        made, wanted = len(mine.calls), T * (n + 1)
        refuse_unless(
            made == wanted or n == 3 or made != T * 4,
            f"with n = {n} it still makes 3 + 1 calls in each of the {T} rounds; n is an argument",
        )
        refuse_unless(
            made == wanted,
            f"with n = {n}, T = {T} and grad_rounds = {rounds} it makes {made} calls of net; all"
            f" rounds together must be T, with n + 1 calls in each, so {wanted}",
        )
        answer = recursion.deep_recursion(right, *right.states, n, T, rounds)
        compare_tapes(mine, right)
        compare_results(mine, right, result, answer)
        check_calls(mine, result[0], n, T, rounds)
        compare_gradients(mine, right, result, answer)


def check_calls(tape, y, n, T, rounds):
    """The gradient of y reaches every call of the last rounds, and autograd remembers no other."""
    asked, free = f"with n = {n}, T = {T} and grad_rounds = {rounds}", (T - rounds) * (n + 1)
    in_graph, carrying, wanted = (
        tape.in_graph,
        tape.carrying(y),
        [False] * free + [True] * rounds * (n + 1),
    )
    last, here = (
        carrying[-(n + 1) :],
        f"{asked} the gradient reaches {sum(carrying)} of {T * (n + 1)} calls",
    )
    refuse_unless(any(in_graph), f"{asked} nothing is remembered: every call runs without gradient")
    refuse_unless(
        any(carrying),
        "the calls are in the graph, but y comes back cut off from them; in the paper's listing,"
        " too, the heads read y before it is detached",
    )
    refuse_unless(
        last != [False] * n + [True],
        f"{here}: only the y call, so the thought was detached before it",
    )
    refuse_unless(
        last != [False] * (n - 1) + [True, True],
        f"{here}: the last z call and the y call. That is HRM's 1-step gradient; TRM differentiates"
        " the whole round",
    )
    refuse_unless(
        rounds == 1 or sum(carrying) != n + 1,
        f"{here}: those of the last round, whatever the argument grad_rounds says",
    )
    refuse_unless(
        not any(carrying[:free]),
        f"{here}: it also flows through early rounds, which should only move states",
    )
    refuse_unless(
        carrying == wanted, f"{here}: calls {[i for i, on in enumerate(carrying, 1) if on]}"
    )
    refuse_unless(
        not any(in_graph[:free]),
        f"{asked} autograd records early calls and then throws them away. The gradient is right;"
        " run the free rounds under torch.no_grad(), and nothing is recorded at all",
    )


def gradient_through_all(net, x, y, z, n, T, grad_rounds=1):
    for _ in range(T):
        y, z = latent_recursion(net, x, y, z, n)
    return y, z


def no_gradient_at_all(net, x, y, z, n, T, grad_rounds=1):
    with torch.no_grad():
        for _ in range(T):
            y, z = latent_recursion(net, x, y, z, n)
    return y, z


def detached_at_the_end(net, x, y, z, n, T, grad_rounds=1):
    with torch.no_grad():
        for _ in range(T - grad_rounds):
            y, z = latent_recursion(net, x, y, z, n)
    for _ in range(grad_rounds):
        y, z = latent_recursion(net, x, y, z, n)
    return y.detach(), z.detach()


def one_round_more(net, x, y, z, n, T, grad_rounds=1):
    with torch.no_grad():
        for _ in range(T):
            y, z = latent_recursion(net, x, y, z, n)
    for _ in range(grad_rounds):
        y, z = latent_recursion(net, x, y, z, n)
    return y, z


def one_step(net, x, y, z, n, T, grad_rounds=1):
    with torch.no_grad():
        for _ in range(T - 1):
            y, z = latent_recursion(net, x, y, z, n)
        for _ in range(n - 1):
            z = net(z, x + y)
    return latent_recursion(net, x, y, z, 1)


def thought_detached(net, x, y, z, n, T, grad_rounds=1):
    with torch.no_grad():
        for _ in range(T - grad_rounds):
            y, z = latent_recursion(net, x, y, z, n)
    for _ in range(grad_rounds):
        for _ in range(n):
            z = net(z, x + y)
        z = z.detach()
        y = net(y, z)
    return y, z


def always_one_round(net, x, y, z, n, T, grad_rounds=1):
    with torch.no_grad():
        for _ in range(T - 1):
            y, z = latent_recursion(net, x, y, z, n)
    return latent_recursion(net, x, y, z, n)


def left_switched_off(net, x, y, z, n, T, grad_rounds=1):
    torch.set_grad_enabled(False)
    for _ in range(T):
        y, z = latent_recursion(net, x, y, z, n)
    return y, z


def detached_between_rounds(net, x, y, z, n, T, grad_rounds=1):
    for left in range(T, 0, -1):
        if left >= grad_rounds:
            y, z = y.detach(), z.detach()
        y, z = latent_recursion(net, x, y, z, n)
    return y, z


def question_detached(net, x, y, z, n, T, grad_rounds=1):
    x = x.detach()
    with torch.no_grad():
        for _ in range(T - grad_rounds):
            y, z = latent_recursion(net, x, y, z, n)
    for _ in range(grad_rounds):
        y, z = latent_recursion(net, x, y, z, n)
    return y, z


def old_thought(net, x, y, z, n, T, grad_rounds=1):
    with torch.no_grad():
        for _ in range(T - grad_rounds):
            y, z = latent_recursion(net, x, y, z, n)
    for _ in range(grad_rounds):
        before, (y, z) = z, latent_recursion(net, x, y, z, n)
    return y, before


def results_swapped(net, x, y, z, n, T, grad_rounds=1):
    with torch.no_grad():
        for _ in range(T - grad_rounds):
            y, z = latent_recursion(net, x, y, z, n)
    for _ in range(grad_rounds):
        y, z = latent_recursion(net, x, y, z, n)
    return z, y


def left_switched_on(net, x, y, z, n, T, grad_rounds=1):
    for i in range(T):
        torch.set_grad_enabled(i >= T - grad_rounds)
        y, z = latent_recursion(net, x, y, z, n)
    return y, z


def thought_returned_detached(net, x, y, z, n, T, grad_rounds=1):
    with torch.no_grad():
        for _ in range(T - grad_rounds):
            y, z = latent_recursion(net, x, y, z, n)
    for _ in range(grad_rounds):
        y, z = latent_recursion(net, x, y, z, n)
    return y, z.detach()


def detached_at_the_start(net, x, y, z, n, T, grad_rounds=1):
    y, z = y.detach(), z.detach()
    with torch.no_grad():
        for _ in range(T - grad_rounds):
            y, z = latent_recursion(net, x, y, z, n)
    for _ in range(grad_rounds):
        y, z = latent_recursion(net, x, y, z, n)
    return y, z


def in_inference_mode(net, x, y, z, n, T, grad_rounds=1):
    with torch.inference_mode():
        for _ in range(T - grad_rounds):
            y, z = latent_recursion(net, x, y, z, n)
    for _ in range(grad_rounds):
        y, z = latent_recursion(net, x, y, z, n)
    return y, z


def caller_overruled(net, x, y, z, n, T, grad_rounds=1):
    for i in range(T):
        with torch.set_grad_enabled(i >= T - grad_rounds):
            y, z = latent_recursion(net, x, y, z, n)
    return y, z


def three_thoughts(net, x, y, z, n, T, grad_rounds=1):
    with torch.no_grad():
        for _ in range(T - grad_rounds):
            y, z = latent_recursion(net, x, y, z, 3)
    for _ in range(grad_rounds):
        y, z = latent_recursion(net, x, y, z, 3)
    return y, z


def two_rounds_at_most(net, x, y, z, n, T, grad_rounds=1):
    with_gradient = 1 if grad_rounds == 1 else 2
    with torch.no_grad():
        for _ in range(T - with_gradient):
            y, z = latent_recursion(net, x, y, z, n)
    for _ in range(with_gradient):
        y, z = latent_recursion(net, x, y, z, n)
    return y, z


EXERCISE = Code(
    number="4.1",
    title="deep_recursion",
    kind="implement",
    minutes=10,
    difficulty=2,
    statement=STATEMENT,
    hints=(
        "Two loops, one after the other. Together they make T rounds.",
        "The first loop stands inside `with torch.no_grad():` and makes T - grad_rounds rounds.",
        (
            "The second loop makes grad_rounds rounds, at the outer level. In both, the body is one"
            " line: y, z = latent_recursion(net, x, y, z, n)."
        ),
    ),
    stub=deep_recursion,
    package=recursion.deep_recursion,
    probe=probe,
    wrong={
        gradient_through_all: "flows through early rounds",
        no_gradient_at_all: "nothing is remembered",
        detached_at_the_end: "cut off from them",
        one_round_more: "all rounds together must",
        one_step: "1-step gradient",
        thought_detached: "only the y call",
        always_one_round: "whatever the argument",
        left_switched_off: "it leaves gradients switched off",
        detached_between_rounds: "throws them away",
        question_detached: "no gradient reaches x",
        old_thought: "not the last y and z",
        results_swapped: "the order is (y, z)",
        left_switched_on: "it leaves gradients switched on",
        thought_returned_detached: "z comes back detached",
        detached_at_the_start: "no gradient reaches y",
        in_inference_mode: "made under torch.inference_mode()",
        caller_overruled: "inside its caller's torch.no_grad()",
        three_thoughts: "n is an argument",
        two_rounds_at_most: "grad_rounds = 3 the gradient reaches",
    },
    names="import torch\n\nfrom trm_minimal.recursion import latent_recursion",
)
