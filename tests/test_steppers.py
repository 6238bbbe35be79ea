"""Every control at every position, through the real widgets: what they say is what the trace
holds.
"""

import re
from dataclasses import replace
from functools import partial
from html import unescape
from statistics import median
from threading import Thread
from time import process_time

import numpy as np
import pytest
import torch

from trm_minimal.lab.weights import CHECKPOINTS, load_model
from trm_minimal.model import TinyRecursiveModel
from trm_minimal.schedules import Depth
from trm_minimal.show import frames
from trm_minimal.show.frames import HEATS, View
from trm_minimal.show.steppers import LEVELS, NOTHING, Editor, Playground, Stepper, Thinker
from trm_minimal.show.style import LOOKS
from trm_minimal.show.trace import trace
from trm_minimal.tasks import maze, sudoku

MOVES = 60  # of a slider


def sudoku_drawn(question: str) -> str:
    return sudoku.draw(sudoku.FOUR, torch.tensor([sudoku.FOUR.symbols.index(s) for s in question]))


def text_of(page) -> str:
    return unescape(re.search('data-part="text">(.*?)</div>', page.value).group(1))


@pytest.fixture(scope="module")
def tiny():
    """An untrained net on three 4x4 puzzles: 3 steps of 2 rounds of 3 calls."""
    torch.manual_seed(0)
    task = sudoku.load("sudoku-4x4")
    puzzles = task.test[:3]
    model = TinyRecursiveModel(task.vocab_size, task.length, dim=16, prefix=2)
    return (
        task,
        puzzles,
        Thinker("long", model, 3, Depth(2, 2)),
        Thinker("short", model, 1, Depth(2, 2)),
    )


def stepper(tiny) -> Stepper:
    return Stepper(*tiny)


def test_every_position_of_every_control_says_what_the_trace_holds(tiny):
    _, puzzles, *thinkers = tiny
    widget, seen = stepper(tiny), 0
    for puzzle in range(len(puzzles)):
        widget.puzzle.value = puzzle
        runs_ = [
            trace(who.model, puzzles.inputs_NL[puzzle], who.N_sup, who.depth) for who in thinkers
        ]
        for level in LEVELS.values():
            widget.level.value = level
            ends = [run.ends_of(level) for run in runs_]
            assert widget.slider.max == len(ends[0]) - 1 == widget.play.max
            for peek in (False, True):
                widget.peek.value = peek
                for heat in HEATS:
                    widget.heat.value = heat
                    for value in range(widget.slider.max + 1):
                        widget.slider.value = value
                        for page, run, moments in zip(widget.pages, runs_, ends, strict=True):
                            k = moments[min(value, len(moments) - 1)]
                            said, (step, round_, call, state) = text_of(page), run.position(k)
                            seen += 1
                            if k == 0:
                                assert (
                                    said.startswith("Before the first call: ")
                                    and "cells given" in said
                                )
                                continue
                            tokens, q = run.tokens_KNL[k, 0], run.q_KN[k, 0]
                            if peek and state == "z":
                                assert "In the answer it would give now" in said
                                tokens, q = (answer[0] for answer in run.peek(k))
                            assert said.startswith(
                                f"Call {k} of {len(run) - 1}: supervision step {step} of "
                            )
                            assert f"round {round_} of 2, call {call} of 3, renews {state}." in said
                            right = int((tokens == puzzles.labels_NL[puzzle]).sum())
                            assert f"{right} of 16 cells right" in said and f"Q {q:+.1f}," in said
                            assert HEATS[heat][1] in page.value
    assert seen == 3 * 2 * 4 * 2 * (4 + 7 + 19)  # puzzles, peek, maps, views, stops


def test_buttons_stop_at_the_ends(tiny):
    widget = stepper(tiny)
    widget.back.click()
    assert widget.slider.value == 0
    for _ in range(widget.slider.max + 2):
        widget.next.click()
    assert widget.slider.value == widget.slider.max == 3
    widget.back.click()
    assert "supervision step 2 of 3" in text_of(widget.pages[0])


def test_the_level_changes_and_the_place_in_the_run_stays(tiny):
    widget = stepper(tiny)
    widget.slider.value = 2
    for level, value in (("call", 12), ("round", 4), ("step", 2)):
        widget.level.value = level
        assert widget.slider.value == value and text_of(widget.pages[0]).startswith("Call 12 of 18")
    widget.level.value = "call"
    widget.slider.value = 13
    widget.level.value = "step"
    assert widget.slider.value == 2


