# %% [markdown]
# # 4 · Deep recursion: gradients where they count
#
# Training a net that calls itself 21 times means remembering 21 calls. TRM remembers seven. This notebook shows what
# that saves, what it throws away, and what happens to training when one throws away more.
#
# - **You will be able to** write `deep_recursion`; say which calls get gradient in TRM and in HRM; measure how far a cut
#   gradient points from the full one; predict memory from n and T; explain the `detach` and a trap of mixed precision.
# - **You need** notebooks 00 to 03, and PyTorch's `backward`, `no_grad` and `detach`.
# - **Time**: 90 minutes to read and solve, about a minute to run.
# - **Hardware**: any laptop CPU; everything here ran on one thread of a server CPU.
# - **What varies**: nothing you can see. The trainings are recorded runs; we print few digits.
#
# Paper: arXiv 2510.04871, sections 3.1 and 4.1, Figure 3, Tables 1 and 3. Official code:
# `models/recursive_reasoning/trm.py`, lines 196 to 222, commit e7b6871.

# %%
import json
from functools import partial
from itertools import product
from statistics import mean

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
import torch
from torch.nn import functional as F
from torch.testing import assert_close

from trm_minimal.classroom import check, hint, progress, solution
from trm_minimal.lab import recipes
from trm_minimal.lab.records import runs, score
from trm_minimal.lab.studies import autocast, compare
from trm_minimal.lab.parts.rounds import one_step
from trm_minimal.lab.studies.gradients import calls_with_gradient
from trm_minimal.lab.weights import load_model
from trm_minimal.losses import answer_loss, stablemax_cross_entropy
from trm_minimal.model import TinyRecursiveModel
from trm_minimal.recursion import deep_recursion, latent_recursion
from trm_minimal.show.diagrams import gradient_calls
from trm_minimal.show.style import STROKES, Look, strokes, use_style
from trm_minimal.tasks import sudoku
from trm_minimal.state import build_model

use_style()
torch.set_num_threads(1)
one_step_recursion = partial(deep_recursion, one_round=one_step)

# %% [markdown]
# ## What it costs to remember everything
#
# Solving is cheap. Each call of the net overwrites the last, and nothing is kept. Learning is another matter. To find
# out how each weight should change, `backward` walks the computation in reverse, and for that it needs the numbers that
# each layer saw on the way. So during a forward pass autograd **keeps** them.
#
# How much? We take a net of the paper's size, one 9x9 Sudoku and one *supervision step* (notebook 03: T = 3 rounds of
# n + 1 = 7 calls). PyTorch lets us look over autograd's shoulder: a *hook* is shown every tensor that is kept. We add up
# the bytes, each piece of memory once, and leave out the weights, which are there anyway.

# %%
def kept_bytes(model, inputs_BL, n, T, grad_rounds=1):
    """Bytes that autograd keeps for the backward pass of one supervision step."""
    pieces = {}

    def note(tensor):
        piece = tensor.untyped_storage()
        pieces[piece.data_ptr()] = piece  # we hold it, so no address is used twice
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        model(inputs_BL, *model.initial_states(inputs_BL), n, T, grad_rounds)
    weights = {weight.untyped_storage().data_ptr() for weight in model.parameters()}
    return sum(piece.nbytes() for address, piece in pieces.items() if address not in weights)

with torch.random.fork_rng(devices=[]):
    torch.manual_seed(0)
    paper_size = TinyRecursiveModel(vocab_size=11, length=81)
puzzle_BL = sudoku.load("sudoku-generated").test.inputs_NL[:1].long()
with torch.no_grad():
    print(f"solving: {kept_bytes(paper_size, puzzle_BL, 6, 3):.0f} bytes kept")
one = kept_bytes(paper_size, puzzle_BL, 6, 3, grad_rounds=3)
print(f"learning, all 21 calls remembered: {one / 1e6:.0f} MB for one puzzle")
print(f"the paper's batch of 768 puzzles: {768 * one / 1e9:.0f} GB")
print(f"and all 16 supervision steps of it: {16 * 768 * one / 1e12:.1f} TB")

