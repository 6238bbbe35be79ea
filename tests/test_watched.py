"""What no answer may do: overwrite what it was given, or leave anything global changed.

And what a learner may hand in or keep: odd letters, objects that are no plain functions, damaged
files.
"""

import functools
import os
import random

import numpy as np
import pytest
import torch

from trm_minimal import recursion
from trm_minimal.classroom import check, desk, progress, yours
from trm_minimal.classroom.exercise import Choice
from trm_minimal.classroom.watched import Refused
from trm_minimal.classroom.world import SWITCHES, picture, same, unchanged

ROUND = desk.exercise("3.1")
SHARE = desk.exercise("7.1")
CHOICES = [task for task in desk.all_exercises().values() if isinstance(task, Choice)]
HELD = []  # a mode that is entered ends when nothing holds it any more


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A learner's answers go here."""
    monkeypatch.setenv("TRM_ANSWERS", str(tmp_path / "answers"))
    yield tmp_path / "answers"
    HELD.clear()


def verdict(task, answer) -> str | None:
    """What is wrong with an answer; None when it is accepted."""
    try:
        task.examine(answer)
    except Refused as mistake:
        return str(mistake)
    return None


def world() -> list:
    return [picture(switch.read()) for switch in SWITCHES]


# Anything global that is left changed.


def enter_inference_mode():
    HELD.append(torch.inference_mode())
    HELD[-1].__enter__()


def enter_autocast():
    HELD.append(torch.autocast("cpu", dtype=torch.bfloat16))
    HELD[-1].__enter__()


CHANGES = {
    "it leaves gradients switched off; use `with torch.no_grad():`": lambda: torch.set_grad_enabled(
        False
    ),
    "it leaves gradients switched on": lambda: torch.set_grad_enabled(True),
    "it leaves inference mode on": enter_inference_mode,
    "it leaves the default dtype at torch.float64": lambda: torch.set_default_dtype(torch.float64),
    "it leaves the default device at cpu:0": lambda: torch.set_default_device("cpu:0"),
    "it leaves torch at 2 threads": lambda: torch.set_num_threads(2),
    "it changes torch's global generator": lambda: torch.manual_seed(0),
    "it changes the global generator of `random`": lambda: random.seed(0),
    "it changes numpy's global generator": lambda: np.random.seed(0),
    "it leaves autocast changed": enter_autocast,
    "it leaves torch.use_deterministic_algorithms changed": lambda: (
        torch.use_deterministic_algorithms(True)
    ),
    "it leaves torch.backends.cudnn.benchmark on": lambda: setattr(
        torch.backends.cudnn, "benchmark", True
    ),
    "it leaves torch.autograd.set_detect_anomaly changed": lambda: (
        torch.autograd.set_detect_anomaly(True)
    ),
    "it leaves torch.set_printoptions changed": lambda: torch.set_printoptions(precision=2),
    "it leaves np.seterr changed": lambda: np.seterr(all="ignore"),
    "it leaves os.environ changed": lambda: os.environ.update(TRM_LEFT="1"),
    "it leaves the precision of float32 products at medium": lambda: (
        torch.set_float32_matmul_precision("medium")
    ),
}


@pytest.mark.parametrize("fault", CHANGES)
def test_what_is_left_changed_is_named_and_put_back(fault, capsys):
    def latent_recursion(net, x, y, z, n):
        CHANGES[fault]()
        return recursion.latent_recursion(net, x, y, z, n)

    def wrong(net, x, y, z, n):
        CHANGES[fault]()
        return z, y

    def raises(net, x, y, z, n):
        CHANGES[fault]()
        raise IndexError("too far")

    torch.manual_seed(0)  # as an answer does, too: it must be seen even so
    before = world()
    for answer in (latent_recursion, wrong, raises):
        assert check("3.1", answer) is ROUND.package
        assert same(world(), before)
    right, not_right, error = capsys.readouterr().out.splitlines()
    assert fault in right and ("not right yet: it leaves" in right or "yet: it changes" in right)
    # that shows in a right answer, when it is called without gradients
    if "switched on" not in fault:
        assert fault in not_right
        assert "it raised IndexError('too far')" in error and f"; and {fault}" in error


