"""The cells that answer a notebook while nbval runs it: all are answered, what is amiss is seen."""

import builtins
import importlib.util
from collections import Counter
from pathlib import Path

import pytest

from tests import answered
from trm_minimal.classroom import check, desk, yours
from trm_minimal.classroom.exercise import Code

ROOT = Path(__file__).resolve().parents[1]
SPEC = importlib.util.spec_from_file_location("notebook_build", ROOT / "notebooks" / "build.py")
build = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(build)
EXERCISES = desk.all_exercises()
pytestmark = pytest.mark.skipif(
    not (ROOT / "trm_minimal/classroom/solutions").exists(),
    reason="the solutions have been taken out of this copy",
)


def sources(name: str) -> list[str]:
    nb = build.read_source(ROOT / "notebooks" / "src" / f"{name}.py")
    return [cell.source for cell in nb.cells if cell.cell_type == "code"]


def test_counting_adds_one_line_and_changes_nothing_else():
    source = 'def f(a):\n    """Doc."""\n    return a + 1'
    counted = 'def f(a):\n    USED[\'1.1\'] += 1\n    """Doc."""\n    return a + 1'
    assert answered.counting(source, "1.1") == counted


@pytest.mark.parametrize("name", build.names())
def test_every_exercise_of_a_notebook_is_answered_below_its_check_and_must_be_called(name):
    cells = sources(name)
    between = answered.cells_between(cells)
    mine = [n for n in EXERCISES if int(n.split(".")[0]) == int(name[:2])]
    for number in mine:
        place = next(i for i, cell in enumerate(cells) if f'check("{number}"' in cell)
        assert f'_answered.answer("{number}", {EXERCISES[number].name})' in between[place]
        assert between[place].endswith(answered.FORGET)
        called = f"'{number}'" in between[len(cells) - 1].rpartition("leave")[2]
        assert called == isinstance(EXERCISES[number], Code)
    assert bool(between) == bool(mine) and (not mine or between[0] == answered.ENTER)


def test_what_a_later_notebook_fetches_is_answered_and_fetched_again():
    fetch = 'deep_recursion = yours("4.1")\nf = yours("3.1")'
    between = answered.cells_between(["import torch", fetch, "f()"])
    answers = [between[1].index(f'_answered.answer("{number}"') for number in ("4.1", "3.1")]
    assert max(answers) < between[1].index(fetch) < between[1].index(answered.FORGET)
    assert between[2] == "_answered.leave(['4.1', '3.1'])"


@pytest.fixture
def learner(tmp_path, monkeypatch):
    """In this process, and gone afterwards."""
    monkeypatch.setenv("TRM_ANSWERS", str(tmp_path / "nobody"))
    monkeypatch.setattr(builtins, "USED", Counter(), raising=False)
    answered.enter()


def solved(number: str):
    module = importlib.import_module(f"trm_minimal.classroom.solutions.{EXERCISES[number].module}")
    return getattr(module, EXERCISES[number].name)


def test_a_solution_is_kept_until_it_is_forgotten_and_counted_from_zero(learner):
    right = solved("3.1")
    USED["3.1"] = 5  # noqa: F821
    assert answered.answer("3.1", right) is right and USED["3.1"] == 0  # noqa: F821
    assert yours("3.1") is not EXERCISES["3.1"].package
    answered.forget()
    assert yours("3.1") is EXERCISES["3.1"].package


def test_the_packages_functions_take_the_place_of_the_learners_and_back(learner):
    right, package = solved("3.1"), EXERCISES["3.1"].package
    names = {"latent_recursion": answered.answer("3.1", right), "x": 1}
    answered.swap(names)
    assert names == {"latent_recursion": package, "x": 1}
    answered.swap(names)
    assert names == {"latent_recursion": right, "x": 1}


@pytest.mark.parametrize("number", ["3.1", "1.3"])
def test_an_answer_that_is_wrong_in_its_notebook_is_seen(learner, number):
    task = EXERCISES[number]
    wrong = next(iter(task.wrong)) if isinstance(task, Code) else "z"
    with pytest.raises(AssertionError, match=rf"the solution of exercise {number} is not right"):
        answered.answer(number, wrong)


def test_a_check_that_takes_everything_is_seen(learner, monkeypatch):
    monkeypatch.setattr(answered, "check", lambda number, answer: answer)
    with pytest.raises(AssertionError):
        answered.answer("3.1", solved("3.1"))
    right = EXERCISES["1.3"].right
    monkeypatch.setattr(answered, "check", lambda number, answer: check(number, right))
    with pytest.raises(AssertionError, match=r"a wrong answer to exercise 1\.3 is kept"):
        answered.answer("1.3", right)


def test_an_answer_that_no_cell_calls_is_seen(learner):
    USED["3.1"] += 1  # noqa: F821
    answered.leave(["3.1"])
    with pytest.raises(AssertionError, match=r"no cell calls .* exercise 3\.2, 4\.1"):
        answered.leave(["3.2", "3.1", "4.1"])
