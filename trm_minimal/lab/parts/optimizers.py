"""An optimizer beyond the paper's AdamW, as a part of a recipe."""

from collections.abc import Iterable

import torch
from torch import nn


class MuonAdamW:
    """Muon (Jordan et al. 2024; torch.optim.Muon) for the matrices of the net, AdamW for all that is left.

    Muon steps along the momentum with all its singular values made nearly equal, so that no direction of a matrix is
    left behind; it is meant for hidden matrices, not for embeddings, heads and biases. Its step is scaled to the usual
    size of AdamW's, so one learning rate serves both.
    """

    def __init__(
        self, named: Iterable[tuple[str, nn.Parameter]], lr: float, betas=(0.9, 0.95), weight_decay=0.1, momentum=0.95
    ):
        matrices, rest = [], []
        for name, weight in named:
            (matrices if name.startswith("net.") and weight.ndim == 2 else rest).append(weight)
        scaled = {"momentum": momentum, "adjust_lr_fn": "match_rms_adamw"}
        self.muon = torch.optim.Muon(matrices, lr=lr, weight_decay=weight_decay, **scaled)
        self.adamw = torch.optim.AdamW(rest, lr=lr, betas=betas, weight_decay=weight_decay)

    @property
    def param_groups(self) -> list[dict]:
        """Those of both. (torch makes new ones when a state is loaded, so none are kept here.)"""
        return self.muon.param_groups + self.adamw.param_groups

    def step(self) -> None:
        self.muon.step()
        self.adamw.step()

    def zero_grad(self) -> None:
        self.muon.zero_grad()
        self.adamw.zero_grad()

    def state_dict(self) -> dict:
        """As torch's, without the groups: AdamW's weights are numbered on from Muon's."""
        muon, adamw = self.muon.state_dict()["state"], self.adamw.state_dict()["state"]
        return {"state": muon | {self.matrices + index: slots for index, slots in adamw.items()}}

    def load_state_dict(self, given: dict) -> None:
        slots = given["state"].items()
        muon = {index: slot for index, slot in slots if index < self.matrices}
        adamw = {index - self.matrices: slot for index, slot in slots if index >= self.matrices}
        self.muon.load_state_dict(self.muon.state_dict() | {"state": muon})
        self.adamw.load_state_dict(self.adamw.state_dict() | {"state": adamw})

    @property
    def matrices(self) -> int:
        """How many weights Muon has."""
        return len(self.muon.param_groups[0]["params"])
