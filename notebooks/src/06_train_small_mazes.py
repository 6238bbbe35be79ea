# %% [markdown]
# # 6 · Train: small mazes with AMP
#
# In notebook 05 your own loop trained a TRM. Now you read the package's training step, all of it: number formats, the
# scaler, warm-up, averaged weights. Then you use it on a question that looks too simple to ask: do eight views of a
# maze teach more than one?
#
# - **You will be able to** say what each line of a training step is for; choose a number format and know when a scaler
#   is needed; see at a glance whether a warm-up or an average fits a run; augment data without contradicting it.
# - **You need** notebooks 00 to 05.
# - **Time**: 60 minutes to read and solve, about a minute and a half to run.
# - **Hardware**: any laptop CPU; one thread is enough.
# - **What varies**: one training is live, and only a band is checked; one cell shows times. The rest is counts, coarse
#   numbers, and recorded runs.
#
# Paper: arXiv 2510.04871, sections 4 and 5. Official code: `pretrain.py`, `models/ema.py` and
# `dataset/build_maze_dataset.py`, commit e7b6871. AMP is PyTorch's *automatic mixed precision*, explained below.

# %%
import inspect
import time
from dataclasses import replace
from functools import partial
from itertools import combinations
from math import log
import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from tqdm import tqdm
from trm_minimal.engine.batches import Batches
from trm_minimal.classroom import check, hint, progress, solution
from trm_minimal.halting import Carry, empty_carry, refill
from trm_minimal.lab import recipes
from trm_minimal.lab.records import runs, score
from trm_minimal.lab.studies import compare
from trm_minimal.layers import rms_norm
from trm_minimal.losses import stablemax_cross_entropy, supervision_loss
from trm_minimal.show.boards import describe_board, draw_board
from trm_minimal.show.style import COLOURS, INK, STROKES, use_style
from trm_minimal.tasks import Puzzles, files, maze
from trm_minimal.state import ALONE, TrainState, build_model
from trm_minimal.train import descend, train_step
use_style()
torch.set_num_threads(1)

# %% [markdown]
# ## Eight mazes for one
#
# Turn a maze, and its solution turns along. So the square's eight symmetries (four turns, and four of the mirror image)
# make eight puzzles of one, for free. Below, a 6x6 maze whose walls are random noise, like those of the benchmark
# *Maze-Hard*.

# %% tags=["figure"]
noise = maze.load("maze-6x6-noise", symmetries=maze.no_symmetries)
one = Puzzles(*(tokens_NL[157:158] for tokens_NL in noise.train))
eight = maze.plain_eightfold(one)
views = {"as it is": 0, "quarter turn": 1, "half turn": 2, "left and right exchanged": 4}
fig, axes = plt.subplots(1, 4, figsize=(8, 2.3))
for ax, (name, copy) in zip(axes, views.items(), strict=True):
    draw_board(ax, noise, eight.labels_NL[copy], eight.inputs_NL[copy])
    ax.set_xlabel(name, size=10)
plt.show()
steps = (one.labels_NL == maze.PATH).sum() + 1
shortest = maze.is_shortest_path(*eight).sum()
print(f"Figure: one maze with its path of {steps} steps, two turns and a mirror image.",
      f"In {shortest} of all 8 copies the turned path is a shortest path.")

# %% [markdown]
# **What you should see.** The same maze four times, the same path four times. Every copy is a correct maze with a
# correct answer. The builder of the official maze data makes exactly these eight.
#
# **Predict.** A small net learns 1,000 such mazes. Another one, with the same number of training steps, learns them
# in all eight views, 8,000 in all. On unseen mazes, does the second solve more (a), about as many (b) or fewer (c)? The
# last figure of this notebook answers.

# %% tags=["predict"]
guesses = {"a": "more", "b": "about as many", "c": "fewer"}
my_guess = "a"
print("My guess:", guesses.get(my_guess, "?"))

# %% [markdown]
# ## The training step, all of it
#
# We print three pieces of the package: what a training *remembers*, what one step *does*, and how it *descends*. Each
# line that matters gets a letter, small in the first and large in the others.

# %%
def lettered(function, marks):
    """Print a function's source; the line that holds a mark gets its letter."""
    lines = inspect.getsource(function).splitlines()
    for letter, mark in marks.items():
        assert sum(mark in line for line in lines) == 1, f"{letter}: {mark!r} is not in one line"
    for line in lines:
        print("".join(letter for letter, mark in marks.items() if mark in line).ljust(2), line)

lettered(TrainState.__init__, {
    "a": "build_model(", "b": "EMA(", "c": "recipe.optimizer(", "d": "GradScaler(",
    "e": "manual_seed(", "f": "Batches(", "g": "empty_carry("})
print()
lettered(train_step, {
    "A": "recipe.depth(", "B": "next_carry(", "C": "torch.autocast(", "D": "recipe.loss(",
    "E": "descend(", "K": "recipe.halting(", "L": "state.carry = carry._replace("})
