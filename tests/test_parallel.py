"""Two processes on one batch learn what one process learns, resume each other's states, and only
the first speaks.
"""

import os
import subprocess
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch
from torch import nn

from trm_minimal.engine import checkpoint
from trm_minimal.engine.parallel import Workers
from trm_minimal.errors import BadInput
from trm_minimal.lab import recipes
from trm_minimal.layers import mlp_mixer
from trm_minimal.model import RandomInit
from trm_minimal.schedules import constant
from trm_minimal.state import TrainState
from trm_minimal.train import train

ROOT = Path(__file__).parents[1]
SCRIPT = """
import sys, pathlib
sys.path[:0] = {paths!r}
import weakref
import torch, test_parallel
from trm_minimal.engine.parallel import join
torch.set_num_threads(1)
recipe = test_parallel.tiny(*{arguments!r})
with join("cpu") as (workers, device):
    state = test_parallel.train(recipe, recipe.task(), 0, device=device, workers=workers,
                                path=pathlib.Path({path!r}), resume={resume!r})
    assert workers.count == 2 and len(state.carry.labels) == recipe.batch // 2
    group = weakref.ref(torch.distributed.group.WORLD)
assert group() is None, "threads of a group that lives on can abort the process as it ends"
"""


def tiny(steps=16, precision=torch.float32):
    return replace(
        recipes.sudoku_4x4(),
        dim=16,
        block=partial(mlp_mixer, multiple=16),
        batch=8,
        steps=steps,
        N_sup=3,
        # an untrained mixer makes rounding ten times larger in a round of n = 4, T = 2
        depth=constant(1, 1),
        eval_every=8,
        eval_puzzles=8,
        precision=precision,
        # and AdamW blows up what is small
        optimizer=partial(torch.optim.SGD, lr=0.05, momentum=0.9),
    )


def two_processes(
    folder: Path, path: Path, resume=False, arguments=()
) -> subprocess.CompletedProcess:
    """Train `tiny` in two processes that torchrun starts; the state lies at `path` then."""
    script = folder / "script.py"
    values = {
        "paths": [str(ROOT), str(ROOT / "tests")],
        "path": str(path),
        "resume": resume,
        "arguments": arguments,
    }
    script.write_text(SCRIPT.format(**values))
    command = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--standalone",
        "--nproc-per-node=2",
        str(script),
    ]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.run(
        command, capture_output=True, text=True, check=False, env=environment, timeout=300
    )


def near(one: Path, two: Path) -> None:
    """The two states are the same but for rounding: numbers, slots, generators, curve."""
    (tensors, facts), (others, other_facts) = checkpoint.load(one), checkpoint.load(two)
    assert tensors.keys() == others.keys() and facts["step"] == other_facts["step"]
    for name, tensor in tensors.items():
        torch.testing.assert_close(tensor, others[name], atol=1e-4, rtol=1e-3, msg=name)
    for row, other in zip(facts["curve"], other_facts["curve"], strict=True):
        assert row["loss"] == pytest.approx(other["loss"], abs=1e-4)


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """States after 16 steps: of one process, of two, and what the two said."""
    folder = tmp_path_factory.mktemp("parallel")
    one, two = folder / "one.safetensors", folder / "two.safetensors"
    train(tiny(), tiny().task(), 0, path=one)
    return one, two, two_processes(folder, two)


def test_two_processes_do_what_one_does_with_the_whole_batch(both):
    one, two, done = both
    assert done.returncode == 0, done.stderr
    near(one, two)


def test_only_the_first_of_two_shows_a_bar(both):
    assert both[2].stderr.count("| 0/16") == 1


def test_one_process_resumes_what_two_began_and_the_other_way_round(both, tmp_path):
    one, two, _ = both
    longer = tiny(steps=24)
    ends = []
    for start in (one, two):
        path = tmp_path / start.name
        path.write_bytes(start.read_bytes())
        train(longer, longer.task(), 0, path=path, resume=True)
        ends.append(path)
    swapped = tmp_path / "swapped.safetensors"
    swapped.write_bytes(one.read_bytes())
    done = two_processes(tmp_path, swapped, resume=True, arguments=(24,))
    assert done.returncode == 0, done.stderr
    near(*ends)
    near(ends[0], swapped)


def test_the_command_line_under_torchrun_writes_one_run(tmp_path):
    command = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--standalone",
        "--nproc-per-node=2",
        "-m",
        "trm_minimal",
    ]
    words = [
        "train",
        "sudoku_4x4",
        "--steps",
        "4",
        "--batch",
        "8",
        "--eval-every",
        "4",
        "--out",
        str(tmp_path / "out"),
    ]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    run = partial(
        subprocess.run,
        capture_output=True,
        text=True,
        check=False,
        env=environment,
        cwd=ROOT,
        timeout=300,
    )
    done = run([*command, *words])
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("EMA weights in") == 1
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "state.safetensors",
        "weights.safetensors",
    }
    uneven = run([*command, *words[:4], "--batch", "7", "--out", str(tmp_path / "uneven")])
    assert (
        uneven.returncode != 0
        and "2 processes cannot share a batch of 7 evenly; change --batch" in uneven.stderr
    )


def test_a_random_start_is_refused_with_several_workers():
    recipe = replace(tiny(), init=RandomInit)
    TrainState(recipe, recipe.task(), 0)
    with pytest.raises(BadInput, match="random initial states are drawn by one process only"):
        TrainState(recipe, recipe.task(), 0, workers=Workers(0, 2))


def test_a_worker_alone_does_nothing():
    alone, model, values = Workers(), nn.Linear(2, 2), torch.arange(6)
    model.weight.grad = torch.ones(2, 2)
    alone.average_gradients(model)
    assert torch.equal(model.weight.grad, torch.ones(2, 2))
    assert torch.equal(alone.share(values), values) and torch.equal(alone.gather(values), values)
    assert [Workers(rank, 3).share(values).tolist() for rank in range(3)] == [
        [0, 1],
        [2, 3],
        [4, 5],
    ]
