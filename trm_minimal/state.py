"""What a run must remember to go on bit for bit, and how it is kept on disk."""

import math

import torch

from trm_minimal.ema import EMA
from trm_minimal.engine import checkpoint
from trm_minimal.engine.batches import Batches
from trm_minimal.engine.parallel import Workers
from trm_minimal.errors import BadInput
from trm_minimal.halting import Carry, empty_carry
from trm_minimal.model import MODEL_PARTS, TinyRecursiveModel

ALONE = Workers()


def build_model(recipe, vocab_size: int, length: int, seed: int) -> TinyRecursiveModel:
    """The model at its start, drawn from `seed` on the CPU, not from the global generator."""
    parts = {name: getattr(recipe, name) for name in MODEL_PARTS}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return TinyRecursiveModel(vocab_size, length, **parts)


def require_ids(recipe, puzzles) -> None:
    """BadInput when the model has vectors for identities and these puzzles have none of them."""
    if recipe.puzzles and len(puzzles):
        ids_N = torch.tensor([-1]) if puzzles.ids_N is None else puzzles.ids_N
        if ids_N.min() < 0 or ids_N.max() >= recipe.puzzles:
            found = "none" if puzzles.ids_N is None else f"{int(ids_N.min())} to {int(ids_N.max())}"
            raise BadInput(
                f"the recipe has vectors for the identities 0 to {recipe.puzzles - 1}, and the "
                f"puzzles have {found}; change the recipe's `puzzles`, or the data"
            )


class TrainState:
    """Everything that the next step depends on. Of several workers, each holds its own slots."""

    def __init__(self, recipe, task, seed: int, device: str = "cpu", workers: Workers = ALONE):
        if recipe.batch % workers.count:
            raise BadInput(
                f"{workers.count} processes cannot share a batch of {recipe.batch} evenly; change"
                " --batch"
            )
        require_ids(recipe, task.train)
        self.step, self.curve, self.seconds = 0, [], 0.0  # seconds of training, validation apart
        self.last_step = recipe.steps
        self.workers = workers
        self.model = build_model(recipe, task.vocab_size, task.length, seed).to(device)
        self.ema = EMA(self.model, recipe.ema)
        recipe.compilation(self.model)  # after the copy: only the model that learns is compiled
        self.optimizer = recipe.optimizer(self.model.named_parameters())
        self.base_lrs = [group["lr"] for group in self.optimizer.param_groups]
        is_half = recipe.precision is torch.float16
        self.scaler = torch.amp.GradScaler(device.split(":")[0], enabled=is_half)
        self.generators = {
            name: torch.Generator().manual_seed(seed + 1_000_003 * i)
            for i, name in enumerate(("data", "halting", "depth", "init"))
        }
        self.batches = Batches(
            task, recipe.batch, self.generators["data"], torch.device(device), workers
        )
        slots = recipe.batch // workers.count
        blank_BL = torch.zeros(slots, task.length, dtype=torch.long, device=device)
        self.ids_B = blank_BL[:, 0]  # which puzzle's identity each slot has
        probe = torch.Generator()
        before = probe.get_state()
        self.carry = empty_carry(self.model, blank_BL, blank_BL, probe)
        if workers.count > 1 and not probe.get_state().equal(before):
            raise BadInput(
                "random initial states are drawn by one process only; train this recipe without"
                " torchrun"
            )

    def save(self, path, facts: dict) -> None:
        """Write everything to `path`, the slots of all workers. All must call it; one writes."""
        if self.batches.drawn or self.batches.coming:
            drawn = len(self.batches.drawn)
            raise ValueError(f"{drawn} batches are drawn ahead; save where none is")
        slots = self.carry._asdict() | {"ids": self.ids_B}
        slots = {name: self.workers.gather(part) for name, part in slots.items()}
        if self.workers.rank:
            return
        draws = {name: generator.get_state() for name, generator in self.generators.items()}
        parts = {
            "carry": slots,
            "model": self.model.state_dict(),
            "ema": self.ema.model.state_dict(),
            "generator": draws,
            "optimizer": self.optimizer.state_dict()["state"],
        }
        progress = {"step": self.step, "curve": self.curve, "seconds": self.seconds}
        facts = facts | progress | {"scaler": self.scaler.state_dict()}
        checkpoint.save(path, checkpoint.flat(parts), facts)

    def load(self, path, facts: dict) -> None:
        """Continue from `path`. BadInput when it was written for other `facts`, naming each."""
        tensors, found = checkpoint.load(path)
        checkpoint.require_facts(facts, found, path)
        try:
            self.restore(checkpoint.nested(tensors), found, path)
        except BadInput:
            raise
        except (LookupError, TypeError, ValueError, RuntimeError, AttributeError) as error:
            reason = f"{path} is no whole training state ({type(error).__name__} {error!s:.200})"
            raise BadInput(f"{reason}; start anew") from error

    def restore(self, parts: dict, found: dict, path) -> None:
        """Take over what a file held. Of a spoilt file, half is taken: the state is of no use."""
        checkpoint.load_weights(self.model, parts["model"], str(path))
        checkpoint.load_weights(self.ema.model, parts["ema"], str(path))
        device = self.model.tokens_VD.device
        slots = {name: self.workers.share(part).to(device) for name, part in parts["carry"].items()}
        checkpoint.require_like(self.carry._asdict() | {"ids": self.ids_B}, slots, path)
        self.ids_B = slots.pop("ids")
        self.carry = Carry(**slots)
        for name, generator in self.generators.items():
            generator.set_state(parts["generator"][name])
        moments = {int(index): slots for index, slots in parts.get("optimizer", {}).items()}
        checkpoint.require_moments(self.optimizer, moments, path)
        self.optimizer.load_state_dict(self.optimizer.state_dict() | {"state": moments})
        self.scaler.load_state_dict(checkpoint.fact(found, "scaler", dict, path))
        self.step = checkpoint.fact(found, "step", int, path)
        self.curve = checkpoint.fact(found, "curve", list, path)
        self.seconds = checkpoint.fact(found, "seconds", float, path)
        if not self.is_sound():
            raise ValueError("no run can have saved what it holds")
        if not 0 <= self.step <= self.last_step:
            raise BadInput(f"{path} says step {self.step} of {self.last_step}; start anew")

    def is_sound(self) -> bool:
        """Whether slots, times and curve can be those of a run; weights are checked elsewhere."""
        tokens = torch.cat((self.carry.inputs, self.carry.labels))
        whole = torch.cat((self.carry.steps, self.ids_B, tokens.flatten()))
        numbers = torch.cat((self.carry.y, self.carry.z), dim=1)
        columns = {"step", "loss", "raw", "ema"}
        rows = all(columns <= dict(row).keys() and type(row["step"]) is int for row in self.curve)
        known = tokens.max() < self.model.vocab_size and whole.min() >= 0
        return bool(known and numbers.isfinite().all() and 0 <= self.seconds < math.inf and rows)