# %% [markdown]
# That is with 32-bit floats; 16-bit floats would halve it. Either way the last line fits no card. TRM's answer has two
# parts: forget everything between supervision steps (`detach`, below), and inside a step remember *only the last round*.
#
# **Predict.** Forgetting two of three rounds must bend the gradient. The *cosine* between two directions is 1 when they
# agree and 0 at a right angle. For an untrained net, what is the cosine between the gradient of the last round and the
# gradient of all three: about 0.9 (a), 0.5 (b) or 0.1 (c)? Nothing depends on your letter.

# %% tags=["predict"]
guesses = {"a": 0.9, "b": 0.5, "c": 0.1}
my_guess = "b"
print("My guess: about", guesses.get(my_guess, "none of these"))

# %% [markdown]
# ## T - 1 free rounds, then one that counts
#
# The recipe of the paper (section 4.1 and Figure 3), with `latent_recursion` from notebook 03:
#
# 1. Run T - 1 rounds under `torch.no_grad()`. They carry the states `y` and `z` forward. Autograd keeps nothing, so we
#    call these rounds *free*: free of memory, not of time.
# 2. Run one more round normally. Autograd keeps its n + 1 calls, and `backward` goes through *all* of them.
#
# The number of rounds with gradient is an argument here, `grad_rounds`, so that we can compare. The paper's is 1.

# %% [markdown]
# <!-- exercise 4.1 -->

# %% [markdown]
# Which calls get gradient? Do not trust the code, ask the graph. `calls_with_gradient` runs a recursion with a small
# stand-in for the net that has a *separate weight in each call*, and asks autograd on which of these weights the answer
# depends. HRM, the model that TRM came from, cuts more than TRM: only the last z call and the last y call get gradient.
# This is the **1-step gradient**, here `one_step_recursion`.

# %% tags=["figure"]
carrying = {
    "1-step (HRM)": calls_with_gradient(one_step_recursion, n=6, T=3),
    "last round (TRM)": calls_with_gradient(deep_recursion, n=6, T=3),
    "last two rounds": calls_with_gradient(deep_recursion, n=6, T=3, grad_rounds=2),
    "all rounds": calls_with_gradient(deep_recursion, n=6, T=3, grad_rounds=3),
}
said = gradient_calls(plt.figure(), 6, 3, carrying)
plt.show()
print("Figure:", said)

# %% [markdown]
# **What you should see.** All four variants compute the same states, because gradient changes no forward number. They
# differ in what `backward` may see: 2, 7, 14 or 21 of the calls.
#
# The model takes the recursion as a part. From here on every net in this notebook thinks with *your* `deep_recursion`,
# if the check accepted it. First the proof that it does what the package's does, gradients included.

# %%
recipe = recipes.sudoku_6x6_short()
task = recipe.task()
inputs_BL, labels_BL = (tokens_NL[:32].long() for tokens_NL in task.validation)

def fresh(seed, recursion=deep_recursion):
    """An untrained net for 6x6 Sudoku that thinks with `recursion`."""
    model = build_model(recipe, task.vocab_size, task.length, seed)
    model.recursion = recursion
    return model

def loss_of(model, logits_BLV):
    """How wrong the answers are: TRM's own loss, which notebook 05 takes apart."""
    return answer_loss(stablemax_cross_entropy, logits_BLV, labels_BL).mean()

def gradient(model, n, T, grad_rounds, y_BLD, z_BLD):
    """Gradient of the answer loss for all weights of the net, as one long row."""
    logits_BLV = model(inputs_BL, y_BLD, z_BLD, n, T, grad_rounds).logits
    shares = torch.autograd.grad(loss_of(model, logits_BLV), list(model.net.parameters()))
    return torch.cat([share.flatten() for share in shares])

mine, package = fresh(seed=0), build_model(recipe, task.vocab_size, task.length, seed=0)
start = mine.initial_states(inputs_BL)
for rounds in (1, 2, 3):
    assert_close(gradient(mine, 4, 3, rounds, *start), gradient(package, 4, 3, rounds, *start))
print(f"Same gradient for all {len(gradient(mine, 4, 3, 1, *start)):,} weights of the net.")

