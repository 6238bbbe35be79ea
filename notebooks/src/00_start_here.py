# %% [markdown]
# # 00 · Start here: watch a tiny network think
#
# By the end you will have watched one tiny network solve mazes and Sudoku that it has never seen, found the moment
# at which its answer settles, compared it with a net that never learned, and seen it fail. Then comes the map: what
# the other fifteen notebooks build, question and test.
#
# - **You will be able to** say what the Tiny Recursive Model does between a question and an answer; read a film
#   strip of its answers; tell exact accuracy from cell accuracy; find your way through the course.
# - **You need** to read Python. PyTorch basics help from notebook 01 on.
# - **Time**: 30 minutes to read, about a minute to run.
# - **Hardware**: any laptop CPU; one thread is enough. Nothing is downloaded: puzzles and weights are in the folder.
# - **What varies**: nothing you can see. The nets were trained before and their weights are fixed; on another
#   processor a last digit may differ, so we print few digits.
#
# Paper: *Less is More: Recursive Reasoning with Tiny Networks*, arXiv 2510.04871, Figures 1 and 3.

# %%
import inspect

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
import torch
from IPython.display import HTML

from trm_minimal import Depth, count_parameters, recursion
from trm_minimal.evaluate import answer, copy_baseline, exact_by_step
from trm_minimal.lab.records import runs, score
from trm_minimal.lab.weights import CHECKPOINTS, load_model
from trm_minimal.show.boards import film_strip
from trm_minimal.show.frames import View
from trm_minimal.show.player import player
from trm_minimal.show.steppers import Stepper, Thinker
from trm_minimal.show.style import COLOURS, INK, LOOKS, use_style
from trm_minimal.show.trace import trace
from trm_minimal.tasks import Puzzles
from trm_minimal.state import build_model

use_style()
torch.set_num_threads(1)

# %% [markdown]
# ## A maze it has never seen
#
# Here is a maze. `#` is a wall, `S` the start, `G` the goal. There is exactly one shortest way from S to G. The
# task is to mark it.
#
# This maze is *held out*: neither it, nor its walls with another start and goal, nor any turned or mirrored copy of
# its walls was among the mazes that the net learned from. We load 200 of the held-out mazes and let the net answer
# them all. Then we pick the one that it solved *last*, so that there is something to see.
#
# The net may try 16 times. Each time it gets its own earlier answer back and improves it. These rounds are called
# *supervision steps*, and after each one we can read what it would answer now. The net comes with its *recipe*, which is
# the list of all settings that it was trained with.
#
# In the code, capital letters at the end of a name tell the shape of a table: `exact_SN` has S supervision steps by N
# puzzles, `tokens_SNL` has L cells besides. A puzzle counts as *exact* when every one of its cells is right.

# %%
maze_model, maze_recipe, maze_facts = load_model(CHECKPOINTS / "maze_9x9.safetensors")
mazes = maze_recipe.task()
questions, labels = mazes.test.inputs_NL[:200], mazes.test.labels_NL[:200]
answers = answer(maze_model, questions, maze_recipe.N_sup, maze_recipe.test_depth)
exact_SN = exact_by_step(answers, labels)
print(f"answers: {list(answers.tokens_SNL.shape)} = supervision steps, mazes, cells of a maze")

needed_N = exact_SN.int().argmax(0) + 1  # the first supervision step at which the answer is right
needed_N[~exact_SN[-1]] = 0  # not of interest here: wrong at the end
chosen = int(needed_N.argmax())
settled = int(needed_N[chosen])
print(f"maze {chosen} is first right after supervision step {settled}")
print(mazes.draw(questions[chosen]))

# %% tags=["figure"]
def strip(task, question, label, answers, index, steps):
    figure = plt.figure(figsize=(8, 2))
    said = film_strip(figure, task, question, label, answers.tokens_SNL[:, index],
                      answers.q_SN[:, index], steps)
    print(f"Figure: {said}")
    plt.show()

