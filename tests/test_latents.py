"""Other numbers of states and nets: the calls each makes, by a tape; and what they share with the paper's recursion."""

from functools import partial

import pytest
import torch

from trm_minimal.lab.parts.gradients import calls_with_gradient
from trm_minimal.lab.parts.latents import TwoNets, several_latents, single_latent, two_net_recursion
from trm_minimal.layers import mlp_mixer
from trm_minimal.model import TinyNet, TinyRecursiveModel
from trm_minimal.recurrence import Replace
from trm_minimal.recursion import deep_recursion

block = partial(mlp_mixer, multiple=16)


def net(state, injection):
    return 0.7 * state + 0.2 * injection.sin() + 0.1


def start(latents=1):
    generator = torch.Generator().manual_seed(0)
    x, y = torch.randn(2, 3, 4, 5, generator=generator, dtype=torch.float64)
    return x, y, torch.randn(3, 4 * latents, 5, generator=generator, dtype=torch.float64)


def test_a_single_latent_by_hand():
    x, y, z = start()
    want = z
    for _ in range(2 * 4):
        want = net(want, x)
    out_y, out_z = single_latent(net, x, y, z, n=3, T=2)
    assert torch.equal(out_y, want) and torch.equal(out_z, want)


def test_several_latents_by_hand():
    x, y, z = start(latents=2)
    a, b = z[:, :4], z[:, 4:]
    for _ in range(3):
        a = net(a, x + y + b)
        b = net(b, x + y + a)
        y = net(y, a + b)
    out_y, out_z = several_latents(net, x, start(2)[1], z, n=2, T=3)
    assert torch.allclose(out_y, y) and torch.allclose(out_z, torch.cat((a, b), 1))


def test_one_of_several_latents_is_the_papers_recursion():
    x, y, z = start()
    for ours, paper in zip(several_latents(net, x, y, z, 1, 3), deep_recursion(net, x, y, z, 1, 3), strict=True):
        assert torch.equal(ours, paper)


@pytest.mark.parametrize("recursion", [single_latent, deep_recursion])
def test_the_last_rounds_carry_gradient(recursion):
    assert calls_with_gradient(recursion, 3, 3, grad_rounds=2) == [False] * 4 + [True] * 8


def test_two_nets_that_are_equal_are_the_papers_recursion():
    torch.manual_seed(0)
    two = TwoNets(16, 6, 1, block, Replace)
    two.answer.load_state_dict(two.latent.state_dict())
    x, y, z = torch.randn(3, 2, 6, 16)
    for ours, paper in zip(
        two_net_recursion(two, x, y, z, 2, 3), deep_recursion(two.latent, x, y, z, 2, 3), strict=True
    ):
        assert torch.equal(ours, paper)
    with pytest.raises(TypeError, match="two_net_recursion"):
        two(x, y)


def test_two_nets_have_two_jobs():
    torch.manual_seed(0)
    two = TwoNets(16, 6, 1, block, Replace)
    x, y, z = torch.randn(3, 2, 6, 16)
    before = two_net_recursion(two, x, y, z, 2, 1)
    with torch.no_grad():
        next(two.answer.parameters()).mul_(2)
    after = two_net_recursion(two, x, y, z, 2, 1)
    assert not torch.equal(before[0], after[0]) and torch.equal(before[1], after[1])


def test_a_model_starts_with_as_many_latents_as_it_is_told():
    torch.manual_seed(0)
    model = TinyRecursiveModel(5, 6, dim=16, prefix=2, block=block, latents=3, recursion=several_latents)
    inputs_BL = torch.ones(2, 6, dtype=torch.long)
    y_BLD, z_BLD = model.initial_states(inputs_BL)
    assert y_BLD.shape == (2, 8, 16) and z_BLD.shape == (2, 24, 16)
    assert torch.equal(z_BLD[:, :8], z_BLD[:, 16:])
    prediction = model(inputs_BL, y_BLD, z_BLD, n=3, T=2)
    assert prediction.z.shape == z_BLD.shape and prediction.logits.shape == (2, 6, 5)
    assert isinstance(model.net, TinyNet)
