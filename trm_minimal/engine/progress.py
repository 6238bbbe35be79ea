"""What is seen of a training run: a bar, the rows of its curve, and where it diverged."""

import time
from pathlib import Path

import torch
from torch import Tensor
from tqdm import tqdm

from trm_minimal.errors import Diverged


def stop_unless_finite(state, losses: Tensor, path: Path | None) -> None:
    """Diverged when one of the last losses, or a weight, raw or EMA, is not finite."""
    is_saved = path and Path(path).exists()
    kept = f"the last good state is {path}" if is_saved else "no state had been saved before"
    if not losses.isfinite().all():
        first = int(losses.isfinite().int().argmin())
        step = state.step - len(losses) + 1 + first
        raise Diverged(f"the loss of step {step} is {float(losses[first])}; {kept}", state.curve)
    for name, model in (("a weight", state.model), ("an EMA weight", state.ema.model)):
        if not all(weight.isfinite().all() for weight in model.parameters()):
            raise Diverged(f"{name} is not finite after step {state.step}; {kept}", state.curve)


class Progress:
    """The bar, and a row for `state.curve` of the steps from one validation to the next."""

    def __init__(self, recipe, state, path: Path | None, quiet: bool):
        self.recipe, self.state, self.path = recipe, state, path
        self.steps: list[tuple[Tensor, Tensor, Tensor]] = []  # since the last row
        self.validated = {}
        done = {"total": recipe.steps, "initial": state.step, "unit": "step"}
        self.bar = tqdm(**done, dynamic_ncols=True, disable=quiet)
        self.started = time.perf_counter()

    def __enter__(self):
        return self

    def __exit__(self, *error) -> None:
        self.bar.close()

    def add(self, loss: Tensor, halted: Tensor, solved: Tensor) -> None:
        """What a step returned; nothing is looked at yet."""
        self.steps.append((loss, halted, solved))
        self.bar.update()

    def look(self) -> None:
        """Wait for the device, stop if anything is not finite, and show how it goes."""
        columns = zip(*self.steps, strict=True)
        losses, halted, solved = (torch.stack(column).cpu() for column in columns)
        self.state.seconds += time.perf_counter() - self.started
        self.started = time.perf_counter()
        stop_unless_finite(self.state, losses, self.path)
        ended = int(halted.sum())  # puzzles that took their last supervision step
        self.loss = float(losses.mean())
        self.halting = {
            "train_exact": float(solved.sum() / ended) if ended else None,
            "mean_steps": self.recipe.batch * len(halted) / ended if ended else None,
        }
        speed = self.recipe.batch * self.state.step / self.state.seconds
        shown = {"loss": f"{losses[-10:].mean():.3f}", "puzzles/s": f"{speed:.0f}"} | self.validated
        exact = {"exact": f"{self.halting['train_exact']:.2f}"} if ended else {}
        self.bar.set_postfix(shown | exact)

    def end_row(self, scores: dict[str, float]) -> None:
        """The steps that were looked at, with their validation, become a row of the curve."""
        row = {"step": self.state.step, "loss": self.loss} | scores | self.halting
        self.state.curve.append(row)
        self.validated, self.steps = {"validation": f"{scores['ema']:.3f}"}, []

    def resume_clock(self) -> None:
        """Validation and saving are over: seconds of training count from here on."""
        self.started = time.perf_counter()
