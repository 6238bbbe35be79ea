"""Scores by hand on small tensors; and `answer` is deep supervision, whatever the batch, and
touches nothing.
"""

import math
import subprocess
import sys
from functools import partial

import pytest
import torch
from torch.testing import assert_close

from trm_minimal.evaluate import (
    Answers,
    answer,
    cells_by_step,
    copy_baseline,
    early_exit,
    exact_by_step,
)
from trm_minimal.lab.records.score import exact_accuracy, interval, summary
from trm_minimal.layers import mlp_mixer
from trm_minimal.model import TinyRecursiveModel
from trm_minimal.schedules import Depth

LABELS_NL = torch.tensor([[1, 2], [3, 4], [5, 5]], dtype=torch.uint8)
ANSWERS = Answers(  # two steps of three puzzles of two cells
    torch.tensor([[[1, 2], [3, 3], [4, 4]], [[1, 1], [3, 4], [5, 4]]], dtype=torch.uint8),
    torch.tensor([[0.1, -2.0, -0.1], [9.0, -9.0, -9.0]]),
)


def test_exact_and_cells_by_hand():
    assert exact_by_step(ANSWERS, LABELS_NL).tolist() == [
        [True, False, False],
        [False, True, False],
    ]
    assert_close(
        cells_by_step(ANSWERS, LABELS_NL), torch.tensor([3 / 6, 4 / 6], dtype=torch.float64)
    )


def test_copy_baseline_by_hand():
    inputs_NL = torch.tensor([[1, 1], [3, 4], [1, 5]], dtype=torch.uint8)
    assert copy_baseline(inputs_NL, LABELS_NL) == pytest.approx(4 / 6)
    assert copy_baseline(LABELS_NL, LABELS_NL) == 1.0


def test_early_exit_takes_the_answer_of_the_first_sure_step_and_else_of_the_last():
    q_before = ANSWERS.q_SN.clone()
    # right at 1, at 2, never
    assert early_exit(ANSWERS, LABELS_NL) == pytest.approx((2 / 3, (1 + 2 + 2) / 3))
    assert torch.equal(ANSWERS.q_SN, q_before)
    sure = ANSWERS._replace(q_SN=torch.ones(2, 3))
    assert early_exit(sure, LABELS_NL) == pytest.approx((1 / 3, 1.0))
    at_zero = ANSWERS._replace(q_SN=torch.zeros(2, 3))  # a logit of 0 is not above 0
    assert early_exit(at_zero, LABELS_NL) == pytest.approx((1 / 3, 2.0))


def test_the_interval_is_wilsons():
    for successes, n, low, high in (
        (0, 10, 0.0, 0.2775),
        (1, 10, 0.0179, 0.4042),
        (81, 263, 0.2553, 0.3662),
    ):
        assert interval(successes, n) == pytest.approx((low, high), abs=5e-5)
    # its ends are z standard errors, of their own, away
    for successes, n in ((1, 7), (50, 100), (999, 1000)):
        for end in interval(successes, n):
            assert abs(successes / n - end) == pytest.approx(1.96 * math.sqrt(end * (1 - end) / n))
    assert interval(10, 10)[1] == 1.0 and interval(0, 10)[0] == 0.0


def test_a_summary_counts_flags():
    scored = {
        "exact": ["0000", "0110"],
        "cells": [0.5, 0.75],
        "any_solution": "0111",
        "early_exit": {"exact": 0.5, "mean_steps": 1.5},
    }
    found = summary(scored)
    assert (found["n"], found["exact"], found["any_solution"], found["cells"]) == (
        4,
        0.5,
        0.75,
        0.75,
    )
    assert (
        found["exact_by_step"] == [0.0, 0.5] == [exact_accuracy(scored, 0), exact_accuracy(scored)]
    )
    assert found["exact_95"] == interval(2, 4) and found["cells_by_step"] == [0.5, 0.75]


@pytest.fixture
def model():
    torch.manual_seed(0)
    return TinyRecursiveModel(6, 16, dim=16, prefix=2, block=partial(mlp_mixer, multiple=16))


@pytest.fixture
def inputs_NL():
    return torch.randint(1, 6, (11, 16), generator=torch.Generator().manual_seed(0)).to(torch.uint8)


def test_answer_is_deep_supervision(model, inputs_NL):
    answers = answer(model, inputs_NL, 3, Depth(2, 2))
    with torch.no_grad():
        steps = list(model.deep_supervision(inputs_NL.long(), 3, 2, 2))
    assert answers.tokens_SNL.shape == (3, 11, 16) and answers.tokens_SNL.dtype == torch.uint8
    assert torch.equal(
        answers.tokens_SNL, torch.stack([step.logits.argmax(-1) for step in steps]).to(torch.uint8)
    )
    assert_close(answers.q_SN, torch.stack([step.q for step in steps]))
    # the steps are not all the same one
    assert not torch.equal(answers.tokens_SNL[0], answers.tokens_SNL[2])


def test_answer_does_not_depend_on_the_batch(model, inputs_NL):
    whole = answer(model, inputs_NL, 3, Depth(2, 2))
    for batch in (1, 4):
        parts = answer(model, inputs_NL, 3, Depth(2, 2), batch=batch)
        assert torch.equal(whole.tokens_SNL, parts.tokens_SNL)
        assert_close(whole.q_SN, parts.q_SN)


@pytest.mark.parametrize("training", [True, False])
def test_answer_leaves_the_model_and_the_global_generator_as_they_were(model, inputs_NL, training):
    model.train(training)
    weights = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    before = torch.random.get_rng_state()
    answer(model, inputs_NL, 2, Depth(1, 2))
    assert torch.equal(before, torch.random.get_rng_state())
    assert model.training is training and all(
        module.training is training for module in model.modules()
    )
    assert all(torch.equal(tensor, weights[name]) for name, tensor in model.state_dict().items())
    assert all(weight.grad is None and weight.requires_grad for weight in model.parameters())


def test_the_progress_sees_every_batch_once(model, inputs_NL):
    seen = []

    def watch(batches):
        for batch in batches:
            seen.append(len(batch))
            yield batch

    answer(model, inputs_NL, 1, Depth(1, 1), batch=4, progress=watch)
    assert seen == [4, 4, 3]


MEMORY = """
from pathlib import Path
import torch
from trm_minimal.evaluate import answer
from trm_minimal.model import TinyRecursiveModel

class Sum(torch.nn.Module):
    def __init__(self, *parts):
        super().__init__()

    def forward(self, state, injection):
        return state + injection

def peak():  # getrusage would count the process that started this one
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 2**20

torch.set_num_threads(1)
model = TinyRecursiveModel(11, 81, net=Sum)
inputs_NL = torch.ones(128, 81, dtype=torch.uint8)
answer(model, inputs_NL[:1], 1, (1, 1))
before = peak()
answer(model, inputs_NL, 128, (1, 1))
print(peak() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="peak memory is read from /proc")
def test_the_memory_of_an_evaluation_does_not_grow_with_its_steps():
    """The paper's width, batch 128, N_sup = 128: the states of all steps would take 6.5 GB.

    The net is a stand-in: its own activations live for a call, however many there are.
    """
    done = subprocess.run([sys.executable, "-c", MEMORY], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert 0.02 < float(done.stdout) < 1.0  # GB; x, y, z and a sum take 25 MB each
