# %% [markdown]
# # 8 · Watch it think
#
# A trained TRM answers after 16 supervision steps. In between its small net is called 96 times, and we have looked at
# none of these calls. Now we record every state and read it: what would the net answer *now*? Which cells are settled,
# and which first? Where does it fail, and how does failing look from inside?
#
# - **You will be able to** record the states of any run without touching the model; decode a half-finished thought; test
#   a claim about "how it thinks" with a control; tell two kinds of failure apart.
# - **You need** notebooks 00 to 05. The nets are those of notebooks 06 and 07.
# - **Time**: 60 minutes to read and solve, about a minute and a half to run.
# - **Hardware**: any laptop CPU; one thread is enough. The two widgets need a running notebook.
# - **What varies**: nothing is trained. A puzzle on the edge may fall otherwise on another processor, and with it a last
#   digit.
#
# Paper: arXiv 2510.04871, section 4. It calls $y$ the current answer and $z$ a latent thought. We take it at its word.

# %%
import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
import torch
from torch.nn.functional import one_hot, pad

from trm_minimal.classroom import check, hint, progress, solution
from trm_minimal.lab.records import runs, score
from trm_minimal.lab.weights import CHECKPOINTS, load_model
from trm_minimal.show import boards
from trm_minimal.show.frames import View
from trm_minimal.show.steppers import Playground, Stepper, Thinker
from trm_minimal.show.style import COLOURS, INK, LOOKS, use_style
from trm_minimal.show.trace import trace, traces
from trm_minimal.tasks import maze, sudoku
from trm_minimal.state import build_model
use_style()
torch.set_num_threads(1)

# %% [markdown]
# ## A thought, call by call
#
# Here is a held-out maze: of the first 100, the one with the worst answer after one supervision step. The net makes six
# calls in a step: two for $z$, one for $y$, and the same again. Below are six calls for $z$. Each picture shows what
# the net would answer **if it stopped thinking there**.

# %% tags=["figure"]
maze_net, maze_recipe, _ = load_model(CHECKPOINTS / "maze_9x9.safetensors")
mazes, depth = maze_recipe.task(), maze_recipe.test_depth
first = trace(maze_net, mazes.test.inputs_NL[:100], 1, depth)
opening = int((first.tokens_KNL[-1] != mazes.test.labels_NL[:100]).sum(1).argmax())
run = trace(maze_net, mazes.test.inputs_NL[opening], 3, depth)
view = View(mazes, run, mazes.test.labels_NL[opening])
figure, before_L = plt.figure(figsize=(6.6, 1.6), layout="none"), None
grid = {"left": 0.01, "right": 0.99, "top": 0.99, "bottom": 0.25, "wspace": 0.05}
print(f"Figure: six views of test maze {opening}, decoded after calls for z.")
calls = [k for k in range(1, 10) if run.position(k).state == "z"]
for ax, k in zip(figure.subplots(1, 6, gridspec_kw=grid), calls, strict=True):
    (step, round, call, _), (tokens_L, q) = run.position(k), view.answer(k, peek=True)
    boards.draw_board(ax, mazes, tokens_L, view.inputs_L, view.labels_L, before_L)
    wrong = int((tokens_L != view.labels_L).sum())
    ax.set_xlabel(f"call {k}: step {step},\nround {round}, {wrong} wrong", size=7)
    said = boards.describe_board(mazes, tokens_L, view.inputs_L, view.labels_L, before_L)
    print(f"Call {k}: {said}.")
    before_L = tokens_L
plt.show()

# %% [markdown]
# **What you should see.** Discs are path cells, crosses are cells that should be empty, rings are missing path cells;
# yellow has changed since the picture to the left. The first call is not blank: it has a rough guess for the *whole*
# maze. By call 4 the path is whole. No pencil has walked from S to G. What remains is one long wrong branch, and it
# goes piece by piece. Which end goes first?
#
# Now step through it yourself: by supervision step, by round, by call. The small map shows which cells of $z$ move. Tick
# "show what it would answer now" to see the pictures from above. Another number gives another maze.
#
# **Predict**, before you play too long. A cell is *settled* when its decoded token will never change again. Which cells
# settle first: those near S, then on towards G (a); those near either end, the middle last (b); the tips of dead ends,
# then the cells behind them (c); or is there no order at all (d)?

# %% tags=["widget"]
Stepper(mazes, mazes.test, Thinker("9x9 mazes", maze_net, 16, depth), chosen=opening)

# %% tags=["predict"]
guesses = {"a": "S first", "b": "both ends first", "c": "tips of dead ends first", "d": "no order"}
my_guess = "b"
print("My guess:", guesses.get(my_guess, "?"))

