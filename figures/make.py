"""Make the picture of the README from the shipped net: python figures/make.py. It prints the description."""

from pathlib import Path

from matplotlib.figure import Figure

from trm_minimal.evaluate import answer, exact_by_step
from trm_minimal.lab import runs
from trm_minimal.show.boards import film_strip

STEPS = (0, 1, 2, 3, 16)


def maze_thinking(figure: Figure) -> str:
    """The maze of notebook 00: of 200 held-out ones, the one solved last. Returns the description."""
    model, recipe, _ = runs.load_model(runs.CHECKPOINTS / "maze_9x9.safetensors")
    task = recipe.task()
    questions_NL, labels_NL = (tokens_NL[:200] for tokens_NL in task.test)
    answers = answer(model, questions_NL, recipe.N_sup, recipe.test_depth)
    exact_SN = exact_by_step(answers, labels_NL)
    needed_N = exact_SN.int().argmax(0) * exact_SN[-1]
    chosen = int(needed_N.argmax())
    tokens_SL, q_S = answers.tokens_SNL[:, chosen], answers.q_SN[:, chosen]
    return film_strip(figure, task, questions_NL[chosen], labels_NL[chosen], tokens_SL, q_S, STEPS)


if __name__ == "__main__":
    figure = Figure(figsize=(9, 2), dpi=110, facecolor="white")
    print(maze_thinking(figure))
    figure.savefig(Path(__file__).parent / "maze_thinking.png")
