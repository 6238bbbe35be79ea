"""Weights and training states as one safetensors file each. No pickle anywhere."""

import json
import os
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from trm_minimal.errors import BadInput


def save(path: Path, tensors: Mapping[str, Tensor], facts: dict) -> None:
    """Write tensors and JSON facts in one file; a reader sees the old file or the new one, never half of one."""
    path = Path(path)
    unfinished = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        contiguous = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
        save_file(contiguous, unfinished, metadata={"facts": json.dumps(facts)})
        os.replace(unfinished, path)
    except (OSError, SafetensorError) as error:
        if unfinished.exists():
            unfinished.unlink()
        raise BadInput(f"cannot write {path}: {error}; choose a folder that is writable and has room") from error


def load(path: Path) -> tuple[dict[str, Tensor], dict]:
    """(tensors, facts) of a file written by `save`. BadInput when it is missing, cut short or something else."""
    if not Path(path).is_file():
        raise BadInput(f"there is no checkpoint at {path}; give the path of a .safetensors file")
    try:
        with safe_open(path, framework="pt") as file:
            facts = (file.metadata() or {}).get("facts")
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
    except (OSError, SafetensorError) as error:
        raise BadInput(f"{path} is not a whole safetensors file ({error}); train again or fetch it anew") from error
    try:
        facts = json.loads(facts or "null")
    except ValueError as error:
        raise BadInput(f"{path} is damaged: its facts are no JSON ({error}); train again or fetch it anew") from error
    if not isinstance(facts, dict):
        raise BadInput(f"{path} holds tensors without this project's facts; it was written by another program")
    return tensors, facts


def load_weights(model: torch.nn.Module, tensors: Mapping[str, Tensor], where: str) -> None:
    """Copy tensors into the model. BadInput when names or shapes differ: the checkpoint is of another recipe."""
    expected = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    found = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    if expected != found:
        name = min(name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name))
        raise BadInput(
            f"{where} is of another recipe: {name} has shape {found.get(name, 'none')} in the file "
            f"and {expected.get(name, 'none')} in the model; name the recipe it was trained with"
        )
    model.load_state_dict(tensors)
