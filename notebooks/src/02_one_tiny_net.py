# %% [markdown]
# # 2 · One tiny net
#
# TRM, the Tiny Recursive Model, is one small network that is run many times. This notebook takes that network
# apart. By the end you will have rebuilt its parts by hand, proven them equal to the package's, accounted for every
# one of its parameters, and shown why it can run 42 layers deep without a number getting out of hand.
#
# - **You will be able to** build a norm, a SwiGLU, a mixer, attention and its positions; say where each norm stands
#   and why; count the parameters of any TRM; tell how *far* a net sees from how *long* it computes.
# - **You need** notebooks 00 and 01, PyTorch basics, matrix products.
# - **Time**: 90 minutes with the exercises, under a minute to run.
# - **Hardware**: any laptop CPU; everything here ran on one thread of a server CPU.
# - **What varies**: nothing you can see. Last digits differ between machines, and we do not print those.
#
# Paper: arXiv 2510.04871, section 4 and its Figure 3. Official code: `models/layers.py` and
# `models/recursive_reasoning/trm.py`, commit e7b6871.

# %%
import math
from functools import partial

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
import torch
from torch import nn
from torch.nn import functional as F
from torch.testing import assert_close

from trm_minimal import layers, recurrence
from trm_minimal.classroom import check, hint, progress, solution
from trm_minimal.classroom.exercises.e2_2 import rotate as faulty_rotate
from trm_minimal.layers import Linear, PostNorm, SelfAttention, SwiGLU, Transposed, NoRotation
from trm_minimal.model import TinyRecursiveModel, count_parameters
from trm_minimal.show.style import COLOURS, INK, PAGE, VARIANTS, strokes, use_style
from trm_minimal.tasks import sudoku

use_style()
torch.set_num_threads(1)
shuffler = torch.Generator().manual_seed(2)

# %% [markdown]
# ## A net that falls over
#
# Start with something going wrong. Below is a Sudoku from the repository's test set and an **untrained** net of
# the paper's size. We let it think for one supervision step: `T` = 3 rounds of `n` + 1 = 7 calls, as in notebook 00, so
# 21 calls of one net. Each call runs two *blocks* (layers): 42 blocks in a row.
#
# After each block we measure the size of the *state*, the table of numbers the net works on. We do it twice: once
# with the paper's net, once with its *norms* taken out. Everything else stays. Skim the code; its parts are what this
# notebook explains.
#
# The size is the **root mean square** (RMS): square all numbers, take the mean, take the root. Numbers drawn from a
# standard normal have an RMS near 1.

# %%
task = sudoku.load("sudoku-generated")
puzzle_BL = task.test.inputs_NL[:1].long()

class NoNorm(PostNorm):
    def forward(self, x):
        return x + self.inner(x)

def mixer_with(join):
    """The paper's block, with another class in place of its two PostNorms."""
    def block(D, L):
        built = layers.mlp_mixer(D, L)
        for part in built.modules():
            for name, child in part.named_children():
                if isinstance(child, PostNorm):
                    setattr(part, name, join(child.inner))
        return built
    return block

