"""The training loop: the same twice, resumed bit for bit, stopped on NaN, and it learns."""

import hashlib
import random
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from trm_minimal.ema import EMA
from trm_minimal.engine import checkpoint
from trm_minimal.errors import BadInput, Diverged
from trm_minimal.halting import halt_at_the_end
from trm_minimal.lab.recipes import by_name, describe
from trm_minimal.layers import mlp_mixer
from trm_minimal.model import TinyRecursiveModel, compiled
from trm_minimal.schedules import Depth, constant, curriculum, uniform, warmup, warmup_cosine
from trm_minimal.state import TrainState, build_model
from trm_minimal.tasks import Puzzles, unmoved
from trm_minimal.train import exact_on, train, train_step

ROOT = Path(__file__).parents[1]
small = partial(mlp_mixer, multiple=16)


def tiny_recipe(**changes):
    """A 4x4 recipe of a second or two."""
    parts = {
        "dim": 16,
        "block": small,
        "depth": constant(2, 2),
        "N_sup": 5,  # no divisor of eval_every: a state is saved with puzzles under way
        "steps": 24,
        "batch": 8,
        "eval_every": 6,
        "eval_puzzles": 8,
        "precision": torch.float32,
    }
    return replace(by_name("sudoku_4x4"), **(parts | changes))


@pytest.fixture(scope="module")
def task():
    return by_name("sudoku_4x4").task()


def weights(state):
    return {
        f"{part}/{name}": tensor
        for part, model in (("raw", state.model), ("ema", state.ema.model))
        for name, tensor in model.state_dict().items()
    }


def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


@pytest.mark.parametrize(
    "depth",
    [constant(2, 2), uniform((1, 3), (1, 2)), curriculum((0, Depth(1, 1)), (9, Depth(2, 2)))],
)
def test_two_runs_of_one_seed_agree_bitwise_and_of_two_seeds_do_not(task, depth):
    recipe = tiny_recipe(depth=depth, tested_at=Depth(2, 2))
    torch.manual_seed(1)
    first = train(recipe, task, 3)
    torch.manual_seed(2)  # the global generator is neither read nor moved
    before = torch.random.get_rng_state()
    second = train(recipe, task, 3)
    assert torch.equal(before, torch.random.get_rng_state())
    assert same(weights(first), weights(second)) and first.curve == second.curve
    assert not same(weights(first), weights(train(recipe, task, 4)))


def test_evaluation_does_not_touch_the_training_state(task):
    often, never = tiny_recipe(eval_every=3), tiny_recipe(eval_every=24)
    assert same(weights(train(often, task, 0)), weights(train(never, task, 0)))


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16, torch.float16])
def test_a_run_resumed_in_the_middle_ends_bitwise_the_same(task, tmp_path, precision):
    recipe = tiny_recipe(precision=precision)
    whole = train(recipe, task, 0)
    path = tmp_path / "state.safetensors"

    class Stop(Exception):
        pass

    calls = iter(range(99))

    def stop_in_the_middle(batch, generator):
        if next(calls) == 15:
            raise Stop
        return task.symmetries(batch, generator)

    with pytest.raises(Stop):
        train(recipe, replace(task, symmetries=stop_in_the_middle), 0, path=path)
    resumed = train(recipe, task, 0, path=path, resume=True)
    assert same(weights(whole), weights(resumed)) and whole.curve == resumed.curve
    assert all(torch.equal(a, b) for a, b in zip(whole.carry, resumed.carry, strict=True))
    for name, generator in whole.generators.items():
        assert torch.equal(generator.get_state(), resumed.generators[name].get_state()), name


def train_to_be_killed(path: Path, resume: bool) -> None:
    """What the processes of the next test run: 120 steps, a state on disk after every second
    one.
    """
    recipe = tiny_recipe(steps=120, eval_every=2)
    train(recipe, recipe.task(), 5, path=path, resume=resume)


