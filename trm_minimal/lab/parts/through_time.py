"""Training through time: one update whose gradient runs through every supervision step, where TRM
cuts it after each.

Dimension key: B batch, L cells, D width.
"""

import torch
from torch import Tensor

from trm_minimal.errors import BadInput
from trm_minimal.losses import answer_and_halting_loss, answer_loss, exact_match
from trm_minimal.schedules import full_budget
from trm_minimal.state import TrainState
from trm_minimal.train import descend, next_carry


def through_time(recipe, state: TrainState) -> tuple[Tensor, Tensor, Tensor]:
    """Fresh puzzles, N_sup supervision steps, and one update by the mean of their losses; nothing
    is detached.

    The `update` of a recipe, as train.train_step is, and with its answer: (mean loss, puzzles that
    ended, those of them right). All puzzles end after N_sup steps, so the Q head has no work and
    learns nothing.
    """
    ignored = (recipe.precision, recipe.loss, recipe.grad_rounds, recipe.budget)
    if ignored != (torch.float32, answer_and_halting_loss, 1, full_budget):
        raise BadInput(
            "through_time trains in float32, by the loss of the answer, through all rounds of all "
            "steps; leave precision, loss, grad_rounds and budget out of the recipe"
        )
    model, depth = state.model, recipe.depth(state.step, state.generators["depth"])
    carry = next_carry(recipe, state)  # no slot goes on, so all are fresh
    y_BLD, z_BLD = carry.y, carry.z
    losses = []
    for _ in range(recipe.N_sup):
        x_BLD = model.input_embedding(carry.inputs, state.ids_B)
        y_BLD, z_BLD = model.recursion(model.net, x_BLD, y_BLD, z_BLD, *depth, grad_rounds=depth.T)
        logits_BLV, _ = model.read(y_BLD)
        losses.append(answer_loss(recipe.cross_entropy, logits_BLV, carry.labels).mean())
    loss = torch.stack(losses).mean()
    descend(recipe, state, loss)
    state.step += 1
    solved_B = exact_match(logits_BLV.detach(), carry.labels)
    return loss.detach(), torch.tensor(len(solved_B)), solved_B.sum()
