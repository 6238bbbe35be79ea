"""What grows: against numbers by hand, on nets whose growth is known."""

from functools import partial

import pytest
import torch
from torch import nn

from trm_minimal.lab.parts.blocks import FinalNorm, NoSkip, PreNorm, attention_block, normed
from trm_minimal.lab.studies.growth import gates, growth
from trm_minimal.layers import PostNorm, SwiGLU, rms_norm, transformer
from trm_minimal.losses import softmax_cross_entropy
from trm_minimal.model import TinyRecursiveModel
from trm_minimal.recurrence import Gated, Replace, Residual
from trm_minimal.schedules import Depth

DEPTH = Depth(n=7, T=1)


def model_of(block, recurrence=Replace):
    torch.manual_seed(0)
    return TinyRecursiveModel(4, 5, dim=16, layers=1, prefix=1, block=block, recurrence=recurrence)


@pytest.fixture
def puzzles():
    return torch.randint(1, 4, (3, 5)), torch.randint(1, 4, (3, 5))


def silent(dim, length):
    """A block whose learned part is zero: u + 0."""
    block = attention_block(dim, length, wrap=PreNorm, heads=2, multiple=16)
    for weight in block.parameters():
        nn.init.zeros_(weight)
    return block


def test_with_skips_the_state_grows_even_if_the_net_adds_nothing(puzzles):
    """z <- z + x + y seven times, y <- y + z: a linear map, and each supervision step multiplies by
    its eigenvalue.
    """
    found = growth(model_of(silent), *puzzles, 12, DEPTH, softmax_cross_entropy)
    factor = float(torch.linalg.eigvals(torch.tensor([[8.0, 1.0], [7.0, 1.0]])).real.max())
    assert factor == pytest.approx((9 + 77**0.5) / 2)
    answers_S = found.state_K[7::8]
    assert answers_S[-1] / answers_S[-2] == pytest.approx(factor, rel=1e-3)
    assert float(answers_S[-1]) > 1e10 and len(found.state_K) == 96
    gradients_S = found.gradient_K[7::8]
    # and so do the gradients, backwards
    assert gradients_S[2] / gradients_S[3] == pytest.approx(factor, rel=1e-3)


def test_a_norm_at_the_end_keeps_the_state_at_one(puzzles):
    skipping = partial(attention_block, wrap=PreNorm, heads=2, multiple=16)
    for block in (partial(transformer, heads=2, multiple=16), partial(normed, block=skipping)):
        state_K = growth(model_of(block), *puzzles, 3, DEPTH, softmax_cross_entropy).state_K
        assert torch.allclose(state_K, torch.ones(24), atol=1e-3)


def test_the_gradient_is_that_of_the_last_loss(puzzles):
    """At the last call by hand: of y, through the output head.

    The model is left without gradients and hooks.
    """
    model = model_of(partial(transformer, heads=2, multiple=16))
    found = growth(model, *puzzles, 2, DEPTH, softmax_cross_entropy)
    assert (
        all(weight.grad is None for weight in model.parameters()) and not model.net._forward_hooks
    )
    y_BLD = list(model.deep_supervision(puzzles[0], 2, *DEPTH))[-1].y.requires_grad_()
    loss = nn.functional.cross_entropy(
        model.output_head(y_BLD[:, 1:]).flatten(0, 1), puzzles[1].flatten()
    )
    loss.backward()
    assert float(found.gradient_K[-1]) == pytest.approx(float(y_BLD.grad.norm()), rel=1e-4)
    assert len(found.gradient_K) == 16 and found.gradient_K.isfinite().all()


def test_gates_open_and_shut(puzzles):
    bare = partial(attention_block, wrap=NoSkip, heads=2, multiple=16)
    for bias, least, most in ((6.0, 0.9, 1.0), (-6.0, 0.0, 0.1)):
        model = model_of(bare, partial(Gated, bias=bias))
        found = gates(model, puzzles[0], 2, DEPTH)
        assert found.shape == (16, 3, 6, 16) and least <= float(found.mean()) <= most
        assert not model.net.recurrence.gate._forward_hooks
    with pytest.raises(AttributeError):
        gates(model_of(bare, Residual), puzzles[0], 1, DEPTH)


def test_the_wrappings_by_hand():
    torch.manual_seed(0)
    inner, x_BLD = SwiGLU(8, multiple=8), 3 * torch.randn(2, 4, 8)
    assert torch.equal(NoSkip(inner)(x_BLD), inner(rms_norm(x_BLD)))
    assert torch.equal(PreNorm(inner)(x_BLD), x_BLD + inner(rms_norm(x_BLD)))
    assert torch.equal(FinalNorm(inner)(x_BLD), rms_norm(inner(x_BLD)))
    torch.manual_seed(0)
    ours = attention_block(16, 5, PostNorm, heads=2, multiple=16)
    torch.manual_seed(0)
    x_BLD = torch.randn(2, 5, 16)
    theirs = transformer(16, 5, heads=2, multiple=16)
    theirs.load_state_dict(ours.state_dict())
    assert torch.equal(ours(x_BLD), theirs(x_BLD))
