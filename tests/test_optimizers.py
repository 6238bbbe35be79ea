"""Muon for the matrices of the net, AdamW for the rest: the steps are torch's, the state survives,
it learns.
"""

from dataclasses import replace
from functools import partial

import pytest
import torch

from trm_minimal.lab.parts.optimizers import OptimizersByWeight, is_weight, muon_adamw
from trm_minimal.lab.recipes import by_name
from trm_minimal.layers import mlp_mixer
from trm_minimal.state import TrainState
from trm_minimal.train import train, train_step


def tiny(**changes):
    parts = {
        "dim": 16,
        "block": partial(mlp_mixer, multiple=16),
        "batch": 8,
        "steps": 12,
        "eval_every": 6,
    }
    parts |= {"eval_puzzles": 8, "optimizer": partial(muon_adamw, lr=3e-3)}
    return replace(by_name("sudoku_4x4"), **(parts | changes))


def test_each_weight_has_the_right_one_of_the_two():
    state = TrainState(tiny(), tiny().task(), 0)
    names = {weight: name for name, weight in state.model.named_parameters()}
    muon, adamw = ({names[w] for w in group["params"]} for group in state.optimizer.param_groups)
    assert muon == {name for name in names.values() if name.startswith("net.")}
    assert adamw == {"tokens_VD", "output_head.weight", "q_head.weight", "q_head.bias"}


def test_a_step_is_torchs_muon_on_the_matrices():
    """The change of a matrix has singular values near one another; AdamW's has not."""
    state = TrainState(tiny(schedule=lambda step, steps: 1.0), tiny().task(), 0)
    weight = state.model.net.blocks[0][1].inner.down.weight
    before, table = weight.detach().clone(), state.model.tokens_VD.detach().clone()
    train_step(tiny(schedule=lambda step, steps: 1.0), state)
    moved = torch.linalg.svdvals(weight.detach() - before * (1 - 3e-3 * 0.1))
    assert moved.max() < 3 * moved.min()
    moved_table = torch.linalg.svdvals(state.model.tokens_VD.detach() - table)
    assert moved_table.max() > 3 * moved_table.min()


def test_it_resumes_bit_for_bit(tmp_path):
    path, task, calls = tmp_path / "state.safetensors", tiny().task(), iter(range(12))

    def stop_in_the_middle(batch, generator):
        if next(calls) == 8:
            raise KeyboardInterrupt
        return task.symmetries(batch, generator)

    with pytest.raises(KeyboardInterrupt):
        train(tiny(), replace(task, symmetries=stop_in_the_middle), 0, path=path)
    resumed, whole = train(tiny(), task, 0, path=path, resume=True), train(tiny(), task, 0)
    for (name, ours), theirs in zip(
        whole.model.named_parameters(), resumed.model.parameters(), strict=True
    ):
        assert torch.equal(ours, theirs), name
    assert whole.optimizer.state_dict()["state"].keys() == set(
        range(len(list(whole.model.parameters())))
    )


def test_it_learns():
    state = TrainState(tiny(steps=60, dim=32), tiny().task(), 0)
    losses = [float(train_step(tiny(steps=60, dim=32), state)[0]) for _ in range(60)]
    assert sum(losses[-10:]) < 0.9 * sum(losses[:10])


def test_optimizers_by_weight_are_those_optimizers_each_on_its_own(tmp_path):
    """Three of them, with rates of their own: the steps are those of three apart, and so
    resumed.
    """
    adamw = partial(torch.optim.AdamW, lr=1e-2)
    sgd = partial(torch.optim.SGD, lr=1e-1, momentum=0.9)
    slow = partial(torch.optim.AdamW, lr=1e-4)
    parts = (
        (lambda name, weight: name.startswith("net."), sgd),
        (lambda name, weight: name == "tokens_VD", slow),
        (is_weight, adamw),
    )
    recipe = tiny(optimizer=partial(OptimizersByWeight, parts=parts))
    state = TrainState(recipe, recipe.task(), 0)
    assert state.base_lrs == [1e-1, 1e-4, 1e-2]
    apart = TrainState(recipe, recipe.task(), 0).model
    named = dict(apart.named_parameters())
    three = [
        sgd([weight for name, weight in named.items() if name.startswith("net.")]),
        slow([named["tokens_VD"]]),
        adamw([w for name, w in named.items() if not name.startswith(("net.", "tokens"))]),
    ]
    for seed in range(3):
        draw = torch.Generator().manual_seed(seed)
        for ours, theirs in zip(state.model.parameters(), named.values(), strict=True):
            ours.grad = torch.randn(ours.shape, generator=draw)
            theirs.grad = ours.grad.clone()
        state.optimizer.step()
        for optimizer in three:
            optimizer.step()
        for ours, theirs in zip(state.model.parameters(), named.values(), strict=True):
            assert torch.equal(ours, theirs)
    state.save(tmp_path / "state.safetensors", {})
    other = TrainState(recipe, recipe.task(), 1)
    other.load(tmp_path / "state.safetensors", {})
    pairs = [each.optimizer.state_dict()["state"] for each in (state, other)]
    assert pairs[0].keys() == pairs[1].keys() == set(range(len(named)))
    for index, slots in pairs[0].items():
        assert all(torch.equal(value, pairs[1][index][name]) for name, value in slots.items())


def test_a_weight_that_no_optimizer_takes_is_named():
    with pytest.raises(ValueError, match="no optimizer takes bias"):
        named = torch.nn.Linear(2, 2).named_parameters()
        OptimizersByWeight(named, ((lambda name, weight: name == "weight", torch.optim.SGD),))
