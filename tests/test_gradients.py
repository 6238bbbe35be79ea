"""Which calls get gradient, and what a cut gradient is: the facts under notebook 04."""

from functools import partial

import pytest
import torch
from torch.testing import assert_close

from trm_minimal.lab.parts.rounds import one_step
from trm_minimal.lab.studies.gradients import calls_with_gradient
from trm_minimal.model import TinyRecursiveModel
from trm_minimal.recursion import deep_recursion, latent_recursion


@pytest.mark.parametrize(("n", "T", "grad_rounds"), [(1, 1, 1), (6, 3, 1), (2, 4, 3), (3, 2, 2)])
def test_the_graph_reaches_the_last_rounds_and_no_other_call(n, T, grad_rounds):
    free = (T - grad_rounds) * (n + 1)
    reached = calls_with_gradient(deep_recursion, n, T, grad_rounds=grad_rounds)
    assert reached == [False] * free + [True] * grad_rounds * (n + 1)


def test_of_a_one_step_round_the_graph_reaches_two_calls():
    assert calls_with_gradient(deep_recursion, 4, 2, one_round=one_step) == [False] * 8 + [True] * 2


def test_a_call_that_runs_with_gradient_counts_only_if_the_answer_depends_on_it():
    def cut_before_y(net, x, y, z, n, T):
        for _ in range(T):
            y, z = latent_recursion(net, x, y, z, n)
        return net(y.detach(), z.detach()), z

    assert calls_with_gradient(cut_before_y, 2, 2) == [False] * 6 + [True]
    assert (
        calls_with_gradient(lambda *a: [s.detach() for s in deep_recursion(*a)], 2, 1)
        == [False] * 3
    )


@pytest.fixture
def model():
    torch.manual_seed(0)
    return TinyRecursiveModel(vocab_size=5, length=6, dim=64, prefix=2).double()


def answer_sum(model, recursion, grad_rounds, T=3):
    """The sum of one supervision step's logits, with a graph."""
    model.recursion = recursion
    inputs_BL = torch.arange(12).view(2, 6) % 5
    y_BLD, z_BLD = (state.double() for state in model.initial_states(inputs_BL))
    return model(inputs_BL, y_BLD, z_BLD, 3, T, grad_rounds).logits.sin().sum()


def gradient(model, recursion, grad_rounds):
    return torch.cat(
        [
            g.flatten()
            for g in torch.autograd.grad(answer_sum(model, recursion, grad_rounds), weights(model))
        ]
    )


def weights(model):
    return list(model.net.parameters())


def test_a_cut_gradient_is_the_sum_of_the_last_calls_terms(model):
    """Each call gets its own copy of the weights; the terms of the last k calls make the gradient
    of that cut.
    """
    copies = []

    def unshared(net, *arguments):
        def call(state, injection):
            copies.append(
                {name: w.detach().clone().requires_grad_() for name, w in net.named_parameters()}
            )
            return torch.func.functional_call(net, copies[-1], (state, injection))

        return deep_recursion(call, *arguments)

    answer_sum(model, unshared, grad_rounds=3).backward()
    terms_CW = torch.stack(
        [torch.cat([w.grad.flatten() for w in copy.values()]) for copy in copies]
    )
    assert len(terms_CW) == 12
    for k, recursion, rounds in (
        (2, partial(deep_recursion, one_round=one_step), 1),
        (4, deep_recursion, 1),
        (8, deep_recursion, 2),
        (12, deep_recursion, 3),
    ):
        assert_close(terms_CW[-k:].sum(0), gradient(model, recursion, rounds))


def kept(model, T, grad_rounds):
    """How many tensors autograd keeps for the backward pass."""
    count = []
    with torch.autograd.graph.saved_tensors_hooks(
        lambda tensor: count.append(1) or tensor, lambda tensor: tensor
    ):
        answer_sum(model, deep_recursion, grad_rounds, T)
    return len(count)


def test_what_is_kept_grows_with_the_rounds_that_carry_gradient_not_with_the_free_ones(model):
    assert kept(model, 1, 1) == kept(model, 2, 1) == kept(model, 5, 1)
    one, two, three = (kept(model, T, T) for T in (1, 2, 3))
    assert three - two == two - one > 0
