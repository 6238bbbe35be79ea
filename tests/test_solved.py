"""Whole notebooks with every exercise solved: they run to the end, and later cells really use the learner's functions.

Each solution counts its own calls, and the count starts anew after its check, so a call that the check made is none.
"""

import ast
import builtins
import importlib.util
from pathlib import Path

import pytest
from nbformat import v4

from trm_minimal.classroom import desk
from trm_minimal.classroom.cells import notebook_cells
from trm_minimal.classroom.exercise import Code, source_of

ROOT = Path(__file__).resolve().parents[1]
SPEC = importlib.util.spec_from_file_location("notebook_build", ROOT / "notebooks" / "build.py")
build = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(build)
EXERCISES = desk.all_exercises()
pytestmark = pytest.mark.skipif(
    not (ROOT / "trm_minimal/classroom/solutions").exists(), reason="the solutions have been taken out of this copy"
)
NAMES = [name for name in build.names() if any(int(number.split(".")[0]) == int(name[:2]) for number in EXERCISES)]
LAST = "05_deep_supervision"


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    """One learner's answers, from the first notebook to the last."""
    return tmp_path_factory.mktemp("learner")


def of_notebook(name: str) -> list[Code]:
    mine = [task for number, task in EXERCISES.items() if int(number.split(".")[0]) == int(name[:2])]
    return [task for task in mine if isinstance(task, Code)]


def counting(source: str, number: str) -> str:
    """The same function, which adds one to USED[number] whenever it is called."""
    function = ast.parse(source).body[0]
    place = function.body[0].lineno - 1
    lines = source.splitlines()
    indent = lines[place][: len(lines[place]) - len(lines[place].lstrip())]
    return "\n".join([*lines[:place], f"{indent}USED[{number!r}] += 1", *lines[place:]])


def test_counting_adds_one_line_and_changes_nothing_else():
    source = 'def f(a):\n    """Doc."""\n    return a + 1'
    assert counting(source, "1.1") == 'def f(a):\n    USED[\'1.1\'] += 1\n    """Doc."""\n    return a + 1'


def solved(name: str):
    """The solved notebook, with counters: after each check they start anew, and the last cell asks for them."""
    nb = build.read_source(ROOT / "notebooks" / "src" / f"{name}.py", solved=True)
    cells = [v4.new_code_cell("import builtins, collections\nbuiltins.USED = collections.Counter()")]
    for cell in nb.cells:
        for task in of_notebook(name):
            kind_source = ("exercise", cell.source)
            if kind_source == notebook_cells(task.number, solved=True)[1]:
                cell.source = counting(cell.source, task.number)
        cells.append(cell)
        cells += [
            v4.new_code_cell(f"USED[{task.number!r}] = 0")
            for task in of_notebook(name)
            if cell.source == notebook_cells(task.number)[2][1]
        ]
    wanted = [task.number for task in of_notebook(name)]
    if name == LAST:  # its last training is made of functions from all notebooks before it
        wanted += ["1.1", "2.1", "3.1", "4.1"]
    cells.append(v4.new_code_cell(f"idle = [number for number in {wanted} if not USED[number]]\nassert not idle, idle"))
    for cell in cells:
        if cell.cell_type == "code":
            cell.metadata.setdefault("tags", ["det"])
    nb.cells = cells
    return nb


@pytest.mark.parametrize("name", NAMES)
def test_the_solved_notebook_runs_and_its_later_cells_use_the_learners_functions(name, answers):
    assert not hasattr(builtins, "USED")
    nb = solved(name)
    build.execute(nb, ROOT / "notebooks", name, answers)  # NotBuilt names the cell that fails: a gate, or the last one
    said = {"".join(out.get("text", "") for out in cell.get("outputs", [])) for cell in nb.cells}
    for number in EXERCISES:
        if int(number.split(".")[0]) == int(name[:2]):
            assert any(text.startswith(f"Exercise {number}: right") for text in said), number
    kept = {path.name for path in answers.iterdir()}
    assert {desk.kept_path(task).name for task in of_notebook(name)} <= kept


def test_wrong_answers_change_nothing_but_what_the_checks_say(tmp_path):
    name = "03_thinking_in_a_loop"
    nb = build.read_source(ROOT / "notebooks" / "src" / f"{name}.py")
    stored = build.nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", as_version=4)
    for cell in nb.cells:
        for task in of_notebook(name):
            if cell.source == task.stub_source():
                wrong = list(task.wrong)[-1]  # the first mistake of a bug to find may be the bug, which is no attempt
                cell.source = f"{source_of(wrong)}\n\n{task.name} = {wrong.__name__}"
    build.execute(nb, ROOT / "notebooks", name, tmp_path / "answers")
    refused = 0
    for cell, before in zip(nb.cells, stored.cells, strict=True):
        if cell.cell_type != "code":
            continue
        text = "".join(out.get("text", "") for out in cell.outputs if out.get("name") == "stdout")
        if cell.metadata.tags[0] == "check" and "not right yet" in text:
            refused += 1
        elif not build.KINDS[cell.metadata.tags[0]]:
            assert text == "".join(out.get("text", "") for out in before.outputs if out.get("name") == "stdout")
    assert refused == len(of_notebook(name)) and not (tmp_path / "answers").exists()
