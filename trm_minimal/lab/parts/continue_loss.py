"""Halting as HRM learns it: a second output says what going on is worth ("w/ ACT" in the paper's Table 1).

Dimension key: B batch (slots).
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from trm_minimal.halting import Carry, refill
from trm_minimal.losses import supervision_loss
from trm_minimal.train import TrainState, descend


def continue_target(next_q_logits_B2: Tensor, last_B: Tensor) -> Tensor:
    """Share [B] that going on is worth: the better of halting and going on after one more step; halting at the last."""
    halt_B, go_on_B = next_q_logits_B2.unbind(1)
    return torch.sigmoid(torch.where(last_B, halt_B, torch.maximum(halt_B, go_on_B)))


def train_step_with_continue(recipe, state: TrainState) -> tuple[Tensor, Tensor, Tensor]:
    """As train.train_step in one process and float32, with HRM's Q-learning; needs q_outputs=2.

    A second pass of the net, without gradient, looks one supervision step ahead for the target, and a slot halts where
    halting is worth more than going on (HRM paper section 2, "adaptive computation time").
    """
    model, draw, depth = state.model, state.generators, recipe.depth(state.step, state.generators["depth"])
    left = min(recipe.steps - state.step, recipe.eval_every - state.step % recipe.eval_every)
    carry = refill(model, state.carry, *state.batches.next(left), draw["init"])
    prediction = model(carry.inputs, carry.y, carry.z, *depth, grad_rounds=recipe.grad_rounds)
    halt_B, go_on_B = prediction.q_logits.unbind(1)
    loss_B, solved_B = supervision_loss(recipe.cross_entropy, prediction.logits, halt_B, carry.labels)

    with torch.no_grad():
        ahead = model(carry.inputs, prediction.y, prediction.z, *depth)
        target_B = continue_target(ahead.q_logits, carry.steps + 1 >= recipe.N_sup)
    loss_B = loss_B + 0.5 * F.binary_cross_entropy_with_logits(go_on_B, target_B, reduction="none")
    descend(recipe, state, loss_B.mean())

    steps_B = carry.steps + 1
    halted_B = recipe.halting((halt_B - go_on_B).detach(), steps_B, recipe.N_sup, draw["halting"])
    state.carry = Carry(carry.inputs, carry.labels, prediction.y, prediction.z, steps_B, halted_B)
    state.step += 1
    return loss_B.detach().mean(), halted_B.sum(), (solved_B.bool() & halted_B).sum()