def test_a_switch_that_is_not_put_back_would_be_seen():
    before = world()
    with pytest.raises(ZeroDivisionError), unchanged() as faults:
        torch.set_default_dtype(torch.float64)
        1 / 0  # noqa: B018
    assert len(faults) == 1 and same(world(), before)
    torch.set_default_dtype(torch.float64)
    try:
        assert not same(world(), before)
    finally:
        torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize(
    "mode", [torch.no_grad, torch.inference_mode, lambda: torch.autocast("cpu")]
)
def test_a_right_answer_is_right_in_any_mode_and_the_mode_stays(mode):
    with mode():
        before = world()
        assert verdict(desk.exercise("5.1"), desk.exercise("5.1").package) is None
        assert same(world(), before)


def test_a_kept_answer_is_watched_again(folder, capsys):
    check("3.1", latent_recursion)
    path = desk.kept_path(ROUND)
    text, before = path.read_text(), world()
    off = "__import__('torch').set_grad_enabled(False)\n"
    for edited in (text.replace("    for", f"    {off}    for"), off + text):
        path.write_text(edited)
        assert yours("3.1") is ROUND.package
        assert same(world(), before)
        said = capsys.readouterr().out.splitlines()[-1]
        assert "not right any more: it leaves gradients switched off" in said


# What was handed in, overwritten.


def latent_recursion(net, x, y, z, n):
    for _ in range(n):
        z = net(z, x + y)
    return net(y, z), z


def test_an_overwritten_argument_is_named():
    def adds_in_place(net, x, y, z, n):
        x += y
        for _ in range(n):
            z = net(z, x)
        return net(y, z), z

    def by_data(net, x, y, z, n):
        result = latent_recursion(net, x, y, z, n)
        z.data.zero_()
        return result

    def no_longer_wants_gradients(net, x, y, z, n):
        result = latent_recursion(net, x, y, z, n)
        y.detach_()
        return result

    answers = {"x": adds_in_place, "z": by_data, "y": no_longer_wants_gradients}
    for name, answer in answers.items():
        assert verdict(ROUND, answer).startswith(f"it changes `{name}`, which its caller still")


def test_dictionaries_and_lists_are_the_callers_too():
    def confounds(ours, theirs, factor):
        result = task.package(ours, theirs, factor)
        theirs.pop("EMA", None)
        return result

    def at_calls(record, calls, which="ema"):
        record["curve"][-1]["raw"] = 1.0
        return deep.package(record, calls, which)

    task, deep = desk.exercise("9.4"), desk.exercise("9.2")
    assert verdict(task, confounds).startswith("it changes `theirs`")
    assert verdict(deep, at_calls).startswith("it changes `record`")


def test_a_state_made_in_inference_mode_is_refused():
    @torch.inference_mode()
    def halt_by_q(q_B, steps_B, N_sup, generator, exploration=0.1):
        return task.package(q_B, steps_B, N_sup, generator, exploration)

    task = desk.exercise("5.3")
    assert "made under torch.inference_mode()" in verdict(task, halt_by_q)


# What a learner may hand in.


@pytest.mark.parametrize("form", ["{}", "{})", "({})", " {}. "])
def test_a_letter_may_be_written_in_several_ways(form):
    for task in CHOICES:
        for letter in task.options:
            plain = verdict(task, letter)
            assert verdict(task, form.format(letter)) == plain
            assert verdict(task, form.format(letter.upper())) == plain


class Unshowable:
    def __repr__(self):
        raise RuntimeError("no words for it")


@pytest.mark.parametrize(
    "answer",
    [
        ["a"],
        {"a"},
        ("a",),
        {"a": 1},
        np.array(["a", "b"]),
        torch.ones(3),
        1,
        None,
        b"a",
        Unshowable(),
    ],
    ids=lambda answer: type(answer).__name__,
)
def test_what_is_no_letter_is_told_how_to_write_one(answer, capsys):
    for task in CHOICES:
        assert check(task.number, answer) is answer
        said = capsys.readouterr().out
        assert f'write one letter in quotes, as in `{task.name} = "a"`' in said
    assert not desk.answers_folder().exists()


def test_what_cannot_be_shown_is_answered_all_the_same():
    assert "it must be a function" in verdict(ROUND, Unshowable())
    for number, task in desk.all_exercises().items():
        if not isinstance(task, Choice):
            assert verdict(task, lambda *arguments, **keywords: Unshowable()), number


