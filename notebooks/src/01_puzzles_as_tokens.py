# %% [markdown]
# # 1 · Puzzles as tokens
#
# Before a network can think about a puzzle, somebody has to write the puzzle down, say what counts as solved, and
# decide which puzzles it may learn from. Each step has a trap that makes a bad network look good. By the end you will
# have built every step by hand, checked it against the package's, and shown that a data set can look clean and still
# leak its answers.
#
# - **You will be able to** turn a board into tokens and back; write a Sudoku solver and a maze solver; state a
#   symmetry as one lookup; tell when a symmetry spoils a label; split data without leaks; read an accuracy.
# - **You need** notebook 00 and PyTorch basics (indexing, `gather`). No training experience.
# - **Time**: 45 minutes to read, half an hour for three exercises, about a minute to run.
# - **Hardware**: any laptop CPU; everything here ran on one thread of a server CPU.
# - **What varies**: the scores of the nets trained here differ a little between machines, so only wide limits are
#   checked. All other numbers are counts and come out the same everywhere.
#
# Paper: arXiv 2510.04871, section 5 (data sets). Official code: `dataset/build_sudoku_dataset.py`,
# `dataset/build_maze_dataset.py` and `models/losses.py`, commit e7b6871.

# %%
from collections import Counter
from dataclasses import replace
from itertools import product
from math import factorial

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
import torch

from trm_minimal import losses
from trm_minimal.classroom import check, hint, progress, solution
from trm_minimal.evaluate import answer, copy_baseline
from trm_minimal.lab import recipes
from trm_minimal.layers import PostNorm, SwiGLU
from trm_minimal.schedules import Depth, constant
from trm_minimal.show.boards import describe_board, draw_board
from trm_minimal.show.style import COLOURS, INK, LOOKS, PAGE, use_style
from trm_minimal.tasks import Move, files, maze, sudoku
from trm_minimal.train import train

use_style()
torch.set_num_threads(1)

# %% [markdown]
# ## A good score for doing nothing
#
# Meet the laziest solver in the world: it hands the question back as the answer. Here it is at work on a maze. On the
# left its answer, marked; on the right the true answer. A disc is a path cell that is right, an open ring one that is
# missing. (In the code, the letters that end a name tell the shape: `inputs_NL` has N puzzles of L cells, and
# `inputs_L` is one of them.)

# %% tags=["figure"]
mazes = maze.load("maze-9x9")
inputs_L, labels_L = (tokens_NL[0] for tokens_NL in mazes.test)
fig, axes = plt.subplots(1, 2, figsize=(5, 2.7))
for ax, tokens_L, title in zip(axes, (inputs_L, labels_L), ("the question, copied", "the answer"),
                               strict=True):
    draw_board(ax, mazes, tokens_L, inputs_L, labels_L)
    ax.set_xlabel(title)
plt.show()
copied = describe_board(mazes, inputs_L, inputs_L, labels_L)
print(f"Figure: the same 9 by 9 maze twice. Copied question: {copied}. Right: the answer.")
print(f"Over all {len(mazes.test):,} test mazes: {copy_baseline(*mazes.test):.0%} of cells right.")

# %% [markdown]
# **What you should see.** Most of a maze is walls and dead ends, and the answer repeats them. So 85 % of the cells come
# out right, on average over the test set, and not one maze is solved. Keep that in mind whenever somebody reports a
# *cell accuracy*. We report **exact accuracy**: the share of puzzles with every cell right.
#
# That was the first trap. Another sits in the choice of the training set.
#
# **Predict.** We make 6,000 Sudokus of 6x6, all different, and put a random tenth aside for testing. For how many of
# the test puzzles does the training set hold the *same solution grid*, up to renaming digits and reordering rows?
# About none (a), half (b), or all (c)? Write your letter into the next cell. Nothing depends on it.

# %% tags=["predict"]
guesses = {"a": 0, "b": 50, "c": 100}
my_guess = "a"
print("My guess: about", guesses.get(my_guess, "?"), "%")

