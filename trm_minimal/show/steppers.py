"""Widgets: step through a run, draw a puzzle of your own.

Thin shells: frames.View draws, Task judges.

Widget messages arrive on a second thread, and two may come at once: hence locks, and neither pyplot
nor torch's global state. Dimension key: N puzzles, L cells.
"""

from collections.abc import Callable
from html import escape
from threading import RLock
from typing import NamedTuple

import ipywidgets as W
from torch import Tensor

from trm_minimal.errors import BadInput
from trm_minimal.model import TinyRecursiveModel
from trm_minimal.schedules import Depth
from trm_minimal.show.boards import colour_of
from trm_minimal.show.frames import HEATS, View
from trm_minimal.show.style import INK, LOOKS, PAGE, text_on
from trm_minimal.show.trace import Trace, trace
from trm_minimal.tasks import Puzzles, Task
from trm_minimal.tasks.face import FILL, Cell

NOTHING = "\u00a0"  # an empty description would leave the old one on the button
LABEL, ROW = {"description_width": "initial"}, {"flex_flow": "row wrap", "align_items": "center"}
LEVELS = {"supervision step": "step", "round": "round", "call": "call"}


class Thinker(NamedTuple):
    """A model and how long it may think: one column of a stepper."""

    title: str
    model: TinyRecursiveModel
    N_sup: int
    depth: Depth

    def __call__(self, inputs_L: Tensor, ids_N: Tensor | None = None) -> Trace:
        return trace(self.model, inputs_L, self.N_sup, self.depth, ids_N=ids_N)


class Stepper(W.VBox):
    """Play, step and scrub through what one or more thinkers do with a puzzle.

    The slider counts supervision steps, rounds or calls of the net; a thinker that has fewer of
    them rests at its end.
    """

    def __init__(self, task: Task, puzzles: Puzzles, *thinkers: Thinker, chosen: int = 0):
        self.task, self.puzzles, self.thinkers, self.lock = task, puzzles, thinkers, RLock()
        self.puzzle = W.BoundedIntText(
            chosen, 0, len(puzzles) - 1, description="puzzle", style=LABEL
        )
        self.level = W.ToggleButtons(
            options=LEVELS, description="step by", style={"button_width": "auto"} | LABEL
        )
        self.heat = W.Dropdown(options=list(HEATS), description="map", style=LABEL)
        self.peek = W.Checkbox(False, description="show what it would answer now", indent=False)
        self.slot, self.slider, self.link = (
            W.HBox(),
            None,
            None,
        )  # a place, the slider in it, what ties Play to it
        self.play = W.Play(min=0, max=1, interval=400, description="play")
        self.back = W.Button(
            description="◀ back", tooltip="one step back", layout={"width": "auto"}
        )
        self.next = W.Button(description="next ▶", tooltip="one step on", layout={"width": "auto"})
        wide = {"flex": "1 1 480px"} if len(thinkers) > 1 else {}
        self.pages = [W.HTML(layout=wide) for _ in thinkers]
        self.puzzle.layout.width = "130px"
        self.back.on_click(lambda _: self._move(-1))
        self.next.on_click(lambda _: self._move(1))
        self.puzzle.observe(lambda _: self._choose(), "value")
        self.level.observe(lambda _: self._change_level(), "value")
        self.heat.observe(lambda _: self._rebuild(), "value")
        self.peek.observe(lambda _: self._draw(), "value")
        rows = (
            [self.puzzle, self.level],
            [self.play, self.back, self.next, self.slot],
            [self.peek, self.heat],
        )
        controls = [W.HBox(row, layout=ROW) for row in rows]
        super().__init__([*controls, W.HBox(self.pages, layout={"flex_flow": "row wrap"})])
        for name, control in (("play", self.play), ("next", self.next), ("back", self.back)):
            control.add_class(f"trm-{name}")
        self.add_class("trm-stepper")
        self._choose()

    def show(self, inputs_L: Tensor, labels_L: Tensor | None = None, ids_N=None) -> None:
        """Think about this puzzle, which need not be one of the set, and go to its start."""
        with self.lock:
            self.inputs_L, self.labels_L = inputs_L, labels_L
            self.traces = [thinker(inputs_L, ids_N) for thinker in self.thinkers]
            self.counted = self.level.value  # what the slider counts: the level may be ahead of it
            self._put_slider(max(len(run.ends_of(self.counted)) for run in self.traces) - 1, 0)
            self._rebuild()

    @property
    def sentences(self) -> list[str]:
        """What the pages show, a sentence each."""
        return [
            view.sentence(*where, self.peek.value)
            for view, where in zip(self.views, self._where(), strict=True)
        ]

    def _choose(self) -> None:
        one = self.puzzles[self.puzzle.value : self.puzzle.value + 1]
        self.show(one.inputs_NL[0], one.labels_NL[0], one.ids_N)

    def _change_level(self) -> None:
        """The slider keeps its place in the run, as nearly as the new level allows."""
        with self.lock:
            longest = max(self.traces, key=len)
            here = longest.ends_of(self.counted)[self.slider.value]
            self.counted = self.level.value
            ends = longest.ends_of(self.counted)
            self._put_slider(
                len(ends) - 1, min(range(len(ends)), key=lambda i: abs(ends[i] - here))
            )
            self._draw()

    def _put_slider(self, most: int, value: int) -> None:
        """A new slider for a new range: a changed one keeps its old end for the keys Home and End
        (noUiSlider 15).
        """
        if self.slider is not None and self.slider.max == most:
            self.play.value = self.slider.value = value
            return
        wide = {"width": "340px"}
        self.slider = W.IntSlider(
            value, 0, most, description="moment", layout=wide, style=LABEL
        ).add_class("trm-slider")
        self.slider.observe(lambda _: self._draw(), "value")
        self.play.max, self.play.value = most, value
        if self.link is not None:
            self.link.unlink()
        self.link = W.jslink((self.play, "value"), (self.slider, "value"))
        self.slot.children = [self.slider]

    def _move(self, by: int) -> None:
        self.slider.value = min(max(self.slider.value + by, 0), self.slider.max)

    def _rebuild(self) -> None:
        with self.lock:
            pairs = zip(self.thinkers, self.traces, strict=True)
            self.views = [
                View(self.task, run, self.labels_L, title=who.title, heat=self.heat.value)
                for who, run in pairs
            ]
            self._draw()

    def _where(self) -> list[tuple[int, int]]:
        """(moment, the moment that changes count from) of each view."""
        all_ends = [run.ends_of(self.counted) for run in self.traces]
        places = [(ends, min(self.slider.value, len(ends) - 1)) for ends in all_ends]
        return [(ends[i], ends[max(i - 1, 0)]) for ends, i in places]

    def _draw(self) -> None:
        with self.lock:
            for page, view, where in zip(self.pages, self.views, self._where(), strict=True):
                page.value = view.html(*where, self.peek.value)


