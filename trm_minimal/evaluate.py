"""What a trained model answers, after each supervision step, on fresh states and with no halting.

Dimension key: S supervision steps, N puzzles, L cells.
"""

from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor

from trm_minimal.model import TinyRecursiveModel


class Answers(NamedTuple):
    """Every answer of a model to N puzzles: tokens uint8 [S, N, L] and halting logits [S, N]."""

    tokens_SNL: Tensor
    q_SN: Tensor


@torch.inference_mode()
def answer(
    model: TinyRecursiveModel,
    inputs_NL: Tensor,
    N_sup: int,
    depth,
    batch=128,
    progress=iter,
    precision=torch.float32,
    *,
    ids_N: Tensor | None = None,
    start=TinyRecursiveModel.initial_states,
    disturb=None,
    generator: torch.Generator | None = None,
) -> Answers:
    """Run N_sup supervision steps on each puzzle, on the model's device.

    The model is left as it was.

    depth is (n, T). `progress` wraps the batches; pass tqdm to see a bar. precision: of autocast;
    none in float32. ids_N: the puzzles' identities, for a model that has vectors for them.
    start: (model, inputs_BL, generator) -> first states (y, z); disturb: (y, z, generator) ->
    states before each further step. What is random in them is drawn from the generator, by default
    from one seeded with 0, never from torch's own.
    """
    device, was_training = model.tokens_VD.device, model.training
    generator = generator or torch.Generator().manual_seed(0)
    model.eval()
    between = disturb and partial(disturb, generator=generator)
    is_low = precision is not torch.float32
    rounding = torch.autocast(device.type, precision, is_low, cache_enabled=False)
    # Made before the loop: kept between the states of two steps, small results would split the
    # memory that the states leave, and it would grow with every step.
    tokens_SNL = torch.empty(N_sup, *inputs_NL.shape, dtype=torch.uint8)
    q_SN = torch.empty(N_sup, len(inputs_NL))
    for rows_B in progress(torch.arange(len(inputs_NL)).split(batch)):
        inputs_BL = inputs_NL[rows_B].long().to(device)
        ids_B = None if ids_N is None else ids_N[rows_B].long().to(device)
        first = start(model, inputs_BL, generator)
        steps = model.deep_supervision(
            inputs_BL, N_sup, *depth, start=first, disturb=between, ids_B=ids_B
        )
        with torch.compiler.set_stance("force_eager"), rounding:  # compiled for other shapes
            for i, step in enumerate(steps):
                tokens_SNL[i, rows_B] = step.logits.argmax(-1).to(torch.uint8).cpu()
                q_SN[i, rows_B] = step.q.cpu()
    model.train(was_training)
    return Answers(tokens_SNL, q_SN)


def exact_by_step(answers: Answers, labels_NL: Tensor) -> Tensor:
    """Bool [S, N]: the whole puzzle right, cells without a label apart."""
    return ((answers.tokens_SNL == labels_NL) | (labels_NL == 0)).all(-1)


def cells_by_step(answers: Answers, labels_NL: Tensor) -> Tensor:
    """Share of cells right, [S]. High even for a copy of the question: never report it alone."""
    counted_NL = labels_NL != 0
    return ((answers.tokens_SNL == labels_NL) & counted_NL).sum((1, 2)).double() / counted_NL.sum()


def copy_baseline(inputs_NL: Tensor, labels_NL: Tensor) -> float:
    """Share of cells right when the question is handed back as the answer."""
    return float((inputs_NL == labels_NL)[labels_NL != 0].double().mean())


def early_exit(answers: Answers, labels_NL: Tensor) -> tuple[float, float]:
    """(exact accuracy, mean supervision steps) when each puzzle stops at its first q > 0, at the
    latest after S.
    """
    sure_SN = answers.q_SN > 0
    sure_SN[-1] = True
    stop_N = sure_SN.int().argmax(0)
    exact_N = exact_by_step(answers, labels_NL).gather(0, stop_N.unsqueeze(0))
    return float(exact_N.double().mean()), float((stop_N + 1).double().mean())
