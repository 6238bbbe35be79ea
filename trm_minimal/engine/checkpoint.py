"""Weights and training states as one safetensors file each. No pickle anywhere."""

import hashlib
import json
import os
import reprlib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load as deserialized
from safetensors.torch import save as serialized
from torch import Tensor

from trm_minimal.errors import BadInput

PICKLES = (b"PK\x03\x04", b"\x80")  # how the files of torch.save begin, new and old


def digest(tensors: Mapping[str, Tensor], facts: dict) -> str:
    """sha256 of JSON facts and of names, types, shapes and bytes of tensors, in any order."""
    as_read = json.loads(json.dumps(facts))
    hashed = hashlib.sha256(json.dumps(as_read, sort_keys=True).encode())
    for name, tensor in sorted(tensors.items()):
        hashed.update(f"\n{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        hashed.update(tensor.cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
    return hashed.hexdigest()


def save(path: Path, tensors: Mapping[str, Tensor], facts: dict) -> None:
    """Write tensors and JSON facts in one file, with a digest of both.

    A reader sees the old file or the new one, never half of one, even after a power cut.
    """
    path = Path(path)
    unfinished = path.with_name(f"{path.name}.{os.getpid()}.part")
    own = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
    facts = facts | {"sha256": digest(own, facts)}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(unfinished, "wb") as file:
            file.write(serialized(own, metadata={"facts": json.dumps(facts)}))
            file.flush()
            os.fsync(file.fileno())
        os.replace(unfinished, path)
    except OSError as error:
        reason = f"cannot write {path}: {error.strerror or error}"
        raise BadInput(f"{reason}; choose a folder that is writable and has room") from error
    finally:  # also when stopped by Ctrl-C
        with suppress(OSError):
            unfinished.unlink()


def load(path: Path) -> tuple[dict[str, Tensor], dict]:
    """(tensors, facts) of a file of `save`. BadInput when it is missing, damaged or something else.

    Files without a digest are older than it, and are believed.
    """
    path, cure, content = Path(path), "train again or fetch it anew", b""
    if not path.is_file():
        raise BadInput(f"there is no checkpoint at {path}; give the path of a .safetensors file")
    try:
        content = path.read_bytes()  # at once: the file may be replaced while it is read
        tensors = deserialized(content)
        header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
        facts = json.loads(header.get("__metadata__", {}).get("facts", "null"))
    except (OSError, SafetensorError) as error:
        if content.startswith(PICKLES):
            reason = f"{path} is a pickle, as torch.save writes it, and can run any code when read"
            raise BadInput(f"{reason}; give a .safetensors file") from error
        raise BadInput(f"{path} is not a whole safetensors file ({error}); {cure}") from error
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{path} is damaged: its facts are no JSON ({error}); {cure}") from error
    if not isinstance(facts, dict):
        reason = f"{path} holds tensors without this project's facts"
        raise BadInput(f"{reason}; it was written by another program")
    named = facts.pop("sha256", None)
    if named is not None and named != digest(tensors, facts):
        raise BadInput(f"{path} is damaged: it does not give the digest that it names; {cure}")
    return tensors, facts


def fact(facts: dict, name: str, kind: type, path: Path):
    """The fact of that name. BadInput when the file at `path` lacks it or it is not of `kind`."""
    cure = "fetch it again, or train anew"
    if name not in facts:
        raise BadInput(f"{path} does not say its {name}; {cure}")
    if type(facts[name]) is not kind:
        said = f"{name} {reprlib.repr(facts[name])}, which is no {kind.__name__}"
        raise BadInput(f"{path} says {said}; {cure}")
    return facts[name]


def require_fit(model: torch.nn.Module, tensors: Mapping[str, Tensor], where: str) -> None:
    """BadInput when tensors are no weights of this model: other names or shapes, or not finite."""
    expected = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    found = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    if expected != found:
        name = min(n for n in expected | found if expected.get(n) != found.get(n))
        there, here = found.get(name, "none"), expected.get(name, "none")
        shapes = f"{reprlib.repr(name)} has shape {there} in the file and {here} in the model"
        cure = "name the recipe it was trained with"
        raise BadInput(f"{where} is of another recipe: {shapes}; {cure}")
    for name, tensor in tensors.items():
        if not (tensor.is_floating_point() and tensor.float().isfinite().all()):
            reason = f"{where} holds {tensor.dtype} in {name} that are not all finite floats"
            raise BadInput(f"{reason}; take another checkpoint or train again")


def load_weights(model: torch.nn.Module, tensors: Mapping[str, Tensor], where: str) -> None:
    """Copy tensors into the model. BadInput, before anything is copied, when they do not fit."""
    require_fit(model, tensors, where)
    model.load_state_dict(tensors)


def flat(parts: Mapping[str, Mapping]) -> dict[str, Tensor]:
    """{"a": {"b": tensor}} -> {"a/b": tensor}, however deep."""
    named = {}
    for name, part in parts.items():
        below = flat(part) if isinstance(part, Mapping) else {"": part}
        named |= {f"{name}/{rest}" if rest else str(name): tensor for rest, tensor in below.items()}
    return named


def nested(tensors: Mapping[str, Tensor]) -> dict[str, dict]:
    """The inverse of `flat`."""
    parts: dict[str, dict] = {}
    for name, tensor in tensors.items():
        *rooms, last = name.split("/")
        room = parts
        for each in rooms:
            room = room.setdefault(each, {})
        room[last] = tensor
    return parts


def differences(wanted: dict, found: dict, within: str = "") -> list[str]:
    """Where two dictionaries of facts differ, by name; of nested ones the fields."""
    names = []
    for name in sorted(wanted.keys() | found.keys()):
        one, other = wanted.get(name), found.get(name)
        if isinstance(one, dict) and isinstance(other, dict) and not within:
            names += differences(one, other, f"{within}{name}.")
        elif one != other:
            names.append(within + name)
    return names


def require_facts(wanted: dict, found: dict, path: Path) -> None:
    """BadInput when the file at `path` was written for other facts, naming each that differs."""
    changed = differences(wanted, {name: found.get(name) for name in wanted})
    if changed:
        changed = ["kind"] if "kind" in changed else changed  # then the rest is no wonder
        names = ", ".join(changed[:5]) + (" and more" if changed[5:] else "")
        cure = "resume with the same, or start anew"
        raise BadInput(f"{path} was written by a run that differs in {names}; {cure}")


def same_kind(one: Tensor, other: Tensor) -> bool:
    return one.shape == other.shape and one.dtype == other.dtype


def require_like(wanted: Mapping[str, Tensor], found: Mapping[str, Tensor], path: Path) -> None:
    """BadInput when a slot's tensor in the file at `path` has another shape or type."""
    for name, tensor in wanted.items():
        if not same_kind(found[name], tensor):
            raise BadInput(f"{path}: carry/{name} is of another shape or type; start anew")


def require_moments(optimizer, moments: dict[int, dict[str, Tensor]], path: Path) -> None:
    """BadInput when a moment is missing, or is not like its weight."""
    weights = [weight for group in optimizer.param_groups for weight in group["params"]]
    kinds = {frozenset(of_weight) for of_weight in moments.values()}
    if any(some < others for some in kinds for others in kinds):
        raise BadInput(f"{path} lacks a moment of the optimizer; start anew")
    for index, of_weight in moments.items():
        like = (torch.empty(()), weights[index])  # counts, and what is kept for each number
        if not all(any(same_kind(m, one) for one in like) for m in of_weight.values()):
            reason = f"{path}: a moment of weight {index} is of another shape or type"
            raise BadInput(f"{reason}; start anew")