def fresh(seed, **parts):
    """An untrained model for 9x9 Sudoku. Its weights depend on the seed alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return TinyRecursiveModel(vocab_size=11, length=81, **parts).requires_grad_(False)

# %%
def sizes(model):
    """RMS of the state after each block of a step, noted by a hook, which PyTorch calls then."""
    seen = []
    for block in model.net.blocks:
        block.register_forward_hook(lambda _, __, h: seen.append(h.double().square().mean().sqrt()))
    model(puzzle_BL, *model.initial_states(puzzle_BL), n=6, T=3)
    return torch.stack(seen)

def say(size):
    return f"10^{size.log10():.0f}" if size > 1000 else f"{size:.0f}" if size > 2 else f"{size:.2f}"

print(task.draw(puzzle_BL[0]))
for name, join in {"with norms": PostNorm, "without norms": NoNorm}.items():
    size = sizes(fresh(seed=0, block=mixer_with(join)))
    first = ", ".join(map(say, size[:4]))
    print(f"{name:>13}: RMS after blocks 1 to 4: {first}; after block {len(size)}: {say(size[-1])}")

# %% [markdown]
# With its norms the state has size 1.00 after the first block and after the last. Without them it is *not a number*
# (`nan`) at the fourth block: the numbers outgrew what 32-bit floats can hold. No training could start from there.
#
# So the norms are no decoration. To see what they do, we build the net from its entrance to its exit.
#
# ## The way in: tokens become rows
#
# A Sudoku is a row of 81 tokens: 1 for an empty cell, digit plus 1 for a clue (notebook 01). A learned table holds
# one vector of $D = 512$ numbers for each of the 11 tokens; $D$ is the net's *width*. Looking up each token gives a
# table of 81 rows. Two details matter.
#
# 1. **Scale.** The table starts with numbers of standard deviation $1/\sqrt{D}$, and the result is multiplied by
#    $\sqrt{D}$. So each row of $x$ has RMS about 1, the size of the states it will be added to.
# 2. **Blank rows.** 16 *prefix* rows of zeros go in front. They belong to no cell. The net may use them as
#    scratch paper, and the *Q head* reads the first of them. (A *head* reads something out of a state with one matrix;
#    this one reads Q, the opinion on the whole answer.) The paper's text has one such row, the official code 16;
#    neither says why.
#
# In names, letters tell the shape: B puzzles in a batch, L positions (here 16 + 81 = 97), D width. So `x_BLD` is
# $x$, the embedded question, of shape [B, L, D].
#
# ## A norm: keep the direction, drop the size
#
# **RMSNorm** divides each row $h$ by its own RMS:
#
# $$\mathrm{norm}(h)_d = \frac{h_d}{\sqrt{\frac{1}{D}\sum_{e} h_e^2 + \varepsilon}}$$
#
# In words: whatever its length was, the row now has RMS 1 and still points the same way. The small
# $\varepsilon = 10^{-5}$ keeps a row of zeros at zero. Many libraries multiply by a learned scale afterwards.
# TRM does not: nothing in its norm is learned.

# %%
def input_embedding(model, inputs_BL):
    cells_BLD = model.tokens_VD[inputs_BL]  # V: one row for each token of the vocabulary
    blank_BLD = torch.zeros(len(inputs_BL), model.prefix, model.dim)
    return math.sqrt(model.dim) * torch.cat((blank_BLD, cells_BLD), dim=1)

model = fresh(seed=0)
x_BLD = input_embedding(model, puzzle_BL)
assert_close(x_BLD, model.input_embedding(puzzle_BL))
rms_L = x_BLD[0].square().mean(-1).sqrt()
print(f"x has shape {list(x_BLD.shape)}; equal to the package's input_embedding.")
print(f"RMS of the 16 blank rows: {rms_L[:16].max():.2f}")
print(f"RMS of the 81 cell rows: {rms_L[16:].min():.2f} to {rms_L[16:].max():.2f}")

def rms_norm(h, eps=1e-5):
    return h / (h.square().mean(-1, keepdim=True) + eps).sqrt()

row = torch.tensor([1.0, 2.0, 2.0, 4.0])  # squares 1, 4, 4, 16: mean 6.25, root 2.5
print("norm of a row:           ", [round(v, 2) for v in rms_norm(row).tolist()])
print("norm of 100 times the row:", [round(v, 2) for v in rms_norm(100 * row).tolist()])
assert_close(rms_norm(x_BLD), layers.rms_norm(x_BLD))
print("Equal to the package's rms_norm.")

# %% [markdown]
# ### Where to put it
#
# A block *adds* what it computed, $f(h)$, to its input $h$, so that old content survives. A norm can stand in two places:
#
# | | formula | used by |
# |---|---|---|
# | **post-norm** | $\mathrm{norm}(h + f(h))$ | TRM, its ancestor HRM, the first transformers |
# | **pre-norm** | $h + f(\mathrm{norm}(h))$ | most large language models |
#
# *HRM*, the Hierarchical Reasoning Model (2025), is what TRM simplifies: two nets of four layers
# that call each other at two speeds, 27 million numbers, trained through the last call of each
# alone. TRM keeps its loop and its way of supervising, with one net of two layers and more of the
# gradient (notebook 04). (*Transformers* are nets of the kind behind language models; TRM borrows
# their parts.) Pre-norm keeps a free path for $h$: each layer adds its share on top of the sum so
# far. In a plain deep stack this trains well. TRM is not a plain stack, since its output becomes
# its own next input.
#
# **Predict.** Take the opening experiment, but with pre-norm. What is the RMS of the state after 42 blocks: about 1
# (a), about 10 (b) or about 1,000 (c)? Write your letter into the next cell. Nothing depends on it.

# %% tags=["predict"]
guesses = {"a": 1, "b": 10, "c": 1000}
my_guess = "b"
print("My guess: about", guesses.get(my_guess, "none of these"))

# %% [markdown]
# ## SwiGLU: thinking within one cell
#
# What is $f$? In most places it is a **SwiGLU**, a small gated network applied to each row alone:
#
# $$f(h) = W_{\text{down}}\,\big(\mathrm{silu}(W_{\text{gate}}\,h) \odot (W_{\text{up}}\,h)\big),
# \qquad \mathrm{silu}(a) = a \cdot \mathrm{sigmoid}(a)$$
#
# Two matrices widen the row from $D$ to a hidden width $F$. One result, bent by silu, opens or closes the other
# ($\odot$ multiplies entry by entry). A third matrix brings the row back to $D$. There are no biases.
#
# That product is also why the opening net exploded so fast: double the input, and for large inputs the output grows
# fourfold.
#
# The hidden width is often misquoted. A classic network of this kind uses $F = 4D$ and two matrices. SwiGLU has
# three, so it takes two thirds of that to cost the same; then the official code rounds *up* to a multiple of 256.

# %%
def swiglu(h_BLD, part):
    both_BLF = h_BLD @ part.gate_up.weight.T  # the package keeps gate and up in one matrix
    gate_BLF, up_BLF = both_BLF.split(part.down.in_features, dim=-1)
    return (gate_BLF * torch.sigmoid(gate_BLF) * up_BLF) @ part.down.weight.T

f = SwiGLU(512).requires_grad_(False)
assert_close(swiglu(x_BLD, f), f(x_BLD))
assert_close(rms_norm(x_BLD + f(x_BLD)), PostNorm(f)(x_BLD))
print(f"swiglu equals the package's SwiGLU: D = 512, F = {f.down.in_features}.")
print("norm(h + f(h)) equals the package's PostNorm.")

def hidden_width(D, expansion=4, multiple=256):
    return math.ceil(round(expansion * D * 2 / 3) / multiple) * multiple

print("    D     4D  4D*2/3  hidden F   F/D")
for D in (64, 97, 128, 256, 512, 916):
    width = hidden_width(D)
    assert width == SwiGLU(D).down.in_features
    print(f"{D:5} {4 * D:6} {round(4 * D * 2 / 3):7} {width:9} {width / D:5.2f}")

# %% [markdown]
# For $D = 512$ the hidden width is 1,536, not 2,048. For small widths the rounding dominates: at 97 the net is
# more than five times as wide inside as outside. (Small models pass a smaller `multiple`.)
#
# ## Cells meet, first way: the mixer
#
# So far each row kept to itself. A Sudoku needs the cells to meet. A board has a fixed size, so positions can be mixed
# by the same plain network: turn the table on its side, [B, L, D] to [B, D, L], and run a SwiGLU of width $L = 97$ over
# each *feature*, a column of the table. Now each position has weights of its own. Then turn the table back, and let a
# SwiGLU of width $D$ think within each position. The two halves make a block, the **mixer**.
#
# Where does the first norm run? Not where you would expect: *while the table lies on its side*. So it evens out each
# feature over the 97 positions. The paper's text does not spell this out; the official code does it (`trm.py`, lines 93
# to 97), so we do too.

# %% [markdown]
# <!-- exercise 2.1 -->

# %%
def spread(values):
    return f"{values.min():.2f} to {values.max():.2f}"

h_BLD = x_BLD + model.init_y.vector_D + model.init_z.vector_D  # what the first call works on
mix = model.net.blocks[0][0].inner.inner  # the SwiGLU over positions
halves = {"norm over positions (official)": Transposed(PostNorm(mix)),
          "norm over width": PostNorm(Transposed(mix))}
for name, half in halves.items():
    square_LD = half(h_BLD)[0].square()
    print(f"{name}\n   RMS of a position {spread(square_LD.mean(1).sqrt())}"
          f"   RMS of a feature {spread(square_LD.mean(0).sqrt())}")
block = mlp_mixer(512, 97).requires_grad_(False)
rms_L = block(h_BLD)[0].square().mean(1).sqrt()
print(f"after a whole block (official)\n   RMS of a position {spread(rms_L)}")

# %% [markdown]
# With the official norm each feature has size 1 and positions differ; with the norm over the width
# it is the reverse. From outside the block you cannot tell, because its second norm is upright in
# both. Which one trains better? On mazes it matters whether anything is learned at all (`LOG.md`,
# 2026-11-26), and notebook 09 has both on record. But beware: a norm without learned numbers leaves
# no trace in a file of saved weights. Weights of one kind load into the other without an error, and
# then compute something else.
#
# ## Cells meet, second way: attention
#
# In **self-attention** each row sends out a *query* $q$ and offers a *key* $k$ and a *value* $v$, all linear in the row
# and of $K = 64$ numbers each:
#
# $$\text{score}_{ij} = \frac{q_i \cdot k_j}{\sqrt{K}}, \qquad
# \text{out}_i = \sum_j \mathrm{softmax}_j(\text{score}_{ij})\; v_j$$
#
# Row $i$ takes a weighted mean of all values; keys that match its query weigh most. This is one *attention head*. TRM
# uses 8 side by side and lets every position see every other. (Language models hide later words; here nothing is hidden.)
#
# ### Attention alone does not know where anything is
#
# The formula has no place for positions. Shuffle the rows, and the outputs are shuffled the same way, otherwise
# unchanged: attention is *permutation-equivariant*. For a Sudoku that is fatal. All empty cells enter with the same
# row, and a net that cannot tell them apart must give them all the same digit. Let us see both.

# %%
def one_head(q_LK, k_LK, v_LK):
    score_LL = q_LK @ k_LK.T / math.sqrt(q_LK.shape[-1])
    return score_LL.softmax(-1) @ v_LK

q_LK = x_BLD[0, :, :64]
assert_close(one_head(q_LK, q_LK, q_LK), F.scaled_dot_product_attention(q_LK, q_LK, q_LK))
print("one_head equals PyTorch's scaled_dot_product_attention.")

shuffle_L = torch.randperm(97, generator=shuffler)
attend = partial(layers.transformer, rotation=NoRotation)
blocks = {"attention, no positions": attend, "attention, rotary": layers.transformer,
          "mixer": mlp_mixer}
empty_L = puzzle_BL[0] == 1
for name, block in blocks.items():
    small = fresh(seed=0, dim=128, block=block)
    part, h = small.net.blocks[0], h_BLD[..., :128]
    moves_along = torch.allclose(part(h[:, shuffle_L]), part(h)[:, shuffle_L], atol=1e-4)
    logits_LV = small(puzzle_BL, *small.initial_states(puzzle_BL), n=6, T=3).logits[0]
    alike = torch.allclose(logits_LV[empty_L], logits_LV[empty_L][:1], atol=1e-2)
    print(f"{name:>23}: outputs move along with the rows: {'yes' if moves_along else 'no':3}"
          f"  all {empty_L.sum()} empty cells alike: {'yes' if alike else 'no'}")

# %% [markdown]
# ### Rotary positions
#
# TRM's cure: before the product, *turn* each query and key by an angle that grows with its position. Take the
# numbers in pairs, entry $k$ with entry $k + K/2$, as arrows in a plane, and turn pair $k$ at position $p$ by
# $p \cdot 10000^{-2k/K}$. The first pairs turn fast, the last hardly move. The product of two turned arrows depends only
# on the *difference* of their angles. So a score depends on the two rows and on **how far apart** they are (and which
# comes first), not on where they stand.
#
# To see that alone, give all positions the same query and the same key. The third picture is from code with a bug.

# %% tags=["figure"]
same_LK = torch.ones(97, 64) / 8  # the same arrow of length 1 at every position
turns = {"rotary, all positions": layers.Rotary(64, 97), "with a bug": faulty_rotate}
good_LL, bad_LL = (turn(same_LK) @ turn(same_LK).T for turn in turns.values())
board = good_LL[16 + 40, 16:].view(9, 9)  # cell 40 is the centre
low = min(good_LL.min(), bad_LL.min()).item()
fig, axes = plt.subplots(1, 3, figsize=(8, 3.1), width_ratios=(2.2, 2.6, 2.2))
steps = dict(vmin=low, vmax=1, cmap=plt.get_cmap("cividis", 8), interpolation="nearest")
for ax, score_LL, title in zip(axes[::2], (good_LL, bad_LL), turns, strict=True):
    picture = ax.imshow(score_LL, **steps)
    ax.set(title=title, xlabel="position of the key", xticks=(0, 48, 96), yticks=(0, 48, 96))
axes[0].set_ylabel("position of the query")
sns.heatmap(board, ax=axes[1], square=True, annot=True, fmt=".2f", annot_kws={"size": 7},
            cbar=False, vmin=low, vmax=1, linewidths=0.5, cmap="cividis", xticklabels=False,
            yticklabels=False)
axes[1].set_title("rotary, from the centre cell")
plt.show()
print("Figure: three maps of scores between equal rows. Left, 97 by 97: each diagonal has one",
      "colour. Middle, on the 9 by 9 board from the centre cell: left and right neighbours",
      f"{board[4, 5]:.2f}, upper and lower {board[5, 4]:.2f}, corners {board[0, 0]:.2f}.",
      "Right, with a bug: the colours change along the diagonals.")

# %% [markdown]
# **What you should see.** Bright yellow is 1 or more. Left: the score is the same along each diagonal, because only the distance
# counts. Middle: the honest catch. These positions run along the *flat* row of tokens. The cell below is nine steps away, so it looks
# much farther than the cell beside. Nothing here says *column* or *box*; the net must learn the board from data. Right:
# the same distance scores differently in different places, even distance zero.
#
# Which of the two ways is better? The paper found the mixer better on Sudoku (87.4 % against 74.7 %, its Table 1) and
# useless on 30x30 mazes (0 % against 85.3 %, its Table 4); one run each.

# %% [markdown]
# <!-- exercise 2.2 -->

# %% [markdown]
# ## The whole net, and how it starts
#
# Put together: **add** what comes in (the *injection*) to the state, **think** with two blocks, and let the result
# **meet** the old state. In TRM the meeting is simple: the result replaces the state. Notebook 10 tries other ways.
#
# Before training, three choices keep the sizes tame.
#
# - **Weights** are drawn from a normal with standard deviation $1/\sqrt{\text{inputs}}$ (*LeCun*), cut off at two
#   standard deviations (*truncated*). A linear map then hardly changes the RMS of a row.
# - **No biases**, with one exception: the Q head. Its weight starts at 0 and its bias at $-5$, so that every puzzle
#   gets the same verdict, "surely not solved yet".
# - **The first y and z** are two random vectors, drawn once and kept. They are not learned and not zero.

# %%
attention = SelfAttention(512, 97, heads=8).requires_grad_(False)
q_HLK, k_HLK, v_HLK = attention.qkv(h_BLD[0]).view(97, 3, 8, 64).permute(1, 2, 0, 3)
heads = [one_head(rotate(q), rotate(k), v) for q, k, v in zip(q_HLK, k_HLK, v_HLK, strict=True)]
assert_close(torch.cat(heads, -1) @ attention.out.weight.T, attention(h_BLD)[0])
print("Eight heads with rotate equal the package's SelfAttention.")

model = fresh(seed=0, block=mlp_mixer)

def net(state_BLD, injection_BLD):
    return model.net.blocks(state_BLD + injection_BLD)  # replaces the state

y_BLD, z_BLD = model.initial_states(puzzle_BL)
assert_close(net(z_BLD, x_BLD + y_BLD), model.net(z_BLD, x_BLD + y_BLD))
assert_close(net(y_BLD, z_BLD), model.net(y_BLD, z_BLD))
print("net equals the package's TinyNet, with the question (improve z) and without (improve y).")

print("biases:", [name for name, _ in model.named_parameters() if "bias" in name])
for name, weight in model.net.blocks[0].named_parameters():
    ratios = [size * math.sqrt(weight.shape[1]) for size in (weight.std(), weight.abs().max())]
    print(f"{name:>27}: std / wanted {ratios[0]:.2f}, largest / wanted {ratios[1]:.2f}")
q = model.q_head(y_BLD[:, 0])[0, 0]
print(f"Q of an untrained net: {q:.0f}, as a probability {torch.sigmoid(q):.3f}")
print("learned starting states:", [name for name, _ in model.named_parameters() if "init" in name])

# %% [markdown]
# The largest weight is 2.27 and not 2 times the wanted deviation: cutting the tails narrows a normal, so the official
# code widens it first, dividing by 0.88.
#
# ## Counting every parameter
#
# Now the size can be derived instead of believed. Per block, with $F(D)$ the hidden width above:
#
# - SwiGLU of width $D$: $3 \cdot D \cdot F(D)$,
# - attention: $4 D^2$ (query, key, value, out), **or** a mixer: another SwiGLU, of width $L$.
#
# Outside: the token table and the *answer head*, which turns a row of $y$ into $V$ logits, $V \cdot
# D$ each; and a Q head with two outputs, $2D + 2$. (The second was HRM's "go on", unused by
# default.) We build models on PyTorch's *meta* device, which knows shapes but holds no numbers, and
# compare with the counts of the official code. The paper says *MLP* (a plain network, as opposed to
# attention) for the mixer, *Att* for attention.

# %%
def by_hand(vocab, length, block, depth, D=512):
    L = 16 + length
    mixing = 3 * L * hidden_width(L) if block is M else 4 * D * D
    thinking = 3 * D * hidden_width(D)
    return depth * (mixing + thinking) + 2 * vocab * D + 2 * D + 2

M, A = mlp_mixer, layers.transformer
official = {  # name: (vocabulary, cells, block, layers), count of the official code
    "TRM-Att Sudoku": ((11, 81, A, 2), 6_828_034), "TRM-Att Maze": ((6, 900, A, 2), 6_822_914),
    "TRM-Att ARC": ((12, 900, A, 2), 6_829_058), "TRM-MLP Sudoku": ((11, 81, M, 2), 5_028_866),
    "TRM-MLP Maze": ((6, 900, M, 2), 18_795_522), "4 layers, MLP": ((11, 81, M, 4), 10_045_442),
    "4 layers, Att": ((11, 81, A, 4), 13_643_778)}
models = {}
for name, ((vocab, length, block, depth), count) in official.items():
    with torch.device("meta"):
        models[name] = TinyRecursiveModel(vocab, length, block=block, layers=depth)
    assert count_parameters(models[name]) == by_hand(vocab, length, block, depth) == count
    print(f"{name:>15}: {count:>10,}, about {count / 1e6:.0f}M")
print("By hand = our model = official code, in all seven rows.")

# %% tags=["figure"]
def where(name, weight, L):
    if not name.startswith("net.blocks."):
        return "in and out"
    mixes = L in weight.shape or ".qkv." in name or ".out." in name  # SwiGLU over L, or attention
    return "mixing cells" if mixes else "thinking in a cell"

shown = ["TRM-MLP Maze", "TRM-MLP Sudoku", "TRM-Att Sudoku"]
rows = [(m, where(n, w, 16 + models[m].length), w.numel() / 1e6)
        for m in shown for n, w in models[m].named_parameters()]
parts = pd.DataFrame(rows, columns=["model", "part", "millions"]).groupby(["model", "part"])
parts = parts["millions"].sum().unstack().loc[shown]
mixing, thinking = parts["mixing cells"], parts["thinking in a cell"]
fig, ax = plt.subplots(figsize=(8, 2.7))
ax.barh(shown, mixing, color=COLOURS[2], hatch="//", edgecolor=PAGE, label="mixing cells")
ax.barh(shown, thinking, left=mixing, color=COLOURS[3], edgecolor=PAGE, label="thinking in a cell")
for name in shown:
    end = mixing[name] + thinking[name]
    ax.text(end + 0.3, name, f"{mixing[name]:.1f} + {thinking[name]:.1f} = {end:.1f}", va="center")
ax.set(xlabel="millions of parameters", xlim=(0, 25.5))
ax.legend(ncols=2, loc="lower center", bbox_to_anchor=(0.4, 1.0))
plt.show()
text = [f"{m} {mixing[m]:.1f}M mixing cells, {thinking[m]:.1f}M thinking" for m in shown[::-1]]
print("Figure: stacked bars of parameters by their job.", "; ".join(text) + ".")
print(f"Tokens and heads, not drawn: at most {parts['in and out'].max():.2f}M each.")

# %% [markdown]
# **What you should see.** In total these are the paper's 7M, 5M and 19M. The SwiGLUs that think within one
# cell hold 4.7 million in all three. Mixing 97 positions with a mixer is cheap, much cheaper than attention. Mixing 916
# is not: the mixer's share grows with the square of the board, attention's not at all. Tokens and heads would be too
# thin to see. (For ARC, a learned vector for each puzzle comes on top, notebook 14; neither the paper nor the
# official code counts it.)
#
# ## Reach: one block is enough
#
# How many blocks until a cell can feel every other cell? In image networks that takes many layers. Here we ask the
# gradient: how strongly does output row $i$ change when input row $j$ is nudged? We push one random direction
# through each output row and measure the gradient that arrives at each input row. As a control we use a block whose two
# halves both work within one cell.

# %%
def reach(block, h_LD):
    """[L out, L in]: size of the gradient of each output row, in a random direction."""
    L, D = h_LD.shape
    copies_LLD = h_LD.expand(L, L, D).clone().requires_grad_()  # copy i is asked about output row i
    out_LD = block(copies_LLD)[range(L), range(L)]
    (out_LD * torch.randn(L, D, generator=shuffler)).sum().backward()
    return copies_LLD.grad.norm(dim=-1)

def alone(D, L):
    return nn.Sequential(PostNorm(SwiGLU(D)), PostNorm(SwiGLU(D)))

reaches = {}
for name, block in {"mixer": M, "attention": A, "no mixing": alone}.items():
    small = fresh(seed=0, dim=128, block=block)
    y_BLD, z_BLD = small.initial_states(puzzle_BL)
    h_LD = (small.input_embedding(puzzle_BL) + y_BLD + z_BLD)[0]
    reaches[name] = reach(small.net.blocks[0], h_LD)
    connected = (reaches[name] > 0).sum()
    print(f"{name:>10}: {connected:,} of {97 * 97:,} pairs of positions are connected")

# %% tags=["figure"]
steps = plt.get_cmap("cividis", 8)
fig, axes = plt.subplots(1, 3, figsize=(8, 2.9), sharey=True)
for ax, (name, reach_LL) in zip(axes, reaches.items(), strict=True):
    picture = ax.imshow(reach_LL.clamp(min=1e-3).log10(), vmin=-3, vmax=1, cmap=steps,
                        interpolation="nearest")
    ax.set(title=name, xlabel="input position", xticks=(0, 16, 96), yticks=(0, 16, 96))
axes[0].set_ylabel("output position")
bar = fig.colorbar(picture, ax=axes, ticks=range(-3, 2), label="size of the gradient")
bar.ax.set_yticklabels(["≤ 0.001", "0.01", "0.1", "1", "10"])
plt.show()
print("Figure: three maps of 97 by 97 positions after one untrained block. Mixer: every square is",
      "lit. Attention: every square too, fainter off the diagonal. No mixing: the diagonal alone.")

# %% [markdown]
# **What you should see.** After a *single* block, mixer and attention connect every pair of positions. The control
# connects none but each with itself, so the measure can tell. (Positions 0 to 15 are the prefix.)
#
# An honest question follows. If one block already sees the whole board, **why recurse at all?** Not for reach. A
# Sudoku is solved in steps that build on each other: this cell is 4, *so* that one is 7, *so* ... One look can gather
# everything, but it has no room for a long chain of conclusions. What recursion adds is depth of computation. That is
# an argument, not yet evidence. Notebook 03 opens the loop, and notebook 09 measures.
#
# ## The signature result: who keeps the state in bounds
#
# Back to the opening. Four nets of the paper's size, five seeds each, one supervision step on our Sudoku:
#
# - **post-norm**: the paper's mixer, from exercise 2.1; the baseline,
# - **pre-norm** and **no norm**: the same parts, joined differently,
# - **linear, no norm**: the negative control, with plain matrices for the SwiGLUs. If only the product inside the
#   SwiGLU were to blame, this one would stay small.

# %%
class PreNorm(PostNorm):
    def forward(self, x):
        return x + self.inner(layers.rms_norm(x))

def linear(D, L):
    return nn.Sequential(Transposed(NoNorm(Linear(L, L))), NoNorm(Linear(D, D)))

def loud(D, L):
    """The paper's block with every weight ten times too large."""
    block = M(D, L)
    for weight in block.parameters():
        weight.data *= 10
    return block

