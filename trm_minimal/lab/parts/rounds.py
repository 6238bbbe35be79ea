"""Rounds that are not the paper's: (net, x, y, z, n) -> (y, z), as recursion.latent_recursion.

A round goes into `partial(deep_recursion, one_round=...)`. Each makes n + 1 calls of a net (paper
section 4.2, 4.3, Tables 1 and 2).

Dimension key: B batch, L cells (with the prefix), D width.
"""

import torch
from torch import Tensor, nn

from trm_minimal.model import TinyNet


def single_z(net, x, y, z, n):
    """One state for all: z = net(z, x), and z is the answer, too (Table 2; trm_singlez)."""
    for _ in range(n + 1):
        z = net(z, x)
    return z, z


def several_z(net, x, y, z, n):
    """A latent of its own for each of the n updates: z_i = net(z_i, x + y + the other latents).

    Then y reads them all. z holds the n latents one behind the other, [B, n L, D]: build the model
    with latents=n (Table 2, "multi-scale z"; official trm_hier6).
    """
    latents = list(z.chunk(n, dim=1))
    for i in range(n):
        others = sum(latents[:i] + latents[i + 1 :])
        latents[i] = net(latents[i], x + y + others)
    return net(y, sum(latents)), torch.cat(latents, dim=1)


class TwoNets(nn.Module):
    """A net for the latent and another for the answer, both as TinyNet (HRM's f_L and f_H)."""

    def __init__(self, *parts):
        super().__init__()
        self.latent, self.answer = TinyNet(*parts), TinyNet(*parts)

    def forward(self, state_BLD: Tensor, injection_BLD: Tensor) -> Tensor:
        raise TypeError("TwoNets has two jobs and two nets; train it with one_round=two_nets")


def two_nets(net: TwoNets, x, y, z, n):
    """latent_recursion with a net for each of the two jobs."""
    for _ in range(n):
        z = net.latent(z, x + y)
    return net.answer(y, z), z


def one_step(net, x, y, z, n):
    """Of a round with gradient only the last call for z and the call for y carry it.

    The states are those of latent_recursion, of two nets those of two_nets, bit for bit. This is
    HRM's 1-step approximation (its section 2; "1-step gradient" in Table 1).
    """
    latent, answer = getattr(net, "latent", net), getattr(net, "answer", net)
    with torch.no_grad():
        for _ in range(n - 1):
            z = latent(z, x + y)
    z = latent(z, x + y)
    return answer(y, z), z
