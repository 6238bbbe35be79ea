"""Shared by the tests: one thread, and where the published data and the official recordings may
lie.
"""

import os
from pathlib import Path

import pytest
import torch

torch.set_num_threads(1)
ROOT = Path(__file__).parents[1]
DATA = Path(os.environ.get("TRM_DATA", ROOT.parent / "shared" / "data"))


@pytest.fixture(scope="session")
def published_if_here() -> Path | None:
    """The folder that holds sudoku-extreme-1k and maze-30x30-hard-1k, or None."""
    return DATA if (DATA / "sudoku-extreme-1k").is_dir() else None


@pytest.fixture(scope="session")
def published(published_if_here) -> Path:
    """That folder; without it the test is skipped."""
    if not published_if_here:
        pytest.skip(f"the published puzzles are not at {DATA}; set TRM_DATA to their folder")
    return published_if_here