# %% [markdown]
# ## What a trace is
#
# The model must not know that it is watched, or we would study another model. The recursion makes that easy: its `net`
# is any callable. So we hand it a **recorder**, a function that calls the net and keeps what it gives. The net itself is
# left alone; a second widget may use it at the same time. The net of a TRM is called
#
# $$K = N_{sup} \cdot T \cdot (n + 1)$$
#
# times, and each result is a state, $[N, L, D]$: the new $z$, or in the last call of a round the new $y$. (The widget's
# 16 steps with $T = 2$ and $n = 2$ make 96.) So the recorder sees everything. Moment 0 is before any call, moment $k$ is
# after the $k$-th. Decoding is what the model itself does at the end of a step, done at any moment: the answer
# head on the cells of $y$, and the largest score wins.

# %%
recorded, inputs_NL = [], mazes.test.inputs_NL[:4]

def recorder(state, injection):
    recorded.append(maze_net.net(state, injection))
    return recorded[-1]

with torch.inference_mode():
    steps = list(maze_net.deep_supervision(inputs_NL.long(), 3, *depth))
    y, z = maze_net.initial_states(inputs_NL)
    for _ in range(3):
        x = maze_net.input_embedding(inputs_NL.long())
        y, z = maze_net.recursion(recorder, x, y, z, *depth)
run = trace(maze_net, inputs_NL, 3, depth)
assert len(recorded) == len(run) - 1 == 3 * depth.T * (depth.n + 1)
assert all(torch.equal(mine, its) for mine, its in zip(recorded, run.renewed, strict=True))
for number, step in enumerate(steps, 1):
    k = run.moment(number)
    assert torch.equal(run.y(k), step.y) and torch.equal(run.z(k), step.z)
    assert torch.equal(run.tokens_KNL[k], step.logits.argmax(-1).to(torch.uint8))
print(run)
print("All 18 states of the package's trace equal those of our own recorder, bit for bit, and y,",
      "z and the answers at the ends of steps equal the model's own.")

# %% [markdown]
# <!-- exercise 8.1 -->

# %% [markdown]
# ## Half-finished thoughts
#
# During the calls for $z$ the answer $y$ stands still. Is anything happening? Ask for one more call: `run.peek(k)`
# decodes `net(y, z)`, the answer that the net *would* write now. It changes nothing. After the last $z$ of a round it
# is the answer that the next call does write.
#
# We survey 500 held-out mazes, with three nets that differ in their seed only. States are read and dropped, batch by
# batch. Two Sudoku surveys are for later: the net that has learned easy 9x9 Sudoku (notebook 07), on 500 new easy puzzles
# and on 500 hard ones, all of which it has never seen.

# %%
def survey(model, inputs_NL, N_sup, depth, read):
    """What `read` takes from the traces of N puzzles, a few at a time; each part is [K, N, ...]."""
    found = [read(run) for run in traces(model, inputs_NL, N_sup, depth)]
    return [torch.cat(part, 1) for part in zip(*found, strict=True)]

def answers_now(run):
    """[K, N, L]: what the net would answer if it stopped in each moment."""
    now_KNL = run.tokens_KNL.clone()
    for k in range(len(run)):
        _, _, call, state = position(k, *run.depth)
        if state != "y":  # before a call for y, peek is what that call gives
            last = call == run.depth.n
            now_KNL[k] = run.tokens_KNL[k + 1] if last else run.peek(k)[0]
    return now_KNL

inputs_NL, labels_NL = (tokens_NL[:500] for tokens_NL in mazes.test)
stands_KNL, now_KNL, maze_q_KN = survey(
    maze_net, inputs_NL, 3, depth, lambda run: (run.tokens_KNL, answers_now(run), run.q_KN))
films = [stands_KNL]
for seed in (1, 2):
    weights = runs.RUNS / "maze_9x9" / f"cpu-{seed}" / "weights.safetensors"
    net = load_model(weights)[0]
    films += survey(net, inputs_NL, 3, depth, lambda run: (run.tokens_KNL,))

# %% tags=["figure"]
y_moments = [k for k in range(19) if position(k, *depth)[3] != "z"]  # 0, and each call for y
right_KNL = now_KNL == labels_NL
exact_K = right_KNL.all(-1).double().mean(1)
cells_K = right_KNL.double().mean((1, 2))
stands_K = (stands_KNL == labels_NL).all(-1).double().mean(1)
fig, ax = plt.subplots(figsize=(5.6, 2.6))
ax.step(range(19), stands_K, "-", where="post", color=LOOKS["y"].colour, label="y as it stands")
ax.plot(range(19), exact_K, "^--", color=LOOKS["z"].colour, ms=5, label="answer now")
for k in (6, 12, 18):
    ax.axvline(k, color=INK, lw=0.8, ls=":")
ax.set(xticks=range(0, 19, 3), xlabel="call (steps end at the dotted lines)", ylabel="exact")
ax.legend(loc="lower right")
plt.show()
print("Figure: exact accuracy of 500 held-out mazes, call by call. y climbs in a stair; the answer",
      "now climbs in between, and is never far below the next stair.")