nets = {"post-norm": M, "pre-norm": mixer_with(PreNorm), "no norm": mixer_with(NoNorm),
        "linear, no norm": linear}
runs = {name: torch.stack([sizes(fresh(seed, block=block)) for seed in range(5)])
        for name, block in nets.items()}
assert_close(runs["post-norm"], torch.ones_like(runs["post-norm"]), atol=0.01, rtol=0)
for name, size_SN in runs.items():
    print(f"{name:>15}: RMS after block 3: {say(size_SN[:, 2].median()):>5}, after block 42: "
          f"{say(size_SN[:, -1].median())}")
print(f"post-norm, weights times 10: {say(sizes(fresh(0, block=loud))[-1])} after block 42")
near = min(guesses.values(), key=lambda guess: abs(runs["pre-norm"][0, -1] / guess).log().abs())
print(f"Pre-norm: you guessed about {guesses.get(my_guess, 'none of these')}; nearest is {near}.")

# %% tags=["figure"]
rows = [(name, block + 1, s.log10().item()) for name, size_SN in runs.items()
        for size_N in size_SN for block, s in enumerate(size_N)]
table = pd.DataFrame(rows, columns=["net", "block", "power"]).dropna()
fig, ax = plt.subplots(figsize=(8, 4))
sns.lineplot(table, x="block", y="power", hue="net", style="net", errorbar="sd", ax=ax,
             legend=False, markevery=3, **strokes({name: VARIANTS[name] for name in nets}))
