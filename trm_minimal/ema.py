"""A slow copy of the weights.

It never enters the training trajectory; it is a column of the evaluation.
"""

import copy

import torch
from torch import nn


class EMA:
    """shadow = decay * shadow + (1 - decay) * weight after every step, from the initial weights
    (official ema.py).

    Half-life in steps: log(0.5) / log(decay), so 693 at 0.999. Buffers are not averaged.
    """

    def __init__(self, model: nn.Module, decay: float):
        self.decay = decay
        self.model = copy.deepcopy(model).requires_grad_(False)

    @torch.no_grad()
    def update(self, model: nn.Module) -> None:
        for shadow, weight in zip(self.model.parameters(), model.parameters(), strict=True):
            shadow.lerp_(weight, 1 - self.decay)
