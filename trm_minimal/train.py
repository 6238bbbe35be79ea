"""The training loop, on one page: one backward, one optimizer step and one EMA update for each supervision step.

Mixed precision is entered here and nowhere else. A run is a function of (recipe, task, seed); every random draw comes
from the CPU generators in its state, so a GPU run sees the batches of a CPU run, and a killed run resumes bit for bit.
Between two looks at the loss nothing waits for the device.
"""

import math
import time
from pathlib import Path

import torch
from torch import Tensor, nn
from tqdm import tqdm

from trm_minimal import checkpoint
from trm_minimal.batches import Batches
from trm_minimal.ema import EMA
from trm_minimal.errors import BadInput, Diverged
from trm_minimal.evaluate import answer, exact_by_step
from trm_minimal.halting import Carry, empty_carry, refill
from trm_minimal.losses import supervision_loss
from trm_minimal.model import TinyRecursiveModel
from trm_minimal.parallel import Workers

SIZES = ("dim", "layers", "prefix", "q_outputs", "latents")
PARTS = (*SIZES, "block", "recurrence", "init", "positions", "recursion", "net")  # of a model
ALONE = Workers()
LOG_EVERY = 10  # steps between looks at the loss: each look waits for the device


def build_model(recipe, vocab_size: int, length: int, seed: int) -> TinyRecursiveModel:
    """The model at its start, drawn from `seed` on the CPU; the global generator is left as it was."""
    parts = {name: getattr(recipe, name) for name in PARTS}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return TinyRecursiveModel(vocab_size, length, **parts)


