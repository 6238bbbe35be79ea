"""Other numbers of states and nets: the calls each makes, and what they share with the paper's
round.
"""

from dataclasses import replace
from functools import partial

import pytest
import torch

from trm_minimal.lab.parts.rounds import TwoNets, one_step, several_z, single_z, two_nets
from trm_minimal.lab.recipes import by_name
from trm_minimal.lab.studies.gradients import calls_with_gradient
from trm_minimal.layers import mlp_mixer
from trm_minimal.model import TinyNet, TinyRecursiveModel
from trm_minimal.recurrence import Replace
from trm_minimal.recursion import deep_recursion
from trm_minimal.state import TrainState

block = partial(mlp_mixer, multiple=16)


def net(state, injection):
    return 0.7 * state + 0.2 * injection.sin() + 0.1


def start(latents=1):
    generator = torch.Generator().manual_seed(0)
    x, y = torch.randn(2, 3, 4, 5, generator=generator, dtype=torch.float64)
    return x, y, torch.randn(3, 4 * latents, 5, generator=generator, dtype=torch.float64)


def two_tiny_nets():
    torch.manual_seed(0)
    return TwoNets(16, 6, 1, block, Replace)


def one_tiny_net():
    torch.manual_seed(0)
    return TinyNet(16, 6, 1, block, Replace)


def in_full(one_round, net, x, y, z, n, T, grad_rounds):
    """A deep recursion written out call by call: what each kind of round is meant to do."""
    for t in range(T):
        with torch.set_grad_enabled(t >= T - grad_rounds):
            if one_round is single_z:
                for _ in range(n + 1):
                    z = net(z, x)
                y = z
            elif one_round is several_z:
                latents = list(z.chunk(n, dim=1))
                for i in range(n):
                    others = sum(latents[:i] + latents[i + 1 :])
                    latents[i] = net(latents[i], x + y + others)
                y, z = net(y, sum(latents)), torch.cat(latents, dim=1)
            elif one_round is two_nets:
                for _ in range(n):
                    z = net.latent(z, x + y)
                y = net.answer(y, z)
            else:
                for i in range(n):
                    with torch.set_grad_enabled(torch.is_grad_enabled() and i == n - 1):
                        z = net(z, x + y)
                y = net(y, z)
    return y, z


@pytest.mark.parametrize("grad_rounds", [1, 2, 3])
@pytest.mark.parametrize("one_round", [single_z, several_z, two_nets, one_step])
def test_states_and_gradients_are_bitwise_those_of_the_calls_written_out(one_round, grad_rounds):
    tiny, n = two_tiny_nets() if one_round is two_nets else one_tiny_net(), 3
    found = []
    for recursion in (partial(deep_recursion, one_round=one_round), partial(in_full, one_round)):
        generator = torch.Generator().manual_seed(1)
        x, y = (torch.randn(2, 6, 16, generator=generator).requires_grad_() for _ in range(2))
        length = 6 * n if one_round is several_z else 6
        z = torch.randn(2, length, 16, generator=generator).requires_grad_()
        out_y, out_z = recursion(tiny, x, y, z, n, 3, grad_rounds)
        wanted = (x, y, z, *tiny.parameters())
        loss = out_y.sin().sum() + out_z.cos().sum()
        gradients = torch.autograd.grad(loss, wanted, allow_unused=True)
        found.append((out_y, out_z, *gradients))
    for ours, written in zip(*found, strict=True):
        assert (ours is written is None) or torch.equal(ours, written)
    assert any(gradient is not None for gradient in found[0][5:])


def test_several_latents_by_hand():
    x, y, z = start(latents=2)
    a, b = z[:, :4], z[:, 4:]
    for _ in range(3):
        a = net(a, x + y + b)
        b = net(b, x + y + a)
        y = net(y, a + b)
    out_y, out_z = deep_recursion(net, x, start(2)[1], z, n=2, T=3, one_round=several_z)
    assert torch.allclose(out_y, y) and torch.allclose(out_z, torch.cat((a, b), 1))


def test_one_of_several_latents_is_the_papers_recursion():
    x, y, z = start()
    ours = deep_recursion(net, x, y, z, 1, 3, one_round=several_z)
    assert all(map(torch.equal, ours, deep_recursion(net, x, y, z, 1, 3)))