class Editor(W.VBox):
    """A board to click on, and a text to type in. Every change is judged at once, in a sentence.

    `on_change` is called after every judgement with `tokens_L`: the puzzle, or None while it is not
    valid.
    """

    def __init__(
        self,
        task: Task,
        inputs_L: Tensor,
        on_change: Callable[[Tensor | None], None] = lambda tokens_L: None,
    ):
        self.task, self.on_change, self.lock = task, on_change, RLock()
        face, self.writing = task.face, False
        brushes = dict(face.brushes) or {face.says(symbol): symbol for symbol in task.symbols[1:]}
        self.empty, self.allowed = face.blanks[0], [*brushes.values()]
        self.between = " " if any(len(symbol) > 1 for symbol in task.symbols) else ""
        self.brush = W.ToggleButtons(
            options=brushes, description="put", style=LABEL | {"button_width": "auto"}
        )
        side = "36px" if task.columns <= 9 else "26px"
        shape = W.Layout(
            width=side, height=side, margin="0", padding="0", border=f"1px solid {INK}"
        )
        self.styles = {symbol: _style(task, symbol) for symbol in task.symbols}
        self.cells = [W.Button(layout=shape) for _ in inputs_L]
        for cell, button in enumerate(self.cells):
            button.on_click(lambda _, cell=cell: self.put(cell))
            button.add_class("trm-cell")
        grid = W.GridBox(
            self.cells, layout=W.Layout(grid_template_columns=f"repeat({task.columns}, {side})")
        )
        wide = {"width": f"{task.columns * (1 + 2 * len(self.between)) + 6}ch", "height": "auto"}
        self.text = W.Textarea(rows=task.rows, continuous_update=False, layout=wide).add_class(
            "trm-text"
        )
        self.verdict = W.HTML().add_class("trm-verdict")
        self.text.observe(lambda _: self._read(), "value")
        boards = W.HBox([grid, self.text], layout=ROW)
        super().__init__([self.brush, boards, self.verdict])
        self.add_class("trm-editor")
        self.load(inputs_L)

    def put(self, cell: int) -> None:
        """What a click on a cell does: the brush's symbol, or nothing where that stands already."""
        with self.lock:
            symbols, new = list(self.symbols), self.brush.value
            symbols[cell] = self.empty if symbols[cell] == new else new
            self._judge(symbols)

    def load(self, inputs_L: Tensor) -> None:
        """Put another puzzle on the board."""
        with self.lock:
            self._judge([self.task.symbols[token] for token in inputs_L.tolist()])

    def _read(self) -> None:
        """Take what was typed or pasted, in any way that the family knows to write a board."""
        with self.lock:
            if self.writing:
                return
            rows, columns = self.task.rows, self.task.columns
            try:
                typed = list(self.task.cells(self.text.value))
            except BadInput as error:
                self._say(None, str(error))
                return
            fine = {*self.allowed, self.empty}
            odd = [place for place, symbol in enumerate(typed) if symbol not in fine]
            known = " ".join(symbol for symbol in self.allowed if symbol.strip())
            if len(typed) != len(self.cells):
                wanted = f"{rows} lines of {columns} are wanted, of {known}"
                self._say(None, f"The text has {len(typed)} cells; {wanted}.")
            elif odd:
                place = f"row {odd[0] // columns + 1}, column {odd[0] % columns + 1}"
                found = f"{typed[odd[0]]!r} in {place}"
                self._say(None, f"The text has {found}; cells are {known}, or empty.")
            else:
                self._judge(typed)

    def _judge(self, symbols: list[str]) -> None:
        self.symbols, C = symbols, self.task.columns
        for cell, (button, symbol) in enumerate(zip(self.cells, symbols, strict=True)):
            button.style, button.description = self.styles[symbol]
            place = f"row {cell // C + 1}, column {cell % C + 1}"
            button.tooltip = f"{place}: {self.task.face.says(symbol)}"
        text = self.between.join(symbols)
        starts = range(0, len(symbols), C)
        self.writing = True
        self.text.value = "\n".join(self.between.join(symbols[i : i + C]) for i in starts)
        self.writing = False
        try:
            tokens_L = self.task.parse(text)
        except BadInput as error:
            self._say(None, str(error))
            return
        count, several = self.task.answers(tokens_L), self.task.face.several
        many = f"{count:,} {several}, and any of them counts"
        found = "one answer to find" if count == 1 else many
        self._say(tokens_L, f"This puzzle is valid: it has {found}.")

    def _say(self, tokens_L: Tensor | None, sentence: str) -> None:
        self.tokens_L = tokens_L
        look = LOOKS["wrong" if tokens_L is None else "right"]
        self.verdict.value = (
            f'<span role="status"><b>{look.sign}</b>'
            f" {escape(sentence[0].upper() + sentence[1:])}</span>"
        )
        self.on_change(tokens_L)


