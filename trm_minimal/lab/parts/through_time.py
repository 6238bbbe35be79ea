"""Training through time: one update whose gradient runs through every supervision step, where TRM cuts it after each.

Dimension key: B batch, L cells, D width.
"""

import torch
from torch import Tensor

from trm_minimal.losses import answer_loss, exact_match
from trm_minimal.train import TrainState, descend


def through_time(recipe, state: TrainState) -> tuple[Tensor, Tensor, Tensor]:
    """Fresh puzzles, N_sup supervision steps, and one update by the mean of their losses; nothing is detached.

    The `update` of a recipe, as train.train_step is, and with its answer: (mean loss, puzzles that ended, those of them
    right). All puzzles end after N_sup steps, so the Q head has no work and learns nothing.
    """
    model, depth = state.model, recipe.depth(state.step, state.generators["depth"])
    left = min(recipe.steps - state.step, recipe.eval_every - state.step % recipe.eval_every)
    inputs_BL, labels_BL = state.batches.next(left)
    y_BLD, z_BLD = model.initial_states(inputs_BL, state.generators["init"])
    losses = []
    for _ in range(recipe.N_sup):
        x_BLD = model.input_embedding(inputs_BL)
        y_BLD, z_BLD = model.recursion(model.net, x_BLD, y_BLD, z_BLD, *depth, grad_rounds=depth.T)
        logits_BLV, _ = model.read(y_BLD)
        losses.append(answer_loss(recipe.cross_entropy, logits_BLV, labels_BL).mean())
    loss = torch.stack(losses).mean()
    descend(recipe, state, loss)
    state.step += 1
    solved_B = exact_match(logits_BLV.detach(), labels_BL)
    return loss.detach(), torch.tensor(len(solved_B)), solved_B.sum()