# %% [markdown]
# ## A board is a row of tokens
#
# A network of this kind knows neither rows nor boxes. It gets a row of **tokens**: small whole numbers, one for each
# cell, read like a page. The list of all symbols is the **vocabulary**, and a token is a symbol's place in it. These
# are the official lists:
#
# | token | 0 | 1 | 2 | 3 | 4 | 5 | ... | 10 |
# |---|---|---|---|---|---|---|---|---|
# | Sudoku (9x9) | padding | empty | 1 | 2 | 3 | 4 | ... | 9 |
# | maze | padding | `#` wall | space | `S` start | `G` goal | `o` path | | |
#
# So 9x9 Sudoku has a vocabulary of 11 and 81 tokens a puzzle; a maze has a vocabulary of 6, and 900 tokens if it is
# 30x30. The numbers are names. That 5 is more than 4 means nothing: notebook 02 turns each token into a vector of its
# own. *Padding* fills up rows that are shorter than others. No board here needs it, but 0 is taken.
#
# The question and the answer have the **same shape**. The net does not write out a solution step by step; it has one
# output for *every* cell and fills the whole board at once: *givens* (the digits that are there from the start), walls
# and all. For B boards of L cells and V symbols it gives scores of shape [B, L, V], called *logits*, and the highest
# score in each cell is its answer. Softmax makes probabilities of them, and the loss is the mean over cells of
# $-\log p$, where $p$ is the probability of the right symbol.
#
# Cells with label 0 are left out of that mean. This is what padding is for, and it is the second trap: **a real
# symbol must never be 0.** Suppose you number the digits 0 to 3, as programmers like to. In the second half of this
# cell a "net" surely answers 2 wherever 1 belongs. What do the loss and the exact match say?

# %%
def rows_of(name, split):
    return files.read_csv(files.PUZZLES / name / f"{split}.csv")

def encode(text, symbols):
    return torch.tensor([symbols.index(character) for character in text])

four = sudoku.load("sudoku-4x4")
row = rows_of("sudoku-4x4", "test")[0]
tokens_L, labels_BL = encode(row.question, four.symbols), encode(row.answer, four.symbols)[None]
assert torch.equal(tokens_L, four.test.inputs_NL[0].long())  # equal to the package's
assert torch.equal(labels_BL, four.test.labels_NL[:1].long())
print(f"question as text: {row.question}\nanswer as text:   {row.answer}")
print(f"question as ids:  {tokens_L.tolist()}", four.draw(tokens_L), sep="\n")

wrong_BL = torch.where(labels_BL == 2, 3, labels_BL)  # token 2 is digit 1, token 3 is digit 2
for name, shift in {"official, digits are 2 to 5": 0, "digits are 0 to 3": 2}.items():
    logits_BLV = 20.0 * torch.nn.functional.one_hot(wrong_BL - shift, 6)  # very sure: 20 or 0
    shifted_BL = labels_BL - shift
    loss = losses.answer_loss(losses.softmax_cross_entropy, logits_BLV, shifted_BL).item()
    solved = losses.exact_match(logits_BLV, shifted_BL).item()
    print(f"{name:>27}: {(wrong_BL != labels_BL).sum()} of 16 cells wrong,"
          f" loss {loss:.2f}, counted as solved: {'yes' if solved else 'no'}")

# %% [markdown]
# With the wrong numbering every 1 may be wrong, the loss is zero, and the puzzle counts as solved. The net would never
# learn to write a 1, and no curve would show it.
#
# ## A Sudoku is a search
#
# Rows, columns and boxes are **units**: each holds every digit once. The **peers** of a cell share a unit with it.
# Write into each empty cell all digits it might still hold, its *candidates*. Three rules then solve any Sudoku:
#
# 1. **Naked single**: a cell with one candidate takes it, and its peers lose it.
# 2. **Hidden single**: if a digit fits only one cell of a unit, it goes there.
# 3. **Guess**: if both rules are stuck, take a cell with fewest candidates and try each, one after the other.

# %%
def singles(options, shape):
    """Rules 1 and 2 until nothing changes. False when a cell or a digit has nowhere to go."""
    before = None
    while options != before:
        before = list(options)
        for cell, peers in enumerate(shape.peers):
            for peer in peers if len(options[cell]) == 1 else ():
                options[peer] = options[peer] - options[cell]
        for unit in shape.units:
            for digit in sudoku.DIGITS[1 : shape.size + 1]:
                places = [cell for cell in unit if digit in options[cell]]
                if len(places) == 1:
                    options[places[0]] = {digit}
                elif not places:
                    return False
    return all(options)

# %%
def search(options, shape):
    """(all solutions, number of guesses)"""
    if not singles(options, shape):
        return [], 0
    undecided = [(len(digits), cell) for cell, digits in enumerate(options) if len(digits) > 1]
    if not undecided:
        return ["".join(min(digits) for digits in options)], 0
    _, cell = min(undecided)
    solutions, guessed = [], 0
    for digit in options[cell]:
        found, deeper = search([*options[:cell], {digit}, *options[cell + 1 :]], shape)
        solutions, guessed = solutions + found, guessed + 1 + deeper
    return solutions, guessed

def solve(question, shape):
    every = set(sudoku.DIGITS[1 : shape.size + 1])
    return search([every if digit == "." else {digit} for digit in question], shape)

