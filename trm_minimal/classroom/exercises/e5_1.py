"""Exercise 5.1: stablemax_cross_entropy."""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from trm_minimal import losses
from trm_minimal.classroom.exercise import Code
from trm_minimal.classroom.watched import refuse_unless

STATEMENT = """
Write `stablemax_cross_entropy(logits_BLV, labels_BL)`: the loss of each cell, a tensor [B, L].
`logits_BLV` holds V scores for each of L cells of B boards, `labels_BL` the right token of each
cell. Turn scores into probabilities with $s(a) = a + 1$ for $a \\geq 0$ and $s(a) = 1/(1 - a)$
below; then the loss is $-\\log$ of the probability of the right token. Compute in float32, whatever
type the scores have.

Loss and gradient must be finite for scores from -10,000 to 10,000. Beware: `torch.where` computes
*both* of its branches, and one of yours may divide by zero where it is not used.
"""


def stablemax_cross_entropy(logits_BLV, labels_BL):
    """Loss of each cell, [B, L], float32."""
    ...  # your code


def random_scores(*shape: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """(scores, labels) of shapes [B, L, V] and [B, L]."""
    generator = torch.Generator().manual_seed(seed)
    labels_BL = torch.randint(0, shape[-1], shape[:-1], generator=generator)
    return 3 * torch.randn(shape, generator=generator), labels_BL


def probe(f):
    logits_BLV, labels_BL = random_scores(2, 5, 7)
    check_form(f(logits_BLV, labels_BL), [2, 5])
    check_equal_scores(f)
    check_labels_matter(f)
    check_shift(f)
    check_single_scores(f)
    for B, L, V in ((2, 5, 7), (1, 1, 3), (3, 4, 2), (4, 1, 11)):
        check_values(f, *random_scores(B, L, V, seed=V))
    check_large(f)
    check_gradient(f)
    check_type(f)


def check_form(loss_BL, wanted):
    refuse_unless(loss_BL is not None, "it returns nothing; it should return the loss of each cell")
    refuse_unless(
        isinstance(loss_BL, Tensor), f"it returns a {type(loss_BL).__name__}; a tensor is wanted"
    )
    shape = list(loss_BL.shape)
    refuse_unless(
        shape == wanted,
        f"scores of shape [2, 5, 7] give a result of shape {shape}; [2, 5] is right: one loss for"
        " each cell, no mean",
    )


def check_equal_scores(f):
    """With equal scores every token has probability 1/V."""
    V, L = 7, 3
    loss = float(f(torch.full((2, L, V), 2.0), torch.ones(2, L, dtype=torch.long)).flatten()[0])
    said = (
        f"with {V} equal scores the loss of a cell is {loss:.3f}, and log {V} = {math.log(V):.3f}"
        " is right"
    )
    mistakes = {
        -math.log(V): "the sign is missing: the loss is minus the logarithm",
        1 / V: "that is the probability itself; take minus its logarithm",
        -1 / V: "that is a probability; take its logarithm",
        math.log(
            L
        ): f"you divide by a sum over the {L} cells; sum over the {V} tokens, the last axis",
    }
    for value, why in mistakes.items():
        refuse_unless(not math.isclose(loss, value, abs_tol=1e-3), f"{said}: {why}")
    refuse_unless(
        math.isclose(loss, math.log(V), abs_tol=1e-3), f"{said}: each token has probability 1/{V}"
    )


def check_labels_matter(f):
    logits_BLV, labels_BL = random_scores(2, 5, 7)
    same = torch.equal(f(logits_BLV, labels_BL), f(logits_BLV, (labels_BL + 1) % 7))
    refuse_unless(
        not same,
        "other labels give the same losses; `labels_BL` says which token counts in each cell",
    )


def check_shift(f):
    """Softmax does not feel a shift of all scores; stablemax does."""
    logits_BLV, labels_BL = random_scores(2, 5, 7)
    moved = (f(logits_BLV + 10, labels_BL) - f(logits_BLV, labels_BL)).abs().max()
    refuse_unless(
        bool(moved > 1e-3) or not moved.isfinite(),
        "adding 10 to all scores changes no loss: that is softmax, made of exp(a); use s(a) in its"
        " place",
    )


def check_single_scores(f):
    """Two tokens, one with score 0: the probability of the other one says what s is."""
    label_BL = torch.ones(1, 1, dtype=torch.long)
    for a in (3.0, 0.5, -0.5, -3.0):
        s = a + 1 if a >= 0 else 1 / (1 - a)
        p = math.exp(-float(f(torch.tensor([[[0.0, a]]]), label_BL)))
        side = "at or above 0: s(a) = a + 1" if a >= 0 else "below 0: s(a) = 1/(1 - a)"
        refuse_unless(
            math.isclose(p, s / (1 + s), abs_tol=1e-4),
            f"of two tokens with scores 0 and {a:g} the second gets probability {p:.6f}; s(0) = 1"
            f" and s({a:g}) = {s:.3g} make it {s / (1 + s):.6f}. Look at the formula for scores"
            f" {side}",
        )


def check_large(f):
    logits_BLV = torch.tensor([[[1e4, -1e4, 0.0], [-1e4, 1e4, 1e4]]])
    labels_BL = torch.tensor([[1, 0]])
    loss_BL, right_BL = (
        f(logits_BLV, labels_BL),
        losses.stablemax_cross_entropy(logits_BLV, labels_BL),
    )
    refuse_unless(
        torch.allclose(loss_BL.float(), right_BL, rtol=1e-3),
        f"with scores of 10,000 and -10,000 the loss is {float(loss_BL[0, 0]):.2f}, and"
        f" {float(right_BL[0, 0]):.2f} is right; add nothing to the probability and cut"
        " nothing off",
    )


def check_gradient(f):
    logits_BLV, labels_BL = random_scores(2, 3, 5)
    values = torch.tensor([0.0, -0.0, 1.0, -1.0, 1e4])  # one of each in every cell
    for row in (logits_BLV, values.repeat(2, 3, 1)):
        yours, right = (row.clone().requires_grad_() for _ in range(2))
        loss_BL = f(yours, labels_BL)
        refuse_unless(
            loss_BL.requires_grad,
            "no gradient flows from the loss to the scores; nothing could be learned",
        )
        loss_BL.sum().backward()
        losses.stablemax_cross_entropy(right, labels_BL).sum().backward()
        odd = ~yours.grad.isfinite()
        at = f"{row[odd][0]:g}" if odd.any() else ""
        refuse_unless(
            not odd.any(),
            f"the loss is finite, but its gradient at a score of {at} is not: a branch that"
            " torch.where does not use divides by zero there, and zero times infinity is not a"
            " number. Keep its argument away from there, as `a.clamp(max=0)` does",
        )
        counts = row != 0  # exactly at 0, where the two formulas meet, any slope will do
        refuse_unless(
            torch.allclose(yours.grad[counts], right.grad[counts], rtol=1e-3, atol=1e-6),
            "the loss is right, but the gradient that comes back from it is another one; let it"
            " flow through every score",
        )


def check_type(f):
    """Scores in bfloat16, as autocast makes them: loss and gradient as exact as from float32."""
    logits_BLV, labels_BL = random_scores(2, 3, 5)
    yours, right = (logits_BLV.bfloat16().requires_grad_() for _ in range(2))
    loss_BL, right_BL = f(yours, labels_BL), losses.stablemax_cross_entropy(right, labels_BL)
    refuse_unless(
        loss_BL.dtype == torch.float32,
        f"scores in bfloat16 give a loss in {loss_BL.dtype}; turn the scores into float32 first,"
        " and keep to it",
    )
    refuse_unless(
        torch.allclose(loss_BL, right_BL, rtol=1e-4),
        "scores in bfloat16 give a loss with two or three digits; turn them into float32 before"
        " anything else",
    )
    refuse_unless(
        loss_BL.requires_grad,
        "no gradient flows back to scores in bfloat16; turn them into float32 attached",
    )
    for loss in (loss_BL, right_BL):
        loss.sum().backward()
    refuse_unless(
        torch.allclose(yours.grad, right.grad, rtol=0.05, atol=0.01),
        "the gradient that comes back to scores in bfloat16 is another one",
    )


def check_values(f, logits_BLV, labels_BL):
    loss_BL, right_BL = (
        f(logits_BLV, labels_BL).float(),
        losses.stablemax_cross_entropy(logits_BLV, labels_BL),
    )
    shapes = [list(tensor.shape) for tensor in (logits_BLV, loss_BL, right_BL)]
    refuse_unless(
        shapes[1] == shapes[2],
        f"scores of shape {shapes[0]} give a result of shape {shapes[1]}; {shapes[2]} is right",
    )
    refuse_unless(
        torch.allclose(loss_BL, right_BL, rtol=1e-3, atol=1e-5),
        f"with scores of shape {shapes[0]} the first cell has loss"
        f" {float(loss_BL.flatten()[0]):.3f}, and {float(right_BL.flatten()[0]):.3f} is right; is"
        " it the probability of that cell's own token?",
    )


def s_of(a):
    return torch.where(a >= 0, a + 1, 1 / (1 - a.clamp(max=0)))


def picked(p_BLV, labels_BL):
    return p_BLV.gather(-1, labels_BL[..., None])[..., 0]


def mean_of_cells(logits_BLV, labels_BL):
    s = s_of(logits_BLV.float())
    return -picked(s / s.sum(-1, keepdim=True), labels_BL).log().mean()


def plus_sign(logits_BLV, labels_BL):
    s = s_of(logits_BLV.float())
    return picked(s / s.sum(-1, keepdim=True), labels_BL).log()


def no_logarithm(logits_BLV, labels_BL):
    s = s_of(logits_BLV.float())
    return picked(s / s.sum(-1, keepdim=True), labels_BL)


def other_base(logits_BLV, labels_BL):
    s = s_of(logits_BLV.float())
    return -picked(s / s.sum(-1, keepdim=True), labels_BL).log2()


def squeezed(logits_BLV, labels_BL):
    s = s_of(logits_BLV.float())
    return -(s / s.sum(-1, keepdim=True)).gather(-1, labels_BL[..., None]).log().squeeze()


def over_cells(logits_BLV, labels_BL):
    s = s_of(logits_BLV.float())
    return -picked(s / s.sum(1, keepdim=True), labels_BL).log()


def softmax(logits_BLV, labels_BL):
    return F.cross_entropy(logits_BLV.float().mT, labels_BL, reduction="none")


def no_plus_one(logits_BLV, labels_BL):
    a = logits_BLV.float()
    s = torch.where(a >= 0, a, 1 / (1 - a.clamp(max=0)))
    return -picked(s / s.sum(-1, keepdim=True), labels_BL).log()


def negatives_cut_off(logits_BLV, labels_BL):
    s = logits_BLV.float().clamp(min=0) + 1
    return -picked(s / s.sum(-1, keepdim=True), labels_BL).log()


def inside_the_logarithm(logits_BLV, labels_BL):
    s = s_of(logits_BLV.float())
    return -(picked(s / s.sum(-1, keepdim=True), labels_BL) + 1e-6).log()


def both_branches(logits_BLV, labels_BL):
    a = logits_BLV.float()
    s = torch.where(a >= 0, a + 1, 1 / (1 - a))
    return -picked(s / s.sum(-1, keepdim=True), labels_BL).log()


@torch.no_grad()
def without_gradient(logits_BLV, labels_BL):
    s = s_of(logits_BLV.float())
    return -picked(s / s.sum(-1, keepdim=True), labels_BL).log()


def sum_detached(logits_BLV, labels_BL):
    s = s_of(logits_BLV.float())
    return -picked(s / s.sum(-1, keepdim=True).detach(), labels_BL).log()


def type_kept(logits_BLV, labels_BL):
    s = s_of(logits_BLV)
    return -picked(s / s.sum(-1, keepdim=True), labels_BL).log()


def labels_ignored(logits_BLV, labels_BL):
    s = s_of(logits_BLV.float())
    return -(s / s.sum(-1, keepdim=True)).amax(-1).log()


def label_of_the_first_cell(logits_BLV, labels_BL):
    s = s_of(logits_BLV.float())
    return -picked(s / s.sum(-1, keepdim=True), labels_BL[:, :1].expand_as(labels_BL)).log()


def rounded_first(logits_BLV, labels_BL):
    s = s_of(logits_BLV)
    return -picked(s / s.sum(-1, keepdim=True), labels_BL).log().float()


def cut_off_from_bfloat16(logits_BLV, labels_BL):
    with torch.no_grad():
        a = logits_BLV.float()  # of float32 that is the same tensor
    s = s_of(a)
    return -picked(s / s.sum(-1, keepdim=True), labels_BL).log()


EXERCISE = Code(
    number="5.1",
    title="stablemax_cross_entropy",
    kind="implement",
    minutes=10,
    difficulty=2,
    statement=STATEMENT,
    hints=(
        (
            "Four lines: the scores in float32, their s, the probabilities, minus the logarithm of"
            " one of them."
        ),
        (
            "`torch.where(a >= 0, a + 1, 1 / (1 - a.clamp(max=0)))` is s without the trap. Divide"
            " by its sum over the last axis, with keepdim=True."
        ),
        (
            "`p.gather(-1, labels_BL.unsqueeze(-1)).squeeze(-1)` picks the probability of the right"
            " token in each cell."
        ),
    ),
    stub=stablemax_cross_entropy,
    package=losses.stablemax_cross_entropy,
    probe=probe,
    wrong={
        mean_of_cells: "one loss for each cell, no mean",
        plus_sign: "the sign is missing",
        no_logarithm: "that is the probability itself",
        other_base: "each token has probability 1/7",
        squeezed: "scores of shape [1, 1, 3] give",
        over_cells: "sum over the 7 tokens",
        softmax: "that is softmax",
        no_plus_one: "scores at or above 0",
        negatives_cut_off: "scores below 0",
        inside_the_logarithm: "add nothing to the probability",
        both_branches: "divides by zero there",
        without_gradient: "no gradient flows from the loss",
        sum_detached: "the gradient that comes back from it is another one",
        type_kept: "scores in bfloat16 give a loss in",
        rounded_first: "with two or three digits",
        cut_off_from_bfloat16: "no gradient flows back to scores in bfloat16",
        labels_ignored: "other labels give the same losses",
        label_of_the_first_cell: "that cell's own token",
    },
    names="import torch\nfrom torch.nn import functional as F",
)
