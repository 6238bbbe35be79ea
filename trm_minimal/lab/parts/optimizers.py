"""Optimizers beyond the paper's AdamW, as parts of a recipe: called with the named weights."""

from collections.abc import Callable, Iterable
from functools import partial

import torch
from torch import nn

Named = Iterable[tuple[str, nn.Parameter]]


class OptimizersByWeight:
    """Several optimizers as one: each weight goes to the first whose condition it meets.

    parts: (condition (name, weight) -> bool, optimizer of a list of weights). An optimizer without
    weights is left out; ValueError when a weight meets no condition. What training asks of an
    optimizer is here: param_groups, step, zero_grad, state_dict, load_state_dict.
    """

    def __init__(self, named: Named, parts: Iterable[tuple[Callable, Callable]]):
        parts = list(parts)
        groups: list[list[nn.Parameter]] = [[] for _ in parts]
        for name, weight in named:
            chosen = [i for i, (meets, _) in enumerate(parts) if meets(name, weight)]
            if not chosen:
                raise ValueError(f"no optimizer takes {name}; let the last one take every weight")
            groups[chosen[0]].append(weight)
        pairs = zip(parts, groups, strict=True)
        self.optimizers = [make(weights) for (_, make), weights in pairs if weights]

    @property
    def param_groups(self) -> list[dict]:
        """Those of all. (torch makes new ones when a state is loaded, so none are kept here.)"""
        return [group for optimizer in self.optimizers for group in optimizer.param_groups]

    def step(self) -> None:
        for optimizer in self.optimizers:
            optimizer.step()

    def zero_grad(self) -> None:
        for optimizer in self.optimizers:
            optimizer.zero_grad()

    def _numbered(self) -> Iterable[tuple[torch.optim.Optimizer, int, int]]:
        """Each optimizer with the number of its first weight, and of the one after its last."""
        first = 0
        for optimizer in self.optimizers:
            count = sum(len(group["params"]) for group in optimizer.param_groups)
            yield optimizer, first, first + count
            first += count

    def state_dict(self) -> dict:
        """As torch's, without the groups: the weights are numbered on from one to the next."""
        return {
            "state": {
                first + index: slots
                for optimizer, first, _ in self._numbered()
                for index, slots in optimizer.state_dict()["state"].items()
            }
        }

    def load_state_dict(self, given: dict) -> None:
        for optimizer, first, end in self._numbered():
            slots = {i - first: slot for i, slot in given["state"].items() if first <= i < end}
            optimizer.load_state_dict(optimizer.state_dict() | {"state": slots})


def is_net_matrix(name: str, weight: nn.Parameter) -> bool:
    """Whether it is a hidden matrix: what Muon is meant for."""
    return name.startswith("net.") and weight.ndim == 2


def is_weight(name: str, weight: nn.Parameter) -> bool:
    """Every weight is."""
    return True


def muon_adamw(
    named: Named, lr: float, betas=(0.9, 0.95), weight_decay=0.1, momentum=0.95
) -> OptimizersByWeight:
    """Muon (Jordan et al. 2024; torch.optim.Muon) for the matrices of the net, AdamW for the rest.

    Muon steps along the momentum with all its singular values made nearly equal, so that no
    direction of a matrix is left behind; it is not for embeddings, heads and biases. Its step is
    scaled to the usual size of AdamW's, so one learning rate serves both.
    """
    settings = {"lr": lr, "weight_decay": weight_decay}
    muon = partial(torch.optim.Muon, momentum=momentum, adjust_lr_fn="match_rms_adamw", **settings)
    adamw = partial(torch.optim.AdamW, betas=betas, **settings)
    return OptimizersByWeight(named, ((is_net_matrix, muon), (is_weight, adamw)))