# %%
shapes = {"sudoku-4x4": sudoku.FOUR, "sudoku-6x6": sudoku.SIX, "sudoku-generated": sudoku.NINE}
print("test set           puzzles  no guess  guesses: median  mean  most")
for name, shape in shapes.items():
    rows = rows_of(name, "test")
    for row in rows[: 12 if shape is sudoku.NINE else 100]:
        solutions, guessed = solve(row.question, shape)
        assert solutions == [row.answer]  # it has a solution, this one, and no other
        assert (solutions, guessed) == sudoku.solve(shape, row.question)
    counts = torch.tensor([sudoku.solve(shape, row.question)[1] for row in rows]).double()
    print(f"{name:17} {len(rows):8} {(counts == 0).double().mean():9.0%}"
          f" {counts.median():16.0f} {counts.mean():5.0f} {counts.max():5.0f}")
print("Checked with the solver above: 100, 100 and 12 have one solution, and as many guesses.")

# %% [markdown]
# Why exactly one solution? A proper Sudoku has just one, and for us it is a necessity: the label is *one* board, so a
# net with another good one would be called wrong. To prove uniqueness, `solve` does not stop at the first solution.
#
# The number of guesses until then is a measure of **difficulty**. No guess means that singles alone are enough. (The
# paper's Sudoku set, *Sudoku-Extreme*, is rated in guesses too, but of another program, `tdoku`, that stops at the
# first solution. Only counts of the same solver with the same stopping rule can be compared.)
#
# The small boards are almost all solved by singles. The 9x9 set was made to be hard: most need trial and error. A net
# that answers in one pass would have to fold all that into a fixed number of layers.
#
# ## A maze is a tree
#
# Our small mazes are **perfect mazes**. Their *rooms* are the cells with odd row and odd column, counted from 0;
# between two neighbouring rooms the wall is either there or open. The open ones form a **spanning tree**: all rooms
# are connected, and there is no loop, so there are exactly rooms - 1 openings. In a tree there is exactly one path
# from S to G. The label is unique again.
#
# The path is found by **breadth-first search**: start at G with distance 0; every free neighbour of a cell at distance
# $k$ that has none yet gets $k + 1$. Then walk from S, always to a cell one step nearer.
#
# ### When the shortest path is not unique
#
# The published mazes, *Maze-Hard* (30x30), are made differently. Each cell is a wall or not by chance, so there are
# loops everywhere, and many shortest paths. Which of them is the label? From S, among the neighbours one step nearer
# to G, take the first in the order **down, left, right, up**. All 2,000 published labels follow this rule (the
# package's tests check it where that set is at hand), and `find_path` follows it, because `AROUND` stands in that
# order. The repository ships 500 mazes made by the same rule, `maze-generated`. How many shortest paths do they have?

# %%
AROUND = {"down": (1, 0), "left": (0, -1), "right": (0, 1), "up": (-1, 0)}

def near(place):
    return [(place[0] + rows, place[1] + columns) for rows, columns in AROUND.values()]

def distances(cells):
    goal = next(place for place, symbol in cells.items() if symbol == "G")
    steps, queue = {goal: 0}, [goal]
    for place in queue:  # grows while it is read
        for new in near(place):
            if cells.get(new, "#") != "#" and new not in steps:
                steps[new] = steps[place] + 1
                queue.append(new)
    return steps

def find_path(question, size):
    cells = {divmod(i, size): symbol for i, symbol in enumerate(question)}
    steps, place = distances(cells), divmod(question.index("S"), size)
    while steps[place] > 1:
        place = next(new for new in near(place) if steps.get(new) == steps[place] - 1)
        cells[place] = "o"
    return "".join(cells.values())

# %%
def shortest_paths(question, size):
    cells = {divmod(i, size): symbol for i, symbol in enumerate(question)}
    steps, ways = distances(cells), {}
    for place in steps:  # from G outwards
        nearer = [new for new in near(place) if steps.get(new) == steps[place] - 1]
        ways[place] = sum(ways[new] for new in nearer) or 1  # at G: one
    return ways[divmod(question.index("S"), size)]

for name, size in {"maze-9x9": 9, "maze-15x15": 15, "maze-generated": 30}.items():
    rows = rows_of(name, "test")[:100]
    for row in rows:
        assert find_path(row.question, size) == row.answer == maze.label(row.question)
    counts = sorted(shortest_paths(row.question, size) for row in rows)
    print(f"{name}: {len(rows)} labels equal to find_path and to the package's maze.label; shortest"
          f" paths: fewest {counts[0]:,}, median {counts[len(counts) // 2]:,}, most {counts[-1]:,}")

