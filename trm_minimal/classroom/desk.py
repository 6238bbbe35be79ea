"""What a notebook calls. Each call names its exercise: check("3.1", latent_recursion), hint("3.1"), solution("3.1").

A right answer is kept as a file in notebooks/answers (or in the folder that TRM_ANSWERS names), with the imports it
needs, so that a later notebook can go on with it; nothing else is remembered.
"""

import ast
import builtins
import dis
import os
import pkgutil
from collections.abc import Callable, Iterator
from functools import cache
from importlib import import_module
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from trm_minimal.classroom import exercises
from trm_minimal.classroom.exercise import Choice, Code, Exercise, Refused, source_of
from trm_minimal.errors import BadInput

ROOT = Path(__file__).parents[2]


class KeptAnswer(SourceFileLoader):
    """Leaves no bytecode beside a learner's files."""

    def set_data(self, path, data, **options):
        """Write nothing."""


@cache
def all_exercises() -> dict[str, Exercise]:
    """Every exercise by its number, in order."""
    modules = [
        import_module(f"{exercises.__name__}.{found.name}") for found in pkgutil.iter_modules(exercises.__path__)
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
    if isinstance(task, Code):
        imports, source = task.names, source_of(answer)
        if source is None:
            return "(Its source cannot be found, so other notebooks cannot use it.)"
        foreign = sorted(set(globals_of(answer)) - imported(imports) - {task.name, answer.__name__})
        if foreign:
            return f"(It uses {', '.join(foreign)} from elsewhere in this notebook, so other notebooks cannot use it.)"
        if answer.__name__ != task.name:
            source += f"\n\n\n{task.name} = {answer.__name__}"
    else:
        imports, source = "", f"{task.name} = {task.right!r}"
    try:
        answers_folder().mkdir(parents=True, exist_ok=True)
        kept_path(task).write_text("\n\n\n".join(filter(None, (imports, source))) + "\n", encoding="utf-8")
    except OSError as error:
        return f"(It could not be kept for other notebooks: {error.strerror}.)"
    return f"(Kept as {kept_path(task).name}.)"


def globals_of(function: Callable) -> Iterator[str]:
    """The global names that a function, and functions inside it, look up when they run."""

    def look(code: CodeType) -> Iterator[str]:
        for step in dis.get_instructions(code):
            if step.opname in ("LOAD_GLOBAL", "LOAD_NAME") and step.argval not in vars(builtins):
                yield step.argval
        for inner in code.co_consts:
            if isinstance(inner, CodeType):
                yield from look(inner)

    return look(function.__code__)


def imported(lines: str) -> set[str]:
    """The names that these import lines give."""
    return {(name.asname or name.name).split(".")[0] for node in ast.parse(lines).body for name in node.names}


def yours(number: str) -> Callable:
    """The learner's own function from an earlier notebook if a right one is kept, else the package's. Says which.

    Names that are exercises themselves (deep_recursion calls latent_recursion) are the learner's own again.
    """
    task = exercise(number)
    if not isinstance(task, Code):
        raise BadInput(f"exercise {number} has no function; it asks for a letter")
    function, path = _load(task), kept_path(task)
    outdated = f" ({path.name} is not right any more; check it in its notebook)" if path.exists() else ""
    whose = "yours" if function else f"the package's{outdated}"
    print(f"{number} {task.name}: {whose}")
    return function or task.package


def _load(task: Code) -> Callable | None:
    """The kept function, examined again; None when there is none or it is no longer right."""
    path = kept_path(task)
    if not path.exists():
        return None
    module = ModuleType(path.stem)
    names = vars(module)
    try:
        KeptAnswer(path.stem, str(path)).exec_module(module)
        function = names[task.name]
        for other in all_exercises().values():
            if isinstance(other, Code) and other is not task and other.name in names:
                names[other.name] = _load(other) or names[other.name]
        task.examine(function)
    except (Refused, SyntaxError, NameError, KeyError, ImportError):  # edited by hand, or from an older course
        return None
    return function


def hint(number: str, rung: int = 1) -> None:
    """Print a hint; hint("3.1", 2) says more than hint("3.1")."""
    hints = exercise(number).hints
    if not 1 <= rung <= len(hints):
        raise BadInput(f"exercise {number} has hints 1 to {len(hints)}, not {rung}")
    more = f'hint("{number}", {rung + 1}) says more.' if rung < len(hints) else f'Next: solution("{number}").'
    print(f"Hint {rung} of {len(hints)}: {hints[rung - 1]}\n{more}")


def solution(number: str) -> None:
    """Print the solution that the tests run. BadInput where the solutions have been taken out, as for a class."""
    print(solution_source(exercise(number)))


def solution_source(task: Exercise) -> str:
    """The solution as a cell of the notebook. BadInput when there is none."""
    if isinstance(task, Choice):
        return f"{task.name} = {task.right!r}"
    try:
        module = import_module(f"trm_minimal.classroom.solutions.{task.module}")
    except ModuleNotFoundError as error:
        raise BadInput(f"the solution of exercise {task.number} is not in this copy; ask who gave it to you") from error
    return source_of(getattr(module, task.name))


def progress(notebook: str | None = None) -> None:
    """Print which exercises have a right answer kept: of one notebook ("03"), or of all."""
    rows = [
        task for task in all_exercises().values() if not notebook or int(task.number.split(".")[0]) == int(notebook)
    ]
    done = [kept_path(task).exists() for task in rows]
    print(f"{sum(done)} of {len(rows)} exercises done")
    for task, is_done in zip(rows, done, strict=True):
        print(f"  {task.number}  {'done' if is_done else 'open':4}  {task.kind}: {task.title}")
