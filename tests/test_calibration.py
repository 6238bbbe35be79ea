"""Reliability bins and the calibration error, by hand and for claims that are true by
construction.
"""

import pytest
import torch

from trm_minimal.lab.studies.calibration import Bin, calibration_error, reliability


def test_bins_by_hand():
    p, right = (
        torch.tensor([0.05, 0.15, 0.55, 0.45, 1.0]),
        torch.tensor([False, True, True, False, True]),
    )
    low, middle, high = reliability(p, right, bins=3)
    assert (low.low, low.high, low.count, low.right) == (0, pytest.approx(1 / 3), 2, 1)
    assert low.claimed == pytest.approx(0.1)
    assert (middle.count, middle.right, middle.claimed) == (2, 1, pytest.approx(0.5))
    assert (high.high, high.count, high.right, high.claimed) == (1, 1, 1, 1.0)
    assert calibration_error([low, middle, high]) == pytest.approx((0.4 * 2 + 0 * 2 + 0) / 5)


def test_empty_bins_are_left_out_and_the_ends_belong_to_the_outer_bins():
    bins = reliability(torch.tensor([0.0, 1.0]), torch.tensor([True, True]))
    assert [(found.low, found.count) for found in bins] == [(0.0, 1), (0.9, 1)]
    assert bins[1] == Bin(0.9, 1.0, 1.0, 1, 1)


def test_true_claims_have_no_error_and_false_ones_have_theirs():
    generator = torch.Generator().manual_seed(0)
    p = torch.rand(200_000, generator=generator)
    right = torch.rand(200_000, generator=generator) < p
    assert calibration_error(reliability(p, right)) < 0.01
    assert sum(found.count for found in reliability(p, right)) == 200_000
    bold = p.sqrt()  # claims more than comes true, by 1/6 on average
    assert calibration_error(reliability(bold, right, bins=50)) == pytest.approx(1 / 6, abs=0.01)