def test_an_answer_that_leaves_python_is_told_so_and_ctrl_c_is_ctrl_c():
    def leaves(net, x, y, z, n):
        torch.set_grad_enabled(False)
        raise SystemExit("enough")

    def interrupted(net, x, y, z, n):
        torch.set_grad_enabled(False)
        raise KeyboardInterrupt

    assert "it raised SystemExit('enough') in `raise SystemExit" in verdict(ROUND, leaves)
    with pytest.raises(KeyboardInterrupt):
        check("3.1", interrupted)
    assert torch.is_grad_enabled()


class Interval:
    def __call__(self, successes, n, z=1.96):
        return SHARE.package(successes, n, z)


@functools.lru_cache
def remembered(successes, n, z=1.96):
    return SHARE.package(successes, n, z)


@pytest.mark.parametrize(
    "answer",
    [
        Interval(),
        remembered,
        functools.partial(SHARE.package),
        lambda k, n, z=1.96: SHARE.package(k, n, z),
    ],
    ids=["object", "lru_cache", "partial", "lambda"],
)
def test_whatever_can_be_called_may_be_right(answer, folder, capsys):
    assert check("7.1", answer) is answer
    said = capsys.readouterr().out
    assert "Exercise 7.1: right." in said and "cannot use it" in said
    assert not folder.exists() and yours("7.1") is SHARE.package


Z = 1.96


def default_from_the_notebook(successes, n, z=Z):
    return SHARE.package(successes, n, z)


def test_names_of_defaults_and_decorators_count_as_from_the_notebook(folder, capsys):
    assert check("7.1", default_from_the_notebook) is default_from_the_notebook
    assert "It uses SHARE, Z from elsewhere" in capsys.readouterr().out and not folder.exists()


# What is kept.


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"latent_recursion = 3",
        b"def latent_recursion(",
        b"raise SystemExit",
        b"1 / 0",
        b"import no_such_module",
        b"\x00\xff",
        b"def latent_recursion(net, x, y, z, n):\n    exit()",
        b"def latent_recursion(net, x, y, z, n):\n    return latent_recursion(net, x, y, z, n)",
    ],
)
def test_a_damaged_file_counts_as_open_whatever_it_does(text, folder, capsys):
    folder.mkdir()
    desk.kept_path(ROUND).write_bytes(text)
    assert yours("3.1") is ROUND.package
    assert (
        "the package's (e3_1_latent_recursion.py is not right any more: " in capsys.readouterr().out
    )
    progress("03")
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "0 of 3 exercises done" and "  3.1  open" in lines[1]
    assert "is not right any more" in lines[1]
    assert desk.kept_path(ROUND).read_bytes() == text


def test_a_damaged_letter_counts_as_open(folder, capsys):
    task = CHOICES[0]
    check(task.number, task.right)
    progress(task.number.split(".")[0])
    desk.kept_path(task).write_text(f"{task.name} = ['a']")
    progress(task.number.split(".")[0])
    rows = [
        line for line in capsys.readouterr().out.splitlines() if line.startswith(f"  {task.number}")
    ]
    assert "done" in rows[0] and "open" in rows[1]


def test_a_folder_in_the_place_of_a_file_counts_as_open(folder, capsys):
    desk.kept_path(ROUND).mkdir(parents=True)
    assert yours("3.1") is ROUND.package
    assert "is not right any more" in capsys.readouterr().out


def test_two_kept_answers_may_name_each_other(folder):
    folder.mkdir()
    desk.kept_path(ROUND).write_text(
        "from trm_minimal.recursion import deep_recursion\n\n\n"
        "def latent_recursion(net, x, y, z, n):\n"
        "    for _ in range(n):\n        z = net(z, x + y)\n    return net(y, z), z\n"
    )
    desk.kept_path(desk.exercise("4.1")).write_text(
        "import torch\n\nfrom trm_minimal.recursion import latent_recursion\n\n\n"
        "def deep_recursion(net, x, y, z, n, T, grad_rounds=1):\n"
        "    with torch.no_grad():\n        for _ in range(T - grad_rounds):\n"
        "            y, z = latent_recursion(net, x, y, z, n)\n"
        "    for _ in range(grad_rounds):\n        y, z = latent_recursion(net, x, y, z, n)\n"
        "    return y, z\n"
    )
    deep, round = yours("4.1"), yours("3.1")
    assert deep.__globals__["latent_recursion"].__code__ == round.__code__
    assert round.__globals__["deep_recursion"].__code__ == deep.__code__
