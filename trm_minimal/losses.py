"""What the model is taught: every cell right, and to know when the whole puzzle is right.

Dimension key: B batch, L cells, V vocabulary. Cells whose label is `ignored` (padding, 0) do not
count.
"""

import torch.nn.functional as F
from torch import Tensor


def softmax_cross_entropy(logits_BLV: Tensor, labels_BL: Tensor) -> Tensor:
    """Loss of each cell, [B, L], float32. The paper's pseudocode."""
    log_p_BLV = logits_BLV.float().log_softmax(-1)
    return -log_p_BLV.gather(-1, labels_BL.unsqueeze(-1)).squeeze(-1)


def stablemax_cross_entropy(logits_BLV: Tensor, labels_BL: Tensor) -> Tensor:
    """Loss of each cell, [B, L], float32. The official code and the paper's runs.

    Softmax with exp(x) replaced by s(x) = x + 1 for x >= 0 and 1 / (1 - x) below, so that
    probabilities cannot saturate. In logarithms, log s(x) = log(1 + x) or -log(1 - x): float32 is
    enough (the official code uses float64).
    """
    x_BLV = logits_BLV.float()
    log_s_BLV = x_BLV.clamp(min=0).log1p() - F.relu(-x_BLV).log1p()
    log_p_BLV = log_s_BLV - log_s_BLV.exp().sum(-1, keepdim=True).log()
    return -log_p_BLV.gather(-1, labels_BL.unsqueeze(-1)).squeeze(-1)


def answer_loss(cross_entropy, logits_BLV: Tensor, labels_BL: Tensor, ignored: int = 0) -> Tensor:
    """Loss of each puzzle, [B]: the mean over its counted cells, givens and walls included
    (official losses.py).
    """
    counted_BL = labels_BL != ignored
    loss_BL = cross_entropy(logits_BLV, labels_BL.where(counted_BL, 0)) * counted_BL
    return loss_BL.sum(-1) / counted_BL.sum(-1).clamp(min=1)


def exact_match(logits_BLV: Tensor, labels_BL: Tensor, ignored: int = 0) -> Tensor:
    """Bool [B]: is every counted cell right?"""
    return ((logits_BLV.argmax(-1) == labels_BL) | (labels_BL == ignored)).all(-1)


def halting_loss(q_B: Tensor, solved_B: Tensor) -> Tensor:
    """Loss of each puzzle, [B]: does the logit q say whether the answer is exactly right, now?"""
    return F.binary_cross_entropy_with_logits(q_B.float(), solved_B.float(), reduction="none")


def supervision_loss(
    cross_entropy, logits_BLV, q_B, labels_BL, ignored: int = 0, q_weight: float = 0.5
) -> tuple[Tensor, Tensor]:
    """(loss of each puzzle [B], solved [B]): answer + q_weight * halting.

    The official code weighs halting with 0.5, the paper's text with 1.
    """
    solved_B = exact_match(logits_BLV.detach(), labels_BL, ignored)
    loss_B = answer_loss(cross_entropy, logits_BLV, labels_BL, ignored)
    return loss_B + q_weight * halting_loss(q_B, solved_B), solved_B


def answer_and_halting_loss(
    recipe, model, carry, prediction, depth, q_weight: float = 0.5
) -> tuple[Tensor, Tensor, Tensor]:
    """(loss [B], q [B], solved [B]) of one supervision step: the paper's, as the `loss` of a
    recipe.

    Such a part sees the slots (`carry`: labels, and the supervision steps done before this one) and
    may ask `model(carry.inputs, y, z, *depth)` for more; q is what the slots halt by.
    """
    q_B = prediction.q
    loss_B, solved_B = supervision_loss(
        recipe.cross_entropy, prediction.logits, q_B, carry.labels, q_weight=q_weight
    )
    return loss_B, q_B, solved_B
