"""What is seen of a training run while it runs: a bar, a row of the curve, and the end if it diverges."""

import math
import time
from pathlib import Path

import torch
from torch import Tensor
from tqdm import tqdm

from trm_minimal.errors import Diverged
from trm_minimal.state import TrainState


def stop_unless_finite(state: TrainState, losses: Tensor, path: Path | None) -> None:
    """Diverged when one of the last losses, or a weight, raw or EMA, is not finite."""
    is_saved = path and Path(path).exists()
    kept = f"the last good state is {path}" if is_saved else "no state had been saved before"
    for step, loss in enumerate(losses.tolist(), state.step - len(losses) + 1):
        if not math.isfinite(loss):
            raise Diverged(f"the loss of step {step} is {loss}; {kept}", state.curve)
    for name, model in (("a weight", state.model), ("an EMA weight", state.ema.model)):
        if not all(weight.isfinite().all() for weight in model.parameters()):
            raise Diverged(f"{name} is not finite after step {state.step}; {kept}", state.curve)


class Progress:
    """The bar, and the rows of `state.curve`: one for the steps from one validation to the next."""

    def __init__(self, recipe, state: TrainState, path, quiet: bool):
        self.recipe, self.state, self.path = recipe, state, path
        self.steps: list[tuple[Tensor, Tensor, Tensor]] = []  # since the last row
        self.validated: dict[str, str] = {}
        self.bar = tqdm(total=recipe.steps, initial=state.step, unit="step", dynamic_ncols=True, disable=quiet)
        self.resume_clock()

    def __enter__(self):
        return self

    def __exit__(self, *error) -> None:
        self.bar.close()

    def resume_clock(self) -> None:
        """Seconds of training count from here on: validation and saving are over."""
        self.started = time.perf_counter()

    def add(self, loss: Tensor, halted: Tensor, solved: Tensor) -> None:
        """What a step returned; nothing is looked at yet."""
        self.steps.append((loss, halted, solved))
        self.bar.update()

    def look(self) -> None:
        """Wait for the device, stop if anything is not finite, and show how it goes."""
        state = self.state
        losses, halted, solved = (torch.stack(column).cpu() for column in zip(*self.steps, strict=True))
        state.seconds += time.perf_counter() - self.started
        self.resume_clock()
        stop_unless_finite(state, losses, self.path)
        ended = int(halted.sum())  # puzzles that took their last supervision step
        self.row = {
            "step": state.step,
            "loss": float(losses.mean()),
            "train_exact": float(solved.sum() / ended) if ended else None,
            "mean_steps": self.recipe.batch * len(halted) / ended if ended else None,
        }
        shown = {
            "loss": f"{losses[-10:].mean():.3f}",
            "puzzles/s": f"{self.recipe.batch * state.step / state.seconds:.0f}",
        } | self.validated
        if ended:
            shown["exact"] = f"{self.row['train_exact']:.2f}"
        self.bar.set_postfix(shown)

    def end_row(self, scores: dict[str, float]) -> None:
        """Add the row of the steps that were looked at, with its validation, to the curve."""
        row = {name: self.row[name] for name in ("step", "loss")} | scores
        rest = {name: self.row[name] for name in ("train_exact", "mean_steps")}
        self.state.curve.append(row | rest)
        self.validated, self.steps = {"validation": f"{scores['ema']:.3f}"}, []
