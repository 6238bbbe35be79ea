"""Is everything here that the course needs?"""

import importlib.util
import platform
import sys
import time
from dataclasses import replace

import torch

from trm_minimal.errors import BadInput, Diverged
from trm_minimal.lab import bench, puzzles, recipes
from trm_minimal.train import train

COURSE = ("jupyterlab", "ipywidgets", "matplotlib", "seaborn", "pandas")  # the notebooks need them, the package not


def examine(devices: list[str]) -> list[tuple[bool, str]]:
    """(good, what was found) of each check; the last trains for two seconds."""
    torch_version = tuple(int(number) for number in torch.__version__.split(".")[:2])
    missing = [package for package in COURSE if importlib.util.find_spec(package) is None]
    gain = bench.matmul_rate("cpu", torch.bfloat16) / bench.matmul_rate("cpu", torch.float32)
    checks = [
        (sys.version_info >= (3, 11), f"Python {platform.python_version()}, 3.11 or newer is needed"),
        (torch_version >= (2, 11), f"torch {torch.__version__}, 2.11 or newer is needed"),
        (True, f"devices: {', '.join(devices)}"),
        (True, f"bfloat16 on this processor: {gain:.2g} times the speed of float32{bench.advice(gain)}"),
        (True, f"packages that only the notebooks need: {', '.join(missing) or 'none'} missing"),
    ]
    for folder, odd in puzzles.check_shipped().items():
        wrong = f": {', '.join(odd)} differs from the README or is missing, fetch it again" if odd else ""
        checks.append((not odd, f"data/puzzles/{folder}{wrong}"))
    recipe = replace(recipes.by_name("sudoku_4x4"), steps=8, eval_every=8, eval_puzzles=8)
    started = time.perf_counter()
    try:
        loss = train(recipe, recipe.task(), seed=0).curve[-1]["loss"]
        result = f"mean loss {loss:.2f}, {time.perf_counter() - started:.1f} s"
        checks.append((True, f"8 training steps of sudoku_4x4: {result}"))
    except (BadInput, Diverged) as error:
        checks.append((False, f"8 training steps of sudoku_4x4: {error}"))
    return checks
