"""Each exercise: the stub counts as not attempted, every right answer passes, every mistake gets
its own message.

A checker that says yes to all, or no to all, is planted at the end and must turn these tests red.
"""

import math
import re
from collections import Counter
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import torch

from trm_minimal import recursion
from trm_minimal.classroom import check, desk, hint, progress, solution, yours
from trm_minimal.classroom.cells import box, instructor_page, message_of, notebook_cells
from trm_minimal.classroom.exercise import KINDS, Choice, Code, shape_of, source_of
from trm_minimal.classroom.watched import Refused
from trm_minimal.errors import BadInput

ROOT = Path(__file__).resolve().parents[1]
EXERCISES = desk.all_exercises()
CODE = [task for task in EXERCISES.values() if isinstance(task, Code)]
CHOICES = [task for task in EXERCISES.values() if isinstance(task, Choice)]
NOTEBOOKS = sorted((ROOT / "notebooks" / "src").glob("*.py"))
SOLUTIONS = ROOT / "trm_minimal" / "classroom" / "solutions"  # a class may get a copy without them
number = lambda task: task.number  # noqa: E731


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A learner's answers go here."""
    monkeypatch.setenv("TRM_ANSWERS", str(tmp_path / "answers"))
    return tmp_path / "answers"


def solutions(task):
    if not SOLUTIONS.exists():
        pytest.skip("the solutions have been taken out of this copy")
    return import_module(f"trm_minimal.classroom.solutions.{task.module}")


def right_answers(task):
    return [getattr(solutions(task), task.name), *solutions(task).VARIANTS]


def verdict(task, answer) -> str | None:
    """What is wrong with an answer; None when it is accepted."""
    try:
        task.examine(answer)
    except Refused as mistake:
        return str(mistake)
    return None


# What every exercise must hold.


def test_every_solution_belongs_to_an_exercise_and_only_code_has_one():
    solutions(TASK)
    assert {path.stem for path in SOLUTIONS.glob("e*.py")} == {task.module for task in CODE}


def complaints_about_code(task, right) -> list[str]:
    found = [
        f"{answer.__name__} is refused: {verdict(task, answer)}"
        for answer in right
        if verdict(task, answer)
    ]
    said = {wrong.__name__: verdict(task, wrong) for wrong in task.wrong}
    found += [f"{name} is accepted" for name, message in said.items() if message is None]
    found += [
        f"{wrong.__name__} is told {said[wrong.__name__]!r}, not {words!r}"
        for wrong, words in task.wrong.items()
        if words not in (said[wrong.__name__] or "")
    ]
    return found


@pytest.mark.parametrize("task", CODE, ids=number)
def test_right_answers_pass_and_each_mistake_has_its_own_message(task):
    right = right_answers(task)
    assert complaints_about_code(task, right) == []
    assert len(task.wrong) >= 3 and len(right) >= 2
    words = list(task.wrong.values())
    assert len(set(words)) == len(words), "two mistakes share their message"
    said = [message_of(task, wrong) for wrong in task.wrong]
    # the words of one mistake do not stand in the message of another
    for i, message in enumerate(said):
        assert [other for other in words if other in message] == [words[i]]


@pytest.mark.parametrize("task", CODE, ids=number)
def test_right_answers_differ_in_more_than_layout_and_the_package_is_one(task):
    shapes = {
        shape_of(re.sub(r"def \w+", "def f", source_of(answer), count=1))
        for answer in right_answers(task)
    }
    assert len(shapes) == len(right_answers(task))
    assert verdict(task, task.package) is None
    assert task.package.__name__ == task.name or task.kind != "implement"


@pytest.mark.parametrize("task", CODE, ids=number)
def test_the_stub_is_no_attempt_and_no_answer(task):
    assert not task.attempted(task.stub)
    assert task.attempted(task.package) and all(
        task.attempted(answer) for answer in right_answers(task)
    )
    assert verdict(task, task.stub) is not None
    assert verdict(task, None) is not None and "must be a function" in verdict(task, 3)


@pytest.mark.parametrize("task", CODE, ids=number)
def test_an_answer_that_raises_is_told_its_error(task):
    def raises(*arguments, **keywords):
        raise IndexError("too far")

    assert "IndexError" in verdict(task, raises) and "too far" in verdict(task, raises)