for k in y_moments[:5]:
    print(f"round from call {k + 1}: at its start, after its first z, after its second: exact",
          *(f"{exact_K[k + i]:.2f}" for i in range(3)), "  cells",
          *(f"{cells_K[k + i]:.3f}" for i in range(3)))

# %% [markdown]
# **What you should see.** The stair is $y$; nothing else is ever handed on as an answer. But the triangles rise
# *between* the stairs: $z$ has the better answer before it is written down. And not every call is worth the same. In
# the second and third round the first call for $z$, the one that first sees the new $y$, brings most of the gain. That
# fits the loop: a fresh $y$ is new evidence for every cell, and the second call works it out.
#
# Exact is the strict measure. By cells alone the first rough guess already looks good, and a copy of the question would
# look good, too: most cells are walls.
#
# ## When does a cell settle?
#
# Now every maze is a film of decoded tokens. The first question to a film: when did each cell change for the last time?

# %% [markdown]
# <!-- exercise 8.2 -->

# %% [markdown]
# To ask *which* cells settle first we need to know what kind each cell is. For mazes there is a pencil method, **dead-end
# filling**: fill in every dead end's tip; that makes new tips; go on. In a maze without loops the path is what stays. The
# round in which a cell is filled is its *rank*: 1 for a tip, large for a cell whose whole branch must be filled before.
# For Sudoku we count a cell's *candidates*: the digits that no given in its row, column or box forbids. One candidate is
# the easiest case, a *naked single*.

# %%
def beside(mask_NL):
    """How many of a cell's four neighbours are true."""
    m = pad(mask_NL.view(-1, 9, 9).int(), (1, 1, 1, 1))
    return (m[:, :-2, 1:-1] + m[:, 2:, 1:-1] + m[:, 1:-1, :-2] + m[:, 1:-1, 2:]).view(mask_NL.shape)

free_NL, path_NL = inputs_NL != maze.WALL, labels_NL == maze.PATH
ends_NL = (inputs_NL == maze.START) | (inputs_NL == maze.GOAL)
rank_NL, left_NL = torch.zeros_like(inputs_NL, dtype=torch.long), free_NL.clone()
away_NL, reached_NL = torch.zeros_like(rank_NL), path_NL | ends_NL  # distance from the path
for number in range(1, 50):  # more rounds than any branch is long
    tips_NL = left_NL & ~ends_NL & (beside(left_NL) <= 1)
    rank_NL[tips_NL], left_NL = number, left_NL & ~tips_NL
    new_NL = free_NL & ~reached_NL & (beside(reached_NL) > 0)
    away_NL[new_NL], reached_NL = number, reached_NL | new_NL
assert torch.equal(left_NL, path_NL | ends_NL), "dead-end filling must leave the path"
off_NL = rank_NL > 0
to_S_NL, to_G_NL = (maze.distances(inputs_NL, end) for end in (maze.START, maze.GOAL))
near_NL = torch.minimum(to_S_NL, to_G_NL)
times = [settle_time(tokens_KNL[y_moments]) for tokens_KNL in films]  # in updates of y: 0 to 6

def compared(times_NL, a_NL, b_NL):  # mean time of cells a minus cells b, puzzle by puzzle
    both_N = a_NL.any(1) & b_NL.any(1)
    mean_a, mean_b = ((times_NL * kind).sum(1) / kind.sum(1) for kind in (a_NL, b_NL))
    return (mean_a - mean_b)[both_N]

# %% [markdown]
# ## The signature result: dead ends close from their tips
#
# The unit is an update of $y$, two in a supervision step. Every comparison is made **inside each maze**: mean time of one
# kind of cell minus mean time of the other. Then we average over mazes, and a *bootstrap* (draw 500 mazes with
# repetition, a thousand times) gives the 95 % interval. Cells of one maze are not independent, mazes are; so mazes are
# what we draw. A verdict needs the same sign in all three nets.

# %%
def bootstrap(values_N, draws=1000):
    generator = torch.Generator().manual_seed(8)
    rows = torch.randint(len(values_N), (draws, len(values_N)), generator=generator)
    low, high = values_N[rows].mean(1).quantile(torch.tensor([0.025, 0.975])).tolist()
    return float(values_N.mean()), low, high

early_NL, far_NL = (rank_NL == 3) | (rank_NL == 4), away_NL >= 3
middle_NL, to_G_first_NL = near_NL > 3, to_G_NL < to_S_NL
claims = {
    "rank 7 and more, against 3 and 4": (rank_NL >= 7, early_NL),
    "rank 3 and 4: far from the path, against near": (early_NL & far_NL, early_NL & ~far_NL),
    "path: middle, against 1 to 3 from an end": (path_NL & middle_NL, path_NL & ~middle_NL),
    "path: nearer to G, against not nearer": (path_NL & to_G_first_NL, path_NL & ~to_G_first_NL),
    "path, against off the path": (path_NL, off_NL)}
