"""Muon for the matrices of the net, AdamW for the rest: the steps are torch's, the state survives, it learns."""

from dataclasses import replace
from functools import partial

import pytest
import torch

from trm_minimal.lab.parts.optimizers import MuonAdamW
from trm_minimal.lab.recipes import by_name
from trm_minimal.layers import mlp_mixer
from trm_minimal.train import TrainState, train, train_step


def tiny(**changes):
    parts = {"dim": 16, "block": partial(mlp_mixer, multiple=16), "batch": 8, "steps": 12, "eval_every": 6}
    parts |= {"eval_puzzles": 8, "optimizer": partial(MuonAdamW, lr=3e-3)}
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
    for (name, ours), theirs in zip(whole.model.named_parameters(), resumed.model.parameters(), strict=True):
        assert torch.equal(ours, theirs), name
    assert whole.optimizer.state_dict()["state"].keys() == set(range(len(list(whole.model.parameters()))))


def test_it_learns():
    state = TrainState(tiny(steps=60, dim=32), tiny().task(), 0)
    losses = [float(train_step(tiny(steps=60, dim=32), state)[0]) for _ in range(60)]
    assert sum(losses[-10:]) < 0.9 * sum(losses[:10])