def test_level_changes_that_meet_leave_the_place_in_the_run(tiny):
    """Threads change the level while another holds the stepper: their calls come in turn."""
    widget = stepper(tiny)
    widget.level.value, widget.slider.value, failed = "call", 12, []

    def change(level: str) -> None:
        try:
            widget.level.value = level
        except IndexError as error:
            failed.append(error)

    threads = [Thread(target=change, args=(level,)) for level in ("step", "round", "call", "step")]
    with widget.lock:
        for thread in threads:
            thread.start()
            thread.join(0.05)  # it stands before the lock, the level changed already
    for thread in threads:
        thread.join()
    assert not failed and widget.counted == widget.level.value
    stops = widget.traces[0].ends_of(widget.level.value)
    assert widget.slider.max == len(stops) - 1 and stops[widget.slider.value] == 12


def test_a_net_that_says_no_number_is_drawn(tiny):
    task, puzzles, thinker, _ = tiny
    model = TinyRecursiveModel(task.vocab_size, task.length, dim=16, prefix=2)
    with torch.no_grad():
        for weight in model.parameters():
            weight.fill_(torch.nan)
    widget = Stepper(task, puzzles, thinker._replace(model=model))
    for heat in HEATS:
        widget.heat.value = heat
        for value in range(widget.slider.max + 1):
            widget.slider.value = value
    assert "Q +nan" in text_of(widget.pages[0])


def test_changes_are_counted_from_the_stop_before(tiny):
    task, puzzles, thinker, _ = tiny
    widget = Stepper(task, puzzles, thinker)
    run = trace(thinker.model, puzzles.inputs_NL[0], thinker.N_sup, thinker.depth)
    for level, stop in (("step", 2), ("round", 4)):
        widget.level.value, widget.slider.value = level, stop
        before, now = (run.tokens_KNL[run.ends_of(level)[i], 0] for i in (stop - 1, stop))
        assert f"{int((before != now).sum())} changed" in text_of(widget.pages[0])


def test_a_callback_that_raises_is_seen(tiny, monkeypatch):
    widget = stepper(tiny)
    monkeypatch.setattr(frames.View, "html", lambda *_: 1 / 0)
    for control, value in (
        (widget.slider, 1),
        (widget.peek, True),
        (widget.level, "call"),
        (widget.puzzle, 1),
    ):
        with pytest.raises(ZeroDivisionError):
            control.value = value


def test_another_thread_may_move_the_slider_without_gradients_piling_up(tiny):
    widget, failed = stepper(tiny), []

    def move():
        try:
            with torch.enable_grad():
                widget.puzzle.value = 1
                widget.slider.value = 2
                failed.extend(
                    state for run in widget.traces for state in run.renewed if state.requires_grad
                )
        except (
            Exception
        ) as error:  # whatever happens on the other thread fails the test on this one
            failed.append(error)

    other = Thread(target=move)
    other.start()
    other.join()
    assert not failed and "supervision step 2" in text_of(widget.pages[0])


def seconds(work) -> float:
    """Of the processor, which a busy machine hardly adds to."""
    start = process_time()
    work()
    return process_time() - start


@pytest.mark.parametrize("name", ["maze-9x9", "sudoku-9x9", "maze-15x15"])
def test_a_move_of_the_slider_is_cheap_beside_the_thinking(name):
    """It draws what the trace holds; measured are a fifteenth and less."""
    load = maze.load if name.startswith("maze") else sudoku.load
    task = load(name)
    torch.manual_seed(0)
    model = TinyRecursiveModel(task.vocab_size, task.length, dim=64, prefix=4)
    thinker = Thinker("", model, 16, Depth(2, 2))
    widget = Stepper(task, task.test, thinker)
    widget.level.value = "call"
    moves = [seconds(partial(setattr, widget.slider, "value", i)) for i in range(1, MOVES + 1)]
    thoughts = [seconds(partial(thinker, task.test.inputs_NL[0])) for _ in range(3)]
    assert median(moves) < median(thoughts) / 5


@pytest.fixture(scope="module")
def solved():
    """A view of a shipped net on a held-out maze that takes it several steps, and its trace."""
    model, recipe, _ = load_model(CHECKPOINTS / "maze_9x9.safetensors")
    task = recipe.task()
    run = trace(model, task.test.inputs_NL[3], recipe.N_sup, recipe.test_depth)
    return View(task, run, task.test.labels_NL[3]), run, task.test.labels_NL[3]


def shapes(part: str, colour: str) -> int:
    """How many outlines the paths of this fill or stroke have."""
    paths = re.findall(r'<path d="([^"]*)"([^>]*)/>', part)
    return sum(
        len(re.findall("M", d))
        for d, style in paths
        if f'fill="{colour}"' in style or f'stroke="{colour}"' in style
    )