print()
lettered(descend, {
    "E": ".backward()", "F": "unscale_(", "G": "clip_grad_norm_", "H": "recipe.schedule(",
    "I": "scaler.step(", "J": "ema.update("})

# %% [markdown]
# **What is remembered.** (a) The model, drawn from the seed. (b) Its slow copy, the EMA of notebook 05. (c) The
# optimizer. (d) The scaler, which works in `float16` only. (e) Four random generators, so that drawing more for one
# purpose does not shift another. (f) The stream of batches. (g) A carry whose slots have all halted: the first refill
# fills them. All of it is saved, so a killed run resumes bit for bit.
#
# **What a step does.**
#
# - **A, B** The depth (n, T) of this step, then a batch; only the halted slots take their row of it.
# - **C** The forward pass, in mixed precision. This is the *only* place that enters autocast, and its cache is off: the
#   trap of notebook 04.
# - **D** The loss of the answer and of Q, outside of autocast, in 32 bits.
# - **E to I** Scale the loss, go backward, unscale, *clip* (shorten the gradient to a given length if it is longer), set
#   this step's learning rate, step, adjust the scale, clear the gradients. Exercise 6.1 is about this order.
# - **J** The slow copy follows, *after* the step.
# - **K, L** Which slots halt, and the carry for the next step.
#
# The lines with `workers` are for several GPUs that share one batch; alone they return at once.
#
# <details><summary>For a GPU: what never waits</summary>
#
# A GPU works off a queue, and Python only fills it. But whoever asks a tensor for its *value*
# (`float(loss)`, `.item()`, an `if`) must wait until the queue is empty ([PyTorch's notes on
# CUDA](https://docs.pytorch.org/docs/stable/notes/cuda.html#asynchronous-execution)). So this step
# asks for none. Refill and halting are `where`, not `if`. The losses stay tensors; `train` looks at
# them every tenth step. Batches are *drawn* on the CPU, so that every device sees the same: row
# numbers and symmetries only, for a GPU 64 steps in one shipment, beside the training. The puzzles
# lie on the device and are turned there. The next cell counts the questions, and compares the
# draws.
#
# </details>

# %%
class Questions(TorchDispatchMode):
    """Counts how often Python asks a tensor for its value."""
    count = 0

    def __torch_dispatch__(self, call, types, arguments=(), keywords=None):
        self.count += call is torch.ops.aten._local_scalar_dense.default
        return call(*arguments, **(keywords or {}))

four_by_four, CPU = recipes.sudoku_4x4(), torch.device("cpu")
tiny = replace(four_by_four, dim=32, batch=16)
fours, SGD = tiny.task(), partial(torch.optim.SGD, lr=0.1)  # AdamW also counts, on the CPU
for precision in (torch.float32, torch.float16):
    state = TrainState(replace(tiny, precision=precision, optimizer=SGD), fours, seed=0)
    with Questions() as questions:
        train_step(replace(tiny, precision=precision), state)
    print(f"one step in {precision}: {questions.count} values asked for")

draws = [torch.Generator().manual_seed(0) for _ in range(2)]
one_by_one, ahead = (Batches(fours, 16, draw, CPU, ALONE, ahead=steps)
                     for draw, steps in zip(draws, (1, 6), strict=True))
pairs = [(one_by_one.next(left), ahead.next(left)) for left in range(6, 0, -1)]
assert all(torch.equal(a, b) for pair in pairs for a, b in zip(*pair, strict=True))
print("6 batches drawn one by one, and 6 drawn ahead: equal")

# %% [markdown]
# The one question in `float16` is the scaler's: has anything overflowed? That is its price.
#
# ## What a number can hold
#
# A floating-point number is a sign, an *exponent* (how large) and a *fraction* (how exact). Fewer bits must save on one
# of them. `bfloat16` keeps the exponent of `float32` and saves on the fraction; `float16` shares the loss out.

# %%
print("                      largest  smallest      step               kept of")
print("            bits       number  above 0   after 1      1.001   70000    1e-08   sum")
for dtype in (torch.float32, torch.bfloat16, torch.float16):
    info, total = torch.finfo(dtype), torch.ones((), dtype=dtype)
    kept = [torch.tensor(value).to(dtype).item() for value in (1.001, 70_000.0, 1e-8)]
    for _ in range(100):
        total += 0.001
    smallest = info.smallest_normal * info.eps
    print(f"{str(dtype)[6:]:>10} {info.bits:5} {info.max:12.1e} {smallest:9.0e}",
          "{:9.0e} {:10.4f} {:7.0f} {:8.0e}".format(info.eps, *kept), f"{total.item():6.3f}")

