"""Notebooks are tested once, as stored and answered: nbval runs the stored cells and these between.

A notebook is stored as a newcomer finds it, with no exercise answered, and so nbval meets every
stub and its check. Below each check one more cell gives a wrong answer, which must be refused, and
then the solution. So the cells below go on with the learner's functions, and must print what they
print with those of the package; a cell that shows what became of an answer must print what is
stored once it is run again with the package's. Each solution counts its calls, from zero after its
check, and a last cell asks whether every one was called.
"""

import ast
import builtins
import os
import re
import shutil
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from trm_minimal.classroom import check, desk
from trm_minimal.classroom.cells import notebook_cells
from trm_minimal.classroom.exercise import Code

ENTER = f"""\
import sys as _sys
_sys.path.append({str(Path(__file__).parent)!r})
import answered as _answered
_answered.enter()"""
FORGET = "_answered.forget()"
SWAP = "_answered.swap(globals())"


def counting(source: str, number: str) -> str:
    """The same function, which adds one to USED[number] whenever it is called."""
    function = ast.parse(source).body[0]
    place = function.body[0].lineno - 1
    lines = source.splitlines()
    indent = lines[place][: len(lines[place]) - len(lines[place].lstrip())]
    return "\n".join([*lines[:place], f"{indent}USED[{number!r}] += 1", *lines[place:]])


def solution(number: str) -> str:
    """Code that answers an exercise, in its notebook or another."""
    task, source = desk.exercise(number), notebook_cells(number, solved=True)[1][1]
    answer = f"{task.names}\n\n{counting(source, number)}" if isinstance(task, Code) else source
    return f'{answer}\n\n{task.name} = _answered.answer("{number}", {task.name})'


def cells_between(sources: list[str]) -> dict[int, str]:
    """What to run after which cell: after a check the solution, after `yours` those it fetches."""
    checks = {notebook_cells(number)[2][1]: number for number in desk.all_exercises()}
    between, counted = {}, []
    for place, source in enumerate(sources):
        if source in checks:
            numbers, again = [checks[source]], []
        elif numbers := re.findall(r'\byours\("(\d+\.\d+)"\)', source):
            again = [source]
        if numbers:
            between[place] = "\n\n".join([*map(solution, numbers), *again, FORGET])
            counted += [number for number in numbers if isinstance(desk.exercise(number), Code)]
    if between:
        last = len(sources) - 1
        between[0] = ENTER  # after the set-up, which shall be the first to import anything
        parts = [between.get(last), f"_answered.leave({counted})"]
        between[last] = "\n\n".join(filter(None, parts))
    return between


# What those cells call, in the kernel of the notebook.

# By the names that a notebook uses: the package's functions; after a swap the learner's.
SPARE: dict[str, Any] = {}


def enter() -> None:
    """A learner comes, who has answered nothing yet."""
    os.environ["TRM_ANSWERS"] = tempfile.mkdtemp(prefix="answers-")
    builtins.USED = Counter()  # where an answer finds it that another notebook has kept
    SPARE.clear()


def answer(number: str, right: Any) -> Any:
    """What the notebook goes on with: a wrong answer is refused, the right one taken and kept."""
    task = desk.exercise(number)
    if isinstance(task, Code):
        assert check(number, list(task.wrong)[-1]) is task.package
    else:
        check(number, next(letter for letter in task.options if letter != task.right))
    assert not desk.kept_path(task).exists(), f"a wrong answer to exercise {number} is kept"
    given = check(number, right)
    taken = given is right and desk.kept_path(task).exists()
    assert taken, f"the solution of exercise {number} is not right here"
    USED[number] = 0  # noqa: F821
    if isinstance(task, Code):
        SPARE[task.name] = task.package
    return given


def swap(names: dict[str, Any]) -> None:
    """The package's functions in place of the learner's; called again, the other way round."""
    for name, spare in SPARE.items():
        SPARE[name], names[name] = names[name], spare


def forget() -> None:
    """Nothing is kept any more, so the cells below say what they say to a newcomer."""
    shutil.rmtree(desk.answers_folder())


def leave(numbers: list[str]) -> None:
    """The notebook must have called each of these answers after its check."""
    idle = [number for number in numbers if not USED[number]]  # noqa: F821
    assert not idle, f"no cell calls the learner's answer to exercise {', '.join(idle)}"