openings = Counter()
for row in rows_of("maze-9x9", "test"):
    free = [divmod(i, 9) for i, symbol in enumerate(row.question) if symbol != "#"]
    rooms = sum(r % 2 == 1 and c % 2 == 1 for r, c in free)
    openings[rooms, len(free) - rooms] += 1
print("9x9: (rooms, openings) of all test mazes:", dict(openings))

# %% [markdown]
# 16 rooms and 15 openings in every small maze: trees. The large ones mostly have millions of shortest paths.
#
# So exact accuracy asks for two things there: to find a shortest path, and to break ties as the label does. A fair
# report gives both numbers, exact and "a shortest path" (`maze.is_shortest_path`).
#
# ## A symmetry is one lookup
#
# A row of boxes is a **band**, a column of boxes a **stack**. Rename the digits of a Sudoku, or exchange two rows of
# one band: it stays a Sudoku, and its solution goes along. Such a **symmetry** gives new training puzzles for nothing
# (*augmentation*). Two lists say all that it does: where each cell comes from, and what each symbol becomes.
#
# $$\text{new}_i = \text{values}\big[\,\text{old}[\text{cells}_i]\,\big]$$
#
# In words: to fill cell $i$, look up the old token at place $\text{cells}_i$ and rename it. PyTorch calls such a lookup
# `gather`.

# %%
def moved(old_L, cells_L, values_V):
    return values_V[old_L[cells_L]]

def sudoku_move(rows, columns, digits):
    cells_SS = torch.tensor(rows)[:, None] * len(columns) + torch.tensor(columns)  # old places
    return cells_SS.flatten(), torch.tensor([0, 1, *digits])  # padding and empty stay

def show(*boards_L):
    drawings = [four.draw(tokens_L).split("\n") for tokens_L in boards_L]
    print("\n".join("     ".join(lines) for lines in zip(*drawings, strict=True)))

# rows 0 and 1 change places, then the two stacks; digit 1 (token 2) becomes 2, and 2 becomes 1
move = sudoku_move(rows=[1, 0, 2, 3], columns=[2, 3, 0, 1], digits=[3, 2, 4, 5])
question_L, answer_L = (tokens_NL[0].long() for tokens_NL in four.test)
show(question_L, answer_L)
print("becomes")
show(moved(question_L, *move), moved(answer_L, *move))
assert four.is_solution(moved(question_L, *move)[None], moved(answer_L, *move)[None]).all()
spoilt = sudoku_move(rows=[0, 2, 1, 3], columns=[0, 1, 2, 3], digits=[2, 3, 4, 5])
assert not four.is_solution(moved(question_L, *spoilt)[None], moved(answer_L, *spoilt)[None]).any()
print("Rows within a band: still a solution. Rows 1 and 2, from different bands: no longer one.")

# %% [markdown]
# <!-- exercise 1.1 -->

# %%
six, nine = sudoku.load("sudoku-6x6"), sudoku.load("sudoku-generated")
mine = replace(four, symmetries=sudoku_symmetry)  # 4x4 with the function of exercise 1.1
draw = torch.Generator().manual_seed(1)
for task in (mine, six, nine):
    moves = task.symmetries(100, draw)  # one random symmetry for each puzzle
    inputs_NL, labels_NL = (moves(tokens_NL[:100]) for tokens_NL in task.test)
    for old_L, new_L, *one in zip(task.test.inputs_NL[:100], inputs_NL, *moves, strict=True):
        assert torch.equal(moved(old_L.long(), *one), new_L)
    for tokens in zip(inputs_NL, labels_NL, strict=True):
        texts = ["".join(task.symbols[t] for t in tokens_L) for tokens_L in tokens]
        assert sudoku.solve(sudoku.SHAPES[task.length], texts[0])[0] == texts[1:]
    print(f"{task.name}: 100 moved puzzles, one solution each, the moved one; all equal to moved()")

def symmetries(bands, stacks, r, c, square):
    rows = factorial(bands) * factorial(r) ** bands
    return rows * factorial(stacks) * factorial(c) ** stacks * (2 if square else 1)

for size, boxes in {4: (2, 2, 2, 2, True), 6: (3, 2, 2, 3, False), 9: (3, 3, 3, 3, True)}.items():
    cells, digits = symmetries(*boxes), factorial(size)
    assert size == 9 or cells == len(sudoku.cell_orders(sudoku.SHAPES[size**2]))
    print(f"{size}x{size}: {cells:,} of the cells x {digits:,} of the digits = {cells * digits:,}")
grids = sudoku.solve(sudoku.FOUR, "." * 16, limit=999)[0]
classes = Counter(sudoku.canonical_grid(sudoku.FOUR, grid) for grid in grids)
print(f"4x4 has {len(grids)} grids in {len(classes)} classes of twins:", sorted(classes.values()))