def test_killed_at_five_random_moments_it_resumes_bitwise(tmp_path):
    """SIGKILL, as a crash or a lost machine would: five times, then to the end."""

    def start(path, resume):
        code = (
            f"import sys, pathlib; sys.path[:0] = {[str(ROOT), str(ROOT / 'tests')]}; import"
            " test_train; "
        )
        code += f"test_train.train_to_be_killed(pathlib.Path({str(path)!r}), {resume})"
        return subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.DEVNULL)

    def step_on_disk(path):
        return checkpoint.load(path)[1]["step"] if path.exists() else 0

    def digests(path):
        tensors, facts = checkpoint.load(path)
        assert facts["step"] == 120
        return {
            name: hashlib.sha256(tensor.numpy().tobytes()).hexdigest()
            for name, tensor in tensors.items()
        }

    whole, killed, moments = (
        tmp_path / "whole.safetensors",
        tmp_path / "killed.safetensors",
        random.Random(0),
    )
    assert start(whole, resume=False).wait() == 0
    for _ in range(5):
        before = step_on_disk(killed)
        process = start(killed, resume=before > 0)
        while step_on_disk(killed) == before and process.poll() is None:
            time.sleep(0.005)  # it must make some way, or every kill would fall into the imports
        time.sleep(0.2 * moments.random())
        process.kill()
        process.wait()
    assert step_on_disk(killed) < 120, "too fast: nothing was left to kill"
    assert start(killed, resume=True).wait() == 0
    assert digests(whole) == digests(killed)


def test_it_stops_on_nan_with_the_step_and_keeps_the_last_good_state(task, tmp_path):
    path = tmp_path / "state.safetensors"

    def explode(step, steps):
        return float("nan") if step == 14 else 1.0

    with pytest.raises(
        Diverged, match=r"loss of step 16 is nan; the last good state is .*state\.safetensors"
    ):
        train(tiny_recipe(schedule=explode), task, 0, path=path)
    tensors, facts = checkpoint.load(path)
    assert facts["step"] == 12
    assert all(tensor.isfinite().all() for tensor in tensors.values() if tensor.is_floating_point())


def test_it_overfits_eight_puzzles(task):
    eight = Puzzles(task.train.inputs_NL[:8], task.train.labels_NL[:8])
    still = partial(unmoved, length=16, vocab=6)
    only = replace(task, train=eight, validation=eight, symmetries=still)
    recipe = tiny_recipe(dim=32, steps=400, eval_every=400, ema=0.9)
    state = train(recipe, only, 0)
    assert exact_on(recipe, state.model, eight) == 1.0 and state.curve[-1]["ema"] == 1.0


def test_one_step_is_one_optimizer_step_on_the_slots_own_labels(task):
    """Carried slots learn from their own labels: with none halted, new puzzles must not reach the
    loss.
    """
    recipe = tiny_recipe(halting=halt_at_the_end)
    state = TrainState(recipe, task, 0)
    train_step(recipe, state)
    labels = state.carry.labels.clone()
    state_steps = state.optimizer.state_dict()["state"][0]["step"]
    train_step(recipe, state)
    assert torch.equal(state.carry.labels, labels) and state.carry.steps.tolist() == [2] * 8
    assert state_steps + 1 == state.optimizer.state_dict()["state"][0]["step"] or state_steps == 2


def test_ema_equals_torchs_averaged_model():
    torch.manual_seed(0)
    model = TinyRecursiveModel(5, 4, dim=8, prefix=1)
    ours, theirs = EMA(model, 0.9), AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.9))
    theirs.update_parameters(model)  # its first call copies
    for _ in range(5):
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.add_(torch.randn_like(parameter))
        ours.update(model)
        theirs.update_parameters(model)
    for a, b in zip(ours.model.parameters(), theirs.module.parameters(), strict=True):
        torch.testing.assert_close(a, b)


