"""What a trained model answers, after each supervision step, on fresh states and with no halting.

Dimension key: S supervision steps, N puzzles, L cells.
"""

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
    model: TinyRecursiveModel, inputs_NL: Tensor, N_sup: int, depth, batch=128, progress=iter, precision=torch.float32
) -> Answers:
    """Run N_sup supervision steps on each puzzle, on the model's device. The model is left as it was.

    depth is (n, T). `progress` wraps the batches; pass tqdm to see a bar. precision: of autocast; none in float32.
    """
    device, was_training = model.tokens_VD.device, model.training
    model.eval()
    tokens, q = [], []
    rounding = torch.autocast(device.type, precision, precision is not torch.float32, cache_enabled=False)
    for inputs_BL in progress(inputs_NL.split(batch)):
        with torch.compiler.set_stance("force_eager"), rounding:  # a model that trains compiled has other shapes here
            steps = list(model.deep_supervision(inputs_BL.long().to(device), N_sup, *depth))
        tokens.append(torch.stack([step.logits.argmax(-1).to(torch.uint8).cpu() for step in steps]))
        q.append(torch.stack([step.q.cpu() for step in steps]))
    model.train(was_training)
    return Answers(torch.cat(tokens, dim=1), torch.cat(q, dim=1))


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
    """(exact accuracy, mean supervision steps) when each puzzle stops at its first q > 0, at the latest after S."""
    sure_SN = answers.q_SN > 0
    sure_SN[-1] = True
    stop_N = sure_SN.int().argmax(0)
    exact_N = exact_by_step(answers, labels_NL).gather(0, stop_N.unsqueeze(0))
    return float(exact_N.double().mean()), float((stop_N + 1).double().mean())
