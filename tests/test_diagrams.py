"""Diagrams: each call is drawn once, cells and bars are the data, texts fit, and the sentence says
the picture.
"""

import ast
import inspect
import io
import re
from collections import Counter
from itertools import combinations

import numpy as np
import pytest
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from PIL import Image

from trm_minimal.recursion import deep_recursion
from trm_minimal.show import diagrams
from trm_minimal.show.diagrams import gradient_calls, round_of_calls, slots, three_loops
from trm_minimal.show.style import LOOKS, PAGE

DEPTHS = [(6, 3), (2, 2), (4, 2), (1, 1)]


def tape(n: int, T: int, grad_rounds: int) -> list[bool]:
    """For each call of the real recursion, in order: does it run with gradient?"""
    weight, calls = torch.ones((), requires_grad=True), []

    def net(state, injection):
        calls.append(torch.is_grad_enabled())
        return state + weight * injection

    deep_recursion(net, *torch.ones(3), n, T, grad_rounds)
    return calls


def variants(n: int, T: int) -> dict[str, list[bool]]:
    one_step = [i >= T * (n + 1) - 2 for i in range(T * (n + 1))]
    return {
        "1-step (HRM)": one_step,
        "last round (TRM)": tape(n, T, 1),
        "all rounds": tape(n, T, T),
    }


def played(S: int, B: int, share: float = 0.3):
    """Puzzles and halts as slots make them, at random."""
    draw, now, following = np.random.default_rng(S * B), np.arange(B), B
    halted_SB, puzzle_SB = draw.random((S, B)) < share, np.zeros((S, B), dtype=int)
    for s in range(S):
        puzzle_SB[s] = now
        for b in np.flatnonzero(halted_SB[s]):
            now[b], following = following, following + 1
    return puzzle_SB, halted_SB


PICTURES = {f"round {n}": (round_of_calls, n) for n in (1, 2, 4, 6, 7, 30)}
PICTURES |= {
    f"loops {n} {T}": (three_loops, n, T, N_sup)
    for (n, T), N_sup in zip(DEPTHS, (16, 2, 4, 1), strict=True)
}
PICTURES |= {f"gradient {n} {T}": (gradient_calls, n, T, variants(n, T)) for n, T in DEPTHS}
PICTURES |= {
    f"slots {S} {B}": (slots, *played(S, B)) for S, B in ((1, 1), (8, 3), (16, 6), (20, 6))
}


