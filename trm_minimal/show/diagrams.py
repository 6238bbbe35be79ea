"""Four diagrams of the algorithm, drawn from numbers, and the sentences that say the same.

A page is 8 inches wide and as high as its content; places are inches from its upper left corner.
Each call of the net is one patch labelled "z call" or "y call", so that tests can count. Dimension
key: S optimizer steps, B slots.
"""

from string import ascii_lowercase, ascii_uppercase

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch, Rectangle

from trm_minimal.show.style import INK, LOOKS, PAGE, text_on

WIDTH, SHADE = 8, "#E4E4E4"  # inches; behind rounds, and of every second puzzle
FONT = "DejaVu Sans"  # comes with matplotlib, so that texts fit on every machine
LETTERS = ascii_uppercase + ascii_lowercase  # of puzzles
AT_MOST = 20  # optimizer steps in a picture of slots: narrower columns have no room for two digits


def _page(figure: Figure, height: float) -> Axes:
    figure.set(layout_engine="none", size_inches=(WIDTH, height))
    # the margin that notebooks put around what they cut out, so that their picture is as wide as
    # the page
    m = 0.1
    bounds = (m / WIDTH, m / height, 1 - 2 * m / WIDTH, 1 - 2 * m / height)
    ax = figure.add_axes(bounds, xlim=(m, WIDTH - m), ylim=(height - m, m))
    ax.set_axis_off()
    return ax


def _write(
    ax: Axes, x: float, y: float, text: str, ha: str = "center", size: float = 10, **style
) -> float:
    """Write around (x, y), or to one side of it; returns the width in inches."""
    written = ax.text(
        x, y, text, size=size, ha=ha, va="center", **{"color": INK, "family": FONT} | style
    )
    return written.get_window_extent().width / ax.figure.dpi


def _write_row(ax: Axes, xs, y: float, texts, **style) -> None:
    for x, text in zip(xs, texts, strict=True):
        _write(ax, x, y, str(text), **style)


def _box(
    ax: Axes,
    x: float,
    y: float,
    width: float,
    height: float,
    text: str = "",
    label: str = "",
    fc=PAGE,
) -> None:
    """A box with its upper left corner at (x, y)."""
    style = {
        "boxstyle": "round,pad=0,rounding_size=0.06",
        "fc": fc,
        "ec": INK,
        "lw": 1.2,
        "label": label,
    }
    ax.add_patch(FancyBboxPatch((x, y), width, height, **style))
    if text:
        _write(ax, x + width / 2, y + height / 2, text, linespacing=1.3)


def _wire(ax: Axes, signs: str, *points: tuple[float, float], head: bool = True) -> None:
    """A line in the thing's colour and dashes, with a head at its end; of two things the second
    lies in the first.
    """
    (x0, y0), (x, y) = points[-2:]
    dx, dy = float(np.sign(x - x0)), float(np.sign(y - y0))
    ends = [*points[:-1], (x - 0.08 * dx, y - 0.08 * dy)] if head else points
    for i, look in enumerate(LOOKS[sign] for sign in signs):
        style = {"color": look.colour, "zorder": 2, "solid_capstyle": "butt"}
        ax.plot(
            *zip(*ends, strict=True),
            lw=2 * (len(signs) - i),
            ls=(0, look.dashes) if look.dashes else "-",
            **style,
        )
    if head:
        # as seen: y grows downwards
        marker = {(1, 0): ">", (-1, 0): "<", (0, 1): "v", (0, -1): "^"}[dx, dy]
        ax.plot(x - 0.05 * dx, y - 0.05 * dy, marker=marker, ms=8, mew=0, **style)


def _calls(ax: Axes, x: float, y: float, side: float, n: int, carrying=None) -> None:
    """One round as n + 1 cells from (x, y) on: with the things' signs, or those `carrying` gradient
    filled, with ∇.
    """
    if side < 0.12:
        raise ValueError(
            f"{_count(n + 1, 'call')} of a round get {max(side, 0):.2f} inches each, too few to"
            " read"
        )
    for i in range(n + 1):
        look, white = LOOKS["z" if i < n else "y"], carrying is not None and not carrying[i]
        face, sign = (PAGE, "") if white else (look.colour, look.sign if carrying is None else "∇")
        ax.add_patch(
            Rectangle(
                (x + i * side, y), side, 0.3, fc=face, ec=INK, lw=0.8, label=f"{look.sign} call"
            )
        )
        if sign:
            _write(ax, x + (i + 0.5) * side, y + 0.15, sign, weight="bold", color=text_on(face))