# %% [markdown]
# ## A cut gradient is a sum with terms left out
#
# One net with weights $\theta$ is called $C = T(n+1)$ times. Pretend that call number $c$ had weights $\theta_c$ of its
# own, all with equal values. Then the chain rule says
#
# $$\frac{\partial\,\text{loss}}{\partial \theta} = \sum_{c=1}^{C} \frac{\partial\,\text{loss}}{\partial \theta_c}.$$
#
# In words: the gradient of the shared weights is a sum with one term for each call. Term $c$ says how the loss would
# change if *only call $c$* used other weights. Its path to the loss runs through the calls *after* it. So whoever cuts
# the graph before call $c$ keeps the later terms as they were, and drops the earlier ones. TRM keeps the last n + 1
# terms of the sum, HRM the last 2.
#
# So we can measure every cut at once: give each call a copy of the weights, run a single backward pass, and add up
# the terms from the end. We check two cuts against the real recursions. Then we measure nets for 6x6 Sudoku, n = 4
# and T = 3: **untrained**, and after 1,000 recorded training steps, either with the gradient of the **last round** or
# with the **1-step** gradient. (They were trained with T = 2; we measure at the paper's T = 3.) We take 32 validation
# puzzles, at their first supervision step and at their fourth.

# %%
def gradient_by_call(model, n, T, y_BLD, z_BLD):
    """[calls, weights]: the term of each call of the net, first call first."""
    copies = []

    def net(state, injection):
        named = model.net.named_parameters()
        copies.append({name: w.detach().clone().requires_grad_() for name, w in named})
        return torch.func.functional_call(model.net, copies[-1], (state, injection))

    x_BLD = model.input_embedding(inputs_BL)
    y_BLD, z_BLD = deep_recursion(net, x_BLD, y_BLD, z_BLD, n, T, grad_rounds=T)
    loss_of(model, model.output_head(y_BLD[:, model.prefix :])).backward()
    return torch.stack([torch.cat([w.grad.flatten() for w in c.values()]) for c in copies])

def sums_from_the_end(terms_CW):
    """[calls, weights]: row k - 1 is the sum of the last k terms. C calls, W weights."""
    return terms_CW.flip(0).cumsum(0)

sums = sums_from_the_end(gradient_by_call(mine, 4, 3, *start))
hrm = fresh(seed=0, recursion=one_step_recursion)
for k, real in ((2, gradient(hrm, 4, 3, 1, *start)), (5, gradient(mine, 4, 3, 1, *start))):
    assert_close(sums[k - 1], real, rtol=1e-3, atol=1e-5)
print("Last 2 terms = 1-step gradient; last 5 terms = gradient of the last round (n = 4).")
print(f"Length of the last 5, of the full sum's: {sums[4].norm() / sums[-1].norm():.1f}")

# %%
looks = {name: Look(name, colour, "", marker, dashes) for name, (colour, marker, dashes)
         in zip(("last round", "1-step", "all rounds", "untrained"), STROKES, strict=False)}

def cosines(model, steps_before):
    """[calls]: cosine between the sum of the last k terms and the full sum, k = 1, 2, ..."""
    y_BLD, z_BLD = model.initial_states(inputs_BL)
    with torch.no_grad():
        for _ in range(steps_before):
            y_BLD, z_BLD = model(inputs_BL, y_BLD, z_BLD, 4, 3)[:2]
    sums = sums_from_the_end(gradient_by_call(model, 4, 3, y_BLD, z_BLD))
    return F.cosine_similarity(sums, sums[-1:], dim=1)

def trained(recipe_name):
    return [load_model(run.folder / "weights.safetensors")[0]
            for run in runs.read_runs(recipe_name)]

nets = {"untrained": [fresh(seed) for seed in range(3)],
        "last round": trained("sudoku_6x6_short"), "1-step": trained("sudoku_6x6_one_step")}
rows = [(name, step, k, cosine.item()) for (name, models), step in product(nets.items(), (1, 4))
        for model in models for k, cosine in enumerate(cosines(model, step - 1), 1)]
table = pd.DataFrame(rows, columns=["net", "supervision step", "calls", "cosine"])
shown = table[table.calls.isin([2, 5, 10])].pivot_table(
    index=["net", "supervision step"], columns="calls", values="cosine")
print(shown.rename(columns={2: "1-step", 5: "last round", 10: "last two"}).round(1).to_string())

# %% tags=["figure"]
fig, axes = plt.subplots(1, 2, figsize=(8, 3.5), sharex=True, sharey=True)
for ax, step in zip(axes, (1, 4), strict=True):
    sns.lineplot(table[table["supervision step"] == step], x="calls", y="cosine", hue="net",
                 style="net", errorbar="sd", err_style="bars", ax=ax, legend=False, mew=0,
                 **strokes(looks))
    for calls, name in {2: "1-step", 5: "last round", 10: "last two"}.items():
        ax.axvline(calls, color="#BBBBBB", lw=0.8, zorder=0)
        ax.text(calls, 1.05, name, ha="center", size=9)
    ax.set(xlabel=f"last calls with gradient, supervision step {step}")
