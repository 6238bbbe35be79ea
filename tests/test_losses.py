"""The losses, against torch, against the definition, and at the edges."""

import pytest
import torch
import torch.nn.functional as F

from trm_minimal.losses import (
    answer_loss,
    exact_match,
    halting_loss,
    softmax_cross_entropy,
    stablemax_cross_entropy,
    supervision_loss,
)

LOSSES = [softmax_cross_entropy, stablemax_cross_entropy]


def random(*shape, scale=3.0):
    return scale * torch.randn(
        *shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64
    )


def test_softmax_equals_torch():
    logits, labels = random(2, 3, 5).float(), torch.tensor([[0, 1, 4], [2, 2, 3]])
    expected = F.cross_entropy(logits.flatten(0, 1), labels.flatten(), reduction="none").view(2, 3)
    torch.testing.assert_close(softmax_cross_entropy(logits, labels), expected)


def test_stablemax_equals_its_definition_in_float64():
    logits = random(4, 6, 7)
    s = torch.where(logits >= 0, logits + 1, 1 / (1 - logits.clamp(max=0)))
    p = s / s.sum(-1, keepdim=True)
    labels = torch.arange(24).view(4, 6) % 7
    expected = -p.gather(-1, labels.unsqueeze(-1)).squeeze(-1).log()
    torch.testing.assert_close(
        stablemax_cross_entropy(logits.float(), labels).double(), expected, atol=1e-5, rtol=1e-5
    )


@pytest.mark.parametrize("value", [0.0, -0.0, 1e4, -1e4])
def test_stablemax_has_a_finite_value_and_the_right_slope_everywhere(value):
    logits = torch.tensor([[[value, 0.5, -0.5]]], requires_grad=True)
    loss = stablemax_cross_entropy(logits, torch.tensor([[0]])).sum()
    (slope,) = torch.autograd.grad(loss, logits)
    x = logits.detach().double().requires_grad_()
    s = torch.where(x > 0, x + 1, 1 / (1 - x.clamp(max=0)))
    (expected,) = torch.autograd.grad(-(s / s.sum()).flatten()[0].log(), x)
    assert loss.isfinite() and slope.isfinite().all()
    if value != 0:
        torch.testing.assert_close(slope.double(), expected, atol=1e-6, rtol=1e-4)
    else:  # both branches have slope 1 at 0
        h = 1e-3
        up, down = (
            stablemax_cross_entropy(torch.tensor([[[v, 0.5, -0.5]]]), torch.tensor([[0]]))
            for v in (h, -h)
        )
        assert abs(float(slope[0, 0, 0]) - float(up - down) / (2 * h)) < 2e-3


@pytest.mark.parametrize("cross_entropy", LOSSES)
def test_ignored_cells_do_not_count(cross_entropy):
    logits, labels = random(2, 4, 5), torch.tensor([[0, 0, 2, 3], [0, 0, 0, 0]])
    loss_B = answer_loss(cross_entropy, logits, labels)
    torch.testing.assert_close(loss_B[0], cross_entropy(logits[:1, 2:], labels[:1, 2:]).mean())
    assert loss_B[1] == 0
    changed = logits.clone()
    changed[:, :2] += 5
    assert torch.equal(answer_loss(cross_entropy, changed, labels)[0], loss_B[0])


def test_exact_match_means_every_counted_cell():
    labels = torch.tensor([[1, 2, 3], [1, 2, 3], [0, 2, 3]])
    logits = F.one_hot(torch.tensor([[1, 2, 3], [1, 1, 3], [3, 2, 3]]), 4).float()
    assert exact_match(logits, labels).tolist() == [True, False, True]


def test_the_halting_target_is_the_whole_puzzle_now_and_weighs_half():
    labels = torch.tensor([[1, 2], [1, 2]])
    logits = 9 * F.one_hot(torch.tensor([[1, 2], [2, 2]]), 4).float()
    q = torch.tensor([0.3, -1.0], requires_grad=True)
    loss_B, solved_B = supervision_loss(softmax_cross_entropy, logits, q, labels)
    assert solved_B.tolist() == [True, False]
    expected = answer_loss(softmax_cross_entropy, logits, labels) + 0.5 * F.softplus(
        torch.tensor([-0.3, -1.0])
    )
    torch.testing.assert_close(loss_B, expected)
    assert abs(float(halting_loss(torch.tensor([-5.0]), torch.tensor([False]))) - 0.006715) < 1e-6
