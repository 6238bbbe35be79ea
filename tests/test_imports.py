"""The house rules that a reader relies on: who imports whom, how much there is to read, and what is
not there.
"""

import ast
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from trm_minimal.lab.recipes import by_name
from trm_minimal.state import TrainState
from trm_minimal.train import train_step

PACKAGE = Path(__file__).parents[1] / "trm_minimal"
FILES = sorted(PACKAGE.rglob("*.py"))
CORE = sorted(
    path for path in PACKAGE.glob("*.py") if path.name not in ("__init__.py", "__main__.py")
)
DRAWING = {"matplotlib", "seaborn", "pandas", "ipywidgets", "IPython"}
OURS = {  # what each file of the core may import of the package
    "ema": set(),
    "errors": set(),
    "evaluate": {"model", "schedules"},
    "halting": {"model"},
    "layers": set(),
    "losses": set(),
    "model": {"layers", "losses", "recurrence", "recursion", "schedules", "ema"},
    "recurrence": set(),
    "recursion": set(),
    "schedules": set(),
    "state": {"engine", "ema", "errors", "halting", "model"},
    "train": {"engine", "evaluate", "halting", "state"},
}
ROOMS = {  # a room may import the rooms named and itself
    "engine": {"core"},
    "tasks": {"core"},
    "lab": {"core", "engine", "tasks"},
    "show": {"core", "tasks", "lab"},
    "classroom": {"core", "engine", "tasks", "lab", "show"},
}


def imported(source: str) -> set[str]:
    """Dotted names of all modules that a source imports, wherever in it.

    `from a import b` gives a and a.b.
    """
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute here"
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def core_of_ours(source: str) -> set[str]:
    """The first name below trm_minimal in each import."""
    return {name.split(".")[1] for name in imported(source) if name.startswith("trm_minimal.")}


def rooms_of_ours(source: str) -> set[str]:
    return {name if name in ROOMS else "core" for name in core_of_ours(source)}


def foreign(source: str) -> set[str]:
    tops = {name.split(".")[0] for name in imported(source)}
    return tops - set(sys.stdlib_module_names) - {"trm_minimal"}


def test_the_readers_of_imports_see_what_they_should():
    source = (
        "import os, torch.nn as nn\nfrom trm_minimal.lab import runs\ndef f():\n    import pandas\n"
    )
    assert foreign(source) == {"torch", "pandas"} and rooms_of_ours(source) == {"lab"}
    assert core_of_ours("from trm_minimal import checkpoint") == {"checkpoint"}


@pytest.mark.parametrize("path", CORE, ids=lambda path: path.stem)
def test_the_core_imports_torch_and_what_the_table_allows(path):
    source = path.read_text(encoding="utf-8")
    assert core_of_ours(source) <= OURS[path.stem]
    assert foreign(source) <= {"torch", "numpy", "tqdm", "safetensors"}


@pytest.mark.parametrize(
    "path", [path for path in FILES if path.parent != PACKAGE], ids=lambda path: path.stem
)
def test_the_rooms_import_one_way_and_only_two_draw(path):
    room, source = path.relative_to(PACKAGE).parts[0], path.read_text(encoding="utf-8")
    assert rooms_of_ours(source) <= ROOMS[room] | {room}
    if room not in ("show", "classroom"):
        assert not foreign(source) & DRAWING


LAB = {  # inside lab, a room or file may import those named, and itself; others import any
    "parts": set(),
    "recipes": {"parts"},
    "records": {"parts", "recipes", "weights", "folders"},
    "studies": {"parts", "recipes", "records", "weights"},
}


def test_inside_lab_parts_come_before_recipes_before_records_before_studies():
    checked = set()
    for path in sorted((PACKAGE / "lab").rglob("*.py")):
        room = path.relative_to(PACKAGE / "lab").parts[0].removesuffix(".py")
        if room in LAB:
            names = imported(path.read_text(encoding="utf-8"))
            found = {name.split(".")[2] for name in names if name.startswith("trm_minimal.lab.")}
            assert found <= LAB[room] | {room}, path
            checked.add(room)
    assert checked == set(LAB)


def test_the_engine_knows_neither_model_nor_loop():
    for path in (PACKAGE / "engine").glob("*.py"):
        assert core_of_ours(path.read_text(encoding="utf-8")) <= {"errors", "engine"}, path


def test_the_package_opens_with_the_core_alone():
    assert rooms_of_ours((PACKAGE / "__init__.py").read_text(encoding="utf-8")) == {"core"}
    assert rooms_of_ours((PACKAGE / "__main__.py").read_text(encoding="utf-8")) <= {
        "core",
        "engine",
        "tasks",
        "lab",
    }