axes[0].set(xticks=(2, 5, 10, 15), ylim=(0, 1.03))
axes[0].set_ylabel("cosine with the full gradient")
spots = {"untrained": (11.4, 0.36), "last round": (4.2, 0.36), "1-step": (2.3, 0.94)}
for name, (calls, cosine) in spots.items():
    axes[0].text(calls, cosine, name if name == "untrained" else f"trained, {name}",
                 color=looks[name].colour, size=10)
plt.show()
now = shown.xs(1, level=1)[5].round(1)
print("Figure: cosine with the full gradient against the number of last calls with gradient, mean",
      "and standard deviation over nets, at supervision steps 1 and 4. All lines rise to 1 at 15",
      f"calls. At 5 calls, step 1: untrained {now['untrained']}, trained with the last round",
      f"{now['last round']}, trained with the 1-step gradient {now['1-step']}.")
near = min(guesses.values(), key=lambda guess: abs(now["untrained"] - guess))
print(f"You guessed about {guesses.get(my_guess, 'none of these')}; nearest is {near}.")

# %% [markdown]
# **What you should see.** In an untrained net the last round points almost at a right angle to the full gradient. The
# early terms are the long ones there: a nudge to an early call grows on its way through all later calls. In trained
# nets the cosine is higher, most of all at supervision step 4. That fits notebook 03: training teaches the states to
# come to rest, and near rest early nudges fade. At step 1 little rests yet, and the cut is rougher. The bars show how
# much nets differ.
#
# The odd line is the uppermost. In nets *trained with* the 1-step gradient, that very gradient agrees best with the
# full one. Perhaps a net learns to live without what its gradient never tells it about; we have not tested that. Nor
# does a high cosine make a net *good*. That is another question, and the recorded runs below look at it. (The limits:
# three nets each, one size, one task, 32 puzzles.)
#
# ## Why HRM thought that two calls are enough
#
# HRM's argument is elegant. Suppose the state has stopped moving: $z^* = f(z^*, w)$, the **fixed point** of notebook 03.
# Nudge the weight $w$. How does $z^*$ move? The nudge acts once directly, and then again and again through $z^*$ itself.
# For plain numbers:
#
# $$\frac{dz^*}{dw} = \underbrace{\frac{1}{1 - \partial f/\partial z}}_{\text{all repetitions}} \cdot
# \underbrace{\frac{\partial f}{\partial w}}_{\text{one call}}$$
#
# This is the *implicit function theorem*. History does not appear in it: at a fixed point one needs no memory of how one
# got there. HRM then replaces the first factor by 1 and keeps the second, the gradient of a single call. Try it on
# $f(z, w) = wz + 1$, starting from $z = 0$.

# %%
print("  w   last call moved z by   1-step gradient   all 15 calls   the theorem")
for w in (0.2, 0.5, 0.9):
    weight = torch.tensor(w, requires_grad=True)
    z = torch.zeros(())
    for _ in range(15):
        before, z = z, weight * z + 1
    (full,) = torch.autograd.grad(z, weight, retain_graph=True)
    (one_step,) = torch.autograd.grad(weight * before.detach() + 1, weight)
    theorem = one_step / (1 - w)
    moved = z - before
    print(f"{w:4} {moved:18.2f} {one_step:17.2f} {full:16.2f} {theorem:13.2f}")

# %% [markdown]
# For small $w$ the state has settled after 15 calls, and the theorem gives the true gradient. For $w = 0.9$ the last call
# still moves $z$. The theorem's assumption fails, and so does its answer. The 1-step gradient is too small in
# every row. For a single number that is harmless: the sign is right. With thousands of numbers the missing factor is
# a matrix, and leaving it out also *turns* the gradient.
#
# TRM's author doubts the assumption (sections 3.1 and 4.1): HRM cuts after a handful of calls, its states move less and
# less, but nothing says that they have arrived. So TRM drops the theorem. It declares one round to be the thing
# that is differentiated, and differentiates all of it. No fixed point is needed for that. What remains is a plainer
# approximation: what earlier rounds and earlier supervision steps did is taken as given.

