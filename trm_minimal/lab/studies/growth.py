"""How states and gradients grow through the calls of the net, and where the gates stand: looked at,
not trained.

Dimension key: B batch, L cells, D width, K net calls.
"""

from copy import deepcopy
from typing import NamedTuple

import torch
from torch import Tensor

from trm_minimal.losses import answer_loss
from trm_minimal.model import TinyRecursiveModel
from trm_minimal.schedules import Depth


class Growth(NamedTuple):
    """After each of the K = N_sup T (n + 1) net calls, in order."""

    state_K: Tensor  # root mean square of the new state
    # norm of the gradient of the last step's loss with respect to it; nan if it does not reach it
    gradient_K: Tensor


def growth(
    model: TinyRecursiveModel,
    inputs_BL: Tensor,
    labels_BL: Tensor,
    N_sup: int,
    depth: Depth,
    cross_entropy,
) -> Growth:
    """One pass, and one backward of the *last* supervision step's loss through all calls; the model
    stays as it was.
    """
    states = []

    def net(state_BLD: Tensor, injection_BLD: Tensor) -> Tensor:
        states.append(model.net(state_BLD, injection_BLD))
        return states[-1]

    y_BLD, z_BLD = model.initial_states(inputs_BL)
    for _ in range(N_sup):
        x_BLD = model.input_embedding(inputs_BL)
        y_BLD, z_BLD = model.recursion(net, x_BLD, y_BLD, z_BLD, *depth, grad_rounds=depth.T)
    loss = answer_loss(cross_entropy, model.read(y_BLD)[0], labels_BL).mean()
    gradients = torch.autograd.grad(loss, states, allow_unused=True)
    return Growth(
        torch.stack([state_BLD.detach().square().mean().sqrt() for state_BLD in states]),
        torch.stack([loss.new_tensor(torch.nan) if g is None else g.norm() for g in gradients]),
    )


@torch.inference_mode()
def gates(model: TinyRecursiveModel, inputs_BL: Tensor, N_sup: int, depth: Depth) -> Tensor:
    """Every value of a `Gated` recurrence's gate, [K, B, L, D]: 0 keeps the state, 1 takes the
    proposal.
    """
    seen, model = [], deepcopy(model)  # a hook may stand on a copy only: the model may be in use
    gate = model.net.recurrence.gate
    gate.register_forward_hook(lambda _, given, out: seen.append(out.sigmoid()))
    for _ in model.deep_supervision(inputs_BL, N_sup, *depth):
        pass
    return torch.stack(seen)