@pytest.mark.parametrize(
    "module", ["trm_minimal", "trm_minimal.__main__", "trm_minimal.lab.records.runs"]
)
def test_an_import_loads_no_drawing_and_prints_nothing(module):
    command = [sys.executable, "-X", "importtime", "-c", f"import {module}"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    lines = [line.rsplit("|", 1) for line in done.stderr.splitlines()]
    assert all(len(parts) == 2 and parts[0].startswith("import time:") for parts in lines), (
        done.stderr
    )
    loaded = {parts[1].strip().split(".")[0] for parts in lines}
    assert "torch" in loaded and not loaded & DRAWING and done.stdout == ""


def lines_to_read(source: str) -> int:
    """Lines that are neither blank nor of a docstring."""
    documented = set()
    for node in ast.walk(ast.parse(source)):
        kinds = (ast.Module, ast.FunctionDef, ast.ClassDef)
        if isinstance(node, kinds) and ast.get_docstring(node) is not None:
            documented |= set(range(node.body[0].lineno, node.body[0].end_lineno + 1))
    return sum(
        bool(line.strip()) and number not in documented
        for number, line in enumerate(source.splitlines(), 1)
    )


def test_the_core_is_read_in_one_sitting():
    assert (
        lines_to_read('"""A\n\nB."""\n\nx = 1  # kept\n\ndef f():\n    "C."\n    return x\n') == 3
    )
    assert len((PACKAGE / "recursion.py").read_text(encoding="utf-8").splitlines()) <= 30
    counts = {
        path.name: lines_to_read(path.read_text(encoding="utf-8")) for path in PACKAGE.glob("*.py")
    }
    commands = counts.pop("__main__.py")
    assert len((PACKAGE / "train.py").read_text(encoding="utf-8").splitlines()) <= 150
    assert commands <= 300 and sum(counts.values()) <= 700, counts | {"__main__.py": commands}


def forbidden(source: str) -> set[str]:
    """Habits that this package does without."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ExceptHandler):
            names = (
                {None}
                if node.type is None
                else {name.id for name in ast.walk(node.type) if type(name) is ast.Name}
            )
            found |= (
                {"an except for everything"}
                if names & {None, "Exception", "BaseException"}
                else set()
            )
        names = [getattr(node, field, None) for field in ("arg", "id", "attr")]
        names += (
            [node.name] if isinstance(node, ast.FunctionDef) and node.name != "use_style" else []
        )
        found |= {
            str(name)
            for name in names
            if isinstance(name, str) and (name == "hasattr" or re.match("_*use_", name))
        }
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("eval", "exec"):
            found.add(node.func.id)
        if (
            isinstance(node, ast.keyword)
            and node.arg == "allow_pickle"
            and getattr(node.value, "value", True) is not False
        ):
            found.add("allow_pickle")
    return found


@pytest.mark.parametrize(
    "source",
    [
        "try: pass\nexcept: pass",
        "try: pass\nexcept (OSError, Exception): pass",
        "hasattr(1, 'a')",
        "def f(use_ema): 0",
        "x.use_ema = 1",
        "eval('1')",
        "np.load(p, allow_pickle=True)",
    ],
)
def test_each_forbidden_habit_is_seen(source):
    assert len(forbidden(source)) == 1


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_forbidden_habit(path):
    allowed = {"use_style"}
    if path.relative_to(PACKAGE).as_posix() == "classroom/watched.py":
        # it runs what learners write; their error becomes the message
        allowed.add("an except for everything")
    assert forbidden(path.read_text(encoding="utf-8")) <= allowed


class Watch(TorchDispatchMode):
    """Collects the type of every tensor that any operation makes, the backward pass and the
    optimizer included.
    """

    def __init__(self):
        super().__init__()
        self.seen = set()

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        flat = result if isinstance(result, (tuple, list)) else [result]
        self.seen |= {tensor.dtype for tensor in flat if isinstance(tensor, torch.Tensor)}
        return result


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("name", ["sudoku_4x4", "maze_15x15"])
def test_nothing_on_the_training_path_is_float64(name, precision):
    """Macs have none on their GPU. A mixer and attention."""
    recipe = replace(by_name(name), precision=precision, batch=2)
    task = recipe.task()
    state = TrainState(recipe, task, 0)
    with Watch() as watch:
        train_step(recipe, state)
    assert (
        recipe.precision in watch.seen
        and torch.float32 in watch.seen
        and torch.float64 not in watch.seen
    )


def test_float64_is_written_in_evaluation_only():
    """A score is a mean of flags, on the CPU."""
    for path in CORE:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        words = [getattr(node, "attr", getattr(node, "id", "")) for node in ast.walk(tree)]
        allowed = {"evaluate.py": 99, "train.py": 1}  # train.exact_on is a score, too
        assert sum(word in ("float64", "double") for word in words) <= allowed.get(path.name, 0), (
            path
        )
