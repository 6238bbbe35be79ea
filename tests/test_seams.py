"""Room for what a recipe may choose: each seam takes a part of its own and does what the part
says.
"""

from dataclasses import replace
from functools import partial

import pytest
import torch
import torch.nn.functional as F
from torch.utils._python_dispatch import TorchDispatchMode

from trm_minimal.engine import checkpoint
from trm_minimal.errors import BadInput
from trm_minimal.evaluate import answer
from trm_minimal.halting import halt_at_the_end
from trm_minimal.lab.parts.losses import continue_loss
from trm_minimal.lab.parts.through_time import through_time
from trm_minimal.lab.recipes import by_name
from trm_minimal.layers import mlp_mixer
from trm_minimal.losses import (
    answer_and_halting_loss,
    answer_loss,
    softmax_cross_entropy,
    supervision_loss,
)
from trm_minimal.schedules import Depth, constant, uniform
from trm_minimal.state import TrainState
from trm_minimal.tasks import Puzzles
from trm_minimal.train import train, train_step


def tiny(**changes):
    parts = {
        "dim": 16,
        "block": partial(mlp_mixer, multiple=16),
        "depth": constant(2, 2),
        "N_sup": 4,
        "steps": 24,
        "batch": 8,
        "eval_every": 6,
        "eval_puzzles": 8,
        "halting": halt_at_the_end,
    }
    return replace(by_name("sudoku_4x4"), **(parts | changes))


@pytest.fixture(scope="module")
def task():
    return tiny().task()


def losses(recipe, task, steps=12, seed=0):
    state = TrainState(recipe, task, seed)
    return [float(recipe.update(recipe, state)[0]) for _ in range(steps)]


def test_the_tests_follow_the_depth_that_training_ends_with():
    assert tiny(depth=constant(3, 1)).test_depth == Depth(3, 1)
    assert tiny(depth=constant(3, 1), tested_at=Depth(6, 3)).test_depth == Depth(6, 3)
    with pytest.raises(ValueError, match="tested_at"):
        tiny(depth=uniform((1, 3), (1, 2)))


def test_label_smoothing_is_a_cross_entropy(task):
    """At no smoothing it is the softmax; at 0.1 it equals torch's own."""

    def smoothed(logits_BLV, labels_BL, smoothing):
        return F.cross_entropy(
            logits_BLV.float().mT, labels_BL, reduction="none", label_smoothing=smoothing
        )

    none = losses(tiny(cross_entropy=partial(smoothed, smoothing=0.0)), task)
    plain = losses(tiny(cross_entropy=softmax_cross_entropy), task)
    some = losses(tiny(cross_entropy=partial(smoothed, smoothing=0.1)), task)
    assert none == pytest.approx(plain, abs=1e-4) and some != pytest.approx(plain, abs=1e-3)


def test_the_weight_of_halting_is_an_argument_of_the_loss(task):
    first = {}
    for weight in (0.0, 0.5, 1.0):
        loss = partial(answer_and_halting_loss, q_weight=weight)
        first[weight] = losses(tiny(loss=loss), task, steps=1)[0]
    assert first[0.5] == losses(tiny(), task, steps=1)[0]
    assert first[1.0] - first[0.5] == pytest.approx(first[0.5] - first[0.0], abs=1e-6)
    assert first[0.5] > first[0.0]


def test_a_supervision_budget_changes_along_the_run(task):
    """One step a puzzle in the first half, N_sup in the second: seen in when slots halt."""

    def short_first(step, steps, N_sup):
        return 1 if step < steps // 2 else N_sup

    recipe = tiny(budget=short_first)
    state = TrainState(recipe, task, 0)
    halted = [int(train_step(recipe, state)[1]) for _ in range(recipe.steps)]
    assert halted[:12] == [8] * 12 and halted[12:] == [0, 0, 0, 8] * 3
    full = TrainState(tiny(), task, 0)
    assert [int(train_step(tiny(), full)[1]) for _ in range(8)] == [0, 0, 0, 8] * 2