def _at_least_one(**numbers: int) -> None:
    for name, number in numbers.items():
        if number < 1:
            raise ValueError(f"{name} is {number}: it must be 1 or more")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _ranges(numbers) -> str:
    """1, 2, 3, 5 -> '1 to 3, 5'."""
    runs = np.split(numbers, np.flatnonzero(np.diff(numbers) > 1) + 1)
    return ", ".join(f"{run[0]} to {run[-1]}" if len(run) > 1 else f"{run[0]}" for run in runs)


def round_of_calls(figure: Figure, n: int) -> str:
    """What flows where in one latent recursion: n calls of one net on z, then one on y (paper 4.2,
    4.3).
    """
    _at_least_one(n=n)
    calls = [*range(1, n + 2)] if n <= 6 else [1, 2, None, n, n + 1]  # None: those left out
    ax, pitch = _page(figure, 3.4), min(5.7 / len(calls), 1.5)
    left = (WIDTH - pitch * len(calls) - 2) / 2
    right, join, half = WIDTH - left, left + 0.75, 0.29  # half the width of a box
    top, rail, upper, row, under = 0.4, 0.9, 1.55, 1.85, 2.45
    middles = [left + 1.15 + pitch * (i + 0.5) for i in range(len(calls))]
    first, last, y_call = middles[0], *middles[-2:]

    _wire(ax, "y", (left, top), (y_call, top), (y_call, upper))
    _wire(ax, "y", (join, top), (join, rail - 0.11))
    _wire(ax, "x", (left, rail), (join - 0.11, rail))
    _wire(ax, "yx", (join + 0.11, rail), (last, rail), head=False)
    ax.plot(join, rail, "o", ms=15, mfc=PAGE, mec=INK)
    _write(ax, join, rail, "+", size=12)
    for sign, y in (("y", top - 0.17), ("x", rail + 0.2), ("z", row - 0.26)):
        _write(ax, left, y, LOOKS[sign].name.replace("latent ", "latent\n"), "left")
    before = left
    for call, middle in zip(calls, middles, strict=True):
        edge = half if call else 0.2
        _wire(ax, "z", (before, row), (middle - edge, row))
        if before > left:
            _write(ax, (before + middle - edge) / 2, row - 0.17, "z")
        before = middle + edge
        if call is None:
            _write(ax, middle, row, "...", size=14, weight="bold")
            continue
        if call <= n:
            _wire(ax, "yx", (middle, rail), (middle, upper))
        _box(ax, middle - half, upper, 2 * half, 0.6, f"net\ncall {call}", f"{'zy'[call > n]} call")
        _write(ax, middle + 0.1, 1.22, "x + y" if call <= n else "y", "left")
    _write(ax, y_call + 0.27, 1.22, "no x", "left", weight="bold")
    branch = (last + y_call) / 2 - 0.06
    _wire(ax, "z", (branch, row), (branch, under), (right, under))
    _wire(ax, "y", (y_call + half, row), (right, row))
    _write(ax, right, row - 0.17, "new y", "right")
    _write(ax, right, under - 0.17, "new z", "right")
    for start, end, text in (
        (first, last, f"n = {_count(n, 'call')} on z"),
        (y_call, y_call, "1 call on y"),
    ):
        ax.plot(
            np.repeat([start - half, end + half], 2),
            under + np.array([0.12, 0.2, 0.2, 0.12]),
            color=INK,
            lw=1,
        )
        _write(ax, (start + end) / 2, under + 0.36, text)
    _write(
        ax, WIDTH / 2, 3.2, f"one net: the same weights in each of the {n + 1} calls", weight="bold"
    )
    takes = (
        f"calls 1 to {n} take z and x + y, and give"
        if n > 1
        else "call 1 takes z and x + y, and gives"
    )
    skipped = f" (the picture leaves out {_count(n - 3, 'call')})" if None in calls else ""
    return (
        f"one round with n = {n} is {n + 1} calls of one net, with the same weights in"
        f" each{skipped}: {takes} a new z; call {n + 1} takes y and z, but no x, and gives a new y."
        f" z goes on as call {n} left it."
    )