@pytest.mark.parametrize("task", CHOICES, ids=number)
def test_one_letter_is_right_and_each_other_has_its_own_answer(task):
    assert verdict(task, task.right) is None
    assert verdict(task, f" {task.right.upper()}) ") is None
    said = [verdict(task, letter) for letter in task.options if letter != task.right]
    assert (
        len(said) >= 3
        and None not in said
        and len(set(task.verdicts.values())) == len(task.options)
    )
    assert (
        "none of the letters" in verdict(task, "z")
        and not task.attempted("?")
        and task.attempted(task.right)
    )
    assert list(task.options) == sorted(task.options) == sorted(task.verdicts)


def test_the_right_letter_is_not_always_the_same():
    assert len(CHOICES) < 3 or len({task.right for task in CHOICES}) > 1


@pytest.mark.parametrize("task", EXERCISES.values(), ids=number)
def test_an_exercise_says_what_a_teacher_needs(task):
    assert task.kind in KINDS and 2 <= task.minutes <= 30 and 1 <= task.difficulty <= 3
    assert len(task.hints) >= 3 and len(set(task.hints)) == len(task.hints)
    assert 15 <= len(re.findall(r"[^\W\d_]+", task.statement)) <= 160, "a statement is short"
    assert not isinstance(task, Choice) or task.kind in ("read the curve", "predict")
    assert (
        task.stub_source().count("\n") < 25
        and max(map(len, task.stub_source().splitlines())) <= 100
    )


def test_names_are_used_once():
    assert max(Counter(task.name for task in EXERCISES.values()).values()) == 1


@pytest.mark.parametrize(
    "source", [path for path in NOTEBOOKS if path.stem[:2] != "00"], ids=lambda path: path.stem
)
def test_every_notebook_has_three_exercises_of_the_wanted_kinds(source):
    marked = re.findall(r"^# <!-- exercise (\S+) -->$", source.read_text(encoding="utf-8"), re.M)
    mine = [number for number in EXERCISES if int(number.split(".")[0]) == int(source.stem[:2])]
    assert marked == mine, "the exercises of a notebook stand in it once each, in order"
    kinds = {EXERCISES[number].kind for number in mine}
    assert len(mine) >= 3 and "implement" in kinds and kinds & {"find the bug", "read the curve"}


# What a learner meets.

TASK = EXERCISES["3.1"]


def test_check_returns_what_the_notebook_goes_on_with(capsys):
    right, wrong = right_answers(TASK)[1], next(iter(TASK.wrong))
    assert check("3.1", TASK.stub) is recursion.latent_recursion
    assert check("3.1", wrong) is recursion.latent_recursion
    assert check("3.1", right) is right
    lines = capsys.readouterr().out.splitlines()
    assert "not attempted" in lines[0] and "the package's latent_recursion" in lines[0]
    assert "not right yet" in lines[1] and message_of(TASK, wrong).split("\n")[0] in lines[1]
    assert "right" in lines[2] and "your latent_recursion" in lines[2]


def test_a_right_answer_is_kept_and_a_later_notebook_goes_on_with_it(folder, capsys):
    assert yours("3.1") is recursion.latent_recursion
    check("3.1", right_answers(TASK)[1])
    mine = yours("3.1")
    assert mine is not recursion.latent_recursion and mine.__code__.co_filename.startswith(
        str(folder)
    )
    assert verdict(TASK, mine) is None
    assert [
        line for line in capsys.readouterr().out.splitlines() if "latent_recursion: " in line
    ] == [
        "3.1 latent_recursion: the package's",
        "3.1 latent_recursion: yours",
    ]


def test_a_kept_answer_that_was_spoilt_is_not_used(folder, capsys):
    check("3.1", right_answers(TASK)[0])
    (path,) = folder.iterdir()
    for spoilt in (
        path.read_text().replace("x + y", "x"),
        "def latent_recursion(",
        "latent_recursion = 3",
    ):
        path.write_text(spoilt)
        assert yours("3.1") is recursion.latent_recursion
        assert "not right any more" in capsys.readouterr().out.splitlines()[-1]


def test_an_answer_that_leans_on_its_notebook_is_right_but_not_kept(folder, capsys):
    def latent_recursion(net, x, y, z, n):
        return ELSEWHERE(net, x, y, z, n)  # noqa: F821

    globals()["ELSEWHERE"] = recursion.latent_recursion
    assert check("3.1", latent_recursion) is latent_recursion
    assert "It uses ELSEWHERE from elsewhere" in capsys.readouterr().out and not folder.exists()


