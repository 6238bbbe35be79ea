"""Make the pictures of the README from the shipped net and the records: python figures/make.py.

It prints the descriptions.
"""

from pathlib import Path

import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from trm_minimal.evaluate import answer, exact_by_step
from trm_minimal.lab.records import sweeps
from trm_minimal.lab.studies import registry
from trm_minimal.lab.studies.growth import growth
from trm_minimal.lab.weights import CHECKPOINTS, load_model
from trm_minimal.show.boards import draw_board, film_strip
from trm_minimal.show.player import gif
from trm_minimal.show.style import STROKES
from trm_minimal.show.trace import Trace, trace
from trm_minimal.state import build_model
from trm_minimal.tasks import Task

STEPS = (0, 1, 2, 3, 16)
FAMILIES = {"Sudoku": "ablate_sudoku", "mazes": "ablate_maze"}
DEPTHS = {
    "n1-T1": "1, 1",
    "n2-T2": "2, 2",
    "baseline": "2, 3",
    "n4-T2": "4, 2",
    "n6-T3": "6, 3",
}  # variant: n, T
MET = {  # attempt: how its net meets a state
    "post-norm": "the paper's post-norm",
    "A-positions": "nothing kept",
    "B-skips": "skips inside the net",
    "gated-closed": "gate, nearly shut",
}
HERE = Path(__file__).parent


def latest_maze() -> tuple[Task, Trace, object]:
    """The maze of notebook 00, of 200 held-out ones the one solved last; how the shipped net solves
    it; its answer.
    """
    model, recipe, _ = load_model(CHECKPOINTS / "maze_9x9.safetensors")
    task = recipe.task()
    questions_NL, labels_NL = task.test[:200]
    exact_SN = exact_by_step(
        answer(model, questions_NL, recipe.N_sup, recipe.test_depth), labels_NL
    )
    chosen = int((exact_SN.int().argmax(0) * exact_SN[-1]).argmax())
    return (
        task,
        trace(model, questions_NL[chosen], recipe.N_sup, recipe.test_depth),
        labels_NL[chosen],
    )


def maze_thinking(figure: Figure, task: Task, run: Trace, labels_L) -> str:
    """The film strip. Returns the description."""
    answers = run.answers
    return film_strip(
        figure,
        task,
        run.inputs_NL[0],
        labels_L,
        answers.tokens_SNL[:, 0],
        answers.q_SN[:, 0],
        STEPS,
    )


def maze_moments(task: Task, run: Trace, labels_L) -> list[Figure]:
    """The question, then the answer after each round of the first supervision steps, until nothing
    changes.
    """
    inputs_L, figures, before_L = run.inputs_NL[0], [], None
    for k in run.ends_of("round")[:9]:
        figure = Figure(figsize=(3, 3.3), dpi=100, facecolor="white")
        ax = figure.add_axes((0.02, 0.1, 0.96, 0.88))
        tokens_L = run.tokens_KNL[k, 0] if k else inputs_L
        draw_board(ax, task, tokens_L, inputs_L, labels_L if k else None, before_L)
        step, round_, *_ = run.position(k)
        ax.set_xlabel(
            f"step {step}, round {round_}, Q {run.q_KN[k, 0]:+.1f}" if k else "the question",
            size=11,
        )
        before_L = tokens_L
        figures.append(figure)
    return figures