steps = sorted({0, 1, settled // 2, settled - 1, settled, 16})
strip(mazes, questions[chosen], labels[chosen], answers, chosen, steps)

# %% [markdown]
# **What you should see.** On the left the question. Then its answers: after the first step, on the way, at the first
# step that is right, and after the last step. Discs are path cells that are right; crosses are cells that are wrong; a ring marks a path cell
# that is still missing; a yellow cell changed since the picture to its left. *Q* under each board is the net's own
# opinion on whether its answer is completely right: above 0 means yes.
#
# The net did not search. It has no list of cells to visit and no stack. It filled in the whole board at once, looked
# at the result, and corrected it.
#
# ## Step through it yourself
#
# The *stepper* below does the same with any of the 200 mazes, when you run its cell. Move its slider with the mouse or the arrow keys, or press the play
# button. Left: the answer. Beside it: the true answer. The blue square has one pixel for each cell of the board: bright where the net's notes are
# changing, dark where they rest. The purple bar is Q. Then look for a maze that takes long.
#
# On GitHub, in print, or before you run the cell, the pictures above must do.

# %% tags=["widget"]
Stepper(mazes, Puzzles(questions, labels),
        Thinker("the shipped net", maze_model, maze_recipe.N_sup, maze_recipe.test_depth),
        chosen=chosen)

# %% [markdown]
# **What you should see.** The yellow cells, the changes, become fewer. So does the light in the blue square: where the answer is settled, the notes come to rest as well. "Step
# by" shows what goes on inside a supervision step; the words *round* and *call* come with notebooks 03 and 04. Notebook 08 returns to this stepper, measures
# what you see, and lets you draw a maze.
#
# ## What you just saw, in three letters
#
# The Tiny Recursive Model (TRM) carries three tables of numbers. Each has a row for every cell of the board.
#
# - **x, the question.** The maze, turned into numbers. It never changes.
# - **y, the answer.** What the net would answer now. The boards above are y, translated back into symbols.
# - **z, the notes.** A scratch pad, also called the *latent thought*. Nobody tells the net what to write there.
#
# And there is one small network, `net`. It is used for two jobs:
#
# 1. think: read the question, the answer and the notes, and write better notes (`z`),
# 2. answer: read the answer and the notes, and write a better answer (`y`).
#
# The first job is done `n` times, then the second once; that is one round. `T` rounds make a supervision step. The
# whole algorithm is short. This is the file of the package that everything here ran through:

# %%
print(inspect.getsource(recursion.latent_recursion))
print(inspect.getsource(recursion.deep_recursion))

# %% [markdown]
# Read it once and do not worry. `net(state, injection)` takes a table and something to add to it. Notebook 03 watches
# the first function on plain numbers. Notebook 04 explains why most rounds run without *gradient*, the
# signal that training learns from. That is the whole trick of the paper: **a network that is tiny, and called many times.** How tiny, and how many times?

# %%
n, T = maze_recipe.test_depth
calls = maze_recipe.N_sup * T * (n + 1)
layers_deep = calls * maze_recipe.layers
print(f"numbers learned in training: {count_parameters(maze_model):,}")
print(f"calls of net for one maze:   {maze_recipe.N_sup} steps x T={T} x (n={n} + 1) = {calls}")
print(f"layers passed through:       {calls} x {maze_recipe.layers} = {layers_deep}")

# %% [markdown]
# A *layer* is one stage of a network: numbers in, numbers out. A network with that many separate
# layers would be far larger. Here the same few layers are used again and again. The paper's own
# nets are larger than this one (5 to 7 million numbers for most tasks, n = 6, T = 3) and are
# trained on a GPU; its appendix "Hyper-parameters and setup" gives the settings. Ours is of a size
# that a laptop can train.
#
# ## Sudoku too
#
# The same program, other puzzles: a 6x6 Sudoku. Each row, each column and each box of 2 by 3 cells holds the digits
# 1 to 6. The net is a second one, trained on Sudoku. Its test puzzles were made from *full grids* that are not among the
# training grids, not even after renaming digits or swapping rows; notebook 01 shows why such care is needed.

# %%
sudoku_model, sudoku_recipe, _ = load_model(CHECKPOINTS / "sudoku_6x6.safetensors")
sudokus = sudoku_recipe.task()
grids, solutions = sudokus.test.inputs_NL[:200], sudokus.test.labels_NL[:200]
grid_answers = answer(sudoku_model, grids, sudoku_recipe.N_sup, sudoku_recipe.test_depth)
right_after_one_N = exact_by_step(grid_answers, solutions)[0]
second = int((~right_after_one_N).int().argmax())  # the first that one step does not solve
print(f"{int(right_after_one_N.sum())} of 200 are right after one supervision step.")
print(f"Number {second} is not. It has {int((grids[second] > 1).sum())} digits of 36:")
print(sudokus.draw(grids[second]))

# %% tags=["figure"]
strip(sudokus, grids[second], solutions[second], grid_answers, second, (0, 1, 2, 3, 16))

# %% [markdown]
# **What you should see.** Grey cells are given. A tick marks a digit that the net filled in rightly, a cross a wrong
# one. Most puzzles of this size fall in one supervision step; this one did not, and was repaired in a later one.
#
# The *player* below shows the same run. Unlike the stepper it needs no running notebook: all its pictures are stored in the page, so it also works in a
# copy that was exported to HTML (`jupyter nbconvert --to html`), without a network.

# %% tags=["widget"]
sudoku_run = trace(sudoku_model, grids[second], sudoku_recipe.N_sup, sudoku_recipe.test_depth)
HTML(player(View(sudokus, sudoku_run, solutions[second]), uid="sudoku-player"))

# %% [markdown]
# ## Guess first
#
# Back to the mazes. Below we count, over 200 held-out mazes, how many are answered **exactly** right after each
# supervision step: every one of the 81 cells. Before you run on, guess: what share is right after the first step,
# and what share after the last? Write your guesses here.

# %% tags=["predict"]
guess_after_first_step = None  # a number from 0 to 1
guess_after_last_step = None

# %% [markdown]
# We need something to compare with. Three candidates:
#
# - **the trained net**, which you have met;
# - **an untrained net** of the same shape, whose weights are still random: a control that shows what the loop alone
#   is worth, without learning;
# - **copying the question**: hand the maze back without any path. It solves none. But see how many *cells* it gets
#   right: most cells are walls, and walls stay walls.

# %%
untrained = build_model(maze_recipe, maze_model.vocab_size, maze_model.length, seed=1)
untrained_answers = answer(untrained, questions, maze_recipe.N_sup, maze_recipe.test_depth)
untrained_exact_SN = exact_by_step(untrained_answers, labels)
last_cells = (answers.tokens_SNL[-1] == labels).double().mean()
untrained_cells = (untrained_answers.tokens_SNL[-1] == labels).double().mean()
table = pd.DataFrame(
    {"exact after step 1": [exact_SN[0], untrained_exact_SN[0], labels.new_zeros(200)],
     "exact after step 16": [exact_SN[-1], untrained_exact_SN[-1], labels.new_zeros(200)]},
    index=["trained", "untrained", "copy the question"],
).map(lambda right: f"{right.double().mean():.2f}")
cells = (last_cells, untrained_cells, copy_baseline(questions, labels))
digits = (2, 1, 2)  # another processor moves the untrained net by a little
table["cells after step 16"] = [f"{share:.{d}f}" for share, d in zip(cells, digits, strict=True)]
table

# %%
for name, guess, truth in (("first", guess_after_first_step, exact_SN[0]),
                           ("last", guess_after_last_step, exact_SN[-1])):
    said = "no guess" if guess is None else f"you said {guess}"
    print(f"after the {name} step: {truth.double().mean():.2f} exact ({said})")

# %% [markdown]
# Two lessons before the picture.
#
# **Cell accuracy misleads.** Copying the question gets most cells right and solves nothing. So this course reports
# *exact* accuracy, the share of puzzles with every cell right, and puts the copy baseline beside it.
#
# **The loop alone is worth nothing.** The untrained net runs through the same number of layers. It has to learn what
# to do in them.
#
# ## The signature result: the answer gets better while it thinks
#
# The solid line below comes from recorded runs of this recipe, each tested on all 1,000 held-out mazes. *Recorded* means:
# the folder `data/runs` holds the recipe, the seed (the number that all random draws start from) and, maze by maze, what
# was right; the project's tests derive it again. The *95 % interval* allows for luck in the choice of mazes: ranges made
# this way hold the true share 95 times in 100. The points are what you just computed (*live*), on 200 mazes.

# %% tags=["recorded"]
recorded = [run for run in runs.read_runs("maze_9x9") if not run.superseded]  # not replaced
rows = []
for run in recorded:
    # "ema": with weights averaged over the last steps of training (notebook 06)
    flags = run.eval["test"]["ema"]["exact"]  # a row for each step, a 0 or 1 for each maze
    shares = [row.count("1") / len(row) for row in flags]
    rows += [(run.recipe["seed"], step, share) for step, share in enumerate(shares, 1)]
    low, high = score.interval(flags[-1].count("1"), len(flags[-1]))
    print(f"{run}: exact {shares[0]:.3f} after 1 step, {shares[-1]:.3f} after 16 steps"
          f" (95 % interval {low:.3f} to {high:.3f}, n = {len(flags[-1])})")
by_step = pd.DataFrame(rows, columns=["seed", "supervision step", "exact accuracy"])

# %% tags=["figure"]
figure, ax = plt.subplots(figsize=(8, 3.4))
sns.lineplot(by_step, x="supervision step", y="exact accuracy", errorbar=("pi", 100), ax=ax,
             color=INK, label=f"trained, recorded, {len(recorded)} seeds (mean, least to most)")
live = exact_SN.double().mean(1).tolist()
sns.scatterplot(x=range(1, 17), y=live, ax=ax, color=LOOKS["y"].colour, s=45, zorder=3,
                label="trained, live, 200 mazes, seed 0")
control = untrained_exact_SN.double().mean(1).tolist()
sns.lineplot(x=range(1, 17), y=control, ax=ax, color=COLOURS[1], linestyle="--",
             label="untrained, live")
ax.set(ylim=(-0.03, 1.03), xticks=[1, 4, 8, 12, 16])
ax.legend(loc="center right")
mean = by_step.groupby("supervision step")["exact accuracy"].mean()
print("Figure: exact accuracy by supervision step. The trained nets have on average "
      f"{mean[1]:.2f} after step 1, {mean[4]:.2f} after step 4 and {mean[16]:.2f} after step 16; "
      "the live points lie near the line; the untrained net stays at 0.00.")
plt.show()
mine = by_step[by_step["seed"] == maze_facts["seed"]]["exact accuracy"]
assert max(abs(a - b) for a, b in zip(live, mine, strict=True)) < 0.1

# %% [markdown]
# **What you should see.** The trained net's line starts lower and climbs within two or three supervision steps, then
# stays up. Its weights do not change here; only y and z do. What improves is the thought, not the thinker.
#
# Staying up is not to be taken for granted. An earlier run of this net, with other training settings, wanders: it
# keeps losing and finding its answers to the end. It is kept in `data/runs`, and `LOG.md` tells the story. Notebooks 05
# and 08 return to it.
#
# ## Does it know when it is done?
#
# Besides the answer the net gives one more number, **Q**. It was trained to say whether the whole answer is right,
# now. With it a solved puzzle can stop early: that is *halting*, the subject of notebook 05. The table splits the
# 200 answers after the **first** step by what Q said and by what was true.

# %%
sure_N, right_N = answers.q_SN[0] > 0, exact_SN[0]
pd.crosstab(
    pd.Series(sure_N.tolist(), name="Q says").map({True: "solved", False: "not solved"}),
    pd.Series(right_N.tolist(), name="in truth").map({True: "solved", False: "not solved"}),
)

# %% tags=["recorded"]
early = recorded[0].eval["test"]["ema"]["early_exit"]
print(f"stop at the first step where Q is above 0: {early['exact']:.3f} exact "
      f"after {early['mean_steps']:.1f} steps on average")
print(f"always run 16 steps:                       {mine.iloc[-1]:.3f} exact")

# %% [markdown]
# Stopping early saves most of the work, and it costs something: at the first step Q is sometimes sure of an answer
# that the net would have corrected a step later. When Q can be trusted, and how to make it so, is the subject of
# notebooks 05 and 11.
#
# ## Where it fails
#
# A film of successes would be advertising. So here is the worst answer of all: over these 200 mazes and all supervision
# steps *after the third*, the maze with the most wrong cells.

# %% tags=["figure"]
wrong_SN = (answers.tokens_SNL != labels).sum(-1)
late_SN = wrong_SN[3:]
worst = int(late_SN.amax(0).argmax())
worst_step = 4 + int(late_SN[:, worst].argmax())
steps = sorted({0, 1, worst_step - 1, worst_step, 16})
strip(mazes, questions[worst], labels[worst], answers, worst, steps)

# %% [markdown]
# **What you should see.** An answer that was right, then lost a cell, at a step at which nearly all mazes are long solved.
# Does it recover by the last picture? And does Q notice? The next cell prints both, step by step. Notebook 08 looks at
# such failures one by one, at every inner step.

# %%
at_worst = int(wrong_SN[worst_step - 1, worst])
print(f"maze {worst}, after step {worst_step}: {at_worst} of 81 cells wrong")
print("wrong cells after each step:", wrong_SN[:, worst].tolist())
print("Q above 0 after each step:  ", (answers.q_SN[:, worst] > 0).int().tolist())

# %% [markdown]
# ## Play
#
# Change the three marked values, run the cell, and look.
#
# 1. `which`: any number from 0 to 199. Find a maze that needs more than four steps.
# 2. `N_sup`: more supervision steps than it was trained with. Does the answer stay?
# 3. `depth`: fewer or more updates of z in a round. The net was trained with one depth; is it bound to it?

# %% tags=["figure"]
which = 3  # a maze, 0 to 199
N_sup = 16  # supervision steps
depth = Depth(n=2, T=2)  # as in training; try Depth(n=1, T=1) or Depth(n=6, T=3)
played = answer(maze_model, questions[which][None], N_sup, depth)
strip(mazes, questions[which], labels[which], played, 0, (0, 1, 2, 3, N_sup))

# %% [markdown]
# **What you should see.** With the values as they stand: one more maze, solved or not, in the same four pictures.
#
# Try it with your own puzzle, too, in a terminal:
#
# ```
# python -m trm_minimal solve '1.....4..3.....2'
# ```
#
# <details><summary>Try it: why can the same net be run for more steps than in training?</summary>
#
# Because nothing in it counts the steps. Each supervision step gets the question and the states y and z that the
# step before left, and the weights are the same. Whether it *helps* is another matter: notebooks 11 and 12.
#
# </details>
#
# <details><summary>Try it: a maze has 81 cells. If a net got each cell right with probability 0.99, independently of the others,
# what share of the mazes would it solve?</summary>
#
# 0.99 to the power of 81 is about 0.44. Cells are not independent, but the point stands: a high cell accuracy may
# go with few solved puzzles.
#
# </details>
#
# ## The map
#
# Each notebook stands on the ones before it. Two can be read first if you are in a hurry: 03 for the idea, 06 for
# the training.
#
# | | notebook | what it shows |
# |---|---|---|
# | 00 | Start here | a tiny net at work, and this map |
# | 01 | [Puzzles as tokens](01_puzzles_as_tokens.ipynb) | boards as numbers, symmetries, splits without leaks |
# | 02 | [One tiny net](02_one_tiny_net.ipynb) | every part of the network; the paper's parameter counts |
# | 03 | [Thinking in a loop](03_thinking_in_a_loop.ipynb) | the recursion, from plain numbers to tensors |
# | 04 | [Deep recursion](04_deep_recursion.ipynb) | which rounds carry gradient, and what that costs |
# | 05 | [Deep supervision](05_deep_supervision.ipynb) | slots, halting, the Q head and its calibration |
# | 06 | [Train: small mazes](06_train_small_mazes.ipynb) | the training step, line by line; labels that contradict each other |
# | 07 | [Train: Sudoku](07_train_sudoku.ipynb) | from 4x4 to hard 9x9, and what the paper's task costs |
# | 08 | [Watch it think](08_watch_it_think.ipynb) | every inner state, where answers settle, how they fail |
# | 09 | [Ablations](09_ablations.ipynb) | what a part is worth, and how little a short run can say of it |
# | 10 | [Stability and plasticity](10_stability_and_plasticity.ipynb) | gates, residuals, and a much-told story tested |
# | 11 | Think longer, think wider | more steps, random starts, best of many |
# | 12 | Path independence | does it matter how one gets to an answer? |
# | 13 | From HRM to TRM | the larger ancestor, and the official code mapped |
# | 14 | ARC | a puzzle's identity as an input |
# | 15 | Bug museum and capstone | real published mistakes, and your own ablation |
#
# Notebooks without a link are being written. Three promises hold for all of them: it is the paper's algorithm,
# exactly (the package gives the official code's numbers); every number comes from a recorded run or from a cell you
# can run; and every cell runs in the project's tests.
#
# ## Limits
#
# - These are small puzzles and a small net. The paper's tasks are 9x9 Sudoku of extreme difficulty and 30x30 mazes;
#   what holds here need not hold there. Later notebooks say which is which.
# - One trained maze net is shown, and the recorded line has as many seeds as its legend says. No two methods are
#   compared here.
# - 9x9 mazes of this kind have exactly one shortest path. The published 30x30 mazes have millions, and their labels
#   follow a rule for ties that a net must learn as well (notebook 01).
#
# ## Recap
#
# <details><summary>1. What are x, y and z?</summary>The question, the answer so far, and the notes; each has a row
# of numbers for every cell.</details>
# <details><summary>2. What makes the network deep, if it has two layers?</summary>It is called again and again with
# the same weights.</details>
# <details><summary>3. What changes during thinking?</summary>y and z. The weights do not.</details>
# <details><summary>4. Why not report cell accuracy?</summary>Copying the question scores high on cells and solves
# nothing.</details>
# <details><summary>5. What is Q?</summary>The net's opinion on whether its whole answer is right, as a number that is
# above 0 for yes.</details>
#
# | paper | here | official code |
# |---|---|---|
# | x, y, z | `x`, `y`, `z` | `input_embeddings`, `z_H`, `z_L` |
# | n, T, N_sup | `n`, `T`, `N_sup` | `L_cycles`, `H_cycles`, `halt_max_steps` |
# | latent_recursion, deep_recursion (Figure 3) | the same names | written inline |
# | Q_head | `q_head`, giving the number Q | `q_head` |
#
# **Next**: [01 · Puzzles as tokens](01_puzzles_as_tokens.ipynb), where boards become numbers and we find out how easily
# one fools oneself with a careless split.
#
# [1 · Puzzles as tokens →](01_puzzles_as_tokens.ipynb)