for name, kinds in claims.items():
    spans = [bootstrap(compared(times_NL, *kinds)) for times_NL in times]
    later, sooner = (all(span[1] > 0 for span in spans), all(span[2] < 0 for span in spans))
    print(f"{name}: {'LATER' if later else 'SOONER' if sooner else 'no claim'}")
    print("     difference in updates, three nets:",
          "; ".join(f"{mean:+.2f} [{low:+.2f}, {high:+.2f}]" for mean, low, high in spans))
print(f"You guessed: {guesses.get(my_guess, '?')}.")

# %% tags=["figure"]
panels = {"off the path": ("rank", rank_NL, off_NL),
          "path": ("steps to the nearer end", near_NL, path_NL)}
fig, axes = plt.subplots(1, 2, figsize=(6, 2.4), sharey=True)
for ax, (name, (along, x_NL, where_NL)) in zip(axes, panels.items(), strict=True):
    rows = [(x, str(seed), float(times[seed][where_NL & (x_NL == x)].double().mean()))
            for seed in range(3) for x in range(1, 12)]
    table = pd.DataFrame(rows, columns=[along, "seed", "settled at update, mean"])
    sns.lineplot(table, x=along, y="settled at update, mean", hue="seed", style="seed", ax=ax,
                 markers=tuple("osD"), palette=COLOURS[:3], legend=name == "path")
    ax.set(title=name, xticks=range(1, 12, 2))
axes[1].legend(title="seed", loc="lower left", ncols=3)
plt.show()
print("Figure: mean settling time of three nets, two panels. Left, off the path, it climbs with",
      "the rank. Right, on the path, it depends little on the distance from S or G.")

# %% [markdown]
# **What you should see.** Left, three lines that climb, at different heights. (The zigzag: odd ranks are rooms, even ones
# are the openings between them.) Right: nearly level.
#
# One strong order, and others that one would have liked to see and that are weak, absent, or different from net to net.
# Off the path, cells settle in the order of dead-end filling. Tips are no proof: a cell with one neighbour is never path,
# anyone can see that without thought. So the verdict leaves out ranks 1 and 2. From rank 3 on nothing *local* tells a
# branch from the path, and the order holds. The second line is a control: a cell of high rank is often near the path, but
# among cells of equal rank the distance from the path makes a far smaller difference, if any.
#
# Careful with words. "Its times are ordered as those of dead-end filling" is what was measured. "It fills dead ends" is
# a guess about the cause; a test would have to change $z$ and see what follows.
#
# ## Easy cells first
#
# The same for Sudoku. Its easy 9x9 puzzles have one to seven candidates in an empty cell.

# %% tags=["figure"]
sudoku_net, sudoku_recipe, _ = load_model(CHECKPOINTS / "sudoku_9x9.safetensors")
given_NL, solved_NL = sudoku_recipe.task().test
answer_KNL, sure_KNL = survey(sudoku_net, given_NL, 3, depth,
                              lambda run: (run.tokens_KNL, run.confidence_KNL))