def test_ema_of_decay_0_is_the_model_and_its_half_life_is_as_said():
    model = torch.nn.Linear(1, 1)
    ema = EMA(model, 0.0)
    torch.nn.init.constant_(model.weight, 7.0)
    ema.update(model)
    assert float(ema.model.weight) == 7.0
    torch.nn.init.zeros_(model.weight)
    slow = EMA(model, 0.999)
    torch.nn.init.ones_(model.weight)
    for _ in range(693):
        slow.update(model)
    assert abs(float(slow.model.weight) - 0.5) < 1e-3


def test_ema_never_enters_the_trajectory(task):
    a, b = (train(tiny_recipe(ema=decay), task, 0) for decay in (0.0, 0.9))
    assert same(a.model.state_dict(), b.model.state_dict())
    assert not same(a.ema.model.state_dict(), b.ema.model.state_dict())


def test_low_precision_stays_near_float32(task):
    losses = {}
    for precision in (torch.float32, torch.bfloat16, torch.float16):
        recipe = tiny_recipe(precision=precision)
        state = TrainState(recipe, task, 0)
        losses[precision] = torch.tensor([float(train_step(recipe, state)[0]) for _ in range(10)])
    for precision, near in ((torch.bfloat16, 0.01), (torch.float16, 0.002)):
        gap = (losses[torch.float32] - losses[precision]).abs()
        # later steps differ more: a slot may halt in one run only
        assert gap[0] < near and gap.mean() < 0.1
    assert not torch.equal(losses[torch.float32], losses[torch.bfloat16])


def test_the_scale_of_float16_is_part_of_the_state(task, tmp_path):
    recipe = tiny_recipe(precision=torch.float16)
    state, other = TrainState(recipe, task, 0), TrainState(recipe, task, 0)
    train_step(recipe, state)
    state.scaler.update(new_scale=1234.0)
    state.save(tmp_path / "state.safetensors", {})
    other.load(tmp_path / "state.safetensors", {})
    assert (
        other.scaler.state_dict() == state.scaler.state_dict()
        and other.scaler.get_scale() == 1234.0
    )


def test_the_gradient_is_clipped_to_the_recipes_norm(task):
    """AdamW forgives a scaled gradient, not one far below its epsilon; a loose clip is none."""
    moved = {}
    for clip in (1e-14, 1e9, float("inf")):
        recipe = tiny_recipe(clip=clip)
        state = TrainState(recipe, task, 0)
        before = state.model.tokens_VD.detach().clone()
        train_step(recipe, state)
        moved[clip] = (state.model.tokens_VD.detach() - before).abs().max()
    assert moved[1e-14] < 0.1 * moved[1e9] and moved[1e9] == moved[float("inf")]


def test_schedules():
    assert [round(warmup(step, 100, over=4), 2) for step in (0, 1, 3, 4, 99)] == [
        0.25,
        0.5,
        1,
        1,
        1,
    ]
    cosine = [warmup_cosine(step, 100, over=4, floor=0.1) for step in range(100)]
    assert cosine[3] == 1 and cosine[99] < 0.102 and all(a >= b for a, b in pairwise(cosine[4:]))
    generator = torch.Generator().manual_seed(0)
    drawn = {uniform((2, 3), (1, 2))(0, generator) for _ in range(99)}
    assert drawn == {Depth(n, T) for n in (2, 3) for T in (1, 2)}
    stages = curriculum((0, Depth(2, 1)), (10, Depth(6, 3)))
    assert (stages(9, generator), stages(10, generator)) == (Depth(2, 1), Depth(6, 3))
    assert constant(6, 3)(0, generator).net_calls == 21
    with pytest.raises(ValueError, match="starts at step 0"):
        curriculum((5, Depth(1, 1)))


def test_a_model_is_a_function_of_its_seed(task):
    recipe = tiny_recipe()
    a, b, c = (build_model(recipe, 6, 16, seed).state_dict() for seed in (0, 0, 1))
    assert same(a, b) and not same(a, c)