# %% [markdown]
# ### How many twins has a puzzle?
#
# Two puzzles that a symmetry turns into each other are **twins**. How many symmetries has a board with $b$ bands of $r$
# rows and $s$ stacks of $c$ columns? The bands can stand in $b!$ orders and the rows within each in $r!$, columns
# likewise; if the boxes are square, rows and columns may be exchanged; and the $rc$ digits can be renamed.
#
# $$\underbrace{b!\,(r!)^b}_{\text{rows}} \cdot \underbrace{s!\,(c!)^s}_{\text{columns}} \cdot
# \underbrace{2}_{\text{if square}} \cdot \underbrace{(rc)!}_{\text{digits}}$$
#
# As counted above, a 9x9 puzzle has over a trillion twins. A 4x4 grid cannot have 3,072 different ones, because there
# are only 288 grids at all: many symmetries lead back to the same grid, and only two classes of grids remain.
# Remember those two.
#
# ### A symmetry that spoils the label
#
# A square maze has 8 symmetries: four turns, each also mirrored. Walls, S, G and *a* shortest path go along. But does
# the label still follow the rule "down, left, right, up"? After a flip the same path is chosen by another rule. We
# take all 500 shipped mazes, move question and label together, and let the package label the moved question anew.

# %% tags=["figure"]
names = ["as it is", "quarter turn", "half turn", "three quarter turns", "left-right flip",
         "up-down flip", "diagonal flip", "other diagonal flip"]
tangled = maze.load("maze-generated", symmetries=maze.no_symmetries)
splits = tangled.train, tangled.validation, tangled.test
every = maze.Puzzles(*(torch.cat(tokens) for tokens in zip(*splits, strict=True)))
turned = maze.plain_eightfold(every)  # each maze in all 8 symmetries, its label moved along
kept_N = (maze.labels(turned.inputs_NL)[0] == turned.labels_NL).all(1)
share = kept_N.view(-1, 8).double().mean(0)
trees = maze.plain_eightfold(mazes.test)
assert torch.equal(maze.labels(trees.inputs_NL)[0], trees.labels_NL)  # one path: nothing to break

fig, ax = plt.subplots(figsize=(8, 2.9))
ax.barh(names[::-1], share.flip(0), color=COLOURS[2])
for place, value in enumerate(share.flip(0)):
    ax.text(value + 0.01, place, f"{value:.0%}", va="center")
ax.set(xlim=(0, 1.1), xlabel="labels that still follow the rule")
ax.xaxis.set_major_formatter("{x:.0%}")
plt.show()
said = ", ".join(f"{name} {value:.0%}" for name, value in zip(names, share, strict=True))
print(f"Figure: bars, how many of {len(every)} labels follow the rule after a symmetry: {said}.")
print("Perfect 9x9 mazes: all labels follow it after all 8.")

# %% [markdown]
# **What you should see.** Only the left-right flip is nearly harmless: it exchanges just *left* and
# *right* in the rule, and these two rarely compete: a step to either side would have to lead nearer
# to G. After the six other moves not a single label follows the rule. Train on them, as the
# official builder offers (option `--aug`, off by default), and the net is taught eight rules that
# contradict each other. The cure is to **relabel**: move the question, then find the answer anew
# (`maze.relabelled`). What the contradiction costs in accuracy, notebook 06 measures.
#
# ## Split before you augment, and by the right key
#
# Now the trap of the prediction. Whether a net has learned rules or learned by heart shows on *held-out* puzzles.
# Training must not contain the same puzzle, of course, and none of its twins either: training draws random
# symmetries all the time, so a twin in the training set *is* the test puzzle in training. To compare up to
# symmetry, take the **canonical form**: of all twins, the one whose text comes first in the dictionary. Twins have the
# same form, others do not.
#
# We compare three ways to put a tenth aside, on freshly generated puzzles, five random splits each:
#
# - **at random** (the baseline),
# - **by exact text** (the negative control, which should help nothing): equal texts go to the same side.
# - **by canonical form**: all twins go to the same side.
#
# For 6x6 the form is that of the *solution grid*: there are 28,200,960 grids, in 49 classes (the data's README), and
# two different questions on one grid share their answer. **For 4x4 this is impossible**, since all grids fall in 2
# classes, as counted above. So 4x4 takes the form of the *question*: behind each 4x4 number of this course stands
# this weaker promise.
#
# Suppose a colleague wrote the function that splits, and says "twins stay together". We call it the `suspect` and try
# it on the 6x6 grids, by canonical form.

# %%
from trm_minimal.classroom.exercises.e1_2 import put_aside as suspect