# %% [markdown]
# <!-- exercise 4.2 -->

# %%
by_detach = fresh(seed=0, recursion=lambda *a: detached_rounds(*a[:6]))
assert_close(gradient(by_detach, 4, 3, 1, *start), gradient(mine, 4, 3, 1, *start))
print("Mended, or the package's: the same gradient as deep_recursion.")
for name, model in {"detached_rounds": by_detach, "deep_recursion": mine}.items():
    print(f"{name:>15}: {kept_bytes(model, inputs_BL[:1], 4, 3) / 1e6:.1f} MB kept, all in all")

# %% [markdown]
# If you mended it by detaching, the first number is three times the second: autograd takes notes in every round and
# throws them away a moment later. Under `no_grad` it takes none.
#
# ## The signature result: three gradients, three seeds
#
# Does it matter how much is cut? We trained 6x6 Sudoku nets for 1,000 steps, three seeds for each gradient. All else
# is equal: n = 4, T = 2, the first weights of a seed, the learning rate.
#
# - **last round**: TRM's choice, the baseline (5 of 10 calls),
# - **1-step**: HRM's choice (2 of 10),
# - **all rounds**: nothing cut inside a supervision step (10 of 10).
#
# The test puzzles come from solution classes that training never saw (notebook 01). *Exact* means all 36 cells
# right; in brackets stands the 95 % interval over puzzles. A step with less gradient is cheaper, so we count *work*, too.
# Rule of thumb: going backward through a call costs about two forward calls. The negative control, a net that gets *no*
# gradient at all, comes with the autocast trap below.

# %% tags=["recorded"]
variants = {"last round": ("sudoku_6x6_short", deep_recursion, 1),
            "1-step": ("sudoku_6x6_one_step", one_step_recursion, 1),
            "all rounds": ("sudoku_6x6_full_gradient", deep_recursion, 2)}
cost, recorded, exact = {}, {}, {}
for name, (recipe_name, recursion, rounds) in variants.items():
    cost[name] = 10 + 2 * sum(calls_with_gradient(recursion, 4, 2, grad_rounds=rounds))
    recorded[name] = runs.read_runs(recipe_name)
print(f"work of a step in forward calls: {cost}\nexact on 500 test puzzles, by seed:")
for name, seeds in recorded.items():
    flags = [run.eval["test"]["ema"]["exact"][-1] for run in seeds]
    exact[name] = [row.count("1") / len(row) for row in flags]
    text = ["{:.3f} [{:.3f}, {:.3f}]".format(e, *score.interval(round(500 * e), 500))
            for e in exact[name]]
    print(f"{name:>10}: {', '.join(text)}; mean {mean(exact[name]):.3f}")

for other in ("1-step", "all rounds"):
    gap = compare.paired(*(dict(enumerate(exact[name])) for name in ("last round", other)))
    print(f"last round minus {other}: {compare.verdict(gap)}")

# %% tags=["figure"]
rows = [(name, run.recipe["seed"], row["step"], row["step"] * cost[name] / 1000, row["ema"])
        for name, seeds in recorded.items() for run in seeds for row in run.curve]
curve = pd.DataFrame(rows, columns=["gradient", "seed", "step", "work", "exact"])
fig, axes = plt.subplots(1, 2, figsize=(8, 2.9), sharey=True)
three = {name: looks[name] for name in variants}
for ax, x in zip(axes, ("step", "work"), strict=True):
    for (name, _), one in curve.groupby(["gradient", "seed"]):
        ax.plot(one[x], one.exact, color=looks[name].colour, lw=0.6, snap=True)
    sns.lineplot(curve, x=x, y="exact", hue="gradient", style="gradient", errorbar=None, ax=ax,
                 legend=x == "step", lw=2.2, mew=0, markevery=3, **strokes(three))
axes[0].legend(title=None, loc="upper left")
axes[0].set(xlabel="optimizer steps", ylabel="exact, validation puzzles", ylim=(0, 1))
axes[1].set(xlabel="work, in thousands of forward calls")
plt.show()
def at(part):
    ends = part.groupby("gradient", sort=False).exact.agg(["mean", "min", "max"])
    return "; ".join(f"{name} {m:.2f} ({low:.2f} to {high:.2f})"
                     for name, m, low, high in ends.itertuples())

