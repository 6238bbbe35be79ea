"""Other numbers of states and nets than the paper's two states and one net (paper section 4.2, 4.3, Tables 1 and 2).

Each recursion has the signature of `deep_recursion` and makes as many net calls, T (n + 1).

Dimension key: B batch, L cells (with the prefix), D width, N latents.
"""

import torch
from torch import Tensor, nn

from trm_minimal.model import TinyNet


def _rounds(one_round, y, z, T: int, grad_rounds: int):
    """T rounds of (y, z) -> (y, z), of which only the last `grad_rounds` carry gradient."""
    with torch.no_grad():
        for _ in range(T - grad_rounds):
            y, z = one_round(y, z)
    for _ in range(min(grad_rounds, T)):
        y, z = one_round(y, z)
    return y, z


def single_latent(net, x, y, z, n, T, grad_rounds=1):
    """One state for all: n + 1 times z = net(z, x), and z is the answer, too (paper Table 2; official trm_singlez)."""

    def one_round(_, z):
        for _ in range(n + 1):
            z = net(z, x)
        return z, z

    return _rounds(one_round, y, z, T, grad_rounds)


def several_latents(net, x, y, z, n, T, grad_rounds=1):
    """A latent of its own for each of the n updates: z_i = net(z_i, x + y + the other latents), then y reads them all.

    z holds the n latents one behind the other, [B, n L, D]: build the model with latents=n (paper Table 2, "multi-scale
    z"; official trm_hier6).
    """

    def one_round(y, z):
        latents = list(z.chunk(n, dim=1))
        for i in range(n):
            others = sum(latents[:i] + latents[i + 1 :])
            latents[i] = net(latents[i], x + y + others)
        return net(y, sum(latents)), torch.cat(latents, dim=1)

    return _rounds(one_round, y, z, T, grad_rounds)


class TwoNets(nn.Module):
    """A net for the latent and another for the answer, both as TinyNet is built (HRM's f_L and f_H)."""

    def __init__(self, *parts):
        super().__init__()
        self.latent, self.answer = TinyNet(*parts), TinyNet(*parts)

    def forward(self, state_BLD: Tensor, injection_BLD: Tensor) -> Tensor:
        raise TypeError("TwoNets has two jobs and two nets; train it with recursion=two_net_recursion")


def two_net_recursion(net: TwoNets, x, y, z, n, T, grad_rounds=1):
    """deep_recursion with a net for each of the two jobs."""

    def one_round(y, z):
        for _ in range(n):
            z = net.latent(z, x + y)
        return net.answer(y, z), z

    return _rounds(one_round, y, z, T, grad_rounds)
