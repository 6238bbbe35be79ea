"""The convolution does what its docstring says: near cells for cells, the board's mean for the
prefix.
"""

from functools import partial

import pytest
import torch

from trm_minimal.lab.parts.blocks import (
    GridConvolution,
    attention_over_positions,
    grid_convolution,
    grid_convolution_over_width,
    mixer_over_width,
)
from trm_minimal.layers import mlp_mixer, transformer

SIDE, PREFIX, DIM = 5, 3, 4
LENGTH = PREFIX + SIDE**2


@pytest.fixture
def part() -> GridConvolution:
    torch.manual_seed(0)
    return GridConvolution(DIM, LENGTH, SIDE)


def test_each_cell_by_hand(part):
    x_BLD = torch.randn(2, LENGTH, DIM)
    board, out = x_BLD[:, PREFIX:].view(2, SIDE, SIDE, DIM), part(x_BLD)
    weight = part.near.weight.view(DIM, DIM, 3, 3)
    for row in range(SIDE):
        for column in range(SIDE):
            want = torch.zeros(2, DIM)
            for down in (-1, 0, 1):
                for right in (-1, 0, 1):
                    if 0 <= row + down < SIDE and 0 <= column + right < SIDE:
                        want += (
                            board[:, row + down, column + right]
                            @ weight[:, :, down + 1, right + 1].T
                        )
            assert torch.allclose(out[:, PREFIX + row * SIDE + column], want, atol=1e-5)
    mean_BD = x_BLD[:, PREFIX:].mean(1)
    assert torch.allclose(
        out[:, :PREFIX], part.board(mean_BD)[:, None].expand(-1, PREFIX, -1), atol=1e-6
    )


def test_the_block_reaches_two_cells_in_two_layers_and_no_farther():
    """But for the norm, which scales a feature by all its cells: so the gradient is asked of the
    part, twice.
    """
    torch.manual_seed(0)
    one, two = GridConvolution(DIM, LENGTH, SIDE), GridConvolution(DIM, LENGTH, SIDE)
    x_BLD = torch.randn(1, LENGTH, DIM, requires_grad=True)
    two(one(x_BLD))[0, PREFIX].sum().backward()  # the corner of the board
    reached = x_BLD.grad[0, PREFIX:].abs().sum(-1).view(SIDE, SIDE) > 0
    assert reached[:3, :3].all() and reached.sum() == 9


def test_the_first_norm_is_over_positions_and_the_last_over_features():
    torch.manual_seed(0)
    block = grid_convolution(DIM, LENGTH, SIDE, multiple=8)
    x_BLD = torch.randn(2, LENGTH, DIM)
    mixed_BLD = block[0](x_BLD)
    assert torch.allclose(mixed_BLD.square().mean(1), torch.ones(2, DIM), atol=1e-3)
    assert torch.allclose(block(x_BLD).square().mean(2), torch.ones(2, LENGTH), atol=1e-3)


@pytest.mark.parametrize(
    ("block", "over"),
    [
        (partial(grid_convolution, side=SIDE, multiple=8), 1),
        (partial(grid_convolution_over_width, side=SIDE, multiple=8), 2),
        (partial(mlp_mixer, multiple=8), 1),
        (partial(mixer_over_width, multiple=8), 2),
        (partial(transformer, heads=1, multiple=8), 2),
        (partial(attention_over_positions, heads=1, multiple=8), 1),
    ],
)
def test_over_what_the_first_norm_is(block, over):
    """Over positions (1) or over the width (2): there, and only there, the mean square is one."""
    torch.manual_seed(0)
    mixed_BLD = block(DIM, LENGTH)[0](torch.randn(2, LENGTH, DIM)).detach()
    for axis in (1, 2):
        mean = mixed_BLD.square().mean(axis)
        assert torch.allclose(mean, torch.ones_like(mean), atol=1e-3) == (axis == over)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (partial(mlp_mixer, multiple=8), partial(mixer_over_width, multiple=8)),
        (
            partial(transformer, heads=1, multiple=8),
            partial(attention_over_positions, heads=1, multiple=8),
        ),
        (
            partial(grid_convolution, side=SIDE, multiple=8),
            partial(grid_convolution_over_width, side=SIDE, multiple=8),
        ),
    ],
)
def test_the_other_norm_costs_no_weight(one, other):
    sizes = [
        sorted(tuple(weight.shape) for weight in block(DIM, LENGTH).parameters())
        for block in (one, other)
    ]
    assert sizes[0] == sizes[1]