ax.axhline(38.5, color=INK, lw=0.8)
ax.text(42, 37.8, "largest 32-bit float", ha="right", va="top", size=10)
ax.lines[list(nets).index("no norm")].set_markevery(1)
spots = {"post-norm": (30, -3.6), "pre-norm": (30, 4), "no norm": (3.7, 15),
         "linear, no norm": (30, 10)}
for name, (block, power) in spots.items():
    ax.text(block, power, name + (" (then not a number)" if name == "no norm" else ""))
ax.set(xlabel="blocks applied (7 calls of 2 blocks a round, 3 rounds)", ylabel="RMS of the state",
       xticks=(1, 14, 28, 42), yticks=range(0, 41, 10), xlim=(0, 43), ylim=(-5, 41))
ax.set_yticklabels([f"$10^{{{power}}}$" for power in range(0, 41, 10)])
plt.show()
print("Figure: RMS of the state against blocks applied, powers of ten, mean and standard deviation",
      "of 5 seeds. Post-norm is flat at 1; pre-norm climbs slowly; no norm ends after block",
      f"{runs['no norm'][0].isfinite().sum()}; linear without norm climbs in a straight line.")

# %% [markdown]
# **What you should see.** Post-norm is flat, and it is flat whatever the seed: the bands are hardly wider than the lines.
# Even with every weight ten times too large it stays at 1.00. The control answers the question about the SwiGLU.
# Without it the state still explodes, only more evenly: the cause is the *adding*, over and over. And pre-norm? It
# looks harmless; have a closer look.