row = torch.ones(2, 2)
with torch.autocast("cpu", torch.bfloat16, cache_enabled=False):
    product = row @ row
    results = {"matrix product of two float32": product, "SiLU of it": nn.functional.silu(product),
               "product + float32": product + row, "rms_norm of it": rms_norm(product)}
    results["cross-entropy of it"] = nn.functional.cross_entropy(product, torch.tensor([0, 1]))
for name, result in results.items():
    print(f"under autocast, {name:>30}: {str(result.dtype)[6:]}")

# %% [markdown]
# `float16` overflows beyond 65,504 and knows no gradient of 1e-8. `bfloat16` holds both, roughly, but has only two to
# three decimal digits. The last column starts at 1 and adds 0.001 a hundred times. In `bfloat16` *nothing happens*: each
# sum is rounded back to 1. Learning is adding small things to large ones, so the weights, the optimizer, the EMA and
# our carry stay in `float32`.
#
# **Autocast** chooses operation by operation. Large products run in 16 bits. Element-wise
# operations keep the format they are given, adding a 16-bit and a 32-bit tensor gives 32 bits, and
# losses are lifted to 32. (Our `rms_norm` computes in 32 bits and returns what it got.) The
# [lists](https://docs.pytorch.org/docs/stable/amp.html) differ between CPU and GPU. The official
# code has no autocast: it casts weights by hand, and keeps even the carry in `bfloat16`.
#
# ## Scaling the loss
#
# `bfloat16` needs no more than that. But older cards, the T4 of free notebooks among them, have fast units for `float16`
# only: NVIDIA lists `bfloat16` from [compute capability
# 8.0](https://docs.nvidia.com/cuda/cuda-c-programming-guide/index.html#features-and-technical-specifications) on, and a
# T4 has 7.5. Then small gradients are in danger. The cure ([Micikevicius and
# others](https://arxiv.org/abs/1710.03740)): multiply the *loss* by a large scale. By the chain rule all gradients
# grow by the same factor. Divide before use.

# %%
def attempts(true, scale, steps):
    """The way of a gradient of size `true` through float16; the scaler starts at `scale`."""
    weight = nn.Parameter(torch.zeros(1, 1))
    optimizer = torch.optim.SGD([weight], lr=1.0)
    scaler = torch.amp.GradScaler("cpu", init_scale=scale)
    for _ in range(steps):
        before, scale = weight.item(), scaler.get_scale()
        with torch.autocast("cpu", torch.float16, cache_enabled=False):
            out = nn.functional.linear(torch.ones(1, 1), weight)
        scaler.scale(out.float().sum() * true).backward()
        in_float16 = weight.grad.item()
        scaler.unscale_(optimizer)
        scaler.step(optimizer)
        scaler.update()
        did = "weight moves" if weight.item() != before else "weight stays"
        print(f"{true:14.0e} {scale:9.0f} {in_float16:14.1e} {weight.grad.item():13.1e}   {did}",
              f"  {scaler.get_scale():9.0f}")
        optimizer.zero_grad()

print(" true gradient     scale   float16 holds  divided again                 next scale")
for case in ((1e-8, 1.0, 1), (1e-8, 65_536.0, 1), (3.0, 65_536.0, 3)):
    attempts(*case)

# %% [markdown]
# Without a scale the gradient is gone, and the weight never moves. With the usual start, 65,536, it survives. A
# gradient of 3 is far too large for that scale and becomes infinite. The scaler sees it, *leaves the step out*, and
# halves the scale, until it fits. (After 2,000 good steps in a row it tries the double. Short runs rarely get there.)
#
# Clipping needs the true length, so it comes after the division. Clip the *scaled* gradient to length 1, then divide,
# and what is left has length 1/65,536, whatever it was. With Adam this hides well, because Adam divides by the
# gradient's usual size: the loss still falls, but small gradients now count like large ones.
# %% [markdown]
# <!-- exercise 6.1 -->

# %% [markdown]
# ## Three formats side by side
#
# One tiny net (width 32, 4x4 Sudoku), one seed, equal batches, twenty steps with your `amp_step`. Only the format
# differs. We also count what the backward pass keeps in the first step, as in notebook 04.

# %%
def forward(model, carry, precision):
    mixed = precision is not torch.float32
    with torch.autocast("cpu", precision, enabled=mixed, cache_enabled=False):
        return model(carry.inputs, carry.y, carry.z, *tiny.test_depth)