class TrainState:
    """Everything that the next step depends on. With several workers, the carry holds the slots of this one."""

    def __init__(self, recipe, task, seed: int, device: str = "cpu", workers: Workers = ALONE):
        self.step, self.curve, self.seconds = 0, [], 0.0  # seconds of training, validation apart
        self.workers = workers
        self.model = build_model(recipe, task.vocab_size, task.length, seed).to(device)
        self.ema = EMA(self.model, recipe.ema)
        recipe.compilation(self.model)  # after the copy: only the model that learns is compiled
        self.optimizer = recipe.optimizer(self.model.named_parameters())
        self.base_lrs = [group["lr"] for group in self.optimizer.param_groups]
        self.scaler = torch.amp.GradScaler(device.split(":")[0], enabled=recipe.precision is torch.float16)
        names = ("data", "halting", "depth", "init")
        self.generators = {name: torch.Generator().manual_seed(seed + 1_000_003 * i) for i, name in enumerate(names)}
        self.batches = Batches(task, recipe.batch, self.generators["data"], torch.device(device), workers)
        if recipe.batch % workers.count:
            raise BadInput(f"{workers.count} processes cannot share a batch of {recipe.batch} evenly; change --batch")
        blank_BL = torch.zeros(recipe.batch // workers.count, task.length, dtype=torch.long, device=device)
        probe = torch.Generator()
        before = probe.get_state()
        self.carry = empty_carry(self.model, blank_BL, blank_BL, probe)
        if workers.count > 1 and not probe.get_state().equal(before):
            raise BadInput("random initial states are drawn by one process only; train this recipe without torchrun")

    def save(self, path: Path, facts: dict) -> None:
        """Write everything to `path`, the slots of all workers. All must call it; the first writes."""
        if self.batches.drawn or self.batches.coming:
            raise ValueError(f"{len(self.batches.drawn)} batches are drawn ahead; save where none is")
        carry = {f"carry/{name}": self.workers.whole(tensor) for name, tensor in self.carry._asdict().items()}
        if self.workers.rank:
            return
        tensors = carry | {f"model/{name}": tensor for name, tensor in self.model.state_dict().items()}
        tensors |= {f"ema/{name}": tensor for name, tensor in self.ema.model.state_dict().items()}
        tensors |= {f"generator/{name}": generator.get_state() for name, generator in self.generators.items()}
        for index, slots in self.optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer/{index}/{name}": value for name, value in slots.items()}
        facts = facts | {
            "step": self.step,
            "curve": self.curve,
            "seconds": self.seconds,
            "scaler": self.scaler.state_dict(),
        }
        checkpoint.save(path, tensors, facts)

    def load(self, path: Path, facts: dict) -> None:
        """Continue from `path`. BadInput when it was written for other `facts` (recipe, seed)."""
        tensors, found = checkpoint.load(path)
        for name, value in facts.items():
            if found.get(name) != value:
                raise BadInput(f"{path} was written by a run with another {name}; resume with the same, or start anew")
        parts: dict[str, dict[str, Tensor]] = {}
        for name, tensor in tensors.items():
            part, rest = name.split("/", 1)
            parts.setdefault(part, {})[rest] = tensor
        checkpoint.load_weights(self.model, parts["model"], str(path))
        checkpoint.load_weights(self.ema.model, parts["ema"], str(path))
        device = self.model.tokens_VD.device
        self.carry = Carry(**{name: self.workers.mine(tensor).to(device) for name, tensor in parts["carry"].items()})
        for name, generator in self.generators.items():
            generator.set_state(parts["generator"][name])
        slots: dict[int, dict[str, Tensor]] = {}
        for name, tensor in parts.get("optimizer", {}).items():
            index, key = name.split("/")
            slots.setdefault(int(index), {})[key] = tensor
        self.optimizer.load_state_dict(self.optimizer.state_dict() | {"state": slots})
        self.scaler.load_state_dict(found["scaler"])
        self.step, self.curve, self.seconds = found["step"], found["curve"], found["seconds"]


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
    """One supervision step of every slot. Returns (mean loss, puzzles that halted, those of them exactly right)."""
    model, draw, workers = state.model, state.generators, state.workers
    device = state.carry.inputs.device

    depth = recipe.depth(state.step, draw["depth"])
    left = min(recipe.steps - state.step, recipe.eval_every - state.step % recipe.eval_every)
    carry = refill(model, state.carry, *state.batches.next(left), draw["init"])

    # The cache must be off: up to torch 2.8 it kept casts made under no_grad, and with T > 1 only the heads learned.
    with torch.autocast(device.type, recipe.precision, recipe.precision is not torch.float32, cache_enabled=False):
        prediction = model(carry.inputs, carry.y, carry.z, *depth, grad_rounds=recipe.grad_rounds)
    loss_B, solved_B = supervision_loss(recipe.cross_entropy, prediction.logits, prediction.q, carry.labels)
    descend(recipe, state, loss_B.mean())

    # Every worker knows q, steps, loss and success of all slots: the halting draws are those of a single process.
    of_slots_4B = torch.stack((prediction.q.detach(), carry.steps + 1, loss_B.detach(), solved_B))
    q_B, steps_B, loss_B, solved_B = workers.whole(of_slots_4B, dim=1)
    halted_B = recipe.halting(q_B, steps_B.long(), recipe.N_sup, draw["halting"])
    mine = workers.mine(halted_B)
    state.carry = Carry(carry.inputs, carry.labels, prediction.y, prediction.z, carry.steps + 1, mine)
    state.step += 1
    return loss_B.mean(), halted_B.sum(), (solved_B.bool() & halted_B).sum()


def exact_on(recipe, model, puzzles) -> float:
    """Exact accuracy after N_sup steps at the recipe's test depth."""
    answers = answer(model, puzzles.inputs_NL, recipe.N_sup, recipe.test_depth)
    return float(exact_by_step(answers, puzzles.labels_NL)[-1].double().mean())


def stop_unless_finite(state: TrainState, losses: Tensor, path: Path | None) -> None:
    """Diverged when one of the last losses, or a weight, is not finite."""
    kept = f"the last good state is {path}" if path and Path(path).exists() else "no state had been saved before"
    for step, loss in enumerate(losses.tolist(), state.step - len(losses) + 1):
        if not math.isfinite(loss):
            raise Diverged(f"the loss of step {step} is {loss}; {kept}", state.curve)
    if not all(weight.isfinite().all() for weight in state.model.parameters()):
        raise Diverged(f"a weight is not finite after step {state.step}; {kept}", state.curve)


def train(
    recipe, task, seed: int, *, device="cpu", workers=ALONE, path=None, facts=None, resume=False, quiet=False
) -> TrainState:
    """Train to the last step; validate with raw and EMA weights every `eval_every` steps and save the state to `path`.

    `facts` (recipe, seed) are stored in the state and must agree when `resume` is asked for. Diverged on a loss that
    is not finite: the state on disk is then the last good one.
    """
    facts = {"kind": "training state", "seed": seed} | (facts or {})
    state = TrainState(recipe, task, seed, device, workers)
    if resume:
        state.load(path, facts)
    validation = type(task.validation)(*(tokens_NL[: recipe.eval_puzzles] for tokens_NL in task.validation))
    since_eval: list[tuple[Tensor, Tensor, Tensor]] = []
    started, validated = time.perf_counter(), {}
    quiet = quiet or workers.rank > 0
    with tqdm(total=recipe.steps, initial=state.step, unit="step", dynamic_ncols=True, disable=quiet) as bar:
        while state.step < recipe.steps:
            since_eval.append(recipe.update(recipe, state))
            bar.update()
            at_eval = state.step % recipe.eval_every == 0 or state.step == recipe.steps
            if state.step % LOG_EVERY and not at_eval:
                continue

            losses, halted, solved = (torch.stack(column).cpu() for column in zip(*since_eval, strict=True))
            state.seconds += time.perf_counter() - started  # after the copy, which waits for the device
            started = time.perf_counter()
            stop_unless_finite(state, losses, path)
            ended = int(halted.sum())  # puzzles that took their last supervision step
            train_exact = float(solved.sum() / ended) if ended else None
            mean_steps = recipe.batch * len(halted) / ended if ended else None
            speed = recipe.batch * state.step / state.seconds
            shown = {"loss": f"{losses[-LOG_EVERY:].mean():.3f}", "puzzles/s": f"{speed:.0f}"} | validated
            bar.set_postfix(shown | ({} if train_exact is None else {"exact": f"{train_exact:.2f}"}))
            if not at_eval:
                continue

            nets = {"raw": state.model, "ema": state.ema.model}
            scores = {name: exact_on(recipe, net, validation) for name, net in nets.items()}
            row = {"step": state.step, "loss": float(losses.mean())} | scores
            state.curve.append(row | {"train_exact": train_exact, "mean_steps": mean_steps})
            validated, since_eval = {"validation": f"{scores['ema']:.3f}"}, []
            if path:
                state.save(path, facts)
            started = time.perf_counter()
    return state
