"""Checkpoints of the official code, in and out."""

from collections.abc import Callable, Mapping
from functools import partial

import numpy as np
import torch
from torch import Tensor

from trm_minimal.engine import checkpoint
from trm_minimal.errors import BadInput
from trm_minimal.layers import NoRotation, mlp_mixer, transformer
from trm_minimal.model import LearnedPositions, NoPositions, TinyRecursiveModel


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
    ends = {
        "gate_up.weight": "gate_up_proj.weight",
        "down.weight": "down_proj.weight",
        "weight": "weight",
    }
    for ours in model.state_dict():
        if ours.startswith("net.blocks."):
            layer, rest = ours.removeprefix("net.blocks.").split(".", 1)
            part = next(part for part in parts if rest.startswith(part))
            names[ours] = (
                f"inner.L_level.layers.{layer}.{parts[part]}{ends[rest.removeprefix(part)]}"
            )
    return {ours: names[ours] for ours in model.state_dict()}


def official_model(config: Mapping) -> TinyRecursiveModel:
    """The model that an official configuration (arch section, with vocab_size and seq_len)
    describes, at its start.
    """
    rotations = {"rope": transformer, "learned": partial(transformer, rotation=NoRotation)}
    rotations["none"] = rotations["learned"]
    if config["pos_encodings"] not in rotations:
        raise BadInput(
            f"pos_encodings is {config['pos_encodings']!r}; the official code knows"
            f" {sorted(rotations)}"
        )
    if config.get("expansion", 4) != 4:
        raise BadInput(
            f"expansion is {config['expansion']}; the official configurations all have 4"
        )
    attention: Callable = partial(rotations[config["pos_encodings"]], heads=config["num_heads"])
    return TinyRecursiveModel(
        config["vocab_size"],
        config["seq_len"],
        dim=config["hidden_size"],
        layers=config["L_layers"],
        prefix=config.get("puzzle_emb_len")
        or -(-config["puzzle_emb_ndim"] // config["hidden_size"]),
        puzzles=config["num_puzzle_identifiers"] if config["puzzle_emb_ndim"] else 0,
        block=mlp_mixer if config.get("mlp_t") else attention,
        positions=LearnedPositions if config["pos_encodings"] == "learned" else NoPositions,
    )


def from_official(
    config: Mapping, weights: Mapping[str, np.ndarray | Tensor]
) -> TinyRecursiveModel:
    """The official model as ours.

    `weights` maps official names to arrays; prefixes of torch.compile and of the loss head
    (`_orig_mod.`, `model.`) are dropped. BadInput names the first array that is missing, foreign or
    misshapen.
    """
    model = official_model(config)
    clean = {
        name[name.index("inner.") :] if "inner." in name else name: array
        for name, array in weights.items()
    }
    theirs = {official: ours for ours, official in _official_names(model).items()}
    tensors = {
        theirs.get(name, name): torch.as_tensor(np.array(array)).float()
        for name, array in clean.items()
    }
    checkpoint.load_weights(model, tensors, "the official checkpoint")
    return model


def to_official(model: TinyRecursiveModel) -> dict[str, Tensor]:
    """Our weights under the official names."""
    state = model.state_dict()
    return {official: state[ours] for ours, official in _official_names(model).items()}