def _style(task: Task, symbol: str) -> tuple[W.ButtonStyle, str]:
    """How a cell with this symbol looks as a button, and what is written on it."""
    marks = task.face.marks(Cell(symbol, given=symbol not in task.face.blanks))
    colour = next((colour_of(mark) for mark in marks if mark.glyph == FILL), PAGE)
    shown = symbol if any(mark.glyph == symbol for mark in marks) else NOTHING
    return W.ButtonStyle(button_color=colour, text_color=text_on(colour), font_weight="bold"), shown


class Playground(W.VBox):
    """Draw a puzzle, and watch the thinkers solve it beside the true answer."""

    def __init__(self, task: Task, puzzles: Puzzles, *thinkers: Thinker, chosen: int = 0):
        self.stepper = Stepper(task, puzzles, *thinkers, chosen=chosen)
        self.think = W.Button(description="think about it", button_style="primary").add_class(
            "trm-think"
        )
        self.editor = Editor(task, puzzles.inputs_NL[chosen], self._allow)
        self.think.on_click(lambda _: self._think())
        self.stepper.puzzle.observe(
            lambda change: self.editor.load(puzzles.inputs_NL[change["new"]]), "value"
        )
        super().__init__([self.editor, self.think, self.stepper])

    def _allow(self, tokens_L: Tensor | None) -> None:
        self.think.disabled = tokens_L is None

    def _think(self) -> None:
        tokens_L = self.editor.tokens_L
        self.stepper.show(tokens_L, self.stepper.task.solve(tokens_L))