def twenty_steps(precision):
    """Twenty losses, and the seconds of a step."""
    model = build_model(tiny, fours.vocab_size, fours.length, seed=0)
    optimizer = tiny.optimizer(model.parameters())
    scaler = torch.amp.GradScaler("cpu", enabled=precision is torch.float16)
    batches = Batches(fours, tiny.batch, torch.Generator().manual_seed(0), CPU, ALONE)
    carry = empty_carry(model, *torch.zeros(2, tiny.batch, fours.length, dtype=torch.long))
    losses, started = [], time.process_time()
    for left in range(20, 0, -1):
        carry = refill(model, carry, *batches.next(left)[:2])
        guess = forward(model, carry, precision)
        loss_B, _ = supervision_loss(stablemax_cross_entropy, guess.logits, guess.q, carry.labels)
        amp_step(model, optimizer, scaler, loss_B.mean(), clip=1.0)
        carry = Carry(*carry[:2], guess.y, guess.z, carry.steps + 1, carry.steps + 1 >= 16)
        losses.append(loss_B.mean().item())
    return torch.tensor(losses), (time.process_time() - started) / 20

# %%
def kept_bytes(precision):
    """Bytes that autograd keeps for the backward pass, the float32 weights apart."""
    pieces, model = {}, build_model(tiny, fours.vocab_size, fours.length, seed=0)

    def note(tensor):
        pieces[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage()
        return tensor

    carry = empty_carry(model, fours.train.inputs_NL[:64].long(), None)
    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        forward(model, carry, precision)
    weights = {weight.untyped_storage().data_ptr() for weight in model.parameters()}
    return sum(piece.nbytes() for where, piece in pieces.items() if where not in weights)

formats = (torch.float32, torch.bfloat16, torch.float16)
trials = {precision: twenty_steps(precision) for precision in formats}
exactly, whole = trials[torch.float32][0], kept_bytes(torch.float32)
for precision, (losses, _) in trials.items():
    gap, means = (losses - exactly).abs().max(), (losses.mean() - exactly.mean()).abs()
    assert gap < 0.2 and means < 0.03 and losses[-5:].mean() < losses[:5].mean()
    print(f"{str(precision)[6:]:>8}: keeps {kept_bytes(precision) / whole:.1f} of float32's bytes;",
          "each loss within 0.2 and the mean within 0.03 of float32's, and falling")

# %% tags=["timing"]
for precision, (_, seconds) in trials.items():
    print(f"{str(precision)[6:]:>8}: {1000 * seconds:5.0f} ms a step")

# %% [markdown]
# The three trainings are not equal, and need not be: rounding nudges the states, and two nets drift
# apart like two seeds. What must agree is the *course*, and it does. The memory falls to little
# more than half; our norms keep some 32-bit numbers. A GPU is one more nudge, and moves the losses
# about as far from a CPU's as a change of a CPU's weights by a ten-millionth does (`LOG.md`,
# 2026-11-26).
#
# Do not read the times as "16 bits are slow". Many processors have no instructions for them, and PyTorch then imitates
# them at many times the cost. That is why the small recipes of this course run in `float32`. On a GPU, too, look first:
# on a T4 [one report](https://earino.github.io/applied-deep-learning/site/blog/05_bf16_on_t4.html) measured `bfloat16`
# four times as slow as `float16`.
#
# ## Warm-up, and a run that never left it
#
# At the start Adam does not know the usual size of a gradient, so the learning rate rises from zero: the *warm-up*. The
# official one takes 2,000 steps, 3 % of a run of 65,100, and then stays. A [well-known
# tutorial](https://github.com/vukrosic/learn-tiny-recursive-models) (commit c8832c4) kept the 2,000 steps and cut the run: to
# 40 epochs of 1,000 mazes in batches of 64, which is 625 steps, and in its stored measurements to 156. It then compared
# variants of TRM.
# %% tags=["figure"]
official, short = recipes.sudoku_extreme().schedule, recipes.maze_9x9()
plans = {"official": (official, 65_100, 1e-4), "tutorial, 625 steps": (official, 625, 1e-4),
         "tutorial, 156 steps": (official, 156, 1e-4),
         "maze_9x9, this course": (short.schedule, short.steps, 1.5e-3)}
fig, ax = plt.subplots(figsize=(7, 2.7))
print("                         steps   highest rate   mean, of the planned peak")
for (name, (schedule, steps, peak)), (colour, marker, dashes) in zip(plans.items(), STROKES,
                                                                   strict=False):
    share = [schedule(step, steps) for step in range(steps)]
    ax.plot([step / steps for step in range(steps)], share, color=colour, marker=marker,
            markevery=(steps // 20, steps // 6), ls=(0, dashes) if dashes else "-", label=name)
    print(f"{name:>22} {steps:7,} {peak * max(share):14.1e} {sum(share) / steps:14.0%}")
ax.set(xlabel="share of the run that is done", ylabel="learning rate, of its peak")
ax.legend(loc=(0.66, 0.5))
plt.show()
print("Figure: learning rate along a run. The official one peaks after 3 % of it. Ours rises and",
      "falls along half a cosine; the tutorial's climb in a line and end far below 1.")

# %% [markdown]
# **What you should see.** Two runs that end in their warm-up. In the stored measurements of the shorter one no maze
# is ever solved, and at best 0.51 of the cells are right, fewer than *copying the question* gets. Its verdict that "EMA
# has minimal impact" is read off training losses, which an EMA cannot change. Nothing of it says anything about TRM. Such
# a mistake raises no error. Print the learning rate of the last step.
#
# ## Averaged weights
#
# The second clock of a run is the EMA's **half-life**, $\ln 0.5 / \ln d$ steps for decay $d$: the age at which a weight's
# share has fallen by half. It must be short against the run, and long enough to average over something. (The three
# runs below computed in `bfloat16`.)

# %% tags=["figure"]
mazes_run = [run for run in runs.read_runs("maze_9x9") if not run.superseded]
rows = [(row["step"], which, row[column]) for run in mazes_run for row in run.curve
        for which, column in (("raw weights", "raw"), ("averaged (EMA)", "ema"))]
table = pd.DataFrame(rows, columns=["step", "weights", "exact"])
fig, axes = plt.subplots(1, 2, figsize=(8, 2.7), width_ratios=(3, 2))
sns.lineplot(table, x="step", y="exact", hue="weights", style="weights", markers=("o", "s"),
             dashes=((4, 2), ""), palette=(COLOURS[1], INK), errorbar=("pi", 100),
             err_kws={"lw": 0}, ax=axes[0])
axes[0].legend(title=None, loc="lower right")
axes[0].set(xlabel="optimizer step", ylabel="exact, held-out mazes", ylim=(-0.03, 1.03))
axes[1].plot([short.schedule(step, short.steps) for step in range(short.steps)], color=INK)
axes[1].set(xlabel="optimizer step", ylabel="learning rate, of its peak")
plt.show()
means = table.groupby(["step", "weights"]).exact.mean().unstack()
gap = (means["averaged (EMA)"] - means["raw weights"]).round(2)
print(f"Figure: exact accuracy of {len(mazes_run)} recorded runs of maze_9x9, mean and least to",
      "most, and the learning rate. The average is ahead by",
      ", ".join(f"{ahead:.2f} at step {step:.0f}" for step, ahead in gap.items()))
for text, decay, updates in (("maze_9x9", short.ema, short.steps), ("the paper", 0.999, 65_100),
                             ("the paper's decay, our run", 0.999, short.steps),
                             ("a course that updates once an epoch", 0.999, 30)):
    print(f"{text:>36}: half-life {log(0.5) / log(decay):4.0f} of {updates:6,} updates;",
          f"{decay**updates:.0%} of the average are still the first, random weights")

# %% [markdown]
# <!-- exercise 6.2 -->

# %% [markdown]
# **What you should see.** The average climbs first, and by a lot; the bands show how far seeds lie apart. In the end the
# two lines meet. The last line below the picture is real, too: [a published
# course](https://github.com/RajatDandekar/Vizuara-AI-Pods) updates its EMA once per epoch, for 30 epochs, and then
# evaluates the average: the starting weights, nearly.
#
# ## Are long ways harder?
#
# The records keep, for each test maze and supervision step, whether the answer was exactly right. The mazes' file has
# the length of the path. If the net walked from S, a few cells per supervision step, long paths would have to come
# right later than short ones.
# %% tags=["figure"]
cells_N = pd.read_csv(files.PUZZLES / "maze-9x9" / "test.csv").rating  # S and G counted
bins = {"9": (9, 9), "11": (11, 11), "13": (13, 13), "15": (15, 15), "17-19": (17, 19),
        "21-31": (21, 31)}
fig, axes = plt.subplots(1, 3, figsize=(8, 2.8), sharey=True)
for ax, step in zip(axes, (1, 2, 16), strict=True):
    right = dict.fromkeys(bins, 0)
    for seed, (run, marker) in enumerate(zip(mazes_run, "osD", strict=True)):
        flags_N = run.eval["test"]["ema"]["exact"][step - 1]
        for x, (name, (low, high)) in enumerate(bins.items(), -1):
            flags = [flags_N[i] for i, cells in enumerate(cells_N) if low <= cells <= high]
            right[name] += flags.count("1") / len(flags) / len(mazes_run)
            place = {"x": x + 0.2 * seed, "color": COLOURS[seed]}
            ax.vlines(place["x"], *score.interval(flags.count("1"), len(flags)), COLOURS[seed])
            ax.plot(place["x"], flags.count("1") / len(flags), marker, color=COLOURS[seed],
                    label=f"seed {seed}" if x < 0 else None)
    print(f"After step {step:2}:", ", ".join(f"{n} cells {r:.2f}" for n, r in right.items()))
    ax.set(title=f"after step {step}", xlabel="cells on the path", ylim=(0.5, 1.02))
    ax.set_xticks([x - 0.8 for x in range(len(bins))], bins, rotation=50)
axes[0].set_ylabel("exact, test mazes")
axes[2].legend(loc="center")
plt.show()
print("Figure: share of test mazes solved, by cells on the path, three seeds with 95 % intervals.")

# %% [markdown]
# **What you should see.** The numbers above the picture are means over the seeds; the bars are Wilson intervals of single
# nets, which differ more than the lengths do. After one step paths of 9 cells and of 19 come right about equally often;
# only the longest fall behind. The next step mends nearly all. So the net does *not* lay the path a few cells per
# supervision step. (One such step is six calls of the net here; within it, it may well walk. And these mazes are small.)
#
# ## Which shortest path?
#
# Back to the first picture. A maze with loops has many shortest paths; a label is one of them. The published labels of
# Maze-Hard do not say how it was chosen. But all 2,000 obey one rule: *from S, among the neighbours one step nearer to
# G, take the first in the order **down, left, right, up***. (We found it by trying. `tests/test_maze.py` checks all
# 2,000 where the published files are at hand; they are not part of this repository.) `maze.labels` is that rule.
#
# "Down" means down on the page. It does not turn with the maze. We ship 500 mazes of 30x30, made by the recipe of
# Maze-Hard, and the small ones above. All their labels follow the rule. Turn them with their mazes: how many still do?

# %%
moves = ("as it is", "quarter turn", "half turn", "three quarters", "left - right", "up - down",
         "over one diagonal", "over the other")
sets = {"maze-generated": "30x30", "maze-6x6-noise": "6x6"}
found = {}
for name, size in sets.items():
    task = maze.load(name, symmetries=maze.no_symmetries)
    all_splits = zip(task.train, task.validation, task.test, strict=True)
    puzzles = Puzzles(*(torch.cat(parts) for parts in all_splits))
    plain, ruled = maze.plain_eightfold(puzzles), maze.relabelled(puzzles)
    assert torch.equal(plain.inputs_NL, ruled.inputs_NL) and maze.is_shortest_path(*plain).all()
    assert torch.equal(maze.labels(puzzles.inputs_NL)[0], puzzles.labels_NL)
    print(f"{size}: {len(puzzles):,} labels, all by the rule; turned along, all are shortest paths")
    follow = (plain.labels_NL == ruled.labels_NL).all(1).view(-1, 8)
    path = plain.labels_NL == maze.PATH
    shared = (path & (ruled.labels_NL == maze.PATH)).sum(1) / path.sum(1)
    found[size] = follow.double().mean(0), shared.view(-1, 8).mean(0)
print("\n                    follow the rule      path cells shared with the rule's label")
print("                     30x30      6x6       30x30      6x6")
for move, *shares in zip(moves, *(found[size][0] for size in sets.values()),
                         *(found[size][1] for size in sets.values()), strict=True):
    print(f"{move:>18}", *(f"{share:8.0%}" for share in shares[:2]), "  ",
          *(f"{share:8.0%}" for share in shares[2:]))

# %% tags=["figure"]
quarter, lawful = (part[1] for part in (eight.labels_NL, maze.relabelled(one).labels_NL))
views = {"its label": (one.labels_NL[0], one.inputs_NL[0]),
         "turned, the label too": (quarter, eight.inputs_NL[1]),
         "turned, label by the rule": (lawful, eight.inputs_NL[1]),
         "the two labels compared": (quarter, eight.inputs_NL[1], lawful)}
fig, axes = plt.subplots(1, 4, figsize=(8, 2.3))
for ax, (name, tokens) in zip(axes, views.items(), strict=True):
    draw_board(ax, noise, *tokens)
    ax.set_xlabel(name, size=10)
plt.show()
print("Figure: a maze with its label; after a quarter turn with the turned label; with the rule's",
      "label; and the turned label judged by the rule's:", describe_board(noise, *views[name]))

# %% [markdown]
# <!-- exercise 6.3 -->

# %% [markdown]
# **What you should see.** Two answers to one maze, equally short, and only one is "right". Crosses mark cells that only
# the turned label has, rings those that only the rule's has.
#
# At 30x30 six of the seven moves leave *not one* label lawful. The left-right flip is nearly harmless: it matters only
# where left and right are both nearer to G. So whoever turns labels along trains on several rules at once, and no maze
# says which of them holds. The paper lists the eight transforms. Its code has them behind a flag that is off, and HRM's
# authors switched them off for mazes.
#
# ## A live run over the recorded ones
#
# Now everything at once: the package's `train_step` on the 8,000 mazes of *your* `eightfold`, with a seed of its own, on one
# CPU thread in `float32`. The recipe `maze_6x6_noise_relabelled` was recorded with other seeds. We run its first steps
# only, about half a minute, and ask whether the loss is where it was then.

# %% tags=["train"]
name = "maze_6x6_noise_relabelled"
recipe, recorded = recipes.by_name(name), runs.read_runs(name)
rows = max(1, 150 // recipe.eval_every)  # of the recorded curve
task = replace(recipe.task(), train=Puzzles(*eightfold(*noise.train)))
state = TrainState(recipe, task, seed=6)
live = [train_step(recipe, state)[0] for _ in tqdm(range(rows * recipe.eval_every))]

# %% tags=["gate"]
live_loss = torch.stack(live)
windows = live_loss.view(rows, -1).mean(1)
past = torch.tensor([[row["loss"] for row in run.curve] for run in recorded])
low, high = past[:, :rows].amin(0), past[:, :rows].amax(0)
slack = 2 * (high - low) + 0.1 * high  # another seed, another processor
assert len(task.train) == 8 * len(noise.train) and len(recorded) >= 3
assert ((windows > low - slack) & (windows < high + slack)).all(), (windows, low, high)

middle = [row["step"] - recipe.eval_every / 2 for row in recorded[0].curve]  # of each window
fig, ax = plt.subplots(figsize=(8, 3))
ax.fill_between(middle, past.amin(0), past.amax(0), color=COLOURS[2], alpha=0.4, lw=0)
ax.plot(middle, past.mean(0), "-D", color=COLOURS[2], label="recorded: mean and band of seeds")
ax.plot(range(1, len(live) + 1), live_loss, color=COLOURS[1], lw=0.8, label="live, step by step")
ax.plot(middle[:rows], windows, "X", ms=11, color=COLOURS[1], label="live, mean of a window")
ax.set(xlabel="optimizer step", ylabel="training loss", ylim=(0, None))
ax.legend()
plt.show()
print("Figure: training loss. The live run falls like the recorded ones; the mean of its first",
      "steps is where theirs is, up to twice the width of their band and a tenth.")

# %% [markdown]
# **What you should see.** A cross on a diamond: your run is one more draw from the same band.
#
# ## The signature result: augmentation, done wrong and done right
#
# Three recipes, equal in everything but the training mazes: the 1,000 **as they are**; the 8,000 with their labels
# **turned along**; the 8,000 **relabelled** by the rule. Three seeds each, recorded. Two scores on 500 unseen mazes, whose
# labels follow the rule: *exact*, the labelled path; and *any*, a shortest path, whichever.

# %% tags=["recorded"]
kinds = {"as they are": "maze_6x6_noise", "turned along": "maze_6x6_noise_plain",
         "relabelled": "maze_6x6_noise_relabelled"}
full_size = {"30x30": "maze_hard_small", "30x30 relabelled": "maze_hard_small_relabelled"}
trained = {kind: runs.read_runs(name) for kind, name in (kinds | full_size).items()}
scores = {"exact": {}, "any": {}}
for kind, seeds in trained.items():
    for metric, of in scores.items():
        flags = [(run.eval["test"]["ema"]["exact"][-1] if metric == "exact" else
                  run.eval["test"]["ema"]["any_solution"]) for run in seeds]
        of[kind] = [row.count("1") / len(row) for row in flags]
        bars = [score.interval(row.count("1"), len(row)) for row in flags]
        text = ["{:.3f} [{:.3f}, {:.3f}]".format(share, *bar)
                for share, bar in zip(of[kind], bars, strict=True)]
        print(f"{kind:>17}, {metric:>5}: {', '.join(text)}")

def verdict(of, a, b):
    """The difference seed by seed, with its 95 % interval; no claim where that includes zero."""
    gap = compare.paired(*(dict(enumerate(of[kind])) for kind in (a, b)))
    return f"{a} minus {b}: {compare.verdict(gap)}"

for metric, of in scores.items():
    print(*(f"{metric}: {verdict(of, *pair)}" for pair in combinations(kinds, 2)), sep="\n")

# %% tags=["figure"]
looks = dict(zip(kinds, STROKES, strict=False))
rows = [(kind, row["step"], row["ema"]) for kind in kinds for run in trained[kind]
        for row in run.curve]
curves = pd.DataFrame(rows, columns=["mazes", "optimizer step", "exact"])
fig, axes = plt.subplots(1, 2, figsize=(8, 3), width_ratios=(3, 2))
for kind, (colour, marker, dashes) in looks.items():
    sns.lineplot(curves[curves.mazes == kind], x="optimizer step", y="exact", color=colour,
                 marker=marker, ls=(0, dashes) if dashes else "-", errorbar=("pi", 100),
                 err_kws={"lw": 0}, ax=axes[0], label=kind)
    for x, metric in enumerate(scores):
        place = [x + 0.15 * (list(looks).index(kind) - 1)] * len(scores[metric][kind])
        axes[1].plot(place, scores[metric][kind], marker, color=colour, mfc="none")
axes[0].set(ylabel="exact, validation (EMA)", ylim=(-0.03, 1.03))
axes[1].set(ylabel="test mazes", ylim=(-0.03, 1.03), xlim=(-0.5, 1.5))
axes[1].set_xticks((0, 1), ("exact:\nthe labelled path", "any\nshortest path"))
plt.show()
last = curves.groupby(["mazes", "optimizer step"]).exact.mean().groupby("mazes").last()
print("Figure: exact accuracy along training, mean and least to most of the seeds, and both scores",
      "of each seed. The curves end at", ", ".join(f"{kind} {last[kind]:.2f}" for kind in kinds))
learned = {kind: torch.tensor([run.curve[-1]["train_exact"] for run in seeds]).mean()
           for kind, seeds in trained.items()}
print("Exact on the training mazes at that time:",
      ", ".join(f"{kind} {share:.2f}" for kind, share in learned.items()))
found = verdict(scores["exact"], "turned along", "as they are")
print(f"You guessed: {guesses.get(my_guess, '?')}. Recorded, exact: {found}.")

# %% [markdown]
# **What you should see.** Read the verdicts first: they are computed from the seeds, and say "no
# claim" where the interval includes zero (notebook 09 says how). Then compare the two scores. A net
# that finds a shortest path, but not the labelled one, is right in *any* and wrong in *exact*.
# Where both are low, the paths themselves are missing. Contradicting labels can do that: cell by
# cell the best guess is the more frequent answer, and a mixture of two paths is no path. Last, the
# training mazes: a net that does better there than on new ones learns them by heart. Eight lawful
# views close that gap.
#
# The rows at 30x30 are the published mazes, 42 minutes of one CPU core each, mixed by the convolution of `maze_15x15`: one
# seed, no claim. There, the authors of [Lattice Deduction Transformers](https://arxiv.org/abs/2605.08605) report that their
# reproduction of TRM on Maze-Hard fell from 85.1 % to 10.1 % exact with the eight transforms on. Relabelling is one
# line. The lesson is wider: *a symmetry of the question is a symmetry of the data only if the labels obey it*. In
# notebooks 01 and 05 they did: a perfect maze has one path, a Sudoku one solution.
#
# ## Play
#
# In the live cell, change `eightfold` to the broken one of exercise 6.3 (does the *loss* of the first
# steps notice?), or `recipe` to `replace(recipe, ema=0.999)`.
#
# ## Limits
#
# - 6x6 boards with fewer walls than Maze-Hard's, 1,000 mazes, short runs, one net and one
#   learning rate, three seeds. Whether relabelling helps at 30x30 is open: `maze_hard_fast` and its variants want a GPU.
# - At equal steps the three kinds also differ in how often a maze is seen again.
# - Twenty steps of a tiny net say nothing about how formats differ at the end of a long run.
# - All cells ran on a CPU. What we say of GPUs is cited, or measured once on one H200.
#
# ## Recap
#
# <details><summary>Why do weights stay in float32 under autocast?</summary>
# A small update added to a weight near 1 is rounded away in 16 bits.
# </details>
# <details><summary>Which format needs a scaler, and what for?</summary>
# float16: its smallest number is about 6e-8, and smaller gradients vanish. bfloat16 has the range of float32.
# </details>
# <details><summary>Why unscale before clipping?</summary>
# The limit is meant for true lengths; scaled ones are thousands of times longer.
# </details>
# <details><summary>What should one check before believing an ablation of a short run?</summary>
# That the run left its warm-up, that the EMA's half-life fits, that scores are of held-out puzzles, and the seeds.
# </details>
# <details><summary>Why may a perfect maze be turned together with its label, and a noise maze not?</summary>
# One shortest path turns into the one shortest path. Of many, the rule picks by directions on the page.
# </details>
#
# | paper | here | official code |
# |---|---|---|
# | training loop (Figure 3) | `train.train_step` | `train_batch` in `pretrain.py` |
# | (not mentioned) | `torch.autocast`, `GradScaler` | weights cast to `bfloat16` by hand |
# | AdamW, warm-up of 2,000 steps | `recipe.optimizer`, `recipe.schedule` | AdamATan2, `cosine_schedule_with_warmup_lr_lambda` |
# | EMA 0.999 | `EMA`, `recipe.ema` | `EMAHelper` |
# | 8 dihedral transforms of mazes | `plain_eightfold`, `relabelled` | `--aug`, off by default |
#
# **Further reading**: [mixed precision training](https://arxiv.org/abs/1710.03740);
# [bfloat16 in training](https://arxiv.org/abs/1905.12322); [averaging weights](https://arxiv.org/abs/1803.05407), and
# why the middle of a zigzag is a good place; [the PyTorch guide to
# autocast and the scaler](https://docs.pytorch.org/docs/stable/notes/amp_examples.html).
#
# **Next**: notebook 07 trains Sudoku, from 4x4 to the real thing, and asks what it costs.
#
# [← 5 · Deep supervision and knowing when to stop](05_deep_supervision.ipynb) | [the
# map](00_start_here.ipynb) | [7 · Train: Sudoku from 4x4 to Extreme →](07_train_sudoku.ipynb)

# %%
progress("06")
