"""The sweeps by name."""

from collections.abc import Callable

from trm_minimal.lab.records.sweeps import Sweep
from trm_minimal.lab.studies import ablations, stability

SWEEPS: dict[str, Callable[[], Sweep]] = {
    sweep.__name__: sweep
    for sweep in (
        ablations.ablate_sudoku,
        ablations.ablate_maze,
        ablations.confirm_maze,
        stability.parity,
        stability.parity_twice_as_long,
        stability.running_parity,
        stability.recall,
    )
}
