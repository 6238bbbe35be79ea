"""One moment of a trace as a small web page and as a sentence.

Steppers and players only choose which.

A view is a shell, which stays, and parts that a moment fills in: so a player stores each shell
once. Dimension key: K moments, L cells, D width.
"""

import math
from functools import cached_property
from html import escape

import numpy as np
import torch

from trm_minimal.show.boards import describe_board
from trm_minimal.show.style import INK, LOOKS, PAGE
from trm_minimal.show.svg import CELL, board_ground, board_marks, draw, picture, svg
from trm_minimal.show.trace import Trace
from trm_minimal.tasks import Task

Y, Z, Q, GIVEN = (LOOKS[name] for name in ("y", "z", "q", "given"))
LINE, CHART = 300, (300, 70)  # width of a board in pixels; width and height of the drift chart
LEAST_DRIFT = 1e-4  # the chart's lower edge; its upper edge is 10


def _cells_of(state_NLD, prefix: int, puzzle: int) -> np.ndarray:
    return state_NLD[puzzle, prefix:].cpu().numpy()


def z_moved(trace: Trace, puzzle: int) -> np.ndarray:
    """[K + 1, L]: how far z of each cell moved when it was last renewed, as a share of the largest
    move of the run.
    """
    cells = [_cells_of(trace.z(k), trace.model.prefix, puzzle) for k in range(len(trace))]
    moved = [np.zeros(len(cells[0]))]
    for k in range(1, len(trace)):
        renewed = trace.position(k).state == "z"
        moved.append(np.linalg.norm(cells[k] - cells[k - 1], axis=1) if renewed else moved[-1])
    return np.stack(moved) / max(np.max(moved), 1e-12)


def z_component(trace: Trace, puzzle: int) -> np.ndarray:
    """[K + 1, L]: the first principal component of z over the cells and moments of the run, scaled
    to 0..1.
    """
    z_KLD = np.stack([_cells_of(trace.z(k), trace.model.prefix, puzzle) for k in range(len(trace))])
    flat = torch.from_numpy(z_KLD.reshape(-1, z_KLD.shape[-1])).nan_to_num()  # eigh refuses nan
    flat = flat - flat.mean(0)
    direction_D = torch.linalg.eigh(flat.T @ flat).eigenvectors[:, -1]
    # eigenvectors come with either sign
    direction_D = direction_D * direction_D[direction_D.abs().argmax()].sign()
    values = (flat @ direction_D).numpy().reshape(z_KLD.shape[:2])
    return (values - values.min()) / max(np.ptp(values), 1e-12)


def z_features(trace: Trace, puzzle: int) -> np.ndarray:
    """[K + 1, L, D]: z itself, one row a cell, one column a feature; -3 is dark, 3 is bright."""
    z_KLD = np.stack([_cells_of(trace.z(k), trace.model.prefix, puzzle) for k in range(len(trace))])
    return (z_KLD + 3) / 6


def confidence(trace: Trace, puzzle: int) -> np.ndarray:
    """[K + 1, L]: the probability that the answer head gives to the token it answers with."""
    return trace.confidence_KNL[:, puzzle].numpy()


MOVES = "where z moves"
HEATS = {
    MOVES: (z_moved, "z: bright cells are being thought about, dark cells rest"),
    "z, first component": (z_component, "z: its first principal component, cell by cell"),
    "z, all features": (z_features, "z: one row a cell, one column a feature"),
    "confidence": (confidence, "the answer head: bright cells are sure, dark cells are not"),
}


