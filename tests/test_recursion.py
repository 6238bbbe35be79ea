"""The semantics of the paper's Figure 3, on nets that only keep a tape."""

import inspect

import pytest
import torch

from trm_minimal import recursion
from trm_minimal.lab.parts.rounds import one_step
from trm_minimal.recursion import deep_recursion, latent_recursion


class Tape:
    """A net that records each call and returns a function of its inputs that is neither symmetric
    nor commutative.
    """

    def __init__(self):
        self.calls = []

    def __call__(self, state, injection):
        out = 0.7 * state + 0.2 * injection.sin() + 0.1
        self.calls.append((state, injection, out, torch.is_grad_enabled()))
        return out


def start(seed=0):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(3, generator=generator, dtype=torch.float64) for _ in "xyz"]


@pytest.mark.parametrize(("n", "T"), [(1, 1), (6, 3), (2, 4), (0, 2)])
def test_the_calls_are_z_n_times_then_y_and_that_T_times(n, T):
    x, y, z = start()
    tape = Tape()
    deep_recursion(tape, x, y, z, n, T)
    kinds = []
    for state, injection, out, _ in tape.calls:
        if state is z:
            assert torch.equal(injection, x + y)  # the question is present
            kinds.append("z")
            z = out
        else:
            assert state is y and injection is z  # the question is absent
            kinds.append("y")
            y = out
    assert "".join(kinds) == ("z" * n + "y") * T


@pytest.mark.parametrize("grad_rounds", [1, 2, 3])
def test_only_the_last_rounds_are_in_the_graph_with_all_their_calls(grad_rounds):
    x, y, z = start()
    tape = Tape()
    deep_recursion(tape, x.requires_grad_(), y, z, n=4, T=3, grad_rounds=grad_rounds)
    in_graph = [grad and out.requires_grad for _, _, out, grad in tape.calls]
    assert in_graph == [False] * 5 * (3 - grad_rounds) + [True] * 5 * grad_rounds


def test_the_gradient_is_that_of_an_unrolled_last_round():
    """By hand: two rounds, cut, one round; the derivative for x must agree, and differ from a
    one-call gradient.
    """
    x, y, z = start()
    net = Tape()
    x_ours = x.clone().requires_grad_()
    deep_recursion(net, x_ours, y, z, n=3, T=3)[0].sum().backward()

    with torch.no_grad():
        for _ in range(2):
            for _ in range(3):
                z = net(z, x + y)
            y = net(y, z)
    x_hand = x.clone().requires_grad_()
    for _ in range(3):
        z = net(z, x_hand + y)
    last_z = z
    net(y, z).sum().backward(retain_graph=True)
    assert torch.equal(x_ours.grad, x_hand.grad)
    one_call = torch.autograd.grad(net(y, net(last_z.detach(), x_hand + y)).sum(), x_hand)[0]
    assert not torch.allclose(x_ours.grad, one_call)


def test_more_gradient_rounds_than_rounds_is_all_rounds():
    x, y, z = start()
    tape = Tape()
    deep_recursion(tape, x, y, z, n=2, T=1, grad_rounds=5)
    assert len(tape.calls) == 3


def test_a_plain_number_is_enough_of_a_tensor():
    y, z = latent_recursion(
        lambda state, injection: 0.5 * state + 0.1 * injection, 1.0, 0.0, 0.0, n=2
    )
    assert (round(z, 3), round(y, 4)) == (0.15, 0.015)


def test_the_algorithm_fits_in_thirty_lines():
    assert len(inspect.getsource(recursion).splitlines()) <= 30


@pytest.mark.parametrize("grad_rounds", [1, 2, 3])
def test_a_one_step_round_has_the_same_states_and_two_calls_of_each_round_in_the_graph(grad_rounds):
    x, y, z = start()
    tape = Tape()
    options = {"grad_rounds": grad_rounds, "one_round": one_step}
    ours = deep_recursion(tape, x.requires_grad_(), y, z, n=4, T=3, **options)
    in_graph = [grad and out.requires_grad for _, _, out, grad in tape.calls]
    assert (
        in_graph
        == [False] * 5 * (3 - grad_rounds) + [False, False, False, True, True] * grad_rounds
    )
    theirs = deep_recursion(Tape(), x, y, z, n=4, T=3, grad_rounds=grad_rounds)
    assert all(torch.equal(a, b) for a, b in zip(ours, theirs, strict=True))
