"""Make the picture of the README from the shipped net: python figures/make.py. It prints the description."""

from pathlib import Path

from matplotlib.figure import Figure

from trm_minimal.evaluate import answer
from trm_minimal.lab import runs
from trm_minimal.show.boards import film_strip

STEPS = (0, 1, 2, 3, 16)


def maze_thinking(figure: Figure) -> str:
    """The held-out maze with the longest way among the first 200, as notebook 00 shows it; returns the description."""
    model, recipe, _ = runs.load_model(runs.CHECKPOINTS / "maze_9x9.safetensors")
    task = recipe.task()
    labels_NL = task.test.labels_NL[:200]
    chosen = int((labels_NL == task.symbols.index("o")).sum(1).argmax())
    question_L, label_L = task.test.inputs_NL[chosen], labels_NL[chosen]
    answers = answer(model, question_L.unsqueeze(0), recipe.N_sup, recipe.test_depth)
    return film_strip(figure, task, question_L, label_L, answers.tokens_SNL[:, 0], answers.q_SN[:, 0], STEPS)


if __name__ == "__main__":
    figure = Figure(figsize=(9, 2), dpi=110, facecolor="white")
    print(maze_thinking(figure))
    figure.savefig(Path(__file__).parent / "maze_thinking.png")