small, large, draw = "4x4, questions", "6x6, solution grids", torch.Generator().manual_seed(4)
givens = torch.randint(4, 9, (2000,), generator=draw).tolist()  # a few more where needed
texts = {small: sorted({sudoku.generate(sudoku.FOUR, number, draw)[0] for number in givens}),
         large: [row.answer for part in ("train", "validation", "test")
                 for row in rows_of("sudoku-6x6", part)]}
forms = {small: [sudoku.canonical_puzzle(sudoku.FOUR, text) for text in texts[small]],
         large: [sudoku.canonical_grid(sudoku.SIX, text) for text in texts[large]]}

def shared(keys, aside):
    """Percent of the puzzles put aside whose key some training puzzle has."""
    known = {key for index, key in enumerate(keys) if index not in aside}
    return 100 * sum(keys[index] in known for index in aside) / len(aside)

found = [shared(forms[large], suspect(forms[large], seed)) for seed in range(5)]
print("suspect: % put aside that have a twin in training:", [round(percent) for percent in found])

# %% [markdown]
# <!-- exercise 1.2 -->

# %% [markdown]
# Now all three ways, with `put_aside` mended. And which held-out puzzles of the files that this repository ships does
# training know?

# %%
rows = []
for (name, pool), seed in product(texts.items(), range(5)):
    ways = {"at random": range(len(pool)), "by exact text": pool,
            "by canonical form": forms[name]}
    for way, keys in ways.items():
        aside = set(put_aside(keys, seed))
        rows += [(name, way, "same text", shared(pool, aside)),
                 (name, way, "same up to symmetry", shared(forms[name], aside))]
leaks = pd.DataFrame(rows, columns=["puzzles", "split", "in training", "percent"])
for name, pool in texts.items():
    kinds = len(set(pool)), len(set(forms[name]))
    print("{}: {:,} puzzles, {:,} texts, {:,} forms".format(name, len(pool), *kinds))

for name, form, side in (("sudoku-4x4", sudoku.canonical_puzzle, "question"),
                         ("sudoku-4x4", sudoku.canonical_grid, "answer"),
                         ("sudoku-6x6", sudoku.canonical_grid, "answer")):
    training, *held = ([form(shapes[name], getattr(row, side)) for row in rows_of(name, part)]
                       for part in ("train", "validation", "test"))
    found = [f"{sum(key in set(training) for key in keys)} of {len(keys)} {part}"
             for keys, part in zip(held, ("validation", "test"), strict=True)]
    print(f"{name}, {side:>8} up to symmetry: {' and '.join(found)} puzzles in training")

# %% tags=["figure"]
fig, axes = plt.subplots(1, 2, figsize=(8, 3.6), sharey=True)
looks = {"same text": (COLOURS[2], ""), "same up to symmetry": (COLOURS[1], "//")}
for ax, (name, part) in zip(axes, leaks.groupby("puzzles"), strict=True):
    sns.barplot(part, x="split", y="percent", hue="in training", errorbar="sd", ax=ax, saturation=1,
                palette=[colour for colour, _ in looks.values()], edgecolor=PAGE, legend=False,
                err_kws={"color": INK})
    for bars, (_, hatch) in zip(ax.containers, looks.values(), strict=True):
        for bar in bars:
            bar.set_hatch(hatch)
            at = bar.get_x() + bar.get_width() / 2, bar.get_height() + 13
            ax.text(*at, f"{bar.get_height():.0f}", ha="center", va="center")
    ax.set(title=name, xlabel="", ylim=(0, 119), ylabel="% of held-out puzzles")
    ax.set_xticks(range(3), ["split at\nrandom", "by exact\ntext", "by canonical\nform"])
fig.legend([bars[0] for bars in axes[0].containers], looks, loc="outside lower center", ncols=2,
           title="in the training set, too:")
plt.show()
mean = leaks.pivot_table("percent", ["puzzles", "in training"], "split", sort=False)
print("Figure: bars, percent of held-out puzzles that training has too, mean of 5 splits.")
for (name, seen), values in mean.iterrows():
    print(f"{name}, {seen}:", ", ".join(f"{way} {value:.0f}" for way, value in values.items()))
random_6x6 = mean.loc[(large, "same up to symmetry"), "at random"]
print(f"6x6 split at random: you guessed {guesses.get(my_guess, '?')} %, it is {random_6x6:.0f} %.")

