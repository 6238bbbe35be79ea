"""How a state meets its proposal: (dim) -> Module, (state, proposal) -> state.

`Replace` is the paper.

Dimension key: B batch, L cells, D width.
"""

import torch
from torch import Tensor, nn


class Replace(nn.Module):
    """The paper: the proposal is the new state."""

    def __init__(self, dim: int):
        super().__init__()

    def forward(self, state: Tensor, proposal: Tensor) -> Tensor:
        return proposal


class Residual(nn.Module):
    """Add the proposal, times a fixed scale. With scale 1 the state grows with every call."""

    def __init__(self, dim: int, scale: float = 1.0):
        super().__init__()
        self.scale = scale

    def forward(self, state: Tensor, proposal: Tensor) -> Tensor:
        return state + self.scale * proposal


class LayerScale(nn.Module):
    """Add the proposal, times a learned scale for each feature that starts small."""

    def __init__(self, dim: int, start: float = 0.1):
        super().__init__()
        self.gamma_D = nn.Parameter(torch.full((dim,), start))

    def forward(self, state_BLD: Tensor, proposal_BLD: Tensor) -> Tensor:
        return state_BLD + self.gamma_D * proposal_BLD


class FixedGate(nn.Module):
    """A fixed share of the way from the state to the proposal; a share of 1 is `Replace`."""

    def __init__(self, dim: int, gate: float = 0.5):
        super().__init__()
        self.gate = gate

    def forward(self, state: Tensor, proposal: Tensor) -> Tensor:
        return torch.lerp(state, proposal.to(state.dtype), self.gate)


class Gated(nn.Module):
    """A learned share of the way, for each cell and feature, read from both.

    `bias` opens the gate at the start.
    """

    def __init__(self, dim: int, bias: float = 0.0):
        super().__init__()
        self.gate = nn.Linear(2 * dim, dim)
        nn.init.constant_(self.gate.bias, bias)

    def forward(self, state_BLD: Tensor, proposal_BLD: Tensor) -> Tensor:
        gate_BLD = torch.sigmoid(
            self.gate(torch.cat((state_BLD, proposal_BLD.to(state_BLD.dtype)), dim=-1))
        )
        return torch.lerp(state_BLD, proposal_BLD.to(state_BLD.dtype), gate_BLD.to(state_BLD.dtype))
