"""What a notebook calls.

Each call names its exercise: check("3.1", latent_recursion), hint("3.1"), solution("3.1").

A right answer is kept as a file in notebooks/answers (or in the folder that TRM_ANSWERS names),
with the imports it needs, so that a later notebook can go on with it; nothing else is remembered.
"""

import builtins
import os
import pkgutil
import symtable
from collections.abc import Callable
from functools import cache
from importlib import import_module
from importlib.abc import InspectLoader
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from trm_minimal.classroom import exercises
from trm_minimal.classroom.exercise import Choice, Code, Exercise, source_of
from trm_minimal.classroom.watched import Refused, refuse_unless, told
from trm_minimal.classroom.world import unchanged
from trm_minimal.errors import BadInput

ROOT = Path(__file__).parents[2]
# what every notebook has, and so every answer may use: name -> how a kept file gets it
ALWAYS = {"math": "import math", "np": "import numpy as np", "torch": "import torch"}


class KeptAnswer(InspectLoader):
    """Makes a module of a kept file's text, and writes no bytecode beside it."""

    def __init__(self, text: bytes, path: Path):
        self.text, self.path = text, path

    def get_source(self, name: str) -> str:
        return self.text.decode()

    def get_code(self, name: str) -> CodeType:
        return self.source_to_code(self.text, str(self.path))


@cache
def all_exercises() -> dict[str, Exercise]:
    """Every exercise by its number, in order."""
    modules = [
        import_module(f"{exercises.__name__}.{found.name}")
        for found in pkgutil.iter_modules(exercises.__path__)
    ]
    found = {module.EXERCISE.number: module.EXERCISE for module in modules}
    return dict(sorted(found.items(), key=lambda item: [int(part) for part in item[0].split(".")]))


def exercise(number: str) -> Exercise:
    """The exercise of that number. BadInput lists the numbers there are."""
    if number not in all_exercises():
        raise BadInput(f"there is no exercise {number!r}; there are {', '.join(all_exercises())}")
    return all_exercises()[number]


def answers_folder() -> Path:
    return Path(os.environ.get("TRM_ANSWERS", ROOT / "notebooks" / "answers"))


def kept_path(task: Exercise) -> Path:
    return answers_folder() / f"{task.module}_{task.name}.py"


def check(number: str, answer: Any) -> Any:
    """Say whether the answer is right, and return what the notebook goes on with.

    For a function: the learner's own if it is right, else the package's. For a letter: the letter.
    """
    task = exercise(number)
    is_code = isinstance(task, Code)
    try:
        if not task.attempted(answer):
            verdict, right = "not attempted yet", False
        else:
            task.examine(answer)
            verdict, right = "right" if is_code else f"right. {task.verdicts[task.right]}", True
    except Refused as mistake:
        verdict, right = f"not right yet: {mistake}", False
    whose = "your" if right else "the package's"
    goes_on = f" The cells below use {whose} {task.name}." if is_code else ""
    kept = f" {keep(task, answer)}" if right else ""
    print(f"Exercise {number}: {verdict.removesuffix('.')}.{goes_on}{kept}")
    return task.package if is_code and not right else answer


def keep(task: Exercise, answer: Any) -> str:
    """Write a right answer into its file; what came of it, as a sentence."""
    imports = ""
    if isinstance(task, Code):
        imports, source = task.names, source_of(answer)
        if source is None:
            return "(Its source cannot be found, so other notebooks cannot use it.)"
        if answer.__name__ != task.name:
            source += f"\n\n\n{task.name} = {answer.__name__}"
    else:
        source = f"{task.name} = {task.right!r}"
    text = "\n\n\n".join(filter(None, (imports, source))) + "\n"
    path = kept_path(task)
    try:
        used = globals_of(text)
        missing = [line for name, line in ALWAYS.items() if name in used]
        text = "\n".join([*missing, text])
        foreign = sorted(used - ALWAYS.keys())
        if foreign:
            names = ", ".join(foreign)
            return f"(It uses {names} from elsewhere in this notebook, so others cannot use it.)"
        revived(task, text.encode(), path)
    except (SyntaxError, Refused):  # as of a lambda, or a function that another one made
        return "(It does not stand on its own as a `def` does, so other notebooks cannot use it.)"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        return f"(It could not be kept for other notebooks: {error.strerror}.)"
    return f"(Kept as {path.name}.)"