# %% [markdown]
# <!-- exercise 2.3 -->

# %%
one_round = torch.tensor([[1.0, 6.0], [1.0, 7.0]])  # (z, y) -> (z + 6 y, y + z + 6 y)
growth = torch.linalg.eigvals(one_round).real.max() ** 3
print(f"By hand, a supervision step multiplies the state by {growth:.0f}.")

small = fresh(seed=0, dim=128, block=mixer_with(PreNorm))
y_S = [p.y.double().square().mean().sqrt() for p in small.deep_supervision(puzzle_BL, 16, n=6, T=3)]
print(f"Measured, from the second step to the third:       {y_S[2] / y_S[1]:.0f}.")
print("RMS of y after steps 1, 2, 4, 8:", ", ".join(say(y_S[s - 1]) for s in (1, 2, 4, 8)))
print("Still a number after step 16:", "yes" if y_S[-1].isfinite() else "no")

# %% [markdown]
# A pencil gives the same number. Once the state is large, what the parts compute (their input is normed) no longer counts.
# Only the sums remain. In one round $z$ receives $y$ six times, and then $y$ receives $z$:
#
# $$z \leftarrow z + 6y, \qquad y \leftarrow y + z$$
#
# Each round multiplies the pair by the 2 by 2 matrix of the cell, and three rounds make a supervision step. Pre-norm does
# not survive the 16 steps of the paper (shown at width 128, to save time). A norm *after* the sum is what makes a block
# safe to repeat without end. One norm at the end of each call, with pre-norm inside, would bound the state as well.
#
# ## Play
#
# Three things to change: `join` (PostNorm, PreNorm, NoNorm), `depth` (1, 2, 4 blocks a call) and `meet`
# (`recurrence.Replace`, the paper's choice, or `recurrence.Residual`, which adds the result to the old state). Watch
# the size of the answer $y$. Does the norm inside the net still help when the meeting outside adds? How does that
# growth differ from pre-norm's?