def three_loops(figure: Figure, n: int, T: int, N_sup: int) -> str:
    """Supervision steps, rounds, calls: how they nest, and what happens once in a supervision step
    (paper Figure 3).
    """
    _at_least_one(n=n, T=T, N_sup=N_sup)
    total, side, high = T * (n + 1), min(0.36, 2.4 / (n + 1)), max(0.42 * T + 0.5, 1.5)
    # of the rounds: upper edge, way back below, left and right edge
    top, lane, a, b = 0.8, 1.25 + high, 1.75, 5.75
    ax, low = _page(figure, lane + 0.8), top + high - 0.275
    steps, rounds = f"N_sup = {_count(N_sup, 'supervision step')}", f"T = {_count(T, 'round')}"
    inside, sums = (
        f"n = {_count(n, 'call')} on z, 1 on y",
        f"T (n + 1) = {T} × {n + 1} = {_count(total, 'call')}",
    )
    sums = f"{sums} in a supervision step, at most {N_sup} × {total} = {N_sup * total} for a puzzle"
    for shift in (0.14, 0.07, 0) if N_sup > 1 else (0,):  # sheets of a stack
        _box(ax, 0.12 + shift, 0.27 - shift, WIDTH - 0.4, lane + 0.13)
    _box(ax, a, top, b - a, high, fc=SHADE)
    _write(ax, 0.3, 0.52, f"{steps} for a puzzle, at most", "left", weight="bold")
    _write(ax, a + 0.15, top + 0.22, f"{rounds}: {inside}", "left", weight="bold")
    _write(ax, WIDTH / 2, lane + 0.6, sums, weight="bold")
    for t in range(T):
        y = top + 0.42 * (t + 1)
        start = a + 0.3 + _write(ax, a + 0.15, y + 0.15, f"round {t + 1}", "left")
        _calls(ax, start, y, side, n)
        _write(ax, start + 0.15 + (n + 1) * side, y + 0.15, _count(n + 1, "call"), "left")
    _box(ax, 0.3, top, 1.1, 0.55, "embed x\nanew")
    _box(ax, 0.3, low - 0.275, 1.1, 0.55, "take y\nand z")
    _box(ax, 2.8, lane - 0.22, 1.9, 0.44, "detach y and z:\nonly values go on")
    _box(
        ax,
        6.1,
        top,
        1.45,
        high,
        "once each\nsupervision step:\nloss\n↓\nbackward\n↓\noptimizer step",
    )
    _wire(ax, "x", (1.4, top + 0.275), (a, top + 0.275))
    _wire(ax, "y", (b, top + high / 2), (6.1, top + high / 2))
    for sign, shift in (("y", -0.07), ("z", 0.07)):
        _wire(ax, sign, (1.4, low + shift), (a, low + shift))
        _wire(
            ax,
            sign,
            (b - 0.5 + shift, top + high),
            (b - 0.5 + shift, lane + shift),
            (4.7, lane + shift),
        )
        if N_sup > 1:
            _wire(
                ax,
                sign,
                (2.8, lane + shift),
                (0.85 + shift, lane + shift),
                (0.85 + shift, top + high),
            )
    if N_sup > 1:
        _write(ax, 1.9, lane - 0.24, "to the next step")
    return (
        f"three nested loops: {steps} for a puzzle, at most; in each {rounds}; in each {inside}."
        f" {sums}. Once in each supervision step: x is embedded anew, then come the rounds, loss, a"
        " backward pass and an optimizer step, and y and z are detached: only their values go on."
    )


def gradient_calls(figure: Figure, n: int, T: int, carrying: dict) -> str:
    """Which calls carry gradient: for each variant's name T * (n + 1) bools, in the order of the
    calls (paper 4.1).
    """
    _at_least_one(n=n, T=T, variants=len(carrying))
    total, below = T * (n + 1), 0.95 + 0.45 * len(carrying)
    for name, flags in carrying.items():
        if len(flags) != total:
            raise ValueError(
                f"{name} has {_count(len(flags), 'bool')}, but n = {n} and T = {T} make {total}"
                " calls"
            )
    ax, said = _page(figure, below + 0.2), []
    left = 0.35 + max(
        _write(ax, 0.15, 0.95 + 0.45 * i, name, "left") for i, name in enumerate(carrying)
    )
    side = min((WIDTH - 0.95 - left - 0.15 * T) / total, 0.4)
    width = (n + 1) * side
    starts_T, share = left + np.arange(T) * (width + 0.15), left + T * (width + 0.15)
    for y, text in ((0.2, "round"), (0.53, "call on")):
        _write(ax, left - 0.12, y, text, "right")
    _write(ax, share, 0.53, "with ∇", "left")
    _write_row(ax, starts_T + width / 2, 0.2, range(1, T + 1))
    for start in starts_T:
        ax.plot([start, start + width], [0.35, 0.35], color=INK, lw=1)
        _write_row(ax, start + (np.arange(n + 1) + 0.5) * side, 0.53, "z" * n + "y")
    for i, (name, flags) in enumerate(carrying.items()):
        flags_TC = np.asarray(flags, dtype=bool).reshape(T, n + 1)  # C calls of a round
        for start, flags_C in zip(starts_T, flags_TC, strict=True):
            _calls(ax, start, 0.8 + 0.45 * i, side, n, flags_C)
        said.append(f"{flags_TC.sum()} of {total}")
        _write(ax, share, 0.95 + 0.45 * i, said[-1], "left", weight="bold")
        said[-1] = f"{name}, {said[-1]}" + (
            f" ({_ranges(np.flatnonzero(flags_TC) + 1)})" if flags_TC.any() else ""
        )
    _write(ax, left, below, "∇, filled: carries gradient. White: only its values go on.", "left")
    calls = f"{_count(total, 'call')} (T = {_count(T, 'round')}, in each n = {n} on z, then 1 on y)"
    return f"which of {calls} carry gradient. {'; '.join(said)}."


