"""The sweeps by name."""

from collections.abc import Callable

from trm_minimal.lab import stability
from trm_minimal.lab.sweeps import Sweep

SWEEPS: dict[str, Callable[[], Sweep]] = {sweep.__name__: sweep for sweep in (stability.parity, stability.recall)}