# %%
join, depth, meet = PostNorm, 2, recurrence.Residual

small = fresh(seed=0, dim=128, layers=depth, block=mixer_with(join), recurrence=meet)
for step, p in enumerate(small.deep_supervision(puzzle_BL, N_sup=4, n=6, T=3), 1):
    print(f"supervision step {step}: RMS of y {p.y.square().mean().sqrt():.1f}")

# %% [markdown]
# ## Limits
#
# - Every net here is **untrained**. Training moves the weights; the post-norm bound holds all the same, by definition.
# - A size of 1 says nothing about *content*. A state can keep its size and lose the puzzle. Notebook 08 looks inside.
# - So the signature result shows that plain adding fails. It does not show that post-norm is the best cure.
# - The gradient maps show that cells *are* connected, not that the connection is useful.
# - In the official code the first prefix row also carries a learned vector, one for each puzzle identity. Sudoku has
#   only one identity; ours leaves that row blank. The counts above exclude it on both sides.
#
# ## Recap
#
# <details><summary>Why does TRM norm after the sum?</summary>
# Its output is its own next input. A norm after the sum resets the size each time; without it, sums of sums grow
# exponentially.
# </details>
# <details><summary>Why is the hidden width 1,536 and not 2,048?</summary>
# Two thirds of 2,048 is 1,365, because SwiGLU has three matrices; then rounded up to a multiple of 256.
# </details>
# <details><summary>What would attention without positions do to the empty cells?</summary>
# Give them all the same digit: it cannot tell them apart.
# </details>
# <details><summary>Over what does the mixer's first norm run?</summary>
# Over positions, for each feature: it stands inside the transposition.
# </details>
# <details><summary>Does recursion serve to let distant cells meet?</summary>
# No. One block connects all pairs. Recursion adds depth of computation.
# </details>
#
# | paper | here | official code |
# |---|---|---|
# | input embedding (Figure 3) | `input_embedding` | `_input_embeddings` |
# | RMSNorm, post-norm | `rms_norm`, `PostNorm` | `rms_norm`, in `Block.forward` |
# | SwiGLU | `SwiGLU` | `SwiGLU`, `mlp` |
# | self-attention, rotary | `SelfAttention`, `Rotary` | `Attention`, `RotaryEmbedding` |
# | MLP over L (4.5) | `mlp_mixer` | `mlp_t` |
# | net (Figure 3) | `TinyNet` | `L_level` |
# | output head, Q head (Figure 3) | `output_head`, `q_head` | `lm_head`, `q_head` |
# | first y, first z | `init_y`, `init_z` | `H_init`, `L_init` |

# %%
progress("02")

# %% [markdown]
# **Further reading**: [RMSNorm](https://arxiv.org/abs/1910.07467), a norm without the mean;
# [GLU variants](https://arxiv.org/abs/2002.05202), where SwiGLU comes from;
# [RoFormer](https://arxiv.org/abs/2104.09864), rotary positions; [MLP-Mixer](https://arxiv.org/abs/2105.01601), mixing
# without attention; [On layer normalization](https://arxiv.org/abs/2002.04745), post-norm against pre-norm in
# plain stacks.
#
# **Next**: notebook 03, *Thinking in a loop*, lets this net call itself.
#
# [← 1 · Puzzles as tokens](01_puzzles_as_tokens.ipynb) | [the map](00_start_here.ipynb) | [3 ·
# Thinking in a loop →](03_thinking_in_a_loop.ipynb)
