"""Make the pictures of the README from the shipped net: python figures/make.py. It prints the description."""

from pathlib import Path

from matplotlib.figure import Figure

from trm_minimal.evaluate import answer, exact_by_step
from trm_minimal.lab import runs
from trm_minimal.show.boards import draw_board, film_strip
from trm_minimal.show.player import gif
from trm_minimal.show.trace import Trace, trace
from trm_minimal.tasks import Task

STEPS = (0, 1, 2, 3, 16)
HERE = Path(__file__).parent


def latest_maze() -> tuple[Task, Trace, object]:
    """The maze of notebook 00, of 200 held-out ones the one solved last; how the shipped net solves it; its answer."""
    model, recipe, _ = runs.load_model(runs.CHECKPOINTS / "maze_9x9.safetensors")
    task = recipe.task()
    questions_NL, labels_NL = (tokens_NL[:200] for tokens_NL in task.test)
    exact_SN = exact_by_step(answer(model, questions_NL, recipe.N_sup, recipe.test_depth), labels_NL)
    chosen = int((exact_SN.int().argmax(0) * exact_SN[-1]).argmax())
    return task, trace(model, questions_NL[chosen], recipe.N_sup, recipe.test_depth), labels_NL[chosen]


def maze_thinking(figure: Figure, task: Task, run: Trace, labels_L) -> str:
    """The film strip. Returns the description."""
    answers = run.answers
    return film_strip(figure, task, run.inputs_NL[0], labels_L, answers.tokens_SNL[:, 0], answers.q_SN[:, 0], STEPS)


def maze_moments(task: Task, run: Trace, labels_L) -> list[Figure]:
    """The question, then the answer after each round of the first supervision steps, until nothing changes."""
    inputs_L, figures, before_L = run.inputs_NL[0], [], None
    for k in run.ends_of("round")[:9]:
        figure = Figure(figsize=(3, 3.3), dpi=100, facecolor="white")
        ax = figure.add_axes((0.02, 0.1, 0.96, 0.88))
        tokens_L = run.tokens_KNL[k, 0] if k else inputs_L
        draw_board(ax, task, tokens_L, inputs_L, labels_L if k else None, before_L)
        step, round_, *_ = run.position(k)
        ax.set_xlabel(f"step {step}, round {round_}, Q {run.q_KN[k, 0]:+.1f}" if k else "the question", size=11)
        before_L = tokens_L
        figures.append(figure)
    return figures


if __name__ == "__main__":
    found = latest_maze()
    strip = Figure(figsize=(9, 2), dpi=110, facecolor="white")
    print(maze_thinking(strip, *found))
    strip.savefig(HERE / "maze_thinking.png")
    (HERE / "maze_thinking.gif").write_bytes(gif(maze_moments(*found), milliseconds=500))