class View:
    """One puzzle of a trace, seen at any moment.

    `labels_L`: the true answer, if it is known; `heat`: one of HEATS.
    """

    def __init__(
        self,
        task: Task,
        trace: Trace,
        labels_L=None,
        puzzle: int = 0,
        title: str = "",
        heat: str = MOVES,
    ):
        self.task, self.trace, self.puzzle, self.title = task, trace, puzzle, title
        self.inputs_L, self.labels_L = trace.inputs_NL[puzzle], labels_L
        self.heat, self.legend = HEATS[heat]

    @cached_property
    def _heat(self) -> np.ndarray:
        return self.heat(self.trace, self.puzzle)

    @cached_property
    def _drift(self) -> dict[str, np.ndarray]:
        return {state: self.trace.drift(state)[:, self.puzzle].numpy() for state in "yz"}

    @cached_property
    def _answers(self) -> int:
        return self.task.answers(self.inputs_L)

    def _wanted(self, tokens_L):
        """The true answer, or of several the one that these tokens are nearest to."""
        if self.labels_L is None or self._answers == 1:
            return self.labels_L
        return self.task.nearest(self.inputs_L, self.labels_L, tokens_L)

    def answer(self, k: int, peek: bool = False):
        """(tokens [L], q) in moment k: of y as it stands, or of the y that the net would give
        now.
        """
        if peek and self.trace.position(k).state == "z":
            tokens_NL, q_N = self.trace.peek(k)
            return tokens_NL[self.puzzle], float(q_N[self.puzzle])
        return self.trace.tokens_KNL[k, self.puzzle], float(self.trace.q_KN[k, self.puzzle])

    def sentence(self, k: int, since: int | None = None, peek: bool = False) -> str:
        """What the picture shows. `since` is the moment that changes are counted from."""
        step, round, call, state = self.trace.position(k)
        if k == 0:
            return (
                f"Before the first call: {describe_board(self.task, self.inputs_L, self.inputs_L)}."
            )
        n, T = self.trace.depth
        tokens_L, q = self.answer(k, peek)
        before_L = self.answer(max(k - 1, 0) if since is None else since, peek)[0]
        wanted_L = self._wanted(tokens_L)
        board = describe_board(self.task, tokens_L, self.inputs_L, wanted_L, before_L)
        shown = "the answer it would give now" if peek and state == "z" else "its answer"
        return (
            f"Call {k} of {len(self.trace) - 1}: supervision step {step} of {self.trace.N_sup},"
            f" round {round} of {T}, call {call} of {n + 1}, renews {state}. In {shown}: {board}. Q"
            f" {q:+.1f}, {_percent(q)} sure."
        )

    def shell(self) -> str:
        """The page with empty places <... data-part="name">, which `parts` fills."""
        R, C = self.task.rows, self.task.columns
        board = board_ground(self.task, self.inputs_L) + '<g data-part="board"></g>'
        heat = '<g data-part="heat"></g>'
        title = f'<div style="font-weight:bold">{escape(self.title)}</div>' if self.title else ""
        lines = self._chart() + '<g data-part="cursor"></g>'
        told = "the board; the sentence below says what it shows"
        return (
            f'<div class="trm-view" style="background:{PAGE};color:{INK};padding:8px;'
            f'font:14px/1.4 DejaVu Sans,Verdana,sans-serif">{title}'
            f'<div style="display:flex;flex-wrap:wrap;gap:16px">'
            f"<div>{svg(R * CELL, C * CELL, board, told)}</div>"
            f"{self._truth()}"
            f"<div>{svg(R, C, heat, self.legend, LINE * 2 // 3)}"
            f'<div style="width:{LINE * 2 // 3}px;font-size:12px">{self.legend}</div></div>'
            f'<div style="width:{LINE}px"><div data-part="q"></div>'
            f'<div style="font-size:12px;margin-top:8px">How far z (dashed) and y (dots) move in'
            f" each call, from "
            f"{LEAST_DRIFT:g} (below) to 10 of their length</div>"
            f"{svg(CHART[1], CHART[0], lines, 'drift of z and y, call by call')}</div></div>"
            f'<div role="status" style="margin-top:8px;max-width:{3 * LINE}px"'
            ' data-part="text"></div></div>'
        )

    def _truth(self) -> str:
        if self.labels_L is None:
            return ""
        board = draw(self.task, self.labels_L, self.inputs_L, self.labels_L, width=LINE * 2 // 3)
        several = f"one of {self._answers:,} {self.task.face.several}"
        told = "the true answer" if self._answers == 1 else several
        return f'<div>{board}<div style="font-size:12px">{told}</div></div>'

    def _place(self, k: int, share: float) -> tuple[float, float]:
        height = math.log10(min(max(share, LEAST_DRIFT), 10) / LEAST_DRIFT) / math.log10(
            10 / LEAST_DRIFT
        )
        return (
            4 + (CHART[0] - 8) * k / (len(self.trace) - 1),
            CHART[1] - 4 - (CHART[1] - 8) * height,
        )

    def _chart(self) -> str:
        drawn = {"y": [], "z": []}
        for k in range(1, len(self.trace)):
            state = self.trace.position(k).state
            drawn[state].append(self._place(k, self._drift[state][k]))
        line = " ".join(f"{x:.1f},{y:.1f}" for x, y in drawn["z"])
        dots = "".join(
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2" fill="{Y.colour}" stroke="{INK}"'
            ' stroke-width="0.4"/>'
            for x, y in drawn["y"]
        )
        border = (
            f'<rect width="{CHART[0]}" height="{CHART[1]}" fill="none" stroke="{GIVEN.colour}"/>'
        )
        return (
            border
            + f'<polyline points="{line}" fill="none" stroke="{Z.colour}" stroke-dasharray="5 2"/>'
            + dots
        )

    def parts(self, k: int, since: int | None = None, peek: bool = False) -> dict[str, str]:
        """What fills the shell in moment k, part by part."""
        R, C = self.task.rows, self.task.columns
        tokens_L, q = self.answer(k, peek)
        before_L = self.answer(max(k - 1, 0) if since is None else since, peek)[0]
        question = (self.inputs_L, self.inputs_L)  # at first, and then the answer
        moment = (tokens_L, self.inputs_L, self._wanted(tokens_L), before_L)
        marks = board_marks(self.task, *(moment if k else question))
        heat = self._heat[k] if self._heat.ndim == 3 else self._heat[k].reshape(R, C)
        x = self._place(k, 1)[0]
        image = f'<image href="{picture(heat)}" width="{C}" height="{R}" preserveAspectRatio="none"'
        bar = f'<div style="background:{Q.colour};height:100%;width:{100 * _sure(q):.1f}%"></div>'
        half = (
            '<div style="position:absolute;left:50%;top:-3px;bottom:-3px;border-left:2px solid'
            f' {INK}"></div>'
        )
        return {
            "board": marks,
            "heat": f'{image} style="image-rendering:pixelated"/>',
            "q": (
                f"Q {q:+.1f}: {_percent(q)} sure that this is solved"
                '<div style="border:1px solid'
                f' {INK};height:12px;position:relative">{bar}{half}</div>'
            ),
            "cursor": f'<path d="M{x:.1f} 0V{CHART[1]}" stroke="{INK}" stroke-width="2"/>',
            "text": escape(self.sentence(k, since, peek)),
        }

    def html(self, k: int, since: int | None = None, peek: bool = False) -> str:
        """The page of moment k."""
        page = self.shell()
        for name, part in self.parts(k, since, peek).items():
            page = page.replace(f'data-part="{name}">', f'data-part="{name}">{part}')
        return page


def _sure(q: float) -> float:
    return 0.5 + 0.5 * math.tanh(q / 2)  # the sigmoid, with no overflow


def _percent(q: float) -> str:
    return f"{100 * _sure(q):.0f} %"