i = torch.arange(81)
units = (i // 9, i % 9, i // 27 * 3 + i % 9 // 3)  # row, column and box of each cell
sees_LL = sum((unit[:, None] == unit).float() for unit in units) > 0
forbidden_NLV = sees_LL.float() @ one_hot(given_NL.long(), 11)[..., 2:].float() > 0
candidates_NL = (~forbidden_NLV).sum(-1) * (given_NL == 1)  # 0 where a digit is given
sudoku_times_NL, first_NL = settle_time(answer_KNL[y_moments]), answer_KNL[3] == solved_NL
fig, axes = plt.subplots(1, 2, figsize=(6, 2.4))
settled, right, sure = ([float(values[candidates_NL == c].double().mean()) for c in range(1, 6)]
                        for values in (sudoku_times_NL, first_NL, sure_KNL[3]))
axes[0].plot(range(1, 6), settled, "o-", color=INK)
axes[1].plot(range(1, 6), right, "o-", color=INK, label="right")
axes[1].plot(range(1, 6), sure, "D--", color=COLOURS[1], label="confidence (softmax)")
axes[0].set(xlabel="candidates", ylabel="settled at update, mean", ylim=(0.9, 1.6))
axes[1].set(xlabel="candidates", ylabel="after update 1", ylim=(0.2, 1.05))
axes[1].legend(loc="lower left")
plt.show()
mean, low, high = bootstrap(compared(sudoku_times_NL, candidates_NL > 1, candidates_NL == 1))
print("Figure: 500 easy Sudokus. Left: the more candidates, the later a cell settles. Right, after",
      "update 1: the share right falls with the candidates, the confidence hardly.")
print(f"More candidates, against naked singles: {mean:+.2f} [{low:+.2f}, {high:+.2f}] updates:",
      "LATER" if low > 0 else "no claim", "(one net)")
# %% [markdown]
# **What you should see.** Left, a stair upwards: what the givens decide alone is settled at once, what needs other
# empty cells takes longer. Right, a warning. After one update the net is *far too sure of single cells*: where four or
# five digits are possible, it gives its choice more than nine tenths and is right much less often. (The net was trained
# with stablemax, and softmax turns the same scores into bolder claims. Do not read them as chances.) Q, which was
# trained to judge, is another matter; see below.
#
# ## Does it come to rest?
#
# So far nets that succeed. Now the same Sudoku net meets 500 *hard* puzzles, of which it solves few. **Drift** is how far
# a state moves in one call, as a share of its own length. We look at the last call for $z$ and the call for $y$ of each
# supervision step, eight steps long, apart for puzzles that end right and puzzles that end wrong.

# %% tags=["figure"]
hard = sudoku.load("sudoku-generated")  # the net has trained on none of them
hard_in_NL, hard_out_NL = map(torch.cat, zip(hard.test, hard.validation, hard.train, strict=True))
hard_in_NL, hard_out_NL = hard_in_NL[:500], hard_out_NL[:500]

def at_ends(run, y=range(6, 49, 6), z=range(5, 49, 6)):  # a step's last call for y, for z
    return (run.tokens_KNL[y], run.q_KN[y], run.drift("y")[y], run.drift("z")[z],
            torch.stack([run.z(k).mean(1) for k in z]))
tokens_SNL, q_SN, drift_y_SN, drift_z_SN, z_SND = survey(sudoku_net, hard_in_NL, 8, depth, at_ends)
exact_SN, said = (tokens_SNL == hard_out_NL).all(-1), []
right_N, quarters = exact_SN[-1], torch.tensor([0.25, 0.5, 0.75])
groups = {"ends right": (right_N, LOOKS["right"], "o-"),
          "ends wrong": (~right_N, LOOKS["wrong"], "X--")}
fig, axes = plt.subplots(1, 2, figsize=(6, 2.4), sharey=True)
for ax, state, drift_SN in zip(axes, "zy", (drift_z_SN, drift_y_SN), strict=True):
    for name, (which_N, mark, style) in groups.items():
        low_S, middle_S, high_S = drift_SN[:, which_N].quantile(quarters, dim=1)
        ax.fill_between(range(1, 9), low_S, high_S, color=mark.colour, alpha=0.25, lw=0)
        ax.plot(range(1, 9), middle_S, style, color=mark.colour, label=name)
        said.append(f"{state}, {name}: from {middle_S[0]:.1f} to {middle_S[-1]:.1g}")
    ax.set(title=f"{state}, last call of the step", xlabel="supervision step", yscale="log")
    ax.minorticks_off()
axes[0].set_ylabel("drift, share of length")
axes[0].legend(loc="lower left")
plt.show()
print("Figure: median drift, quartiles, 500 hard Sudokus, steps 1 to 8.", "; ".join(said) + ".")

# %% [markdown]
# **What you should see.** Puzzles that end right come to rest: their drift falls tenfold and more within a few steps.
# The others do not slow down; $y$ moves by half of its length in each update, to the end. They are not stuck. They are
# *lost*.
#
# Is drift then a crystal ball? Measure it. The **AUC** is the chance that a random puzzle that ends right has the smaller
# drift of a random pair, one right, one wrong: 0.5 is a coin, 1 is perfect. Three rivals: drift, Q, and a number
# that needs no thinking at all, the count of givens. And one trap: a puzzle already right at step $s$ has small drift
# *because* it is right. So a second table asks only of puzzles that are not yet right.

# %%
def auc(score_N, good_N):
    good, bad = score_N.double()[good_N, None], score_N.double()[~good_N]
    return float(((good > bad).double() + (good == bad) / 2).mean())  # ties count half

givens_N, generator = (hard_in_NL > 1).sum(1), torch.Generator().manual_seed(8)
print(f"{int(right_N.sum())} of 500 end right: a base rate of {right_N.double().mean():.2f}")
print("AUC                      step  end right  drift of z     Q  givens")
for title, all_of_them in (("all puzzles", True), ("only those not yet right", False)):
    for s in (1, 2, 4, 6):
        rows_N = ~exact_SN[s - 1] | all_of_them
        rivals = (-drift_z_SN[s - 1], q_SN[s - 1], givens_N)
        drift, q, givens = (auc(rival_N[rows_N], right_N[rows_N]) for rival_N in rivals)
        there = int(right_N[rows_N].sum())
        print(f"{title:25}{s:4}{there:11}{drift:12.2f}{q:6.2f}{givens:8.2f}")
still_open, gains = (~exact_SN[1]).nonzero()[:, 0], []
for _ in range(500):  # bootstrap over the puzzles not yet right after step 2
    rows = still_open[torch.randint(len(still_open), (len(still_open),), generator=generator)]
    rivals = (-drift_z_SN[1], givens_N)
    drift, givens = (auc(rival_N[rows], right_N[rows]) for rival_N in rivals)
    gains.append(drift - givens)
low, high = torch.tensor(gains).quantile(torch.tensor([0.025, 0.975])).tolist()
verdict = "drift is better" if low > 0 else "givens are better" if high < 0 else "no claim"
print(f"Step 2, not yet right: drift minus givens, 95 %: {low:+.1f} to {high:+.1f}: {verdict}")

# %% [markdown]
# <!-- exercise 8.3 -->

# %% [markdown]
# Late in the run drift tells right from wrong, because by then the right ones rest. *Early*, where a prophecy would be
# worth something, a glance at the number of givens does about as well: no claim, for few puzzles are left that will
# still be solved. A useful negative result. Without the rival, the column "drift of z" would have looked like a
# discovery.
#
# ## A map of the thought
#
# $z$ has 96 numbers in each of 85 rows. **PCA** (principal component analysis) finds the directions in which a cloud of
# points spreads most. We average $z$ over its rows, take it at the end of each step, and fit the directions on *half*
# of the puzzles, 250. The picture shows four of each kind from the other half. How much do two directions hold? Their
# share of the spread is printed, again for the other half. The control is a net of the same shape that has learned
# nothing.

# %% tags=["figure"]
def directions(z_SND):
    centre_D = z_SND.mean((0, 1))
    return centre_D, torch.linalg.svd((z_SND - centre_D).flatten(0, 1), full_matrices=False)[2][:2]

blank = build_model(sudoku_recipe, hard.vocab_size, hard.length, seed=0)
_, blank_q_SN, *_, blank_z_SND = survey(blank, hard_in_NL[:60], 8, depth, at_ends)
for name, seen_SND, q in (("untrained", blank_z_SND, blank_q_SN), ("trained", z_SND, q_SN)):
    half = seen_SND.shape[1] // 2  # fitted on one half, measured on the other
    centre_D, ways_2D = directions(seen_SND[:, :half])
    others_SND = seen_SND[:, half:] - centre_D
    at_SN2 = others_SND @ ways_2D.T
    share = float(at_SN2.square().sum() / others_SND.square().sum())
    linked = torch.corrcoef(torch.stack([at_SN2[..., 0], q[:, half:]]).flatten(1))[0, 1]
    print(f"{name}: two directions hold {share:.0%} of the spread of the other puzzles;",
          f"direction 1 and Q: r = {abs(linked):.1f}" if linked == linked else "its Q is constant")
at_SN2 = -at_SN2 if linked < 0 else at_SN2  # a sign means nothing: let high Q be on the right
fig, ax = plt.subplots(figsize=(4.8, 2.8))
for end_N, mark, style in groups.values():
    for i in end_N[half:].nonzero()[:4, 0]:
        ax.plot(*at_SN2[:, i].T, style, color=mark.colour, ms=3, lw=0.8)
        ax.plot(*at_SN2[-1, i], style[0], color=mark.colour, ms=9)
ax.set(xlabel="direction 1", ylabel="direction 2")
plt.show()
print("Figure: the trained net's mean z over eight steps, as paths, large marks at the ends. Those",
      "that end right (discs) move to the right, the others (crosses) mill about on the left.")

# %% [markdown]
# **What you should see.** Discs leave the crowd, all to one side. Crosses mill about in one cloud. The control says
# that a plane does not hold so much by itself: an untrained net's thoughts spread over many directions. But mind the
# percentage: most of what there is to see lies outside the plane, so never conclude from *near in the picture* to
# *near*. That direction 1 goes along with Q makes sense: $y$ is made from $z$, and Q is read from $y$, so $z$ must hold
# some sense of "this is going well".
#
# ## Q against the truth
#
# Q is such a sense, trained. A **false alarm** is a Q above 0 on a wrong answer. Does it raise them on its own
# kind of puzzle, and on puzzles that are too hard?

# %% tags=["figure"]
maze_ends = [6, 12, 18]
maze_exact_SN = (stands_KNL[maze_ends] == labels_NL).all(-1)
kinds = {"mazes": (maze_q_KN[maze_ends], maze_exact_SN), "hard Sudokus": (q_SN, exact_SN)}
fig, axes = plt.subplots(1, 2, figsize=(6, 2.4), sharey=True)
for ax, (name, (claim_SN, true_SN)) in zip(axes, kinds.items(), strict=True):
    for side_SN, mark, by in ((true_SN, LOOKS["right"], -0.06), (~true_SN, LOOKS["wrong"], 0.06)):
        for step in range(1, len(claim_SN) + 1):
            values = claim_SN[step - 1][side_SN[step - 1]]
            if len(values) >= 5:
                low, middle, high = values.quantile(torch.tensor([0.05, 0.5, 0.95])).tolist()
                ax.plot([step + by] * 2, [low, high], color=mark.colour, lw=2)
                ax.plot(step + by, middle, mark.marker, color=mark.colour, ms=6,
                        label=f"{mark.name} now" if step == 1 else None)
    ax.axhline(0, color=INK, lw=0.8, ls=":")
    ax.set(title=name, xlabel="supervision step", xticks=range(1, len(claim_SN) + 1))
    sure_SN = claim_SN > 0
    alarms, silent = (sure_SN & ~true_SN).sum(1).tolist(), (~sure_SN & true_SN).sum(1).tolist()
    print(f"{name}: false alarms by step {alarms} of {sure_SN.sum(1).tolist()} claims;",
          f"right but not believed {silent}")
axes[0].set_ylabel("Q (logit)")
axes[0].legend(loc="lower right")
plt.show()
print("Figure: Q of right and wrong answers, median and 5 to 95 % (five or more). Mazes: the two",
      "overlap after step 1. Hard Sudokus: far below 0 when wrong, above when right.")

# %% [markdown]
# **What you should see.** On mazes, after step 1, Q claims too much for some answers that are nearly right (notebook 05
# looked at these). On hard Sudokus, which it has never seen in training, there is hardly a false alarm: an answer full
# of broken rules is easily recognised. Q knows when it is lost. It does not know the way.
#
# ## Two ways to fail
#
# A run that ends wrong can end in two ways. Look at the answers of the last half of its supervision steps:
#
# - **wandering**: the answer still changes from step to step;
# - **settled**: it has stopped changing, and it is wrong.
#
# For recorded runs most of the work is done: `eval.json` says, puzzle by puzzle and step by step, right or wrong. Right
# in all of the last eight steps: settled and right. Both right and wrong among them: the answer changed, so wandering.
# Only puzzles that were wrong throughout must be watched again. *All* 1,000 test mazes of each run are counted. One net
# is the control: it was trained with little exploration, so its later steps were hardly trained (notebook 05).

# %%
rows, failures = [], []
for folder in sorted((runs.RUNS / "maze_9x9").glob("cpu-*")):
    net = load_model(folder / "weights.safetensors")[0]
    scored = runs.Run(folder).eval["test"]["ema"]["exact"]
    flags_SN = torch.tensor([[flag == "1" for flag in row] for row in scored])
    always_N, sometimes_N = flags_SN[8:].all(0), flags_SN[8:].any(0)
    never = (~sometimes_N).nonzero()[:, 0]
    late_SNL = trace(net, mazes.test.inputs_NL[never], 16, depth).answers.tokens_SNL[8:]
    moving_N = (late_SNL != late_SNL[-1]).any(0).any(-1)
    moves = dict(zip(never.tolist(), moving_N.tolist(), strict=True))
    moves |= dict.fromkeys((sometimes_N & ~always_N).nonzero()[:, 0].tolist(), True)
    failures += [(folder.name, i, moves[i], bool(flags_SN[:, i].any()))
                 for i in sorted(moves) if not flags_SN[-1, i]]
    rows.append((folder.name, 1000, len(moves) - sum(moves.values()), sum(moves.values())))
last_SNL = tokens_SNL[4:]
moving_N = (last_SNL != last_SNL[-1]).any(0).any(-1)
rows.append(("Sudoku net, hard", 500, int((~moving_N & ~right_N).sum()), int(moving_N.sum())))
for name, n, *counts in rows:
    said = ["{:3} ({:.3f} to {:.3f})".format(k, *score.interval(k, n)) for k in counts]
    print(f"{name:25}{n:5} puzzles, settled and wrong {said[0]}, wandering {said[1]}")
for name, little in (("the net with little exploration", True), ("the three others", False)):
    was_right = [right for folder, *_, right in failures if ("little" in folder) == little]
    print(f"Mazes, {name}: {len(was_right)} end wrong, {sum(was_right)} of them once right")

# %% [markdown]
# Both kinds exist. (In brackets: Wilson's intervals of the share. Wandering counts all whose answer moves, also those
# that happen to be right in the end. The Sudokus had eight steps, so four count.) Hard Sudokus *all but never* settle
# on a wrong answer. A wrong board seems to be no resting place: some rule is always broken, and the net keeps
# repairing. In mazes there are a few wrong resting places. And compare the net with little exploration to its three
# sisters: a fifth of its mazes is on the move, against a few in a thousand. (One superseded run against three is a
# lead, no proof; `LOG.md`, 2026-11-22.)
#
# The last lines may be the most useful. *Once right* means: right after some earlier step. Most failures on mazes are
# not puzzles that were too hard. They are right answers that were *lost*. So "think longer" is no free gift: a net must
# have learned to stay (notebooks 11 and 12).
#
# ## Three failures, looked at
#
# Chosen by a rule, not by hand, from all failures of the maze nets above, in the table's order: the first settled one
# that Q believes in, the first settled one that Q doubts, and the first that still changes in the very last step.

# %% tags=["figure"]
shown, lengths_N = {}, (mazes.test.labels_NL == maze.PATH).sum(1)
for folder, i, moves, _ in failures:
    net = load_model(runs.RUNS / "maze_9x9" / folder / "weights.safetensors")[0]
    replies = trace(net, mazes.test.inputs_NL[i], 16, depth).answers
    tokens_SL, q_S = replies.tokens_SNL[:, 0], replies.q_SN[:, 0]
    mood = f"settled, Q {'above' if q_S[-1] > 0 else 'below'} 0" if not moves else "wandering"
    if not moves or (tokens_SL[-1] != tokens_SL[-2]).any():
        shown.setdefault(mood, (folder, i, tokens_SL, q_S))
    if len(shown) == 3:
        break
for mood, (folder, i, tokens_SL, q_S) in shown.items():
    question_L, answer_L = mazes.test.inputs_NL[i], mazes.test.labels_NL[i]
    figure = plt.figure(figsize=(4.8, 2))
    boards.film_strip(figure, mazes, question_L, answer_L, tokens_SL, q_S, (1, 14, 15, 16))
    plt.show()
    wrong_S = (tokens_SL != answer_L).sum(-1).tolist()
    longer = (lengths_N < lengths_N[i]).double().mean()
    print(f"Figure: {mood}: test maze {i}, net {folder}, answers after steps 1, 14, 15, 16.",
          f"Its path is longer than {longer:.0%} of all. Wrong cells, step by step:", *wrong_S)
    print(f"At the end: {boards.describe_board(mazes, tokens_SL[-1], question_L, answer_L)}.")

# %% [markdown]
# **What you should see.** Small flaws: a cell of 81, a hole in the path (ring), or a wall taken for a free cell while
# the path is whole. The two settled runs keep their mistake to the end, whether Q believes in it or not: nobody tells
# $z$ what Q thinks. The wandering one mends and breaks in turn; look for a rhythm in its row of numbers. Three pictures
# are examples; the table above is the statistics.
#
# ## Play
#
# Draw a maze of your own and watch two nets think about it side by side: the shipped one, and the one with little
# exploration. It opens with the last of the failures above. Some things to try:
#
# - Open one wall, so that there are two ways of equal length. The net has only seen mazes with one. Does it choose?
# - Put S and G side by side. Remove all walls inside. Make a path of 31 cells. Wall S in: the editor refuses, and says why.
# - Step by call, tick "show what it would answer now", and look for the call at which a wrong branch dies.

# %% tags=["widget"]
restless = load_model(runs.RUNS / "maze_9x9/cpu-0-little-exploration/weights.safetensors")[0]
last_failure = list(shown.values())[-1][1]
Playground(mazes, mazes.test, Thinker("shipped", maze_net, 16, depth),
           Thinker("little exploration", restless, 16, depth), chosen=last_failure)

# %% [markdown]
# ## Limits
#
# - Small boards, small nets, mixer only. Three seeds for the maze result, one net for everything about Sudoku.
# - Order in time is not a mechanism. Nothing here changed a state to see what follows.
# - Settled means: did not change within the steps that we watched. A later step might change it.
# - The hard puzzles are far from what the Sudoku net was trained on. A net trained on hard puzzles may fail otherwise.
# - Drift is measured relative to a state whose size the normalisation fixes; without it the numbers would mean less.
#
# ## Recap
#
# <details><summary>How many moments has a run, and which of them renew y?</summary>
# K + 1 with K = N_sup T (n + 1). Every (n + 1)-th call renews y.
# </details>
# <details><summary>Is the answer better inside a round than y says?</summary>
# Yes. The answer that the net would give now improves during the calls for z; y only takes it over.
# </details>
# <details><summary>In which order do maze cells settle?</summary>
# Off the path in the order of dead-end filling, tips first. Distance from S or G hardly matters.
# </details>
# <details><summary>What is the difference between settling and wandering?</summary>
# A settled answer no longer changes, right or wrong. A wandering one changes to the end.
# </details>
# <details><summary>Why compare drift with the number of givens?</summary>
# Because a predictor must beat what is known before any thought.
# </details>
#
# | paper | here | official code |
# |---|---|---|
# | latent thought z, answer y | `Trace.z(k)`, `Trace.y(k)` | `z_L`, `z_H` in the carry |
# | decoding y by the answer head | `Trace.tokens_KNL` | `lm_head`, at the end of a supervision step only |
# | Q | `Trace.q_KN` | `q_halt_logits` |
# | (a figure of decoded y and z) | `peek`, `Stepper` | none |
#
# **Further reading**: [recurrent nets that think longer](https://arxiv.org/abs/2106.04537) are trained on small mazes
# and run on large ones; [path independence](https://arxiv.org/abs/2211.09961), resting places and right answers
# (notebook 12); [a look inside HRM](https://arxiv.org/abs/2601.10679), with its own wrong resting places.
#
# **Next**: notebook 09 takes parts away, one at a time, and asks what each was good for.
#
# [← 7 · Train: Sudoku from 4x4 to Extreme](07_train_sudoku.ipynb) | [the map](00_start_here.ipynb) |
# [9 · Ablations →](09_ablations.ipynb)

# %%
progress("08")