def test_a_right_answer_may_use_what_every_notebook_imports(folder, capsys):
    def latent_recursion(net, x, y, z, n):
        for _ in range(int(np.ceil(math.floor(n)))):
            z = net(z, torch.add(x, y))
        return net(y, z), z

    assert TASK.names == "" and check("3.1", latent_recursion) is latent_recursion
    assert "Kept as" in capsys.readouterr().out
    assert yours("3.1") is not recursion.latent_recursion


def test_a_folder_that_cannot_be_written_costs_nothing_but_the_keeping(
    tmp_path, monkeypatch, capsys
):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("TRM_ANSWERS", str(tmp_path / "file" / "answers"))
    answer = right_answers(TASK)[0]
    assert check("3.1", answer) is answer
    assert "could not be kept" in capsys.readouterr().out


def test_hints_climb_and_the_last_names_the_solution(capsys):
    solutions(TASK)
    hint("3.1")
    hint("3.1", len(TASK.hints))
    solution("3.1")
    out = capsys.readouterr().out
    assert (
        TASK.hints[0] in out
        and 'hint("3.1", 2)' in out
        and TASK.hints[-1] in out
        and 'solution("3.1")' in out
    )
    assert out.endswith(source_of(right_answers(TASK)[0]) + "\n")
    with pytest.raises(BadInput, match="hints 1 to"):
        hint("3.1", 9)


@pytest.mark.parametrize(
    "call", [lambda: check("9.9", None), lambda: hint("9.9"), lambda: yours("9.9")]
)
def test_an_unknown_number_is_refused_with_the_known_ones(call):
    with pytest.raises(BadInput, match=r"no exercise '9.9'; there are .*3\.1"):
        call()


def test_without_the_solutions_everything_else_works(monkeypatch, capsys):
    def gone(name):
        if "solutions" in name:
            raise ModuleNotFoundError(name)
        return import_module(name)

    monkeypatch.setattr(desk, "import_module", gone)
    with pytest.raises(BadInput, match="not in this copy"):
        solution("3.1")
    assert check("3.1", recursion.latent_recursion) is recursion.latent_recursion
    for path in (ROOT / "trm_minimal" / "classroom" / "exercises").glob("*.py"):
        assert "classroom.solutions" not in path.read_text(encoding="utf-8")


def test_progress_counts_what_is_kept(capsys):
    progress("03")
    check("3.1", right_answers(TASK)[0])
    progress("03")
    lines = capsys.readouterr().out.splitlines()
    mine = len([number for number in EXERCISES if number.startswith("3.")])
    assert lines[0] == f"0 of {mine} exercises done" and f"1 of {mine} exercises done" in lines
    assert any("done" in line and "latent_recursion" in line for line in lines[2:])


# Generated text.


def test_the_cells_of_an_exercise():
    solutions(TASK)
    (kind, text), stub, checked = notebook_cells("3.1")
    assert kind == "markdown" and text == box(TASK) and TASK.statement.strip() in text
    assert stub == ("exercise", source_of(TASK.stub))
    assert checked == ("check", 'latent_recursion = check("3.1", latent_recursion)')
    assert notebook_cells("3.1", solved=True)[1] == ("exercise", source_of(right_answers(TASK)[0]))


def test_the_page_for_instructors_has_every_solution_and_every_message():
    solutions(TASK)
    page = instructor_page()
    for task in EXERCISES.values():
        assert box(task) in page and all(text in page for text in task.hints)
        assert desk.solution_source(task) in page
    for task in CODE:
        assert all(message_of(task, wrong) in page for wrong in task.wrong)
    assert all(said in page for task in CHOICES for said in task.verdicts.values())


# The tests above, tested: checkers that cannot tell.


def says_no(answer):
    raise Refused("no")


@pytest.mark.parametrize("task", CODE, ids=number)
def test_a_checker_that_always_says_yes_or_always_no_is_seen(task):
    right = right_answers(task)
    assert len(complaints_about_code(replace(task, probe=lambda answer: None), right)) >= len(
        task.wrong
    )
    assert len(complaints_about_code(replace(task, probe=says_no), right)) >= len(right)