def test_a_state_of_another_recipe_or_seed_is_refused(task, tmp_path):
    path, recipe = tmp_path / "state.safetensors", tiny_recipe()
    train(recipe, task, 0, path=path, facts={"recipe": describe(recipe)})
    before = path.read_bytes()
    with pytest.raises(BadInput, match="differs in recipe"):
        train(
            recipe,
            task,
            0,
            path=path,
            facts={"recipe": describe(tiny_recipe(clip=0.5))},
            resume=True,
        )
    with pytest.raises(BadInput, match="differs in seed"):
        train(recipe, task, 1, path=path, facts={"recipe": describe(recipe)}, resume=True)
    assert path.read_bytes() == before


def test_a_checkpoint_cut_short_foreign_or_unwritable_is_one_sentence(tmp_path):
    path = tmp_path / "a.safetensors"
    checkpoint.save(path, {"w": torch.ones(100)}, {"kind": "test"})
    assert checkpoint.load(path)[1] == {"kind": "test"}
    path.write_bytes(path.read_bytes()[:-50])
    with pytest.raises(BadInput, match="not a whole safetensors file"):
        checkpoint.load(path)
    torch.save({"w": torch.ones(3)}, path)  # a pickle: must be refused, not run
    with pytest.raises(BadInput, match="is a pickle"):
        checkpoint.load(path)
    with pytest.raises(BadInput, match="no checkpoint at"):
        checkpoint.load(tmp_path / "none")
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInput, match="cannot write"):
        checkpoint.save(tmp_path / "file" / "b.safetensors", {"w": torch.ones(1)}, {})


def test_float16_uses_a_scaler_that_reacts(task):
    """An overflow must halve the scale and skip the step, not poison the weights."""
    recipe = tiny_recipe(precision=torch.float16)
    state = TrainState(recipe, task, 0)
    train_step(recipe, state)
    before = weights(state)
    scale = state.scaler.get_scale()
    state.scaler.update(new_scale=float(2.0**127))
    train_step(recipe, state)
    assert same(
        {k: v for k, v in before.items() if k.startswith("raw")},
        {k: v for k, v in weights(state).items() if k.startswith("raw")},
    )
    assert state.scaler.get_scale() < 2.0**127 and scale > 1


@pytest.mark.skipif(
    shutil.which("g++") is None,
    reason="torch.compile needs a C++ compiler, and g++ is not installed",
)
def test_a_compiled_net_trains_as_the_written_one(task, tmp_path):
    """And its state is the same file: a run may go on without a compiler."""
    eager_recipe = tiny_recipe(steps=3, depth=constant(1, 1))  # fewer graphs to compile
    recipe = replace(eager_recipe, compilation=compiled)
    losses = []
    for each in (eager_recipe, recipe):
        state = TrainState(each, task, 0)
        losses.append([float(train_step(each, state)[0]) for _ in range(3)])
    assert losses[0] == pytest.approx(losses[1], abs=1e-4)
    assert (
        state.model.net._compiled_call_impl is not None
        and state.ema.model.net._compiled_call_impl is None
    )
    before = torch._dynamo.utils.counters["stats"]["unique_graphs"]
    assert 0 <= exact_on(recipe, state.model, task.test[:5]) <= 1
    # scoring compiles nothing
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] == before
    state.save(tmp_path / "state.safetensors", {})
    other = TrainState(eager_recipe, task, 0)
    other.load(tmp_path / "state.safetensors", {})
    assert same(state.model.state_dict(), other.model.state_dict())


def test_the_loop_asks_a_task_for_nothing_but_its_interface():
    bare = SimpleNamespace(
        vocab_size=6,
        length=16,
        train=Puzzles(torch.ones(4, 16, dtype=torch.uint8), torch.ones(4, 16, dtype=torch.uint8)),
        symmetries=partial(unmoved, length=16, vocab=6),
    )
    state = TrainState(tiny_recipe(), bare, 0)
    loss, halted, solved = train_step(tiny_recipe(), state)
    assert loss.isfinite() and halted == 0 and solved == 0
