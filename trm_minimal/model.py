"""The Tiny Recursive Model: a tiny net, an embedding, two heads, and two starting states.

Dimension key: B batch, L cells, P prefix positions, D width, V vocabulary, Q halting outputs.
Inside the net a sequence has P + L positions, and there a suffix L counts the prefix too.
"""

import inspect
import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from trm_minimal.layers import Linear, mlp_mixer, truncated_normal_
from trm_minimal.recurrence import Replace
from trm_minimal.recursion import deep_recursion


class TinyNet(nn.Module):
    """One state update: add the injection, think with a few blocks, meet the old state."""

    def __init__(self, dim: int, length: int, layers: int, block, recurrence):
        super().__init__()
        self.blocks = nn.Sequential(*(block(dim, length) for _ in range(layers)))
        self.recurrence = recurrence(dim)

    def forward(self, state_BLD: Tensor, injection_BLD: Tensor) -> Tensor:
        return self.recurrence(state_BLD, self.blocks(state_BLD + injection_BLD))


class FixedInit(nn.Module):
    """One random vector for all positions, a buffer: not learned, not zero (official)."""

    def __init__(self, dim: int):
        super().__init__()
        self.register_buffer("vector_D", truncated_normal_(torch.empty(dim), 1.0))

    def forward(self, like_BLD: Tensor, generator: torch.Generator | None) -> Tensor:
        return self.vector_D.expand_as(like_BLD)


class RandomInit(nn.Module):
    """A fresh normal vector for every position of every puzzle, from a CPU generator."""

    def __init__(self, dim: int):
        super().__init__()

    def forward(self, like_BLD: Tensor, generator: torch.Generator | None) -> Tensor:
        if generator is None:
            raise ValueError("random initial states are drawn from a generator; pass one")
        return torch.randn(like_BLD.shape, generator=generator).to(like_BLD)


class ZeroInit(nn.Module):
    """All zeros."""

    def __init__(self, dim: int):
        super().__init__()

    def forward(self, like_BLD: Tensor, generator: torch.Generator | None) -> Tensor:
        return torch.zeros_like(like_BLD)


class NoPositions(nn.Module):
    """Add no positions: a mixer knows places by its weights, attention by its rotation."""

    def __init__(self, dim: int, prefix: int, length: int):
        super().__init__()

    def forward(self, x_BLD: Tensor) -> Tensor:
        return x_BLD


class LearnedPositions(nn.Module):
    """Add a learned vector for each position, then halve the variance (official `learned`).

    x has unit variance / D.
    """

    def __init__(self, dim: int, prefix: int, length: int):
        super().__init__()
        self.table_LD = nn.Parameter(
            truncated_normal_(torch.empty(prefix + length, dim), 1 / math.sqrt(dim))
        )

    def forward(self, x_BLD: Tensor) -> Tensor:
        return (x_BLD + self.table_LD) * math.sqrt(0.5)


class Prediction(NamedTuple):
    """What one supervision step gives.

    y and z are detached; logits and q carry the gradient of the last rounds.
    """

    y: Tensor  # [B, P + L, D]
    z: Tensor  # [B, P + L, D]
    logits: Tensor  # [B, L, V]
    # [B, Q], float32: the first says "solved", a second (official, unused by default) "continue"
    q_logits: Tensor

    @property
    def q(self) -> Tensor:
        """Logit [B] that the answer is exactly right."""
        return self.q_logits[:, 0]