print("Figure: exact accuracy on validation puzzles along training, by steps and by work;",
      "thin lines are seeds, thick ones means. After 1,000 steps:", at(curve[curve.step == 1000]))
print("After 14,000 calls' work:", at(curve[curve.work == 14]))
print("After 18,000 calls' work:", at(curve[curve.work == 18]))

# %% [markdown]
# **What you should see.** Left, at equal steps, TRM's mean is ahead from step 500 on. But read the
# verdict before you rank them. It compares seed by seed and puts an interval round the mean
# difference (notebook 09); where that includes zero, nothing is claimed. On the 500 test puzzles
# each of TRM's seeds is above each 1-step seed, for two of the three by little, and the gap of the
# means comes mostly from one slow seed. That is a hint, no proof. (If the two were equally good,
# TRM's seeds would still be the upper three in 1 of 20 such trials.) Right, at equal work, even the
# hint is gone: 1-step takes cheaper steps and more of them, and two of its seeds run ahead of TRM's
# mean. The gradient through *all* rounds buys nothing here. It costs half as much again as TRM's,
# and at equal work it is far behind.
#
# The paper's Table 1 has 87.4 % with TRM's gradient and 56.5 % with the 1-step gradient on Sudoku-Extreme: 31 points,
# one run each. Our runs neither confirm nor refute that. They are small boards, T = 2, a net of 0.1 million weights,
# 1,000 steps, and one learning rate, tuned for none of the three. One thing they do say: a cosine is no forecast. The
# 1-step nets had the best cosines above, and they did not come out ahead.
#
# ## What memory depends on
#
# What does the last round cost, then? We count kept bytes again, now for the 6x6 net, over n and T.

# %%
small = fresh(seed=0)
rows = [(gradient_of, n, T, kept_bytes(small, inputs_BL[:1], n, T, rounds or T) / 1e6)
        for gradient_of, rounds in {"last round": 1, "all rounds": None}.items()
        for n in range(1, 7) for T in range(1, 5)]
memory = pd.DataFrame(rows, columns=["gradient", "n", "T", "MB"])
print(memory.pivot_table(index=["gradient", "T"], columns="n", values="MB").round(1).to_string())

# %% tags=["figure"]
fig, axes = plt.subplots(1, 2, figsize=(8, 3.5), sharey=True)
for ax, name in zip(axes, ("last round", "all rounds"), strict=True):
    of_T = memory[memory.gradient == name].groupby("T")
    for (T, lines), (colour, marker, dashes) in zip(of_T, STROKES, strict=False):
        ax.plot(lines.n, lines.MB, color=colour, marker=marker, mfc="none", ms=20 - 4 * T,
                ls=(0, dashes) if dashes else "-")
        if name == "all rounds":
            ax.text(6.4, lines.MB.iloc[-1], f"T = {T}", color=colour, va="center")
    ax.set(title=name, xlabel="n", xlim=(0.7, 7.4), xticks=range(1, 7))
most = memory[memory.n == 6].groupby(["gradient", "T"]).MB.first()
axes[0].text(6.4, most["last round", 1], "T = 1, 2,\n3 and 4", va="center")
axes[0].set(ylabel="kept for one puzzle, MB", ylim=(0, 18))
plt.show()
print("Figure: memory kept for the backward pass against n, one line for each T. Left, last round:",
      f"the four lines lie on each other and rise to {most['last round', 4]:.1f} MB. Right, all",
      f"rounds: they fan out, to {most['all rounds', 1]:.1f} MB for T = 1 and",
      f"{most['all rounds', 4]:.1f} MB for T = 4.")

# %% [markdown]
# **What you should see.** Left four lines in one, right a fan. These are exact counts, so there is
# no spread. They leave out the weights, the optimizer, and what a backward pass needs for a moment.
# What do all eight lines have in common?

# %% [markdown]
# <!-- exercise 4.3 -->

# %% [markdown]
# Memory follows the number of *calls with gradient* and nothing else.
#
# The paper met this wall: with n = 12 it ran out of memory, and with n = 6, T = 6 it did not (its Table 3).
#
# Time is another matter. Free rounds keep nothing, but they must be computed: a supervision step makes $T(n+1)$ forward
# calls, whatever carries gradient. By our rule of thumb a step with n = 4 and T = 2 costs 20 calls' work with the last
# round, 14 with the 1-step gradient and 30 with all rounds. So cutting saves much memory and little time.
#
# ## The cut between supervision steps
#
# After each supervision step TRM takes a loss, goes backward, updates the weights, and hands on `y` and `z` *detached*:
# their values without their history. Writing this loop from memory, it is easy to get one line wrong. Here is the form
# of a published tutorial. It embeds the question once, before the loop, which looks like a sensible saving.