def test_milestones_are_targets_by_supervision_step(task):
    """A loss may read the slot's steps: here the givens first, the whole answer from step 2 on."""

    def milestones(recipe, model, carry, prediction, depth):
        is_given_BL = carry.inputs > 1
        early_B = carry.steps < 2
        target_BL = torch.where(early_B[:, None] & ~is_given_BL, 0, carry.labels)
        loss_B, solved_B = supervision_loss(
            recipe.cross_entropy, prediction.logits, prediction.q, carry.labels
        )
        whole_B = answer_loss(recipe.cross_entropy, prediction.logits, carry.labels)
        staged_B = answer_loss(recipe.cross_entropy, prediction.logits, target_BL)
        return loss_B - whole_B + staged_B, prediction.q, solved_B

    plain, staged = tiny(), tiny(loss=milestones)
    one, two = TrainState(plain, task, 0), TrainState(staged, task, 0)
    assert float(train_step(plain, one)[0]) != float(train_step(staged, two)[0])  # step 1 of 4
    for step in (2, 3):  # from step 2 on the targets are the same: so is the loss of equal states
        carry = one.carry._replace(steps=torch.full_like(one.carry.steps, step))
        given = one.model(carry.inputs, carry.y, carry.z, 2, 2)
        same = [loss(plain, None, carry, given, (2, 2))[0] for loss in (milestones, plain.loss)]
        torch.testing.assert_close(*same)
    assert len(losses(staged, task, steps=24)) == 24


class Products(TorchDispatchMode):
    """Counts products of matrices by type, with gradient mode off."""

    def __init__(self):
        super().__init__()
        self.kinds = set()

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        if function.overloadpacket in (torch.ops.aten.mm, torch.ops.aten.bmm, torch.ops.aten.addmm):
            self.kinds.add(result.dtype)
        return result


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
def test_the_second_pass_of_the_continue_loss_runs_in_the_recipes_precision(task, precision):
    recipe = tiny(loss=continue_loss, q_outputs=2, precision=precision)
    state = TrainState(recipe, task, 0)
    seen, model = [], state.model.forward

    def watched(*given, **options):
        with Products() as products:
            prediction = model(*given, **options)
        seen.append(products.kinds)
        return prediction

    state.model.forward = watched
    loss = train_step(recipe, state)[0]
    assert loss.isfinite() and len(seen) == 2  # the step itself, and the look ahead
    assert all(kinds == {precision} for kinds in seen)
    full = losses(tiny(loss=continue_loss, q_outputs=2), task)
    low = losses(recipe, task)
    assert low == pytest.approx(full, abs=0.2) and low[0] == pytest.approx(full[0], abs=0.02)


def identified(task):
    """The same puzzles, each with an identity of its own: 0 to N - 1."""
    train = task.train[:32]
    ids_N = torch.arange(len(train))
    named = Puzzles(train.inputs_NL, train.labels_NL, ids_N)
    return replace(task, train=named, validation=named[:8], test=named[8:16])


def test_identities_reach_the_model_with_their_own_slot(task):
    """Every slot's identity is that of the puzzle it holds, however long it holds it."""
    named = identified(task)
    still = replace(named, symmetries=partial(no_move, length=16, vocab=6))
    recipe = tiny(puzzles=32, halting=lambda q_B, steps_B, N_sup, draw: steps_B % 3 == 0)
    state = TrainState(recipe, still, 0)
    for _ in range(7):
        train_step(recipe, state)
        held = still.train[state.ids_B]
        assert torch.equal(held.inputs_NL.long(), state.carry.inputs)
        assert torch.equal(held.labels_NL.long(), state.carry.labels)
    assert state.model.puzzles_ND.detach().abs().sum() > 0  # the table is learned


