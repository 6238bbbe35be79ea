"""Blocks that are not the paper's. A block is (dim, length) -> Module, as in layers.py.

Dimension key: B batch, L cells (here with the prefix), D width, R rows, C columns.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from trm_minimal.layers import Linear, PostNorm, Rotary, SelfAttention, SwiGLU, Transposed, rms_norm


class GridConvolution(nn.Module):
    """A cell of a square board reads itself and its eight neighbours; a prefix position reads the
    board's mean.
    """

    def __init__(self, dim: int, length: int, side: int):
        super().__init__()
        self.side, self.prefix = side, length - side**2
        self.near, self.board = Linear(9 * dim, dim), Linear(dim, dim)

    def forward(self, x_BLD: Tensor) -> Tensor:
        cells_BLD = x_BLD[:, self.prefix :]
        grid_BDRC = cells_BLD.mT.unflatten(2, (self.side, self.side))
        near_BDRC = F.conv2d(grid_BDRC, self.near.weight.unflatten(1, (-1, 3, 3)), padding=1)
        board_BLD = self.board(cells_BLD.mean(1, keepdim=True)).expand(-1, self.prefix, -1)
        return torch.cat((board_BLD, near_BDRC.flatten(2).mT), dim=1)


def grid_convolution(dim: int, length: int, side: int, multiple: int = 256) -> nn.Module:
    """Mix cells by a 3x3 convolution, then features cell by cell.

    The first norm is over positions, as in mlp_mixer.
    """
    return nn.Sequential(
        Transposed(PostNorm(Transposed(GridConvolution(dim, length, side)))),
        PostNorm(SwiGLU(dim, multiple=multiple)),
    )


def grid_convolution_over_width(dim: int, length: int, side: int, multiple: int = 256) -> nn.Module:
    """grid_convolution with its first norm over the width of each cell."""
    return nn.Sequential(
        PostNorm(GridConvolution(dim, length, side)), PostNorm(SwiGLU(dim, multiple=multiple))
    )


class PreNorm(nn.Module):
    """x + f(norm(x)).

    What is added is tame, but nothing holds the sum: x grows with every part it passes.
    """

    def __init__(self, inner: nn.Module):
        super().__init__()
        self.inner = inner

    def forward(self, x: Tensor) -> Tensor:
        return x + self.inner(rms_norm(x))


class NoSkip(PreNorm):
    """f(norm(x)): the old x is gone."""

    def forward(self, x: Tensor) -> Tensor:
        return self.inner(rms_norm(x))


class FinalNorm(PreNorm):
    """norm(f(x))."""

    def forward(self, x: Tensor) -> Tensor:
        return rms_norm(self.inner(x))


def attention_block(
    dim: int, length: int, wrap=PostNorm, heads: int = 8, rotation=Rotary, multiple: int = 256
):
    """layers.transformer with another wrapping around its two parts; with PostNorm it is that
    block.
    """
    return nn.Sequential(
        wrap(SelfAttention(dim, length, heads, rotation)), wrap(SwiGLU(dim, multiple=multiple))
    )


def normed(dim: int, length: int, block) -> nn.Module:
    """A block with a norm after its last part."""
    return FinalNorm(block(dim, length))


def mixer_over_width(dim: int, length: int, multiple: int = 256) -> nn.Module:
    """mlp_mixer with its first norm over the width of each cell, where the official one is over the
    positions.
    """
    return nn.Sequential(
        PostNorm(Transposed(SwiGLU(length, multiple=multiple))),
        PostNorm(SwiGLU(dim, multiple=multiple)),
    )


def attention_over_positions(
    dim: int, length: int, heads: int = 8, rotation=Rotary, multiple: int = 256
) -> nn.Module:
    """layers.transformer with its first norm over the positions, as the mixer has it."""
    attention = Transposed(SelfAttention(dim, length, heads, rotation))
    return nn.Sequential(Transposed(PostNorm(attention)), PostNorm(SwiGLU(dim, multiple=multiple)))
