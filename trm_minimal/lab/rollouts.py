"""Many thoughts about one puzzle, and how to choose among their answers.

Dimension key: K rollouts, S supervision steps, N puzzles, B batch, L cells, D width.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from trm_minimal.evaluate import answer
from trm_minimal.model import TinyRecursiveModel


class Rollouts(NamedTuple):
    """The answers of K rollouts, as the puzzles were asked: moves are undone."""

    tokens_KSNL: Tensor  # uint8
    q_KSN: Tensor  # halting logits


def noisy_start(
    model: TinyRecursiveModel, inputs_BL: Tensor, generator: torch.Generator, scale: float
) -> tuple[Tensor, Tensor]:
    """The model's own first states (y, z), each number moved by a normal draw times `scale`."""
    states = model.initial_states(inputs_BL, generator)
    return tuple(
        state + scale * torch.randn(state.shape, generator=generator).to(state) for state in states
    )


def noise(y: Tensor, z: Tensor, generator: torch.Generator, scale: float) -> tuple[Tensor, Tensor]:
    """Normal noise on the latent before each supervision step but the first."""
    return y, z + scale * torch.randn(z.shape, generator=generator).to(z)


def roll_out(
    model: TinyRecursiveModel,
    inputs_NL: Tensor,
    N_sup: int,
    depth,
    K: int,
    generator: torch.Generator,
    *,
    symmetries=None,
    **options,
) -> Rollouts:
    """K times evaluate.answer, all draws from one generator; `options` are its own (start, ...).

    symmetries: (batch, generator) -> Move, as of a task: each rollout sees every puzzle under a
    random one, and its answer is turned back.
    """
    if K < 1:
        raise ValueError(f"{K} rollouts: ask for one or more")
    tokens, q = [], []
    for _ in range(K):
        move = symmetries(len(inputs_NL), generator) if symmetries else None
        asked_NL = move(inputs_NL) if move else inputs_NL
        answers = answer(model, asked_NL, N_sup, depth, generator=generator, **options)
        undo = move.inverse() if move else None
        steps = [
            undo(step_NL).to(torch.uint8) if undo else step_NL for step_NL in answers.tokens_SNL
        ]
        tokens.append(torch.stack(steps))
        q.append(answers.q_SN)
    return Rollouts(torch.stack(tokens), torch.stack(q))


def by_q(rollouts: Rollouts) -> Tensor:
    """uint8 [S, N, L]: of each puzzle, after each step, the answer with the highest q."""
    best_SN = rollouts.q_KSN.argmax(0)
    index = best_SN[None, :, :, None].expand(1, -1, -1, rollouts.tokens_KSNL.shape[-1])
    return rollouts.tokens_KSNL.gather(0, index).squeeze(0)


def by_vote(rollouts: Rollouts) -> Tensor:
    """uint8 [S, N, L]: the answer that most rollouts give, whole boards; of equally many the surer.

    Surer: with the higher sum of sigmoid(q).
    """
    tokens_KSNL, sure_KSN = rollouts.tokens_KSNL, rollouts.q_KSN.sigmoid()
    same_KKSN = (tokens_KSNL.unsqueeze(1) == tokens_KSNL.unsqueeze(0)).all(-1)
    votes_KSN = same_KKSN.sum(1) + (same_KKSN * sure_KSN).sum(1) / (2 * len(tokens_KSNL))
    return by_q(Rollouts(tokens_KSNL, votes_KSN))


def oracle(rollouts: Rollouts, labels_NL: Tensor) -> Tensor:
    """Bool [S, N]: is any of the K answers right, cells without a label apart?

    No selector can do better.
    """
    return ((rollouts.tokens_KSNL == labels_NL) | (labels_NL == 0)).all(-1).any(0)
