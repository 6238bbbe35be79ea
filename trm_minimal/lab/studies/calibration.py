"""Does a claimed probability come true that often?

Reliability by bins, and one number for it (Guo et al. 2017).
"""

from typing import NamedTuple

from torch import Tensor


class Bin(NamedTuple):
    """The claims that fall between two bounds, and what became of them."""

    low: float
    high: float
    claimed: float  # the mean of the claims
    count: int
    right: int  # how many came true


def reliability(p_N: Tensor, right_N: Tensor, bins: int = 10) -> list[Bin]:
    """Claims p from 0 to 1 in bins of equal width, and which came true (bool).

    Empty bins are left out.
    """
    p_N, index_N = p_N.double(), (p_N * bins).long().clamp(max=bins - 1)
    found = []
    for i in index_N.unique().tolist():
        here_N = index_N == i
        counts = int(here_N.sum()), int(right_N[here_N].sum())
        found.append(Bin(i / bins, (i + 1) / bins, float(p_N[here_N].mean()), *counts))
    return found


def calibration_error(bins: list[Bin]) -> float:
    """Expected calibration error: the gap between claim and truth, averaged over all claims, bin by
    bin.
    """
    total = sum(found.count for found in bins)
    return sum(abs(found.claimed * found.count - found.right) for found in bins) / total