def ablations(figure: Figure) -> str:
    """Recursion depth by two rulers, as in notebook 09, for each family that has records.

    Returns the description.
    """
    plans = {family: registry.SWEEPS[name]().variants for family, name in FAMILIES.items()}
    records = {family: found for family, name in FAMILIES.items() if (found := sweeps.read(name))}
    grid = figure.subplots(len(records), 2, sharey=True, squeeze=False)
    for line, (family, found) in zip(grid, records.items(), strict=True):
        base, calls = (
            plans[family]["baseline"],
            {name: plans[family][name].test_depth.net_calls for name in DEPTHS},
        )
        rows = [
            (DEPTHS[name], row["step"], row["step"] * calls[name] / 1_000, row["ema"])
            for (name, _), record in found.items()
            if name in DEPTHS
            for row in record["curve"]
        ]
        curves = pd.DataFrame(rows, columns=["n, T", "steps", "calls", "exact"])
        rulers = (("steps", base.steps), ("calls", base.steps * calls["baseline"] / 1_000))
        for ax, (ruler, limit) in zip(line, rulers, strict=True):
            for depth, (colour, marker, dashes) in zip(DEPTHS.values(), STROKES, strict=True):
                part = curves[(curves["n, T"] == depth) & (curves[ruler] <= limit)]
                sns.lineplot(
                    part, x=ruler, y="exact", ax=ax, color=colour, marker=marker,
                    ls=(0, dashes) if dashes else "-",
                    errorbar=("pi", 100), err_style="bars", label=depth, legend=False,
                )  # fmt: skip
            ax.set(xlim=(0, limit * 1.03), ylim=(-0.03, 1.03), ylabel="")
            ax.set_xlabel("optimizer steps" if ruler == "steps" else "thousand net calls a slot")
        line[0].set_ylabel(f"{family}: exact (EMA)")
    handles, labels = grid[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, title="n, T", ncols=len(DEPTHS), loc="outside upper center")
    families = " above, ".join(records) + (" below" if len(records) > 1 else "")
    return (
        "Recursion depth by two rulers: validation accuracy along training for five depths (n, T),"
        f" mean and least to most of the seeds, {families}. Left at equal optimizer steps, right"
        " the same runs at equal net calls."
    )


def explosion(figure: Figure) -> str:
    """State and gradient through 96 calls of untrained nets, as in notebook 10.

    Returns the description.
    """
    variants = registry.SWEEPS["parity"]().variants
    axes, ends = figure.subplots(1, 2), []
    for (name, told), (colour, _, dashes) in zip(MET.items(), STROKES, strict=False):
        recipe = variants[f"{name}@0.001"]
        task = recipe.task()
        model = build_model(recipe, task.vocab_size, task.length, seed=0)
        inputs_BL, labels_BL = (tokens_NL[:64].long() for tokens_NL in task.train)
        found = growth(
            model, inputs_BL, labels_BL, recipe.N_sup, recipe.test_depth, recipe.cross_entropy
        )
        for ax, values_K in zip(
            axes, (found.state_K, found.gradient_K / found.gradient_K[-1]), strict=True
        ):
            ax.plot(
                range(1, 97), values_K, color=colour, ls=(0, dashes) if dashes else "-", label=told
            )
        ends.append(
            f"{told} {found.state_K[-1]:.1g} and {found.gradient_K[0] / found.gradient_K[-1]:.1g}"
        )
    for ax, ylabel in zip(axes, ("RMS of the state", "gradient, last call = 1"), strict=True):
        ax.set(yscale="log", xlabel="net call", ylabel=ylabel, xticks=(1, 24, 48, 72, 96))
    figure.legend(*axes[0].get_legend_handles_labels(), ncols=len(MET), loc="outside upper center")
    return (
        "State and gradient through 96 net calls, before training, logarithmic. The state after"
        f" the last call and the gradient at the first: {'; '.join(ends)}."
    )


if __name__ == "__main__":
    growing = Figure(figsize=(8, 3.4), dpi=90, facecolor="white", layout="constrained")
    print(explosion(growing))
    growing.savefig(HERE / "explosion.png")
    depth = Figure(figsize=(8, 5.4), dpi=90, facecolor="white", layout="constrained")
    print(ablations(depth))
    depth.savefig(HERE / "ablations.png")
    found = latest_maze()
    strip = Figure(figsize=(9, 2), dpi=110, facecolor="white")
    print(maze_thinking(strip, *found))
    strip.savefig(HERE / "maze_thinking.png")
    (HERE / "maze_thinking.gif").write_bytes(gif(maze_moments(*found), milliseconds=500))
