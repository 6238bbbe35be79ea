"""Slots: each row of the batch carries one puzzle until it halts, then gets a fresh one.

Follows the ACT wrapper of the official trm.py.

Dimension key: B batch (slots), L cells with or without the prefix, D width.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from trm_minimal.model import TinyRecursiveModel


class Carry(NamedTuple):
    """What a slot remembers between supervision steps. y and z are float32 and detached."""

    inputs: Tensor  # [B, L]
    labels: Tensor  # [B, L]
    y: Tensor  # [B, P + L, D]
    z: Tensor  # [B, P + L, D]
    steps: Tensor  # [B], supervision steps done on this puzzle
    halted: Tensor  # [B], true: refill before the next step


def empty_carry(
    model: TinyRecursiveModel, inputs_BL: Tensor, labels_BL: Tensor, generator=None
) -> Carry:
    """A carry whose slots have all halted, so that the first refill fills every one."""
    y_BLD, z_BLD = model.initial_states(inputs_BL, generator)
    steps_B = torch.zeros(inputs_BL.shape[0], dtype=torch.long, device=inputs_BL.device)
    return Carry(
        inputs_BL, labels_BL, y_BLD, z_BLD, steps_B, torch.ones_like(steps_B, dtype=torch.bool)
    )


def refill(
    model: TinyRecursiveModel, carry: Carry, inputs_BL: Tensor, labels_BL: Tensor, generator=None
) -> Carry:
    """Halted slots, and only they, take their row of the new puzzles, from initial states."""
    fresh = empty_carry(model, inputs_BL, labels_BL, generator)

    def choose(new: Tensor, old: Tensor) -> Tensor:
        return torch.where(carry.halted.view(-1, *[1] * (new.dim() - 1)), new, old)

    return Carry(*(choose(new, old) for new, old in zip(fresh, carry, strict=True)))._replace(
        halted=carry.halted
    )


def halt_by_q(
    q_B: Tensor, steps_B: Tensor, N_sup: int, generator: torch.Generator, exploration: float = 0.1
) -> Tensor:
    """Bool [B]: halt when q says solved (a logit above 0) or after N_sup steps.

    With probability `exploration`, drawn anew for each slot and step, a slot must reach a random
    2..N_sup steps first: depth keeps being trained after the head has become confident (HRM paper,
    section 2; not in the TRM paper).
    """
    B, device = q_B.shape[0], q_B.device
    explore_B = (torch.rand(B, generator=generator) < exploration).to(device, non_blocking=True)
    least_B = torch.randint(2, max(N_sup, 2) + 1, (B,), generator=generator).to(
        device, non_blocking=True
    )
    confident_B = (q_B > 0) & (steps_B >= least_B.where(explore_B, 0))
    return confident_B | (steps_B >= N_sup)


def halt_at_the_end(q_B: Tensor, steps_B: Tensor, N_sup: int, generator: torch.Generator) -> Tensor:
    """Bool [B]: halt after N_sup steps only.

    With this rule the slots are the paper's nested loop, bit for bit.
    """
    return steps_B >= N_sup
