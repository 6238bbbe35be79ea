"""Weights that people load: what a training run leaves, and the shipped checkpoints."""

import reprlib
from pathlib import Path

import torch
from torch import Tensor

from trm_minimal.engine import checkpoint
from trm_minimal.errors import BadInput
from trm_minimal.lab.recipes import RECIPES, Recipe, by_name
from trm_minimal.model import TinyRecursiveModel, count_parameters
from trm_minimal.state import build_model
from trm_minimal.tasks import Task

CHECKPOINTS = Path(__file__).parents[2] / "data" / "checkpoints"
LARGE = 16e6  # bytes
CELLS = 10_201  # of the largest board: a maze of 101 x 101


def is_large(model: TinyRecursiveModel) -> bool:
    """Whether its weights take more than 16 MB in float32. They are kept in float16 then."""
    return 4 * count_parameters(model) > LARGE


def save_weights(path: Path, model: TinyRecursiveModel, facts: dict) -> None:
    """A model for others to load: its weights (see `is_large`), and how to build it."""
    sizes = {"kind": "weights", "vocab_size": model.vocab_size, "length": model.length}
    state = model.state_dict()
    if is_large(model):
        state = {name: tensor.half() for name, tensor in state.items()}
    checkpoint.save(path, state, sizes | facts)


def read_weights(path: Path) -> tuple[dict[str, Tensor], dict]:
    """(tensors, facts) of a file of `save_weights`, facts that agree with the tensors.

    BadInput when the file is damaged, of another kind, or of a recipe that is not here.
    """
    tensors, facts = checkpoint.load(path)
    kind = facts.get("kind", "something else")
    if kind != "weights":
        kind = kind if kind in ("training state", "something else") else reprlib.repr(kind)
        raise BadInput(f"{path} holds a {kind}, not weights; give the weights.safetensors of a run")
    recipe = checkpoint.fact(facts, "recipe", str, path)
    vocab_size = checkpoint.fact(facts, "vocab_size", int, path)
    length = checkpoint.fact(facts, "length", int, path)
    if recipe not in RECIPES:
        cure = "get the version of this project that knows it, or train anew"
        raise BadInput(f"{path} is of a recipe {reprlib.repr(recipe)} that is not here; {cure}")
    rows = len(tensors["tokens_VD"]) if tensors.get("tokens_VD", torch.empty(())).ndim else 0
    if vocab_size != rows or not 1 <= length <= CELLS:
        found = f"{vocab_size} tokens and boards of {length} cells, but holds {rows} tokens"
        raise BadInput(f"{path} says {found} (and a board has 1 to {CELLS} cells); train anew")
    return tensors, facts


def load_model(path: Path) -> tuple[TinyRecursiveModel, Recipe, dict]:
    """(model, recipe, facts) of a file of `save_weights`. BadInput when damaged or outdated."""
    tensors, facts = read_weights(path)
    recipe, length = by_name(facts["recipe"]), facts["length"]
    sizes = {"vocab_size": facts["vocab_size"], "length": length, "seed": 0}
    try:
        with torch.device("meta"):  # shapes alone: wrong facts shall not cost memory
            checkpoint.require_fit(build_model(recipe, **sizes), tensors, str(path))
        model = build_model(recipe, **sizes).eval()
        checkpoint.load_weights(model, tensors, str(path))
        question_BL = torch.zeros(1, length, dtype=torch.long)
        with torch.inference_mode():
            next(model.deep_supervision(question_BL, 1, n=1, T=1, generator=torch.Generator()))
    except RuntimeError as error:  # parts for square boards, say
        why = f"{path}: {facts['recipe']} makes no net for boards of {length} cells"
        raise BadInput(f"{why}; take another checkpoint, or train anew") from error
    return model, recipe, facts


def require_fit(model: TinyRecursiveModel, task: Task) -> None:
    """BadInput when the model was made for other boards."""
    if (task.vocab_size, task.length) != (model.vocab_size, model.length):
        known = f"boards of {model.length} cells and {model.vocab_size} tokens"
        given = f"{task.name} has {task.length} and {task.vocab_size}"
        cure = "take puzzles and a checkpoint of one kind"
        raise BadInput(f"the checkpoint knows {known}, but {given}; {cure}")


def shipped_checkpoint(task: Task) -> Path:
    """The shipped checkpoint for boards like the task's. BadInput when there is none."""
    for path in sorted(CHECKPOINTS.glob("*.safetensors")):
        facts = read_weights(path)[1]
        if (facts["vocab_size"], facts["length"]) == (task.vocab_size, task.length):
            return path
    cure = "name the weights of a run before the puzzle"
    raise BadInput(f"no shipped checkpoint knows {task.name}; {cure}")
