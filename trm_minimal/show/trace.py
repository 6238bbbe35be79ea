"""Record every state of a run from outside: a recorder takes the place of the net in the recursion.

The model computes what it always does and is not touched, so two runs of one model cannot meet.
Moment 0 is before any call of the net, moment k after the k-th.

Dimension key: N puzzles, L cells (in states with the prefix), D width, H heads, K moments (the
first letter) or head width, V vocabulary.
"""

import math
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from types import SimpleNamespace
from typing import NamedTuple

import torch
from torch import Tensor

from trm_minimal.errors import BadInput
from trm_minimal.evaluate import Answers
from trm_minimal.lab.parts.rounds import TwoNets
from trm_minimal.layers import SelfAttention
from trm_minimal.model import TinyRecursiveModel
from trm_minimal.schedules import Depth


class Position(NamedTuple):
    """Where in a run a call of the net stands. All count from 1; in moment 0 all are 0."""

    step: int  # supervision step, 1..N_sup
    round: int  # 1..T
    call: int  # 1..n+1: calls 1..n renew z, call n+1 renews y
    state: str  # "y" or "z", whichever the call renewed; "" in moment 0


@dataclass(frozen=True, eq=False, kw_only=True)
class Trace:
    """What N puzzles went through in N_sup supervision steps of depth (n, T): K = N_sup T (n+1)
    calls of the net.
    """

    model: TinyRecursiveModel
    inputs_NL: Tensor
    N_sup: int
    depth: Depth
    initial: tuple[Tensor, Tensor]  # y, z [N, L, D] before the first call
    renewed: list[Tensor]  # [N, L, D] after each call: the state that it renewed
    tokens_KNL: Tensor  # uint8: y, decoded by the answer head; K + 1 moments
    confidence_KNL: Tensor  # probability (softmax) that the answer head gives to this token
    q_KN: Tensor  # halting logit, read from y
    ids_N: Tensor | None = None  # identities, for a model that has vectors for them

    def __repr__(self) -> str:
        N, (n, T) = len(self.inputs_NL), self.depth
        size = sum(state.nbytes for state in (*self.initial, *self.renewed)) / 1e6
        puzzles = "puzzle" if N == 1 else "puzzles"
        return (
            f"Trace of {N} {puzzles}: {len(self) - 1} calls = {self.N_sup} supervision steps x {T}"
            f" rounds x ({n} for z + 1 for y); states {list(self.initial[0].shape)}, {size:.1f} MB"
        )

    def __len__(self) -> int:
        """How many moments there are: the calls, and the one before the first."""
        return len(self.renewed) + 1

    def position(self, k: int) -> Position:
        """Where moment k stands. IndexError outside 0..K."""
        if not 0 <= k < len(self):
            raise IndexError(f"moment {k}: this trace has moments 0 to {len(self) - 1}")
        if k == 0:
            return Position(0, 0, 0, "")
        n, T = self.depth
        rounds, call = divmod(k - 1, n + 1)
        return Position(rounds // T + 1, rounds % T + 1, call + 1, "y" if call == n else "z")

    def moment(self, step: int, round: int | None = None, call: int | None = None) -> int:
        """The moment at which this call, round or step has ended: the inverse of `position`."""
        n, T = self.depth
        round, call = T if round is None else round, n + 1 if call is None else call
        if step == 0:
            return 0
        if not (1 <= step <= self.N_sup and 1 <= round <= T and 1 <= call <= n + 1):
            raise IndexError(
                f"step {step}, round {round}, call {call}: there are {self.N_sup}, {T} and {n + 1}"
            )
        return ((step - 1) * T + round - 1) * (n + 1) + call

    def ends_of(self, level: str) -> list[int]:
        """The moments at which a "step", a "round" or a "call" ends, moment 0 first."""
        n, T = self.depth
        return list(range(0, len(self), {"step": T * (n + 1), "round": n + 1, "call": 1}[level]))

    def y(self, k: int) -> Tensor:
        """The answer state [N, L, D] in moment k."""
        rounds = k // (self.depth.n + 1)
        return self.renewed[rounds * (self.depth.n + 1) - 1] if rounds else self.initial[0]

    def z(self, k: int) -> Tensor:
        """The latent state [N, L, D] in moment k."""
        n = self.depth.n
        last = k - 1 if k % (n + 1) == 0 else k  # the last call for z is one before a call for y
        return self.renewed[last - 1] if last > 0 and n else self.initial[1]

    def injection(self, k: int) -> tuple[Tensor, Tensor]:
        """(state, injection) that call k, k >= 1, was given."""
        if self.position(k).state == "y":
            return self.y(k - 1), self.z(k - 1)
        with torch.inference_mode():
            x_NLD = _embedding(self.model, self.inputs_NL, self.ids_N)
            return self.z(k - 1), x_NLD + self.y(k - 1)

    def drift(self, state: str) -> Tensor:
        """[K + 1, N]: how far y or z moved in each call, as a share of its own length; 0 where it
        was not renewed.
        """
        of, moved = {"y": self.y, "z": self.z}[state], [torch.zeros(len(self.inputs_NL))]
        for k in range(1, len(self)):
            new, old = of(k), of(k - 1)
            share_N = (new - old).flatten(1).norm(dim=1) / old.flatten(1).norm(dim=1)
            moved.append(share_N.cpu() if self.position(k).state == state else moved[0])
        return torch.stack(moved)

    def rms(self, state: str) -> Tensor:
        """[K + 1, N]: root mean square of y or z."""
        of = {"y": self.y, "z": self.z}[state]
        return torch.stack([of(k).square().mean((1, 2)).sqrt().cpu() for k in range(len(self))])

    @property
    def answers(self) -> Answers:
        """What evaluate.answer gives: the answers and Q after each supervision step."""
        ends = self.ends_of("step")[1:]
        return Answers(self.tokens_KNL[ends], self.q_KN[ends])

    def changed(self, k: int) -> Tensor:
        """Bool [N, L]: cells whose decoded answer is not what it was one moment before."""
        return self.tokens_KNL[k] != self.tokens_KNL[max(k - 1, 0)]

    def right(self, labels_NL: Tensor) -> Tensor:
        """Bool [K + 1, N, L]."""
        return self.tokens_KNL == labels_NL

    @torch.inference_mode()
    def peek(self, k: int) -> tuple[Tensor, Tensor]:
        """(tokens [N, L], q [N]) of the answer that the net would give if it stopped thinking in
        moment k: net(y, z).

        After the last call for z of a round this is the answer that the next call gives.
        """
        return _read(self.model, net_of(self.model, "y")(self.y(k), self.z(k)))[::2]

    @torch.inference_mode()
    def attention(self, k: int) -> list[Tensor]:
        """Attention maps [N, H, L, L] of call k, layer by layer: rows look, columns are looked at.

        [] for a mixer."""
        maps: list[Tensor] = []

        def look(part: SelfAttention, given: tuple[Tensor], _) -> None:
            q_NHLK, k_NHLK, _ = part.queries_keys_values(*given)
            maps.append((q_NHLK @ k_NHLK.mT / math.sqrt(q_NHLK.shape[-1])).softmax(-1))

        # Hooks stand on a copy only: the model may be in use elsewhere.
        net = deepcopy(net_of(self.model, self.position(k).state))
        for part in net.modules():
            if isinstance(part, SelfAttention):
                part.register_forward_hook(look)
        net(*self.injection(k))
        return maps


def net_of(model: TinyRecursiveModel, state: str) -> Callable[[Tensor, Tensor], Tensor]:
    """The net that renews "y" or "z": one and the same, unless the model has two."""
    if isinstance(model.net, TwoNets):
        return {"y": model.net.answer, "z": model.net.latent}[state]
    return model.net


class Recorder:
    """What a recursion calls instead of the nets of a model; it keeps each state that they give.

    Which state a call renews is seen from its first argument, which must be the present y or z.
    BadInput when that is not z in n calls and then y in one, again and again.
    """

    def __init__(self, model: TinyRecursiveModel, n: int):
        self.model, self.n = model, n
        self.renewed: list[Tensor] = []
        two = SimpleNamespace(latent=self._part("z"), answer=self._part("y"))
        self.net = two if isinstance(model.net, TwoNets) else self._part("yz")

    def step(self, x: Tensor, y: Tensor, z: Tensor, T: int) -> tuple[Tensor, Tensor]:
        """One supervision step from y and z; the y and z after it."""
        self.present, before, wanted = {"y": y, "z": z}, len(self.renewed), T * (self.n + 1)
        y, z = self.model.recursion(self.net, x, y, z, self.n, T)
        calls = len(self.renewed) - before
        if calls != wanted:
            told = f"calls the net {calls} times a step, not T (n + 1) = {wanted} times"
        elif y is not self.present["y"] or z is not self.present["z"]:
            told = "ends with another y or z than its net gave last"
        else:
            return y, z
        raise BadInput(f"the recursion of this model {told}; its states cannot be traced")

    def _part(self, states: str) -> Callable[[Tensor, Tensor], Tensor]:
        """The net for these states."""

        def call(state: Tensor, injection: Tensor) -> Tensor:
            number = len(self.renewed) + 1
            due = "z" if number % (self.n + 1) else "y"
            seen = next((name for name in states if self.present[name] is state), None)
            if seen != due:
                what = seen or "a state that is neither y nor z"
                told = f"call {number} of the net renews {what} where {due} is due"
                rule = "a trace knows z n times and then y"
                raise BadInput(f"{told}; {rule}, so this recursion cannot be traced")
            self.present[due] = net_of(self.model, due)(state, injection)
            self.renewed.append(self.present[due])
            return self.renewed[-1]

        return call


def _read(model: TinyRecursiveModel, y_NLD: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """(tokens uint8, confidence, q) of a y, on the CPU."""
    chances_NLV = model.output_head(y_NLD[:, model.prefix :]).float().softmax(-1)
    confidence_NL, tokens_NL = chances_NLV.max(-1)
    return (
        tokens_NL.to(torch.uint8).cpu(),
        confidence_NL.cpu(),
        model.q_head(y_NLD[:, 0]).float()[:, 0].cpu(),
    )


def _embedding(model: TinyRecursiveModel, inputs_NL: Tensor, ids_N: Tensor | None) -> Tensor:
    device = model.tokens_VD.device
    ids_N = None if ids_N is None else ids_N.long().to(device)
    return model.input_embedding(inputs_NL.long().to(device), ids_N)


@torch.inference_mode()
def trace(
    model: TinyRecursiveModel,
    inputs_NL: Tensor,
    N_sup: int,
    depth: Depth,
    generator: torch.Generator | None = None,
    ids_N: Tensor | None = None,
) -> Trace:
    """Run N_sup supervision steps on each puzzle, with no halting, and keep every state.

    Random first states are drawn from the generator, by default from one seeded with 0.
    BadInput when the model's recursion is none of z n times and then y once, T times a step.
    """
    depth = Depth(*depth)
    inputs_NL = inputs_NL.view(-1, inputs_NL.shape[-1])
    recorder = Recorder(model, depth.n)
    generator = generator or torch.Generator().manual_seed(0)
    initial = model.initial_states(inputs_NL.to(model.tokens_VD.device), generator)
    y_NLD, z_NLD = initial
    for _ in range(N_sup):  # x is embedded anew in each step, as the model does
        y_NLD, z_NLD = recorder.step(_embedding(model, inputs_NL, ids_N), y_NLD, z_NLD, depth.T)
    renewed = recorder.renewed
    rounds = [_read(model, y_NLD) for y_NLD in (initial[0], *renewed[depth.n :: depth.n + 1])]
    # y, and what is read from it, stays as it is during the calls for z.
    round_of = [k // (depth.n + 1) for k in range(len(renewed) + 1)]
    tokens, confidence, q = (torch.stack([rounds[r][i] for r in round_of]) for i in range(3))
    return Trace(
        model=model,
        inputs_NL=inputs_NL.cpu(),
        N_sup=N_sup,
        depth=depth,
        initial=initial,
        renewed=renewed,
        tokens_KNL=tokens,
        confidence_KNL=confidence,
        q_KN=q,
        ids_N=ids_N,
    )


def traces(
    model, inputs_NL: Tensor, N_sup: int, depth: Depth, batch: int = 20, generator=None, ids_N=None
) -> Iterator[Trace]:
    """Traces of so many puzzles at a time: the states of thousands need not fit into memory."""
    for rows in torch.arange(len(inputs_NL)).split(batch):
        some_N = None if ids_N is None else ids_N[rows]
        yield trace(model, inputs_NL[rows], N_sup, depth, generator, some_N)
