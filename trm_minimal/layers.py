"""The parts of the tiny network: norm, SwiGLU, attention, rotary positions, two kinds of block.

Behaviour follows the official code (models/layers.py, commit e7b6871): no biases, no learned norm
scale, post-norm.

Dimension key: B batch, L cells (here with the prefix), D width, F hidden, H heads, K head width, V
vocabulary.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

TRUNCATED_STD = 0.8796256610342398  # the standard deviation of a unit normal cut off at -2 and 2


@torch.no_grad()
def truncated_normal_(tensor: Tensor, std: float) -> Tensor:
    """Fill with a normal cut off at two sigmas, widened so that its standard deviation is `std` (as
    JAX does).

    Written out, because nn.init.trunc_normal_ came to draw otherwise after torch 2.11: a seed must
    stay one model.
    """
    sigma = std / TRUNCATED_STD
    tensor.normal_(0, sigma)
    while not tensor.is_meta and (outside := tensor.abs() > 2 * sigma).any():
        tensor.copy_(torch.where(outside, torch.empty_like(tensor).normal_(0, sigma), tensor))
    return tensor


class Linear(nn.Linear):
    """A linear map with the official start: truncated LeCun normal, std 1/sqrt(fan in); a bias, if
    any, at 0.
    """

    def __init__(self, d_in: int, d_out: int, bias: bool = False):
        super().__init__(d_in, d_out, bias=bias)

    def reset_parameters(self) -> None:
        truncated_normal_(self.weight, 1 / math.sqrt(self.in_features))
        if self.bias is not None:
            nn.init.zeros_(self.bias)


def rms_norm(x: Tensor, eps: float = 1e-5) -> Tensor:
    """Scale the last axis to root mean square 1, in float32. Nothing is learned."""
    x32 = x.float()
    return (x32 * torch.rsqrt(x32.square().mean(-1, keepdim=True) + eps)).to(x.dtype)


class SwiGLU(nn.Module):
    """Gated MLP over the last axis; hidden width 2/3 of 4 D, rounded up to a multiple of 256 (so
    1,536 for D = 512).
    """

    def __init__(self, dim: int, expansion: float = 4, multiple: int = 256):
        super().__init__()
        hidden = math.ceil(round(expansion * dim * 2 / 3) / multiple) * multiple
        self.gate_up = Linear(dim, 2 * hidden)
        self.down = Linear(hidden, dim)

    def forward(self, x_BLD: Tensor) -> Tensor:
        gate_BLF, up_BLF = self.gate_up(x_BLD).chunk(2, dim=-1)
        return self.down(F.silu(gate_BLF) * up_BLF)


class NoRotation(nn.Module):
    """No positions inside attention: queries and keys stay as they are."""

    def __init__(self, head_dim: int, length: int):
        super().__init__()

    def forward(self, x_BHLK: Tensor) -> Tensor:
        return x_BHLK


class Rotary(nn.Module):
    """Rotary positions (base 10,000) over the flat sequence, prefix included (official)."""

    def __init__(self, head_dim: int, length: int, base: float = 10_000.0):
        super().__init__()
        angle_LK = self.angles(head_dim, length, base).repeat(1, 2)
        self.register_buffer("cos_LK", angle_LK.cos(), persistent=False)
        self.register_buffer("sin_LK", angle_LK.sin(), persistent=False)

    def angles(self, head_dim: int, length: int, base: float) -> Tensor:
        speed_k = base ** (-torch.arange(0, head_dim, 2).float() / head_dim)
        return torch.outer(torch.arange(length).float(), speed_k)

    def forward(self, x_BHLK: Tensor) -> Tensor:
        a, b = x_BHLK.chunk(2, dim=-1)
        turned_BHLK = torch.cat((-b, a), dim=-1)
        return (x_BHLK * self.cos_LK + turned_BHLK * self.sin_LK).to(x_BHLK.dtype)


class SelfAttention(nn.Module):
    """Every cell looks at every cell (not causal).

    `rotation` is built as (head width, length) -> Module.
    """

    def __init__(self, dim: int, length: int, heads: int, rotation=Rotary):
        super().__init__()
        if dim % (2 * heads):
            raise ValueError(f"width {dim} must be a multiple of twice the {heads} heads")
        self.heads = heads
        self.qkv = Linear(dim, 3 * dim)
        self.out = Linear(dim, dim)
        self.rotation = rotation(dim // heads, length)

    def forward(self, x_BLD: Tensor) -> Tensor:
        seen_BHLK = F.scaled_dot_product_attention(*self.queries_keys_values(x_BLD))
        return self.out(seen_BHLK.transpose(1, 2).flatten(2))

    def queries_keys_values(self, x_BLD: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Each [B, H, L, K]; queries and keys are rotated."""
        q_BHLK, k_BHLK, v_BHLK = (
            self.qkv(x_BLD).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        )
        return self.rotation(q_BHLK), self.rotation(k_BHLK), v_BHLK


class PostNorm(nn.Module):
    """norm(x + f(x)).

    The norm comes last, so however deep the recursion, a state keeps root mean square 1.
    """

    def __init__(self, inner: nn.Module):
        super().__init__()
        self.inner = inner

    def forward(self, x: Tensor) -> Tensor:
        return rms_norm(x + self.inner(x))


class Transposed(nn.Module):
    """Run a part over the cells instead of the width: [B, L, D] -> [B, D, L] -> part -> back."""

    def __init__(self, inner: nn.Module):
        super().__init__()
        self.inner = inner

    def forward(self, x_BLD: Tensor) -> Tensor:
        return self.inner(x_BLD.transpose(1, 2)).transpose(1, 2)


def mlp_mixer(dim: int, length: int, multiple: int = 256) -> nn.Module:
    """Mix cells by an MLP across positions, then features cell by cell.

    The first norm is over positions (official).
    """
    return nn.Sequential(
        Transposed(PostNorm(SwiGLU(length, multiple=multiple))),
        PostNorm(SwiGLU(dim, multiple=multiple)),
    )


def transformer(
    dim: int, length: int, heads: int = 8, rotation=Rotary, multiple: int = 256
) -> nn.Module:
    """Mix cells by attention, then features cell by cell."""
    return nn.Sequential(
        PostNorm(SelfAttention(dim, length, heads, rotation)),
        PostNorm(SwiGLU(dim, multiple=multiple)),
    )