# %% [markdown]
# **What you should see.** The left bars are what a check with `==` sees: next to nothing, in every split. The hatched
# bars are the truth. Of the 4x4 puzzles put aside at random, most have a twin in training. Of the 6x6 puzzles, *all*
# have a solution grid that training has too, up to symmetry: 49 classes are few, and a random tenth does not leave
# one of them out. Splitting by exact text changes nothing. Only the canonical form brings the bars to zero, and it
# must be taken **before** augmenting, for afterwards twins are everywhere.
#
# The shipped files have zero for 6x6, and zero for the questions of 4x4. The middle one of their three lines is the
# honest one: every 4x4 *grid* of the test set is known from training. A net could score on 4x4 by recognising one of
# two grids.
#
# ## Cells mislead
#
# Back to the lazy solver, on all six data sets. The *exact* accuracy of a copy is always zero.
#
# Under the picture stands a table. If a net gets each of $m$ empty cells right with probability $p$, and its mistakes
# are independent, it solves the puzzle with probability $p^m$.

# %% tags=["figure"]
tasks = [four, six, nine, mazes, maze.load("maze-15x15"), tangled]
copies = {task.name: copy_baseline(*task.test) for task in tasks}
exact = [(task.test.inputs_NL == task.test.labels_NL).all(1).double().mean() for task in tasks]
fig, ax = plt.subplots(figsize=(8, 3))
ax.barh(list(copies), list(copies.values()), color=LOOKS["given"].colour, label="cells right")
ax.plot(exact, list(copies), LOOKS["wrong"].marker, clip_on=False,
        color=LOOKS["wrong"].colour, label="exact: puzzles solved")
for name, value in copies.items():
    ax.text(value + 0.01, name, f"{value:.0%}", va="center")
ax.set(xlim=(0, 1), xlabel="test accuracy of the question, copied")
ax.invert_yaxis()
ax.xaxis.set_major_formatter("{x:.0%}")
ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=2)
plt.show()
said = ", ".join(f"{name} {value:.0%}" for name, value in copies.items())
print(f"Figure: bars, cells right when the question is copied: {said}.",
      f"Crosses: exact, {max(exact):.0%} at most.")
print("each empty cell right:       90 %   95 %   99 %  99.9 %")
for task in (four, six, nine):
    empty = (task.test.inputs_NL == 1).sum(1).double().mean()
    solved = "".join(f"{p**empty:7.1%}" for p in (0.9, 0.95, 0.99, 0.999))
    print(f"{task.name:17}{empty:3.0f} empty {solved}")

# %% [markdown]
# **What you should see.** Mazes give away 85 % and more, Sudoku 29 to 45 %. A curve of cell accuracy starts there,
# not at zero. And high up it still misleads: for 9x9, 95 % of the empty cells mean one puzzle in twenty, *if*
# mistakes are independent.

# %% [markdown]
# <!-- exercise 1.3 -->

# %% [markdown]
# Neither accuracy follows from the other: report both, and the copy.
#
# ## A net that looks once
#
# What does the network gain by thinking again and again? The first thing to know is how far it comes *without*. So we
# train TRM's own parts, called as rarely as they can be: `n=1, T=1`, one supervision step. The net updates its
# thought $z$ once and its answer $y$ once, and that is all. (A *recipe* holds all settings of a training; notebooks
# 02 to 06 explain them.) Three settings, three seeds each, all with random symmetries and the shipped splits:
#
# - **6x6, one look**, 250 steps of training;
# - **6x6, each cell alone**: the control. No cell sees another, so it can copy givens and must guess the rest;
# - **4x4, one look**, 200 steps, moved by `sudoku_symmetry`. Beware: 4x4 is split by question, not by grid.

# %% tags=["train"]
def alone(D, L):
    return PostNorm(SwiGLU(D, multiple=64))  # notebook 02: works within one cell

one_look = replace(recipes.sudoku_4x4(), dim=32, batch=32, depth=constant(n=1, T=1), N_sup=1,
                   steps=250, eval_every=250)
settings = {"6x6, one look": (six, one_look), "4x4, one look": (mine, replace(one_look, steps=200)),
            "6x6, each cell alone": (six, replace(one_look, block=alone, steps=100))}
rows = []
for name, (task, recipe) in settings.items():
    for seed in range(3):
        model = train(recipe, task, seed).ema.model  # the averaged weights (notebook 06)
        inputs_NL, labels_NL = task.test
        right_NL = answer(model, inputs_NL, 1, recipe.test_depth).tokens_SNL[-1] == labels_NL
        scores = right_NL, right_NL[inputs_NL == 1], right_NL.all(1)
        rows.append((name, *(100 * float(score.double().mean()) for score in scores)))
table = pd.DataFrame(rows, columns=["net", "cells", "empty cells", "exact"])
table = table.groupby("net", sort=False)
print("percent right on the test set, mean and standard deviation of 3 seeds")
print(table.agg(["mean", "std"]).round(1).to_string())

