"""Is everything here that the course needs?"""

import importlib.util
import platform
import sys
import time
from dataclasses import replace

import torch

from trm_minimal.errors import BadInput, Diverged
from trm_minimal.lab import bench, machine, puzzles, recipes
from trm_minimal.tasks import files
from trm_minimal.train import train

# The notebooks need them, the package not.
COURSE = ("jupyterlab", "ipywidgets", "matplotlib", "seaborn", "pandas")


def compiling() -> str:
    """Whether torch.compile has the compiler that it needs."""
    try:
        return f"compiler for recipes that compile: {machine.compiler()}"
    except BadInput as error:
        return f"compiler for recipes that compile: {error}; all others work"


def examine() -> list[tuple[bool, str]]:
    """(good, what was found) of each check; the last trains for two seconds."""
    python = platform.python_version()
    torch_version = tuple(int(number) for number in torch.__version__.split(".")[:2])
    missing = [package for package in COURSE if importlib.util.find_spec(package) is None]
    fast, slow = (bench.matmul_rate("cpu", dtype) for dtype in (torch.bfloat16, torch.float32))
    gain = f"{fast / slow:.2g} times the speed of float32{bench.advice(fast / slow)}"
    lacking = ", ".join(missing) or "none"
    checks = [
        (sys.version_info >= (3, 11), f"Python {python}, 3.11 or newer is needed"),
        (torch_version >= (2, 11), f"torch {torch.__version__}, 2.11 or newer is needed"),
        (True, f"devices: {', '.join(machine.devices())}"),
        (True, f"bfloat16 on this processor: {gain}"),
        (True, compiling()),
        (True, f"packages that only the notebooks need: {lacking} missing"),
    ]
    if not files.PUZZLES.is_dir():
        cure = "install with `pip install -e .` from a clone of the repository"
        return [*checks, (False, f"{files.PUZZLES} is not there; {cure}")]
    for folder, odd in puzzles.check_shipped().items():
        wrong = f": {', '.join(odd)} differs from the README or is missing, fetch it again"
        checks.append((not odd, f"data/puzzles/{folder}{wrong if odd else ''}"))
    recipe = replace(recipes.by_name("sudoku_4x4"), steps=8, eval_every=8, eval_puzzles=8)
    started = time.perf_counter()
    try:
        loss = train(recipe, recipe.task(), seed=0, quiet=True).curve[-1]["loss"]
        result = f"mean loss {loss:.2f}, {time.perf_counter() - started:.1f} s"
        checks.append((True, f"8 training steps of sudoku_4x4: {result}"))
    except (BadInput, Diverged) as error:
        checks.append((False, f"8 training steps of sudoku_4x4: {error}"))
    return checks