def test_marks_on_a_maze_are_counted_by_kind(solved):
    view, run, labels_L = solved
    some_wrong = 0
    for k in range(1, 20):
        board, tokens_L = view.parts(k)["board"], run.tokens_KNL[k, 0]
        before_L = run.tokens_KNL[k - 1, 0]
        free = (run.inputs_NL[0] == maze.SPACE).numpy()
        path, wrong = (tokens_L == maze.PATH).numpy(), (tokens_L != labels_L).numpy()
        assert shapes(board, LOOKS["right"].colour) == (path & ~wrong & free).sum()
        assert (
            shapes(board, LOOKS["changed"].colour) == ((tokens_L != before_L).numpy() & free).sum()
        )
        missing = wrong & (labels_L == maze.PATH).numpy()
        # A cross has two strokes, so two outlines are not needed: it is drawn as one M and one m.
        assert shapes(board, LOOKS["wrong"].colour) == wrong.sum()
        assert board.count("a5.5 5.5") == 2 * missing.sum()
        some_wrong += wrong.sum()
    assert some_wrong > 0


def test_heat_maps_show_what_they_name(solved):
    _, run, _ = solved
    P = run.model.prefix
    moved, component, features, sure = (HEATS[name][0](run, 0) for name in HEATS)
    assert (
        np.array_equal(sure, run.confidence_KNL[:, 0].numpy()) and 0 < sure.min() < sure.max() <= 1
    )
    k = run.moment(2, 1, 1)
    by_hand = (run.z(k)[0, P:] - run.z(k - 1)[0, P:]).norm(dim=1).numpy()
    assert np.allclose(
        moved[k] / moved[k].max(), by_hand / by_hand.max(), atol=1e-5
    ) and moved.max() == pytest.approx(1)
    assert (moved[run.moment(2, 1)] == moved[run.moment(2, 1, 2)]).all()
    assert features.shape == (len(run), 81, 96) and np.allclose(
        features[k] * 6 - 3, run.z(k)[0, P:].numpy(), atol=1e-5
    )
    assert component.shape == (len(run), 81) and component.min() == 0 and component.max() == 1
    z = np.stack([run.z(k)[0, P:].numpy() for k in range(len(run))]).reshape(-1, 96)
    z = z - z.mean(0)
    values = component.reshape(-1) - component.mean()
    along = z.T @ values / np.linalg.norm(values)
    assert np.linalg.norm(along) ** 2 == pytest.approx(
        np.linalg.svd(z, compute_uv=False)[0] ** 2, rel=1e-3
    )


def test_a_page_has_every_part_once_and_is_described(solved):
    view, *_ = solved
    page = view.html(12)
    for name, part in view.parts(12).items():
        assert page.count(f'data-part="{name}"') == 1 and part in page
    assert page.count("<svg") == page.count('role="img" aria-label="') == 4
    assert "<script" not in page and "https:" not in page


@pytest.fixture
def editor():
    task = maze.load("maze-9x9")
    told = []
    return Editor(task, task.test.inputs_NL[3], told.append), task, told


def verdict(editor) -> str:
    return unescape(re.sub("<.*?>", "", editor.verdict.value))


def test_a_maze_is_judged_at_every_click(editor):
    widget, task, told = editor
    assert verdict(widget).startswith("✓ This puzzle is valid") and torch.equal(
        told[-1], task.test.inputs_NL[3]
    )
    start = widget.symbols.index("S")
    free = widget.symbols.index(" ")
    widget.brush.value = "S"
    widget.cells[free].click()
    assert (
        verdict(widget) == "× The maze has 2 cells S; exactly one is wanted." and told[-1] is None
    )
    widget.cells[free].click()
    assert told[-1] is not None and widget.cells[free].description == NOTHING
    widget.brush.value = "#"
    for cell in (start - 9, start + 9, start - 1, start + 1):
        if widget.symbols[cell] != "#":
            widget.cells[cell].click()
    assert verdict(widget) == "× The maze has no way from S to G; open a wall."
    assert widget.cells[start].tooltip == f"row {start // 9 + 1}, column {start % 9 + 1}: S"


def test_every_brush_on_every_cell_leaves_board_and_text_alike(editor):
    widget, task, told = editor
    for brush in widget.brush.options:
        widget.brush.value = (
            dict(widget.brush.options)[brush[0]]
            if isinstance(brush, tuple)
            else widget.brush.options[brush]
        )
        for cell in range(task.length):
            widget.cells[cell].click()
            assert widget.text.value.replace("\n", "") == "".join(widget.symbols)
            shown = [
                " " if cell.description == NOTHING else cell.description for cell in widget.cells
            ]
            assert "".join(shown) == "".join(widget.symbols).replace("#", " ")
            assert (told[-1] is None) == verdict(widget).startswith("×")


