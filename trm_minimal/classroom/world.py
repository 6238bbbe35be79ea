"""What is global in torch, random and numpy: put back after a learner's code, with a sentence for
each change.
"""

import os
import pickle
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

# of the plain world: nobody else's, so that a function's own manual_seed(0) shows
SEED = 20_250_604


@dataclass(frozen=True)
class Switch:
    """Something global, and what to say of code that leaves it changed; {now} is its new value."""

    read: Callable[[], Any]
    write: Callable[[Any], object]
    fault: str


def _autocast(device: str) -> Switch:
    return Switch(
        lambda: (torch.is_autocast_enabled(device), torch.get_autocast_dtype(device)),
        lambda state: (
            torch.set_autocast_enabled(device, state[0]),
            torch.set_autocast_dtype(device, state[1]),
        ),
        f'it leaves autocast changed; use `with torch.autocast("{device}"):`, which puts it back',
    )


def _flag(name: str) -> Switch:
    return Switch(
        lambda: getattr(torch.backends.cudnn, name),
        lambda on: setattr(torch.backends.cudnn, name, on),
        f"it leaves torch.backends.cudnn.{name} {{now}}; that is the caller's to choose",
    )


def _generator(name: str, read: Callable, write: Callable) -> Switch:
    return Switch(
        read,
        write,
        f"it changes {name}; draw from the generator that is handed in, as in "
        "`torch.rand(3, generator=generator)`, or from one of your own",
    )


def _write_environment(variables: dict[str, str]) -> None:
    os.environ.clear()
    os.environ.update(variables)


DRAWS = _generator("torch's global generator", torch.get_rng_state, torch.set_rng_state)
SWITCHES = (
    Switch(
        torch.is_inference_mode_enabled,
        # nothing can set it; `unchanged` leaves a mode of its own, which puts it back
        lambda on: None,
        "it leaves inference mode {now}; use `with torch.no_grad():`, which puts things back",
    ),
    Switch(
        torch.is_grad_enabled,
        torch.set_grad_enabled,
        "it leaves gradients switched {now}; use `with torch.no_grad():`, which puts them back",
    ),
    Switch(
        torch.get_default_dtype,
        torch.set_default_dtype,
        "it leaves the default dtype at {now}; say `dtype=` where a tensor is made",
    ),
    Switch(
        torch.get_default_device,
        lambda device: torch.set_default_device(None if device.type == "cpu" else device),
        "it leaves the default device at {now}; say `device=` where a tensor is made",
    ),
    Switch(
        torch.get_num_threads,
        torch.set_num_threads,
        "it leaves torch at {now} threads; their number is the caller's to choose",
    ),
    DRAWS,
    _generator(
        "the global generator of `random`",
        lambda: pickle.dumps(random.getstate()),  # 625 numbers, quicker to compare as bytes
        lambda state: random.setstate(pickle.loads(state)),
    ),
    _generator("numpy's global generator", np.random.get_state, np.random.set_state),
    _autocast("cpu"),
    _autocast("cuda"),
    Switch(
        torch.get_deterministic_debug_mode,
        torch.set_deterministic_debug_mode,
        "it leaves torch.use_deterministic_algorithms changed; that is the caller's to choose",
    ),
    _flag("deterministic"),
    _flag("benchmark"),
    Switch(
        torch.get_float32_matmul_precision,
        torch.set_float32_matmul_precision,
        "it leaves the precision of float32 products at {now}; that is the caller's to choose",
    ),
    Switch(
        lambda: (torch.is_anomaly_enabled(), torch.is_anomaly_check_nan_enabled()),
        lambda state: torch.autograd.set_detect_anomaly(*state),
        "it leaves torch.autograd.set_detect_anomaly changed; use `with"
        " torch.autograd.detect_anomaly():`, which puts it back",
    ),
    Switch(
        lambda: asdict(torch._tensor_str.PRINT_OPTS),  # torch has no public way to read them
        lambda options: torch.set_printoptions(**options),
        "it leaves torch.set_printoptions changed; how tensors are shown is the caller's to choose",
    ),
    Switch(
        np.geterr,
        lambda state: np.seterr(**state),
        "it leaves np.seterr changed; use `with np.errstate(...):`, which puts it back",
    ),
    Switch(
        lambda: dict(os.environ),
        _write_environment,
        "it leaves os.environ changed; those variables are the caller's",
    ),
)


@contextmanager
def unchanged(may_draw: bool = False) -> Iterator[list[str]]:
    """Whatever happens inside, all that is global is afterwards as it was before.

    The list that it gives holds, at the end, a sentence for each thing that had to be put back.
    With may_draw torch's global generator may move on, and stays where it is.
    """
    switches = [switch for switch in SWITCHES if not (may_draw and switch is DRAWS)]
    before = [switch.read() for switch in switches]
    gradients, inference = torch.is_grad_enabled(), torch.is_inference_mode_enabled()
    faults = []
    with torch.inference_mode(inference), torch.set_grad_enabled(gradients):
        try:
            yield faults
        finally:
            for switch, old in zip(switches, before, strict=True):
                now = switch.read()
                if not same(old, now):
                    switch.write(old)
                    word = {True: "on", False: "off"}[now] if isinstance(now, bool) else now
                    faults.append(switch.fault.format(now=word))


@contextmanager
def plain_world() -> Iterator[None]:
    """Inside, torch is as in a fresh notebook; afterwards all that is global is as it was."""
    with unchanged(), torch.inference_mode(False), torch.enable_grad():
        for device in ("cpu", "cuda"):
            torch.set_autocast_enabled(device, False)
        torch.set_default_dtype(torch.float32)
        torch.set_default_device(None)
        torch.default_generator.manual_seed(SEED)
        random.seed(SEED)
        np.random.seed(SEED)
        yield


def picture(value: Any) -> Any:
    """What can be compared later: copies of tensors and arrays, also in lists, tuples,
    dictionaries.
    """
    if not isinstance(value, Tensor | np.ndarray | dict | list | tuple | set):
        return value
    if isinstance(value, Tensor):
        return value.detach().clone(), value.requires_grad
    if isinstance(value, np.ndarray):
        return value.copy()
    if isinstance(value, dict):
        return {key: picture(part) for key, part in value.items()}
    return set(value) if isinstance(value, set) else [picture(part) for part in value]


def same(a: Any, b: Any) -> bool:
    """Are two such pictures equal? NaN equals itself; the order of a dictionary counts."""
    if a is b or type(a) is not type(b):
        return a is b
    if isinstance(a, Tensor):
        alike = a.dtype == b.dtype and a.shape == b.shape
        return alike and torch.allclose(a, b, rtol=0, atol=0, equal_nan=True)
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and np.array_equal(a, b)
    if isinstance(a, dict):
        return list(a) == list(b) and same(list(a.values()), list(b.values()))
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    return bool(a == b or (a != a and b != b))
