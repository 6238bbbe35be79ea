"""Weights and training states as one safetensors file each. No pickle anywhere."""

import hashlib
import json
import os
import reprlib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as serialized
from torch import Tensor

from trm_minimal.errors import BadInput

FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
PICKLES = (b"PK\x03\x04", b"\x80")  # how the files of torch.save begin, new and old


def digest(tensors: Mapping[str, Tensor], facts: dict) -> str:
    """sha256 of JSON facts and of the names, types, shapes and bytes of tensors; independent of their order."""
    as_read = json.loads(json.dumps(facts))
    hashed = hashlib.sha256(json.dumps(as_read, sort_keys=True).encode())
    for name, tensor in sorted(tensors.items()):
        hashed.update(f"\n{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        hashed.update(tensor.cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
    return hashed.hexdigest()


def save(path: Path, tensors: Mapping[str, Tensor], facts: dict) -> None:
    """Write tensors and JSON facts in one file, with a digest of both.

    A reader sees the old file or the new one, never half of one, and no power cut leaves half of one.
    """
    path = Path(path)
    unfinished = path.with_name(f"{path.name}.{os.getpid()}.part")
    own = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
    facts = facts | {"sha256": digest(own, facts)}
    content = serialized(own, metadata={"facts": json.dumps(facts)})
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(unfinished, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(unfinished, path)
    except OSError as error:
        cure = "choose a folder that is writable and has room"
        raise BadInput(f"cannot write {path}: {error.strerror or error}; {cure}") from error
    finally:  # also when stopped by Ctrl-C
        with suppress(OSError):
            unfinished.unlink()


def load(path: Path) -> tuple[dict[str, Tensor], dict]:
    """(tensors, facts) of a file of `save`. BadInput when it is missing, damaged or something else.

    Files without a digest are older than it, and are believed.
    """
    path = Path(path)
    if not path.is_file():
        raise BadInput(f"there is no checkpoint at {path}; give the path of a .safetensors file")
    try:
        with safe_open(path, framework="pt") as file:
            text = (file.metadata() or {}).get("facts")
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
    except (OSError, SafetensorError) as error:
        with open(path, "rb") as file:
            if file.read(4).startswith(PICKLES):
                raise BadInput(
                    f"{path} is a pickle, as torch.save writes it, and reading one can run any code; "
                    "give a .safetensors file"
                ) from error
        why = f"{path} is not a whole safetensors file ({error})"
        raise BadInput(f"{why}; train again or fetch it anew") from error
    try:
        facts = json.loads(text or "null")
    except (ValueError, RecursionError) as error:
        why = f"{path} is damaged: its facts are no JSON ({error})"
        raise BadInput(f"{why}; train again or fetch it anew") from error
    if not isinstance(facts, dict):
        why = f"{path} holds tensors without this project's facts"
        raise BadInput(f"{why}; it was written by another program")
    wanted = facts.pop("sha256", None)
    if wanted is not None and wanted != digest(tensors, facts):
        why = f"{path} is damaged: what it holds does not give the digest that it names"
        raise BadInput(f"{why}; train again or fetch it anew")
    return tensors, facts


def fact(facts: dict, name: str, kind: type, path: Path):
    """The fact of that name. BadInput when the file at `path` lacks it, or its type is not `kind`."""
    if name not in facts:
        raise BadInput(f"{path} does not say its {name}; fetch it again, or train anew")
    if type(facts[name]) is not kind:
        found = f"{name} {reprlib.repr(facts[name])}, which is no {kind.__name__}"
        raise BadInput(f"{path} says {found}; fetch it again, or train anew")
    return facts[name]


def require_fit(model: torch.nn.Module, tensors: Mapping[str, Tensor], where: str) -> None:
    """BadInput when tensors are no weights of this model: other names or shapes, or not finite."""
    expected = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    found = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    if expected != found:
        name = min(n for n in expected | found if expected.get(n) != found.get(n))
        shapes = f"{found.get(name, 'none')} in the file and {expected.get(name, 'none')} in the model"
        raise BadInput(
            f"{where} is of another recipe: {reprlib.repr(name)} has shape {shapes}; "
            "name the recipe it was trained with"
        )
    for name, tensor in tensors.items():
        if tensor.dtype not in FLOATS:
            why = f"{where} holds {name} as {tensor.dtype}, and weights are floats"
            raise BadInput(f"{why}; take another checkpoint or train again")
        if not tensor.isfinite().all():
            why = f"{where} holds numbers in {name} that are not finite"
            raise BadInput(f"{why}; take another checkpoint or train again")


def load_weights(model: torch.nn.Module, tensors: Mapping[str, Tensor], where: str) -> None:
    """Copy tensors into the model. BadInput, before anything is copied, when they do not fit."""
    require_fit(model, tensors, where)
    model.load_state_dict(tensors)
