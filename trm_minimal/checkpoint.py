"""Weights and training states as one safetensors file each, and official checkpoints in and out. No pickle anywhere."""

import json
import os
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from trm_minimal.errors import BadInput
from trm_minimal.layers import Unrotated, mlp_mixer, transformer
from trm_minimal.model import LearnedPositions, NoPositions, TinyRecursiveModel


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


def _official_names(model: TinyRecursiveModel) -> dict[str, str]:
    """Our state-dict name -> the official one."""
    names = {
        "tokens_VD": "inner.embed_tokens.embedding_weight",
        "puzzles_ND": "inner.puzzle_emb.weights",
        "positions.table_LD": "inner.embed_pos.embedding_weight",
        "init_y.vector_D": "inner.H_init",
        "init_z.vector_D": "inner.L_init",
        "output_head.weight": "inner.lm_head.weight",
        "q_head.weight": "inner.q_head.weight",
        "q_head.bias": "inner.q_head.bias",
    }
    parts = {
        "0.inner.inner.": "mlp_t.",
        "0.inner.qkv.": "self_attn.qkv_proj.",
        "0.inner.out.": "self_attn.o_proj.",
        "1.inner.": "mlp.",
    }
    ends = {"gate_up.weight": "gate_up_proj.weight", "down.weight": "down_proj.weight", "weight": "weight"}
    for ours in model.state_dict():
        if ours.startswith("net.blocks."):
            layer, rest = ours.removeprefix("net.blocks.").split(".", 1)
            part = next(part for part in parts if rest.startswith(part))
            names[ours] = f"inner.L_level.layers.{layer}.{parts[part]}{ends[rest.removeprefix(part)]}"
    return {ours: names[ours] for ours in model.state_dict()}


def official_model(config: Mapping) -> TinyRecursiveModel:
    """The model that an official configuration (arch section, with vocab_size and seq_len) describes, at its start."""
    rotations = {"rope": transformer, "learned": partial(transformer, rotation=Unrotated)}
    rotations["none"] = rotations["learned"]
    if config["pos_encodings"] not in rotations:
        raise BadInput(f"pos_encodings is {config['pos_encodings']!r}; the official code knows {sorted(rotations)}")
    if config.get("expansion", 4) != 4:
        raise BadInput(f"expansion is {config['expansion']}; the official configurations all have 4")
    attention: Callable = partial(rotations[config["pos_encodings"]], heads=config["num_heads"])
    return TinyRecursiveModel(
        config["vocab_size"],
        config["seq_len"],
        dim=config["hidden_size"],
        layers=config["L_layers"],
        prefix=config.get("puzzle_emb_len") or -(-config["puzzle_emb_ndim"] // config["hidden_size"]),
        puzzles=config["num_puzzle_identifiers"] if config["puzzle_emb_ndim"] else 0,
        block=mlp_mixer if config.get("mlp_t") else attention,
        positions=LearnedPositions if config["pos_encodings"] == "learned" else NoPositions,
    )


def from_official(config: Mapping, weights: Mapping[str, np.ndarray | Tensor]) -> TinyRecursiveModel:
    """The official model as ours. `weights` maps official names to arrays; prefixes of torch.compile and of the loss
    head (`_orig_mod.`, `model.`) are dropped. BadInput names the first array that is missing, foreign or misshapen.
    """
    model = official_model(config)
    clean = {name[name.index("inner.") :] if "inner." in name else name: array for name, array in weights.items()}
    theirs = {official: ours for ours, official in _official_names(model).items()}
    tensors = {theirs.get(name, name): torch.as_tensor(np.array(array)).float() for name, array in clean.items()}
    load_weights(model, tensors, "the official checkpoint")
    return model


def to_official(model: TinyRecursiveModel) -> dict[str, Tensor]:
    """Our weights under the official names."""
    state = model.state_dict()
    return {official: state[ours] for ours, official in _official_names(model).items()}