def slots(figure: Figure, puzzle_SB, halted_SB) -> str:
    """Which puzzle is in each slot at each optimizer step, and which of its own steps it takes
    (official trm.py). Row 0 is the first optimizer step of the training; halted means: after that
    step. A bar is one stay of a puzzle.
    """
    puzzle_SB, halted_SB = np.asarray(puzzle_SB), np.asarray(halted_SB, dtype=bool)
    if puzzle_SB.ndim != 2 or puzzle_SB.shape != halted_SB.shape:
        raise ValueError(
            f"puzzles {puzzle_SB.shape} and halts {halted_SB.shape} must both be [steps, slots]"
        )
    # in the order in which they come
    (S, B), puzzles = puzzle_SB.shape, dict.fromkeys(puzzle_SB.flat)
    _at_least_one(steps=S, slots=B)
    if S > AT_MOST or len(puzzles) > len(LETTERS):
        raise ValueError(
            f"{S} steps of {len(puzzles)} puzzles: only {AT_MOST} of {len(LETTERS)} fit on a page"
        )
    if ((puzzle_SB[1:] != puzzle_SB[:-1]) & ~halted_SB[:-1]).any():
        raise ValueError(
            "a puzzle changes in a slot that has not halted: only a halted slot takes a new one"
        )

    letters, left, depth_SB, said = (
        dict(zip(puzzles, LETTERS, strict=False)),
        1.3,
        np.ones((S, B), dtype=int),
        [],
    )
    for s in range(1, S):
        depth_SB[s] = np.where(halted_SB[s - 1], 1, depth_SB[s - 1] + 1)
    ax, side = _page(figure, 0.95 + 0.4 * B), min((WIDTH - 0.4 - left) / S, 0.5)
    middles_S = left - 0.03 + (np.arange(S) + 0.5) * side
    _write(ax, left - 0.12, 0.2, "optimizer step", "right")
    _write_row(ax, middles_S, 0.2, range(1, S + 1), size=9)
    for b in range(B):
        y, (starts,), stays = 0.4 + 0.4 * b, np.nonzero(depth_SB[:, b] == 1), []
        _write(ax, left - 0.12, y + 0.15, f"slot {b + 1}", "right")
        for i, (start, end) in enumerate(zip(starts, [*starts[1:], S], strict=True)):
            puzzle, halted, x = puzzle_SB[start, b], halted_SB[end - 1, b], left + end * side
            style = {"fc": (SHADE, PAGE)[i % 2], "ec": INK, "lw": 0.8, "label": f"puzzle {puzzle}"}
            ax.add_patch(Rectangle((left + start * side, y), (end - start) * side, 0.3, **style))
            if halted:
                ax.add_patch(
                    Rectangle((x - 0.06, y), 0.06, 0.3, fc=INK, ec=INK, lw=0.8, label="halted")
                )
            else:
                _write(ax, x + 0.15, y + 0.15, "...")
            _write(ax, middles_S[start], y + 0.15, f"{letters[puzzle]}1", size=9, weight="bold")
            _write_row(ax, middles_S[start + 1 : end], y + 0.15, range(2, end - start + 1), size=9)
            stays.append(f"{letters[puzzle]} {end - start}" + ("" if halted else " and on"))
        said.append(f"slot {b + 1}: {', '.join(stays)}")
    text = (
        "A1: puzzle A comes in and takes its supervision step 1, then 2, 3 and so on. Dots: it"
        " stays."
    )
    _write(
        ax,
        left,
        0.65 + 0.4 * B,
        f"{text}\nBlack end: it halts, and the slot takes a new puzzle.",
        "left",
        linespacing=1.3,
    )
    mixed = (depth_SB != depth_SB[:, :1]).any(1).sum()
    return (
        f"{_count(B, 'slot')} over {_count(S, 'optimizer step')}; {(depth_SB == 1).sum()} times a"
        f" puzzle comes in, {halted_SB.sum()} times one halts. In {mixed} of the {S} not all slots"
        " are at the same supervision step. Each puzzle with the supervision steps it takes:"
        f" {'; '.join(said)}."
    )