def test_the_last_rounds_of_a_single_latent_carry_gradient():
    recursion = partial(deep_recursion, one_round=single_z)
    assert calls_with_gradient(recursion, 3, 3, grad_rounds=2) == [False] * 4 + [True] * 8


def test_two_nets_that_are_equal_are_the_papers_recursion():
    two = two_tiny_nets()
    two.answer.load_state_dict(two.latent.state_dict())
    x, y, z = torch.randn(3, 2, 6, 16)
    ours = deep_recursion(two, x, y, z, 2, 3, one_round=two_nets)
    assert all(map(torch.equal, ours, deep_recursion(two.latent, x, y, z, 2, 3)))
    with pytest.raises(TypeError, match="one_round=two_nets"):
        two(x, y)


def test_two_nets_have_two_jobs():
    two = two_tiny_nets()
    x, y, z = torch.randn(3, 2, 6, 16)
    before = two_nets(two, x, y, z, 2)
    with torch.no_grad():
        next(two.answer.parameters()).mul_(2)
    after = two_nets(two, x, y, z, 2)
    assert not torch.equal(before[0], after[0]) and torch.equal(before[1], after[1])


def test_one_step_and_two_nets_compose_and_train():
    """The states are those of two nets; the gradient reaches the last call of either; it learns."""
    two = two_tiny_nets()
    x, y, z = torch.randn(3, 2, 6, 16)
    ours = deep_recursion(two, x, y, z, 4, 2, one_round=one_step)
    assert all(map(torch.equal, ours, deep_recursion(two, x, y, z, 4, 2, one_round=two_nets)))
    recipe = replace(
        by_name("sudoku_4x4"),
        dim=16,
        block=block,
        batch=8,
        net=TwoNets,
        recursion=partial(deep_recursion, one_round=one_step),
    )
    state = TrainState(recipe, recipe.task(), 0)
    before = [weight.clone() for weight in state.model.net.parameters()]
    losses = [float(recipe.update(recipe, state)[0]) for _ in range(30)]
    moved = [
        not torch.equal(a, b) for a, b in zip(before, state.model.net.parameters(), strict=True)
    ]
    assert all(moved) and sum(losses[-5:]) < sum(losses[:5])


def test_hrm_is_a_round_of_a_few_lines():
    """HRM's cycle: the low net sees x and the high state, then the high net sees the low state.

    Its recursion (hrm_act_v1.py) runs T cycles of n low updates, all but the very last update of
    either without gradient: two nets, with the one-step gradient.
    """

    def hrm(net, x, high, low, n, T):
        with torch.no_grad():
            for h in range(T):
                for step in range(n):
                    if not (h == T - 1 and step == n - 1):
                        low = net.latent(low, high + x)
                if h != T - 1:
                    high = net.answer(high, low)
        low = net.latent(low, high + x)
        return net.answer(high, low), low

    two = two_tiny_nets()
    x, y, z = torch.randn(3, 2, 6, 16)
    ours = deep_recursion(two, x, y, z, 2, 3, one_round=one_step)
    theirs = hrm(two, x, y, z, 2, 3)
    weights = list(two.parameters())
    pairs = [torch.autograd.grad(states[0].sum(), weights) for states in (ours, theirs)]
    assert all(map(torch.equal, ours, theirs)) and all(map(torch.equal, *pairs))


def test_a_model_starts_with_as_many_latents_as_it_is_told():
    torch.manual_seed(0)
    recursion = partial(deep_recursion, one_round=several_z)
    parts = {"dim": 16, "prefix": 2, "block": block, "latents": 3, "recursion": recursion}
    model = TinyRecursiveModel(5, 6, **parts)
    inputs_BL = torch.ones(2, 6, dtype=torch.long)
    y_BLD, z_BLD = model.initial_states(inputs_BL)
    assert y_BLD.shape == (2, 8, 16) and z_BLD.shape == (2, 24, 16)
    assert torch.equal(z_BLD[:, :8], z_BLD[:, 16:])
    prediction = model(inputs_BL, y_BLD, z_BLD, n=3, T=2)
    assert prediction.z.shape == z_BLD.shape and prediction.logits.shape == (2, 6, 5)
    assert isinstance(model.net, TinyNet)