class TinyRecursiveModel(nn.Module):
    """The whole model (paper section 4; official models/recursive_reasoning/trm.py).

    Defaults are the paper's. vocab_size and length describe the puzzle; `puzzles` > 0 gives each
    puzzle identity a learned vector (ARC). latents counts the states z, for a recursion that has
    several; the paper's has one.

    The seams are passed as parts: block (dim, length) -> Module, recurrence (dim) -> Module, init
    (dim) -> Module, and recursion, which is deep_recursion or another of its signature. The depth
    (n, T) is an argument of every call.
    """

    def __init__(
        self,
        vocab_size: int,
        length: int,
        *,
        dim: int = 512,
        layers: int = 2,
        prefix: int = 16,
        puzzles: int = 0,
        q_outputs: int = 2,
        latents: int = 1,
        net: Callable[..., nn.Module] = TinyNet,
        block: Callable[[int, int], nn.Module] = mlp_mixer,
        recurrence: Callable[[int], nn.Module] = Replace,
        init: Callable[[int], nn.Module] = FixedInit,
        positions: Callable[[int, int, int], nn.Module] = NoPositions,
        recursion: Callable = deep_recursion,
    ):
        super().__init__()
        if prefix < 1:
            raise ValueError(
                f"prefix is {prefix}: keep at least one position, the Q head reads the first"
            )
        self.vocab_size, self.length, self.dim, self.prefix = vocab_size, length, dim, prefix
        self.latents, self.recursion = latents, recursion
        self.tokens_VD = nn.Parameter(
            truncated_normal_(torch.empty(vocab_size, dim), 1 / math.sqrt(dim))
        )
        self.puzzles_ND = nn.Parameter(torch.zeros(puzzles, dim)) if puzzles else None
        self.positions = positions(dim, prefix, length)
        self.net = net(dim, prefix + length, layers, block, recurrence)
        self.init_y, self.init_z = init(dim), init(dim)
        self.output_head = Linear(dim, vocab_size)
        self.q_head = Linear(dim, q_outputs, bias=True)
        nn.init.zeros_(self.q_head.weight)
        # sigmoid(-5) = 0.007: nothing halts before it has learned to
        nn.init.constant_(self.q_head.bias, -5.0)

    def input_embedding(self, inputs_BL: Tensor, ids_B: Tensor | None = None) -> Tensor:
        """Tokens -> x [B, P + L, D], root mean square about 1.

        The prefix is blank but for the vector of the puzzle's identity.
        """
        x_BLD = F.pad(F.embedding(inputs_BL, self.tokens_VD), (0, 0, self.prefix, 0))
        if self.puzzles_ND is not None:
            if ids_B is None:
                raise ValueError("the model has vectors for puzzle identities; pass the ids")
            identity_BLD = self.puzzles_ND[ids_B].unsqueeze(1)
            x_BLD = x_BLD + F.pad(identity_BLD, (0, 0, 0, self.prefix + self.length - 1))
        return math.sqrt(self.dim) * self.positions(x_BLD)

    def initial_states(
        self, inputs_BL: Tensor, generator: torch.Generator | None = None
    ) -> tuple[Tensor, Tensor]:
        """(y, z) before any thought, float32 [B, P + L, D]; several z one behind the other."""
        B, L, D = inputs_BL.shape[0], self.prefix + self.length, self.dim
        like_y, like_z = (
            self.tokens_VD.new_empty(()).expand(B, count * L, D) for count in (1, self.latents)
        )
        return self.init_y(like_y, generator), self.init_z(like_z, generator)

    def forward(
        self, inputs_BL, y_BLD, z_BLD, n: int, T: int, grad_rounds: int = 1, ids_B=None
    ) -> Prediction:
        """One supervision step. x is embedded anew in each: the last graph is gone."""
        x_BLD = self.input_embedding(inputs_BL, ids_B)
        y_BLD, z_BLD = self.recursion(self.net, x_BLD, y_BLD, z_BLD, n, T, grad_rounds)
        return Prediction(y_BLD.detach(), z_BLD.detach(), *self.read(y_BLD))

    def read(self, y_BLD: Tensor) -> tuple[Tensor, Tensor]:
        """(logits [B, L, V], q_logits [B, Q]) of an answer state."""
        return self.output_head(y_BLD[:, self.prefix :]), self.q_head(y_BLD[:, 0]).float()

    def deep_supervision(
        self,
        inputs_BL: Tensor,
        N_sup: int,
        n: int,
        T: int,
        *,
        generator=None,
        start=None,
        disturb=None,
        ids_B=None,
    ) -> Iterator[Prediction]:
        """Yield a Prediction after each of N_sup supervision steps. No halting: the caller stops.

        From the states `start` (y, z), else from initial states, which draw from the generator.
        disturb: (y, z) -> (y, z), what happens to the states before every step but the first.
        """
        y_BLD, z_BLD = start or self.initial_states(inputs_BL, generator)
        for step in range(N_sup):
            if disturb and step:
                y_BLD, z_BLD = disturb(y_BLD, z_BLD)
            prediction = self(inputs_BL, y_BLD, z_BLD, n, T, ids_B=ids_B)
            y_BLD, z_BLD = prediction.y, prediction.z
            yield prediction


def eager(model: TinyRecursiveModel) -> None:
    """Run the net call by call, as it is written."""


def compiled(model: TinyRecursiveModel) -> None:
    """Fuse each call of the net (torch.compile). The recursion around it stays as it is written."""
    model.net.compile()


# What a recipe may choose about the model, by name.
MODEL_PARTS = tuple(
    name
    for name, parameter in inspect.signature(TinyRecursiveModel).parameters.items()
    if parameter.kind is parameter.KEYWORD_ONLY
)


def count_parameters(model: nn.Module) -> int:
    """Trainable numbers, as the paper and the official code count: without puzzle identities."""
    return sum(weight.numel() for name, weight in model.named_parameters() if name != "puzzles_ND")
