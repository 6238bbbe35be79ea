"""Positions on a board that are not the paper's: rows and columns apart.

Dimension key: B batch, L cells (here with the prefix), D width, H heads, K head width.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from trm_minimal.layers import Rotary, truncated_normal_


class GridRotary(Rotary):
    """Rotary positions on a square board: half of each head turns with the row, half with the
    column.

    So what a head sees depends on how far away a cell is and in which direction. The prefix lies in
    rows above the board. The base is small: a board has few rows.
    """

    def __init__(self, head_dim: int, length: int, side: int, base: float = 100.0):
        if head_dim % 4:
            raise ValueError(
                f"a head of width {head_dim} cannot turn with rows and columns; take a multiple"
                " of 4"
            )
        self.side = side
        super().__init__(head_dim, length, base)

    def angles(self, head_dim: int, length: int, base: float) -> Tensor:
        cell_L = torch.arange(length) - (length - self.side**2)
        speed_k = base ** (-torch.arange(0, head_dim, 4).float() / head_dim)
        places = (cell_L.div(self.side, rounding_mode="floor"), cell_L % self.side)
        return torch.cat([torch.outer(place_L.float(), speed_k) for place_L in places], dim=1)


class RowColumnPositions(nn.Module):
    """Add a learned vector for the row and one for the column of each cell of a board; the prefix
    gets none.
    """

    def __init__(self, dim: int, prefix: int, length: int, columns: int):
        super().__init__()
        self.prefix, self.rows, self.columns = prefix, length // columns, columns
        self.row_D = nn.Parameter(
            truncated_normal_(torch.empty(self.rows, dim), 1 / math.sqrt(dim))
        )
        self.column_D = nn.Parameter(
            truncated_normal_(torch.empty(columns, dim), 1 / math.sqrt(dim))
        )

    def forward(self, x_BLD: Tensor) -> Tensor:
        place_LD = (self.row_D.unsqueeze(1) + self.column_D.unsqueeze(0)).flatten(0, 1)
        return (x_BLD + F.pad(place_LD, (0, 0, self.prefix, 0))) * math.sqrt(0.5)
