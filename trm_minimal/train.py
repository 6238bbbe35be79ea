"""The training loop: one backward, one optimizer step and one EMA update a supervision step.

Mixed precision is entered here and nowhere else. A run is a function of (recipe, task, seed); every
random draw comes from the CPU generators in its state, so a GPU run sees the batches of a CPU run,
and a killed run resumes bit for bit. Between two looks at the loss nothing waits for the device.

Dimension key: B batch (slots).
"""

from functools import partial

import torch
from torch import Tensor, nn

from trm_minimal.engine.progress import Progress
from trm_minimal.evaluate import answer, exact_by_step
from trm_minimal.halting import Carry, refill
from trm_minimal.state import ALONE, TrainState, require_ids

LOOK_EVERY = 10  # steps between looks at the loss: each look waits for the device


def next_carry(recipe, state: TrainState) -> Carry:
    """The slots of this step: those that have halted start on puzzles of the next batch."""
    left = min(recipe.steps - state.step, recipe.eval_every - state.step % recipe.eval_every)
    inputs_BL, labels_BL, ids_B = state.batches.next(left)
    state.ids_B = torch.where(state.carry.halted, ids_B, state.ids_B)
    return refill(state.model, state.carry, inputs_BL, labels_BL, state.generators["init"])


def descend(recipe, state: TrainState, loss: Tensor) -> None:
    """One backward, one optimizer step, one EMA update."""
    state.scaler.scale(loss).backward()
    state.workers.average_gradients(state.model)
    state.scaler.unscale_(state.optimizer)
    nn.utils.clip_grad_norm_(state.model.parameters(), recipe.clip)
    for group, base_lr in zip(state.optimizer.param_groups, state.base_lrs, strict=True):
        group["lr"] = base_lr * recipe.schedule(state.step, recipe.steps)
    state.scaler.step(state.optimizer)
    state.scaler.update()
    state.optimizer.zero_grad()
    state.ema.update(state.model)


def train_step(recipe, state: TrainState) -> tuple[Tensor, Tensor, Tensor]:
    """One supervision step of every slot.

    Returns (mean loss, puzzles that halted, those of them exactly right).
    """
    draw, workers = state.generators, state.workers
    depth = recipe.depth(state.step, draw["depth"])
    carry = next_carry(recipe, state)
    model = partial(state.model, ids_B=state.ids_B)

    # The cache must be off: up to torch 2.8 it kept casts made under no_grad, and with T > 1 only
    # the heads learned.
    device, is_low = carry.inputs.device.type, recipe.precision is not torch.float32
    with torch.autocast(device, recipe.precision, is_low, cache_enabled=False):
        grad_rounds = recipe.grad_rounds
        prediction = model(carry.inputs, carry.y, carry.z, *depth, grad_rounds=grad_rounds)
        loss_B, q_B, solved_B = recipe.loss(recipe, model, carry, prediction, depth)
    descend(recipe, state, loss_B.mean())

    # Every worker knows q, steps, loss and success of all slots, so the draws of halting are those
    # of a single process.
    of_slots_4B = torch.stack((q_B.detach(), carry.steps + 1, loss_B.detach(), solved_B))
    q_B, steps_B, loss_B, solved_B = workers.gather(of_slots_4B, dim=1)
    budget = recipe.budget(state.step, recipe.steps, recipe.N_sup)
    halted_B = recipe.halting(q_B, steps_B.long(), budget, draw["halting"])
    state.carry = carry._replace(
        y=prediction.y, z=prediction.z, steps=carry.steps + 1, halted=workers.share(halted_B)
    )
    state.step += 1
    return loss_B.mean(), halted_B.sum(), (solved_B.bool() & halted_B).sum()


def exact_on(recipe, model, puzzles) -> float:
    """Exact accuracy after N_sup steps at the recipe's test depth."""
    answers = answer(model, puzzles.inputs_NL, recipe.N_sup, recipe.test_depth, ids_N=puzzles.ids_N)
    return float(exact_by_step(answers, puzzles.labels_NL)[-1].double().mean())


def train(
    recipe,
    task,
    seed: int,
    *,
    device="cpu",
    workers=ALONE,
    path=None,
    facts=None,
    resume=False,
    quiet=False,
) -> TrainState:
    """Train to the last step; every `eval_every` steps validate, and save the state to `path`.

    Both the raw and the EMA weights are validated. `facts` (recipe, seed, ...) are stored in the
    state and must agree when `resume` is asked for. Diverged on a loss or weight that is not
    finite: the state on disk is then the last good one.
    """
    facts = {"kind": "training state", "seed": seed} | (facts or {})
    state = TrainState(recipe, task, seed, device, workers)
    if resume:
        state.load(path, facts)
    validation = task.validation[: recipe.eval_puzzles]
    require_ids(recipe, validation)
    with Progress(recipe, state, path, quiet or workers.rank > 0) as progress:
        while state.step < recipe.steps:
            progress.add(*recipe.update(recipe, state))
            at_eval = state.step % recipe.eval_every == 0 or state.step == recipe.steps
            if at_eval or state.step % LOOK_EVERY == 0:
                progress.look()
            if at_eval:
                nets = {"raw": state.model, "ema": state.ema.model}
                scores = {name: exact_on(recipe, net, validation) for name, net in nets.items()}
                progress.end_row(scores)
                if path:
                    state.save(path, facts)
                progress.resume_clock()
    return state