# %% tags=["gate"]
score = table.mean()
look, small, blind = (score.loc[name] for name in settings)
copied = 100 * copies["sudoku-6x6"]
claims = {
    "6x6, one look: cells far above the copy": look["cells"] > copied + 30,
    "6x6, one look: fewer than 15 % of the puzzles solved": look["exact"] < 15,
    "6x6, each cell alone: about 1 in 6 empty cells": 10 < blind["empty cells"] < 24,
    "6x6, each cell alone: nothing solved": blind["exact"] < 0.5,
    "4x4, one look: more than half solved": small["exact"] > 50,
}
for claim, holds in claims.items():
    print(f"{claim}: {'yes' if holds else 'no'}")
assert all(claims.values())

# %% [markdown]
# On 6x6, one look gets most cells right and solves almost nothing: the gap between the two accuracies. The control
# shows the floor: with six digits, blind guessing hits one empty cell in six. So the first net does look at other
# cells.
#
# And a surprise: **on 4x4 one look is enough** to solve most puzzles. All of them fall to singles, as the table of
# guesses said. So 4x4 is good for learning how the machine works, and no evidence that it needs to think twice.
#
# Is recursion what 6x6 lacks? This cell cannot tell: the training was short as well. Notebook 07 trains longer,
# notebook 09 compares nets at equal compute.
#
# ## Play
#
# Three things to change: the `question` (your own 4x4; `.` is an empty cell), its `shape` (`sudoku.SIX` takes 36
# characters, and a move of six rows, columns and digits) and the `move`. Watch the solutions and the guesses. What
# happens if you remove a given?

# %%
question, shape = "1.......2..3...4", sudoku.FOUR
move = sudoku_move(rows=[2, 3, 1, 0], columns=[1, 0, 2, 3], digits=[4, 5, 2, 3])

board = sudoku.board(shape.length)
solutions, guessed = solve(question, shape)
print(f"{len(solutions)} solutions, {guessed} guesses; the first: {solutions[:1]}")
tokens_L = moved(encode(question, board.symbols), *move)
twin = "".join(board.symbols[token] for token in tokens_L)
solutions, guessed = solve(twin, shape)
print(f"moved: {twin}, {len(solutions)} solutions, {guessed} guesses; the first: {solutions[:1]}")

# %% [markdown]
# ## Limits
#
# - The leak is counted, its *effect* is not: no net was trained on a leaking split.
# - Our 6x6 test set holds 4 of the 49 classes (its README). It is clean, but narrow.
# - Guesses measure difficulty for *this* solver. A network may find other puzzles hard.
# - The nets here are tiny (width 32) and trained for seconds. They are baselines, not TRM.
# - The copy baselines are those of our files. The published sets have their own.
#
# ## Recap
#
# <details><summary>Why do real symbols start at 1?</summary>
# Label 0 is ignored by the loss and by the exact match. A symbol numbered 0 could be wrong everywhere unnoticed.
# </details>
# <details><summary>Why must a puzzle have one solution?</summary>
# The label is one board. If two were right, a good answer could count as wrong.
# </details>
# <details><summary>When may a maze be turned?</summary>
# Always, if its shortest path is unique. Otherwise only together with a new label.
# </details>
# <details><summary>Why is a split by exact text not enough?</summary>
# Training draws symmetries. A twin looks different and is the same puzzle.
# </details>
# <details><summary>What stands beside every cell accuracy?</summary>
# The exact accuracy and the score of the copied question.
# </details>
#
# | paper | here | official code |
# |---|---|---|
# | Sudoku-Extreme, Maze-Hard (section 5) | `sudoku.load`, `maze.load` | `build_sudoku_dataset.py`, `build_maze_dataset.py` |
# | Sudoku augmentation | `sudoku.symmetries`, `Move` | `shuffle_sudoku` |
# | maze augmentation | `maze.plain_eightfold`, `maze.relabelled` | `dihedral_transform` |
# | loss over the answer (Figure 3) | `answer_loss` | `ACTLossHead`, label 0 ignored |
# | accuracy in its tables | `exact_match`, `exact_by_step` | `exact_accuracy` |

# %%
progress("01")

# %% [markdown]
# **Further reading**: [the TRM paper](https://arxiv.org/abs/2510.04871), section 5, for the data sets;
# [the folder of puzzles](../data/puzzles/README.md), for how ours were made.
#
# **Next**: notebook 02, *One tiny net*, takes the network itself apart.
#
# [← 00 · Start here: watch a tiny network think](00_start_here.ipynb) | [the
# map](00_start_here.ipynb) | [2 · One tiny net →](02_one_tiny_net.ipynb)
