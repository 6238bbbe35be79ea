"""Weights that people load: the shipped ones are, and wrong facts are a sentence at no cost."""

import json
import resource
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from trm_minimal.engine import checkpoint
from trm_minimal.errors import BadInput
from trm_minimal.lab import recipes, weights
from trm_minimal.lab.recipes import by_name
from trm_minimal.layers import mlp_mixer
from trm_minimal.state import build_model
from trm_minimal.tasks import sudoku

SHIPPED = sorted(weights.CHECKPOINTS.glob("*.safetensors"))


def tiny():
    return replace(by_name("sudoku_4x4"), dim=16, block=partial(mlp_mixer, multiple=16))


@pytest.fixture
def path(tmp_path, monkeypatch):
    monkeypatch.setitem(recipes.RECIPES, "tiny", tiny)
    model = build_model(tiny(), 6, 16, seed=1)
    weights.save_weights(tmp_path / "w.safetensors", model, {"recipe": "tiny", "seed": 1})
    return tmp_path / "w.safetensors"


def with_facts(path: Path, **changes) -> None:
    """The file as a version without digests would have written it, with other facts."""
    with safe_open(path, framework="pt") as file:
        facts = json.loads(file.metadata()["facts"])
    del facts["sha256"]
    facts = {key: value for key, value in (facts | changes).items() if value is not None}
    save_file(load_file(path), path, metadata={"facts": json.dumps(facts)})


def test_what_is_saved_is_loaded_and_can_be_trained_on(path):
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    model, _, facts = weights.load_model(path)
    assert torch.equal(before, torch.random.get_rng_state())
    assert facts == {"kind": "weights", "vocab_size": 6, "length": 16, "recipe": "tiny", "seed": 1}
    again = build_model(tiny(), 6, 16, seed=1).state_dict()
    assert all(torch.equal(again[name], tensor) for name, tensor in model.state_dict().items())
    y_BLD, z_BLD = model.initial_states(torch.ones(1, 16, dtype=torch.long))
    model(torch.ones(1, 16, dtype=torch.long), y_BLD, z_BLD, 1, 1).logits.sum().backward()
    with_facts(path)
    assert weights.load_model(path)[2] == facts


@pytest.mark.parametrize("shipped", SHIPPED, ids=lambda path: path.stem)
def test_each_shipped_checkpoint_is_found_by_its_board(shipped):
    model, recipe, _ = weights.load_model(shipped)
    task = recipe.task()
    assert weights.shipped_checkpoint(task) == shipped
    weights.require_fit(model, task)
    assert len(SHIPPED) == 5


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"recipe": 7}, "says recipe 7, which is no str"),
        ({"recipe": ["tiny"]}, r"says recipe \['tiny'\], which is no str"),
        ({"recipe": None}, "does not say its recipe"),
        ({"recipe": "gone"}, "is of a recipe 'gone' that is not here"),
        ({"recipe": "\x1b[2Jtiny" + "x" * 10_000}, r"is of a recipe '\\x1b\[2Jtiny"),
        ({"kind": "\x1b[2J"}, r"holds a '\\x1b\[2J', not weights"),
        ({"kind": 3}, "holds a 3, not weights"),
        ({"length": "16"}, "says length '16', which is no int"),
        ({"length": True}, "says length True, which is no int"),
        ({"length": 16.0}, "says length 16.0, which is no int"),
        ({"length": 0}, "boards of 0 cells"),
        ({"length": 10**9}, "boards of 1000000000 cells"),
        ({"length": 9_999}, "is of another recipe"),
        ({"length": None}, "does not say its length"),
        ({"vocab_size": 6_000_000}, "says 6000000 tokens .* but holds 6 tokens"),
        ({"vocab_size": -1}, "says -1 tokens"),
        ({"recipe": "sudoku_extreme"}, "is of another recipe"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_wrong_facts_are_one_short_sentence_and_cost_nothing(path, changes, words):
    with_facts(path, **changes)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(BadInput, match=words) as told:
        weights.load_model(path)
    assert len(str(told.value)) < 300 and "\x1b" not in str(told.value)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < before + 100_000  # kilobytes


def test_a_board_that_the_recipes_parts_cannot_hold(tmp_path):
    """A 3x3 convolution has no weight that knows the size of the board."""
    path = tmp_path / "w.safetensors"
    tensors, facts = checkpoint.load(weights.CHECKPOINTS / "maze_15x15.safetensors")
    checkpoint.save(path, tensors, facts | {"length": 100})
    with pytest.raises(BadInput, match="maze_15x15 makes no net for boards of 100 cells"):
        weights.load_model(path)


@pytest.mark.parametrize("without", ["tokens_VD", "net.blocks.0.1.inner.down.weight"])
def test_weights_that_lack_a_tensor(path, without):
    tensors, facts = checkpoint.load(path)
    del tensors[without]
    checkpoint.save(path, tensors, facts)
    with pytest.raises(BadInput, match=r"but holds 0 tokens|is of another recipe"):
        weights.load_model(path)


def test_without_the_shipped_files_the_cure_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr(weights, "CHECKPOINTS", tmp_path)
    with pytest.raises(BadInput, match="no shipped checkpoint knows"):
        weights.shipped_checkpoint(sudoku.board(16))
