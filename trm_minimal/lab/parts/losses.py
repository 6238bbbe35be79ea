"""Losses that are not TRM's: each is the `loss` of a recipe, as losses.answer_and_halting_loss.

Dimension key: B batch (slots).
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from trm_minimal.errors import BadInput
from trm_minimal.losses import supervision_loss


def continue_target(next_q_logits_B2: Tensor, last_B: Tensor) -> Tensor:
    """Share [B] that going on is worth: the better of halting and going on after one more step.

    At the last step it is what halting is worth.
    """
    halt_B, go_on_B = next_q_logits_B2.unbind(1)
    return torch.sigmoid(torch.where(last_B, halt_B, torch.maximum(halt_B, go_on_B)))


def continue_loss(recipe, model, carry, prediction, depth) -> tuple[Tensor, Tensor, Tensor]:
    """Halting as HRM learns it ("w/ ACT" in the TRM paper's Table 1); needs q_outputs=2.

    A second pass, without gradient, looks one supervision step ahead for the target of the second
    output, "continue"; a slot halts where halting is worth more than going on (HRM paper section 2,
    "adaptive computation time").
    """
    if prediction.q_logits.shape[1] != 2:
        raise BadInput("the continue loss reads two halting outputs; give the recipe q_outputs=2")
    halt_B, go_on_B = prediction.q_logits.unbind(1)
    loss_B, solved_B = supervision_loss(
        recipe.cross_entropy, prediction.logits, halt_B, carry.labels
    )
    with torch.no_grad():
        ahead = model(carry.inputs, prediction.y, prediction.z, *depth)
        target_B = continue_target(ahead.q_logits, carry.steps + 1 >= recipe.N_sup)
    go_on_loss_B = F.binary_cross_entropy_with_logits(go_on_B, target_B, reduction="none")
    return loss_B + 0.5 * go_on_loss_B, halt_B - go_on_B, solved_B