def no_move(batch, generator, length, vocab):
    from trm_minimal.tasks import Move

    return Move(torch.arange(length).expand(batch, -1), torch.arange(vocab).expand(batch, -1))


def test_a_run_with_identities_validates_resumes_and_answers(task, tmp_path):
    named, recipe = identified(task), tiny(puzzles=32, steps=12)
    path = tmp_path / "state.safetensors"
    whole = train(recipe, named, 0, path=path)
    half = train(replace(recipe, steps=6), named, 0, path=path)
    assert half.step == 6
    resumed = train(recipe, named, 0, path=path, resume=True)
    assert torch.equal(whole.model.puzzles_ND, resumed.model.puzzles_ND)
    assert torch.equal(whole.ids_B, resumed.ids_B)
    puzzles = named.test
    mine = answer(whole.model, puzzles.inputs_NL, 2, (2, 2), ids_N=puzzles.ids_N)
    others = answer(whole.model, puzzles.inputs_NL, 2, (2, 2), ids_N=puzzles.ids_N.flip(0))
    batched = answer(whole.model, puzzles.inputs_NL, 2, (2, 2), batch=3, ids_N=puzzles.ids_N)
    assert not torch.equal(mine.q_SN, others.q_SN)
    torch.testing.assert_close(mine.q_SN, batched.q_SN)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"grad_rounds": 0}, "grad_rounds = 0: each must be 1 or more"),
        ({"depth": constant(1, 0)}, "T = 0"),
        ({"depth": constant(0, 1)}, "n = 0"),
    ],
)
def test_a_recipe_that_would_train_nothing_is_refused(changes, said):
    with pytest.raises(ValueError, match=said):
        tiny(**changes)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"update": through_time, "precision": torch.bfloat16}, "leave precision, loss"),
        ({"update": through_time, "loss": continue_loss, "q_outputs": 2}, "leave precision, loss"),
        ({"update": through_time, "grad_rounds": 2}, "leave precision, loss"),
        ({"loss": continue_loss, "q_outputs": 1}, "give the recipe q_outputs=2"),
    ],
)
def test_what_a_part_would_ignore_is_refused(task, changes, said):
    recipe = tiny(**changes)
    with pytest.raises(BadInput, match=said):
        recipe.update(recipe, TrainState(recipe, task, 0))


def test_identities_that_do_not_fit_are_refused_before_the_first_step(task):
    named = identified(task)
    for puzzles, task_of, said in (
        (5, task, "0 to 4, and the puzzles have none"),
        (31, named, "have 0 to 31"),
        (32, replace(named, validation=task.validation), "have none"),
    ):
        with pytest.raises(BadInput, match=said):
            train(tiny(puzzles=puzzles), task_of, 0)
    state = TrainState(tiny(puzzles=32), named, 0)
    with pytest.raises(ValueError, match="pass the ids"):
        answer(state.model, named.test.inputs_NL, 1, (1, 1))


@pytest.mark.parametrize(
    ("part", "value"),
    [("carry/inputs", 77), ("carry/labels", -7), ("carry/y", float("nan")), ("carry/ids", -1)],
)
def test_a_forged_state_is_refused(task, tmp_path, part, value):
    path, recipe = tmp_path / "state.safetensors", tiny()
    state = TrainState(recipe, task, 0)
    state.save(path, {})
    tensors, facts = checkpoint.load(path)
    tensors[part].view(-1)[0] = value
    checkpoint.save(path, tensors, facts)
    with pytest.raises(BadInput, match="no whole training state"):
        TrainState(recipe, task, 0).load(path, {})


@pytest.mark.parametrize("seconds", [float("nan"), -5.0])
def test_a_forged_time_is_refused(task, tmp_path, seconds):
    path, recipe = tmp_path / "state.safetensors", tiny()
    state = TrainState(recipe, task, 0)
    state.seconds = seconds
    state.save(path, {})
    with pytest.raises(BadInput, match="no whole training state"):
        TrainState(recipe, task, 0).load(path, {})