def draw(function, *arguments):
    figure = Figure(figsize=(3, 3), dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    text = function(figure, *arguments)
    figure.canvas.draw()
    return figure, figure.axes[0], text


@pytest.fixture(scope="module", params=PICTURES)
def picture(request):
    return request.param, *draw(*PICTURES[request.param])


def patches(ax, *labels: str) -> list:
    return [patch for patch in ax.patches if patch.get_label() in labels]


def texts(ax) -> list[str]:
    return [text.get_text() for text in ax.texts]


def test_texts_fit_on_the_page_and_keep_apart(picture):
    _, figure, ax, _ = picture
    assert figure.get_figwidth() == 8 and figure.axes == [ax]
    boxes = {text: text.get_window_extent() for text in ax.texts}
    for text, box in boxes.items():
        assert text.get_size() >= 9, text
        assert box.x0 >= 9 and box.y0 >= 9 and box.x1 <= 791 and box.y1 <= figure.bbox.y1 - 9, text
    for (one, a), (other, b) in combinations(boxes.items(), 2):
        apart = a.x1 <= b.x0 or b.x1 <= a.x0 or a.y1 <= b.y0 or b.y1 <= a.y0
        assert apart, (one, other)


def test_wires_and_patches_stay_on_the_page_and_off_the_texts(picture):
    _, figure, ax, _ = picture
    lines = [line for line in ax.lines if line.get_marker() == "None"]
    edges = [
        artist.get_path().transformed(artist.get_transform()) for artist in (*lines, *ax.patches)
    ]
    for artist in (*ax.patches, *ax.lines):
        box = artist.get_window_extent()
        assert box.x0 >= 9 and box.y0 >= 9 and box.x1 <= 791 and box.y1 <= figure.bbox.y1 - 9, (
            artist
        )
    for text in ax.texts:  # it lies in a box or outside it, never across its edge
        box = text.get_window_extent()
        assert not [path for path in edges if path.intersects_bbox(box, filled=False)], text


def test_a_picture_is_deterministic_small_and_one_notebook_cell_wide(picture):
    name, figure, _, said = picture
    again, _, said_again = draw(*PICTURES[name])
    files = io.BytesIO(), io.BytesIO()
    for picture_again, file in zip((figure, again), files, strict=True):
        picture_again.savefig(file, bbox_inches="tight")  # as notebooks do
    assert files[0].getvalue() == files[1].getvalue() and said == said_again
    assert len(files[0].getvalue()) <= 80_000 and Image.open(files[0]).width == 800


@pytest.mark.parametrize("n", [1, 2, 4, 6, 7, 30])
def test_a_round_draws_each_call_once_and_says_what_goes_in(n):
    _, ax, said = draw(round_of_calls, n)
    shown = [*range(1, n + 2)] if n <= 6 else [1, 2, n, n + 1]
    boxes = [text for text in texts(ax) if text.startswith("net")]
    assert boxes == [f"net\ncall {call}" for call in shown]
    assert len(patches(ax, "z call")) == len(shown) - 1 and len(patches(ax, "y call")) == 1
    assert (
        len(
            {
                (p.get_width(), p.get_height(), p.get_facecolor())
                for p in patches(ax, "z call", "y call")
            }
        )
        == 1
    )
    count = Counter(texts(ax))
    assert count["x + y"] == len(shown) - 1 and count["no x"] == 1 and count["..."] == (n > 6)
    assert f"{n + 1} calls of one net" in said and f"call {n + 1} takes y and z, but no x" in said
    assert ("leaves out" in said) == (n > 6) and (n <= 6 or f"leaves out {n - 3} call" in said)
    assert ("calls 1 to" in said) == (n > 1)


@pytest.mark.parametrize("n", [1, 4, 6])
def test_x_reaches_every_call_on_z_and_not_the_call_on_y(n):
    """In a round nothing in the colour of x lies right of the last call on z."""
    _, ax, _ = draw(round_of_calls, n)
    (y_call,), z_calls = patches(ax, "y call"), patches(ax, "z call")
    lines = [
        line
        for line in ax.lines
        if line.get_color() == LOOKS["x"].colour and line.get_marker() == "v"
    ]
    ends = [float(line.get_xdata()[0]) for line in lines]
    assert ends == pytest.approx([box.get_x() + box.get_width() / 2 for box in z_calls])
    of_x = [
        line for line in ax.lines if line.get_color() == LOOKS["x"].colour and line.get_lw() == 2
    ]
    assert max(max(line.get_xdata()) for line in of_x) < y_call.get_x()
    of_y = [
        line
        for line in ax.lines
        if line.get_color() == LOOKS["y"].colour and line.get_marker() == "v"
    ]
    assert any(
        y_call.get_x() < line.get_xdata()[0] < y_call.get_x() + y_call.get_width() for line in of_y
    )


@pytest.mark.parametrize(
    ("n", "T", "N_sup"), [(6, 3, 16), (2, 2, 4), (4, 3, 2), (1, 1, 1), (10, 5, 100)]
)
def test_the_loops_draw_each_call_of_a_supervision_step_once(n, T, N_sup):
    _, ax, said = draw(three_loops, n, T, N_sup)
    assert len(patches(ax, "z call")) == T * n and len(patches(ax, "y call")) == T
    rows = {patch.get_y() for patch in patches(ax, "z call")}
    assert len(rows) == T and len(patches(ax, "z call", "y call")) == len(tape(n, T, 1))
    total = T * (n + 1)
    sums = f"T (n + 1) = {T} × {n + 1} = {total} calls in a supervision step, "
    sums += f"at most {N_sup} × {total} = {N_sup * total} for a puzzle"
    assert sums in texts(ax) and sums in said
    assert re.search(
        rf"N_sup = {N_sup} supervision steps?\b.* T = {T} rounds?;.* n = {n} calls? on z, 1 on y",
        said,
    )
    shown = " ".join(texts(ax)).replace("\n", " ")
    for word in ("embed x anew", "detach y and z", "optimizer step", "loss"):
        assert shown.count(word) == 1, word
    for word in ("embedded anew", "detached", "optimizer step", "loss"):
        assert word in said
    assert ("to the next step" in shown) == (N_sup > 1)


def filled(ax, rows: int) -> np.ndarray:
    """Bool [rows, calls], read from the picture: cells that are not white; the sign must say the
    same.
    """
    cells = patches(ax, "z call", "y call")
    cells = sorted(cells, key=lambda cell: (round(cell.get_y(), 3), cell.get_x()))
    signs = [text.get_position() for text in ax.texts if text.get_text() == "∇"]
    found = []
    for cell in cells:
        (x, y), (width, height) = cell.get_xy(), (cell.get_width(), cell.get_height())
        signed = sum(x < a < x + width and y < b < y + height for a, b in signs)
        colour = cell.get_facecolor()[:3]
        assert colour == to_rgb(LOOKS[cell.get_label()[0]].colour) or colour == to_rgb(PAGE)
        assert signed == (colour != to_rgb(PAGE)), "the sign and the colour differ"
        found.append(bool(signed))
    return np.array(found).reshape(rows, -1)


@pytest.mark.parametrize(("n", "T"), DEPTHS)
def test_gradient_cells_are_the_bools_given(n, T):
    given = variants(n, T)
    _, ax, said = draw(gradient_calls, n, T, given)
    assert (filled(ax, 3) == np.array(list(given.values()))).all()
    order = sorted(patches(ax, "z call", "y call")[: T * (n + 1)], key=lambda cell: cell.get_x())
    assert [cell.get_label()[0] for cell in order] == list("z" * n + "y") * T
    total = T * (n + 1)
    shares = [f"{share} of {total}" for share in (2, n + 1, total)]
    assert [text for text in texts(ax) if re.fullmatch(r"\d+ of \d+", text)] == shares
    for name, share in zip(given, shares, strict=True):
        assert f"{name}, {share} (" in said
    assert f"which of {total} calls (T = {T} round" in said and f"n = {n} on z" in said


def test_a_changed_bool_changes_the_cell_the_share_and_the_sentence():
    given = variants(2, 2)
    before, changed = (
        draw(gradient_calls, 2, 2, given),
        {**given, "all rounds": [True, False, True, True, True, True]},
    )
    after = draw(gradient_calls, 2, 2, changed)
    differ = filled(before[1], 3) != filled(after[1], 3)
    assert np.argwhere(differ).tolist() == [[2, 1]]
    assert (
        "all rounds, 6 of 6 (1 to 6)" in before[2] and "all rounds, 5 of 6 (1, 3 to 6)" in after[2]
    )
    assert "none, 0 of 6." in draw(gradient_calls, 2, 2, {"none": np.zeros(6)})[2]
    assert draw(gradient_calls, 2, 2, {"a": torch.ones(6) > 0})[2].endswith("a, 6 of 6 (1 to 6).")


def stays(puzzle_SB, halted_SB) -> list[tuple[int, int, int, int, bool]]:
    """(slot, first step, steps, puzzle, halted at its end), by walking along each slot."""
    found = []
    for b in range(puzzle_SB.shape[1]):
        start = 0
        for s in range(len(puzzle_SB)):
            if halted_SB[s, b] or s == len(puzzle_SB) - 1:
                found.append((b, start, s + 1 - start, int(puzzle_SB[s, b]), bool(halted_SB[s, b])))
                start = s + 1
    return found


@pytest.mark.parametrize(("S", "B"), [(1, 1), (8, 3), (16, 6), (20, 6)])
def test_bars_are_the_stays_of_puzzles(S, B):
    puzzle_SB, halted_SB = played(S, B)
    _, ax, said = draw(slots, puzzle_SB, halted_SB)
    bars = [patch for patch in ax.patches if patch.get_label().startswith("puzzle ")]
    side, left = bars[0].get_width() / stays(puzzle_SB, halted_SB)[0][2], bars[0].get_x()
    ends = [(mark.get_x() + mark.get_width(), mark.get_y()) for mark in patches(ax, "halted")]
    found = []
    for bar in bars:
        halted = any(np.allclose((bar.get_x() + bar.get_width(), bar.get_y()), end) for end in ends)
        first, steps = round((bar.get_x() - left) / side), round(bar.get_width() / side)
        slot = round((bar.get_y() - bars[0].get_y()) / 0.4)
        found.append((slot, first, steps, int(bar.get_label().split()[1]), halted))
    expected = stays(puzzle_SB, halted_SB)
    assert found == expected and len(ends) == halted_SB.sum()
    assert f"{len(expected)} times a puzzle comes in, {halted_SB.sum()} times one halts" in said
    assert texts(ax).count("...") == said.count("and on") == (~halted_SB[-1]).sum()
    numbers = re.findall(r"\b[A-Za-z] (\d+)(?: and on)?(?=[,;.])", said.split(": ", 1)[1])
    assert [int(number) for number in numbers] == [steps for _, _, steps, _, _ in expected]


def test_a_slot_numbers_its_own_steps_and_a_puzzle_keeps_its_letter():
    puzzle_SB = [[7, 3], [7, 7], [5, 7], [5, 7]]
    halted_SB = [[False, True], [True, False], [True, False], [False, True]]
    _, ax, said = draw(slots, torch.tensor(puzzle_SB), torch.tensor(halted_SB))
    rows = {}
    for text in ax.texts:
        rows.setdefault(round(text.get_position()[1], 2), []).append(
            (text.get_position()[0], text.get_text())
        )
    lines = [" ".join(text for _, text in sorted(row)) for _, row in sorted(rows.items())]
    assert lines[:3] == ["optimizer step 1 2 3 4", "slot 1 A1 2 C1 C1 ...", "slot 2 B1 A1 2 3"]
    assert said.endswith("slot 1: A 2, C 1, C 1 and on; slot 2: B 1, A 3.")
    assert "In 3 of the 4 not all slots are at the same supervision step" in said


@pytest.mark.parametrize(
    ("message", "function", "arguments"),
    [
        ("n is 0: it must be 1 or more", round_of_calls, (0,)),
        ("n is -1: it must be 1 or more", three_loops, (-1, 3, 16)),
        ("T is 0: it must be 1 or more", three_loops, (6, 0, 16)),
        ("N_sup is 0: it must be 1 or more", three_loops, (6, 3, 0)),
        ("21 calls of a round get 0.11 inches each", three_loops, (20, 3, 16)),
        ("T is 0: it must be 1 or more", gradient_calls, (6, 0, {"a": []})),
        ("variants is 0: it must be 1 or more", gradient_calls, (6, 3, {})),
        (
            "a has 5 bools, but n = 2 and T = 2 make 6 calls",
            gradient_calls,
            (2, 2, {"b": [True] * 6, "a": [True] * 5}),
        ),
        ("7 calls of a round get 0.04 inches each", gradient_calls, (6, 16, {"a": [True] * 112})),
        (
            r"puzzles \(2, 3\) and halts \(2, 2\) must both be",
            slots,
            (np.ones((2, 3)), np.ones((2, 2))),
        ),
        (r"puzzles \(2,\) and halts \(2,\) must both be", slots, (np.ones(2), np.ones(2))),
        ("steps is 0: it must be 1 or more", slots, (np.ones((0, 3)), np.ones((0, 3)))),
        ("21 steps of 1 puzzles", slots, (np.ones((21, 3)), np.zeros((21, 3)))),
        ("1 steps of 53 puzzles", slots, (np.arange(53)[None], np.zeros((1, 53)))),
        (
            "a puzzle changes in a slot that has not halted",
            slots,
            ([[1, 2], [1, 3]], [[True, False], [False, False]]),
        ),
    ],
)
def test_bad_input_is_refused_in_one_sentence(message, function, arguments):
    with pytest.raises(ValueError, match=message) as refusal:
        function(Figure(), *arguments)
    assert "\n" not in str(refusal.value)


def test_nothing_imports_pyplot():
    nodes = list(ast.walk(ast.parse(inspect.getsource(diagrams))))
    modules = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    modules += [
        f"{n.module}.{alias.name}"
        for n in nodes
        if isinstance(n, ast.ImportFrom)
        for alias in n.names
    ]
    assert modules and not [name for name in modules if "pyplot" in name or "pylab" in name]