# %% tags=["demo-error"]
x_BLD = small.input_embedding(inputs_BL)
y_BLD, z_BLD = small.initial_states(inputs_BL)
for supervision_step in (1, 2):
    y_BLD, z_BLD = deep_recursion(small.net, x_BLD, y_BLD, z_BLD, n=2, T=3)
    loss_of(small, small.output_head(y_BLD[:, small.prefix :])).backward()
    y_BLD, z_BLD = y_BLD.detach(), z_BLD.detach()

# %% [markdown]
# The states were detached, and still it fails. The first `backward` used up the notes *of the embedding*, those that lead
# from `x` to the token table. In the second step `x` still points to them. (The error suggests `retain_graph=True`. That
# would keep all old notes. The cure is to embed anew in each step.) And what if it is `detach` that is missing?

# %%
def second_backward(T, grad_rounds=1, detach=True, anew=True):
    """Does the backward pass of a second supervision step work?"""
    x_BLD, (y_BLD, z_BLD) = small.input_embedding(inputs_BL), small.initial_states(inputs_BL)
    for _ in range(2):
        x_BLD = small.input_embedding(inputs_BL) if anew else x_BLD
        y_BLD, z_BLD = deep_recursion(small.net, x_BLD, y_BLD, z_BLD, 2, T, grad_rounds)
        try:
            loss_of(small, small.output_head(y_BLD[:, small.prefix :])).backward()
        except RuntimeError:
            return "fails"
        y_BLD, z_BLD = (y_BLD.detach(), z_BLD.detach()) if detach else (y_BLD, z_BLD)
    return "works"

print("                        T = 1   T = 2   T = 3   T = 3, gradient in all rounds")
for text, how in {"as it should be": {}, "x embedded once": {"anew": False},
                  "no detach": {"detach": False}}.items():
    cells = [second_backward(T, **how) for T in (1, 2, 3)]
    print(f"{text:>20}", *(f"{cell:>7}" for cell in cells), f"{second_backward(3, 3, **how):>7}")

# %% [markdown]
# A surprise in the last row. Without `detach` the loop fails at T = 1, and from T = 2 on it works. The free rounds
# *are* a detach: what comes out of `no_grad` has no history. So code that forgot the `detach` can run for months, and
# break on the day somebody tries T = 1 or more rounds with gradient. Our model detaches in any case.
#
# ## The autocast trap
#
# The last trap raises no error at all. **Autocast** is PyTorch's *mixed precision*: inside `with torch.autocast(...)`
# large products run in 16 bits (bfloat16), which halves the memory and on many machines is faster. For that, each 32-bit
# weight is copied to 16 bits at its first use. The copy knows its origin, as any result in autograd does, so gradient
# flows back through it. To save time autocast *caches* the copy until the `with` ends.
#
# In TRM the first use lies in a free round, under `no_grad`. Does the copy still know its origin? We recorded torch
# 2.8.0, installed apart from the rest, and count again with the torch that runs here: of the net's 8 weight matrices,
# how many get no gradient?

# %% tags=["recorded"]
with open("../data/autocast/torch-2.8.0.json", encoding="utf-8") as file:
    old = json.load(file)
print("weights of the net without gradient      torch 2.8.0   torch here")
for T, cache in product((1, 2, 3), (True, False)):
    case = f"T={T}, cache {'on' if cache else 'off'}"
    then, now = old["weights_without_gradient"][case], autocast.weights_without_gradient(T, cache)
    print(f"{case:>38}    {then[0]} of {then[1]}       {now[0]} of {now[1]}")
print(f"\n{old['steps']} steps of 4x4 Sudoku under torch 2.8.0, T = 2, three seeds:")
for case, seeds in old["trained"].items():
    losses = ", ".join(f"{run['first_loss']:.2f} to {run['last_loss']:.2f}" for run in seeds)
    print(f"{case:>9}: loss {losses}; exact {', '.join(str(run['exact']) for run in seeds)}")