@pytest.mark.parametrize(
    "text, said",
    [
        ("1..." * 4, "1 twice in one column"),
        ("." * 16, "has several solutions"),
        ("12..34......4.3", "The text has 15 cells; 4 lines of 4 are wanted"),
        ("12..34......4.y1", "The text has 'y' in row 4, column 3; cells are . 1 2 3 4, or empty"),
        ("12..\n34..\n....\n4.1", "row 4 has 3 of 4 cells"),
        ("12.. 34.. .... 4.51", "The text has '5' in row 4, column 3"),
        ("1.......2.....34", "has no solution"),
    ],
)
def test_a_typed_sudoku_is_judged(text, said):
    task, told = sudoku.load("sudoku-4x4"), []
    widget = Editor(task, task.test.inputs_NL[0], told.append)
    widget.text.value = text
    assert said in verdict(widget) and told[-1] is None
    widget.load(task.test.inputs_NL[1])
    assert torch.equal(told[-1], task.test.inputs_NL[1])


@pytest.mark.parametrize("way", [str, lambda text: text.replace(".", "0"), " ".join, sudoku_drawn])
def test_a_board_is_pasted_in_any_way_it_is_written(way):
    task, told = sudoku.load("sudoku-4x4"), []
    widget = Editor(task, task.test.inputs_NL[0], told.append)
    question = "".join(task.symbols[token] for token in task.test.inputs_NL[1])
    widget.text.value = way(question)
    assert torch.equal(told[-1], task.test.inputs_NL[1])
    assert widget.text.value == "\n".join(question[i : i + 4] for i in range(0, 16, 4))
    widget.text.value = "y"
    assert told[-1] is None
    widget.text.value = way(question)  # what stands on the board already is judged again
    assert verdict(widget).startswith("✓") and torch.equal(told[-1], task.test.inputs_NL[1])


def test_a_maze_whose_rows_were_cut_is_not_another_maze(editor):
    widget, _, told = editor
    widget.text.value = "#" * 27 + "\n#S" + " " * 23 + "G#\n" + "#" * 27
    assert verdict(widget).startswith("× The maze has 3 rows of 27 characters") and told[-1] is None


TWO_WAYS = "#########" + "#S     ##" + "# ### ###" + "# ### ###" + "#    G###" + "#########" * 4


def test_several_shortest_ways_are_counted_and_each_is_right(editor):
    """Round the block: right and down, or down and right."""
    widget, task, told = editor
    widget.text.value = TWO_WAYS
    assert verdict(widget).endswith("it has 2 equally short ways, and any of them counts.")
    assert verdict(widget).startswith("✓ This puzzle is valid: ")
    inputs_L = told[-1].long()
    labels_L = task.solve(inputs_L)
    other_L = inputs_L.clone()
    rows, columns = [1, 1, 1, 1, 2, 3], [2, 3, 4, 5, 5, 5]
    other_L[[9 * r + c for r, c in zip(rows, columns, strict=True)]] = maze.PATH
    assert not torch.equal(other_L, labels_L)
    half_L = other_L.clone()
    half_L[9 * 1 + 3] = maze.SPACE
    torch.manual_seed(0)
    model = TinyRecursiveModel(task.vocab_size, task.length, dim=16, prefix=2)
    run = trace(model, inputs_L, 3, Depth(1, 1))
    tokens = [inputs_L, inputs_L, half_L, half_L, other_L, other_L, labels_L]
    tokens_KNL = torch.stack(tokens)[:, None].to(torch.uint8)
    view = View(task, replace(run, tokens_KNL=tokens_KNL), labels_L)
    assert "1 wrong (row 2 column 4 is free, should be path)" in view.sentence(2)
    assert view.parts(2)["board"].count(LOOKS["wrong"].colour) == 1
    for k in (4, 6):
        assert "81 of 81 cells right" in view.sentence(k)
        assert LOOKS["wrong"].colour not in view.parts(k)["board"]
    assert "one of 2 equally short ways" in view.shell()


def test_the_playground_thinks_about_what_was_drawn_beside_the_true_answer():
    model, recipe, _ = load_model(CHECKPOINTS / "sudoku_4x4.safetensors")
    task = recipe.task()
    widget = Playground(task, task.test, Thinker("shipped", model, recipe.N_sup, recipe.test_depth))
    widget.editor.load(task.test.inputs_NL[5])
    assert not widget.think.disabled
    widget.think.click()
    assert torch.equal(widget.stepper.labels_L, task.test.labels_NL[5])
    widget.stepper.slider.value = recipe.N_sup
    assert "16 of 16 cells right" in text_of(widget.stepper.pages[0])
    digit = next(cell for cell, symbol in enumerate(widget.editor.symbols) if symbol != ".")
    widget.editor.brush.value = "."
    widget.editor.cells[digit].click()
    assert widget.think.disabled == ("several solutions" in verdict(widget.editor))
    widget.stepper.puzzle.value = 7
    assert [task.symbols.index(symbol) for symbol in widget.editor.symbols] == task.test.inputs_NL[
        7
    ].tolist()
