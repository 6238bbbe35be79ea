"""What the machine at hand has: devices, and a compiler."""

import os
import shutil
import sys

import torch

from trm_minimal.errors import BadInput

# What torch.compile calls on a CPU; elsewhere g++.
COMPILERS = {"darwin": "clang++", "win32": "cl"}


def devices() -> list[str]:
    """Where torch can compute on this machine."""
    there = {
        "cpu": True,
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
    }
    return [name for name, usable in there.items() if usable]


def require_device(name: str) -> str:
    """The device asked for. BadInput when this machine lacks it."""
    if name not in devices():
        found = f"torch {torch.__version__} finds none"
        raise BadInput(f"--device {name}: {found}; take one of: {', '.join(devices())}")
    return name


def compiler(device: str = "cpu") -> str:
    """The compiler that torch.compile needs: C++, or C for Triton on a GPU. BadInput without it."""
    if device == "cuda":
        names = [os.environ["CC"]] if os.environ.get("CC") else ["gcc", "clang"]
    else:
        names = [os.environ.get("CXX") or COMPILERS.get(sys.platform, "g++")]
    for name in names:
        if path := shutil.which(name):
            return path
    wanted = f"there is no compiler ({' or '.join(names)}), which torch.compile needs"
    raise BadInput(f"{wanted}; install one")