# %% [markdown]
# With the cache on and T > 1, *no* weight of the net got any gradient. Its copy was made without history, and the
# round with gradient was handed that copy. The embedding and the heads did learn, so the **loss fell**, for all three
# seeds. Not one puzzle was solved. This is the negative control for the curves above: heads on a net that stays
# random solve nothing, even on easier boards. With the cache off, everything else equal, nearly all are solved.
#
# Newer versions give the cached copy its history. We pass `cache_enabled=False` all the same, at the one place where
# `trm_minimal/train.py` enters autocast, and a test counts the gradients on whatever torch is installed. (The official
# code uses no autocast; it casts by hand at each use.) The lesson is wider than the bug: **count the gradients once**. A
# falling loss does not prove that every part learns.
#
# ## Play
#
# Three things to change: `n`, `T` and `recursion` (`deep_recursion` or `one_step_recursion`), on an untrained net. At
# equal numbers of calls, say 12, which (n, T) keeps least, and which has the best cosine? Not the same one.

# %%
n, T, recursion = 4, 3, deep_recursion

model = fresh(seed=1, recursion=recursion)
states = model.initial_states(inputs_BL)
cut, whole = gradient(model, n, T, 1, *states), gradient(fresh(seed=1), n, T, T, *states)
print(f"{T * (n + 1)} calls, {sum(calls_with_gradient(recursion, n, T))} with gradient;",
      f"{kept_bytes(model, inputs_BL[:1], n, T) / 1e6:.1f} MB kept;",
      f"cosine with the full gradient {F.cosine_similarity(cut, whole, dim=0):.1f}")

# %% [markdown]
# ## Limits
#
# - Three seeds can show a large, steady difference. They cannot measure a small one, or how often a slow seed comes.
# - The variants share the baseline's learning rate. Each might do better with its own.
# - "Full" gradient here means *within one supervision step*. What earlier steps did to the states is cut in all variants.
# - A cosine compares directions at one point. It does not say where a training ends.
#
# ## Recap
#
# <details><summary>Which calls get gradient in TRM, which in HRM?</summary>
# TRM: all n + 1 calls of the last round. HRM: the last z call and the last y call.
# </details>
# <details><summary>Why does a cut not change the terms that remain?</summary>
# The term of a call depends only on the path from it to the loss, and that runs through later calls.
# </details>
# <details><summary>What does HRM assume, and what does TRM do instead?</summary>
# That the states have reached a fixed point. TRM assumes nothing of the kind and differentiates one whole round.
# </details>
# <details><summary>You double n. What happens to memory and to time? And if you double T?</summary>
# Both about double with n. With T only time doubles.
# </details>
# <details><summary>Why can a loss fall although the net gets no gradient?</summary>
# Embedding and heads still learn, and that lowers the loss a little.
# </details>
#
# | paper | here | official code |
# |---|---|---|
# | deep recursion (Figure 3) | `deep_recursion` | `TinyRecursiveReasoningModel_ACTV1_Inner.forward` |
# | T - 1 rounds without gradient (4.1) | `torch.no_grad()` in it | `with torch.no_grad()`, `H_cycles - 1` |
# | 1-step gradient (3.1, Table 1) | `one_step_recursion` | HRM's `hrm_act_v1.py`, lines 188 to 204 |
# | y.detach(), z.detach() (Figure 3) | `Prediction.y`, `Prediction.z` | `new_carry`, detached |
# | mixed precision | `torch.autocast`, cache off | weights cast by hand at each use |
#
# **Further reading**: [HRM](https://arxiv.org/abs/2506.21734), whose section 2 makes the fixed-point argument;
# [Deep equilibrium models](https://arxiv.org/abs/1909.01377), nets that really solve for a fixed point;
# [Jacobian-free backpropagation](https://arxiv.org/abs/2103.12803), when dropping the factor is safe;
# [PyTorch issue 65766](https://github.com/pytorch/pytorch/issues/65766) and its
# [repair](https://github.com/pytorch/pytorch/pull/165068), the cached copies.
#
# **Next**: notebook 05 builds the loop around these steps: *deep supervision*, and knowing when to stop.
#
# [← 3 · Thinking in a loop](03_thinking_in_a_loop.ipynb) | [the map](00_start_here.ipynb) | [5 ·
# Deep supervision and knowing when to stop →](05_deep_supervision.ipynb)

# %%
progress("04")