def globals_of(source: str) -> set[str]:
    """The names that a module looks up, at once or in its functions, and has not from itself or
    Python.
    """
    module = symtable.symtable(source, "answer", "exec")
    own = {
        name.get_name() for name in module.get_symbols() if name.is_assigned() or name.is_imported()
    }

    def looked_up(table: symtable.SymbolTable) -> set[str]:
        names = [name for name in table.get_symbols() if name.is_referenced() and name.is_global()]
        return {name.get_name() for name in names}.union(*map(looked_up, table.get_children()))

    return looked_up(module) - own - vars(builtins).keys()


def revived(task: Exercise, text: bytes, path: Path, within: tuple[Exercise, ...] = ()) -> Any:
    """The answer that a kept file with this text holds.

    Refused where it holds no right one (any more).

    Names that are exercises themselves (deep_recursion calls latent_recursion) are the learner's
    own again, but for those that are being revived already: two answers may name each other.
    """
    module = ModuleType(path.stem)
    names = vars(module)
    # edited by hand, cut off, or from an older course
    with unchanged() as faults, told("it raised"):
        KeptAnswer(text, path).exec_module(module)
    refuse_unless(not faults, "; and ".join(faults))
    refuse_unless(task.name in names, f"it holds no {task.name}")
    within = (*within, task)
    for other in all_exercises().values():
        if isinstance(other, Code) and other.name in names and other not in within:
            names[other.name] = kept(other, within)[0] or names[other.name]
    task.examine(names[task.name])
    return names[task.name]


def kept(task: Exercise, within: tuple[Exercise, ...] = ()) -> tuple[Any, str]:
    """(The kept answer, "") if it is right; (None, "") if none is kept; else (None, what is
    wrong).
    """
    path = kept_path(task)
    try:
        return revived(task, path.read_bytes(), path, within), ""
    except (FileNotFoundError, NotADirectoryError):
        return None, ""
    except (OSError, Refused) as fault:
        what = fault.strerror if isinstance(fault, OSError) else str(fault)
        what = what.split("\n")[0].rstrip(".:")
        return None, f"{path.name} is not right any more: {what}; check it again in its notebook"


def yours(number: str) -> Callable:
    """The learner's own function from an earlier notebook if it is kept and right, else the
    package's.

    Prints which.
    """
    task = exercise(number)
    if not isinstance(task, Code):
        raise BadInput(f"exercise {number} has no function; it asks for a letter")
    function, fault = kept(task)
    whose = "yours" if function else f"the package's ({fault})" if fault else "the package's"
    print(f"{number} {task.name}: {whose}")
    return function or task.package


def hint(number: str, rung: int = 1) -> None:
    """Print a hint; hint("3.1", 2) says more than hint("3.1")."""
    hints = exercise(number).hints
    if not 1 <= rung <= len(hints):
        raise BadInput(f"exercise {number} has hints 1 to {len(hints)}, not {rung}")
    more = (
        f'hint("{number}", {rung + 1}) says more.'
        if rung < len(hints)
        else f'Next: solution("{number}").'
    )
    print(f"Hint {rung} of {len(hints)}: {hints[rung - 1]}\n{more}")


def solution(number: str) -> None:
    """Print the solution that the tests run.

    BadInput where the solutions have been taken out, as for a class.
    """
    print(solution_source(exercise(number)))


def solution_source(task: Exercise) -> str:
    """The solution as a cell of the notebook. BadInput when there is none."""
    if isinstance(task, Choice):
        return f"{task.name} = {task.right!r}"
    try:
        module = import_module(f"trm_minimal.classroom.solutions.{task.module}")
    except ModuleNotFoundError as error:
        raise BadInput(
            f"the solution of exercise {task.number} is not in this copy; ask who gave it to you"
        ) from error
    return source_of(getattr(module, task.name))


def progress(notebook: str | None = None) -> None:
    """Print which exercises have a right answer kept: of one notebook ("03"), or of all."""
    chosen = int(notebook) if notebook else None
    rows = [
        task
        for task in all_exercises().values()
        if chosen in (None, int(task.number.split(".")[0]))
    ]
    found = [kept(task) for task in rows]
    print(f"{sum(answer is not None for answer, _ in found)} of {len(rows)} exercises done")
    for task, (answer, fault) in zip(rows, found, strict=True):
        state = "open" if answer is None else "done"
        print(f"  {task.number}  {state}  {task.kind}: {task.title}{fault and f' ({fault})'}")
