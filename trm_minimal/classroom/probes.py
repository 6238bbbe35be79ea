"""Nets that keep a tape, so that a probe sees every call a learner's function makes, and says it in words.

The values are float64 and drawn once, so a sum of states is recognised by its value: `net(z, x + y) -> r1`.
"""

from itertools import combinations

import torch
from torch import Tensor

from trm_minimal.classroom.exercise import Refused, refuse_unless

MOST_CALLS = 500


class Tape:
    """A net (state, injection) -> state that records its calls. Neither symmetric nor commutative, so order shows.

    `names` are the values it knows, as x=..., y=..., z=...; the result of call k gets the name rk.
    """

    def __init__(self, **names: Tensor):
        self.names = dict(names)
        self.calls: list[tuple[str, str]] = []  # (state, injection) in words
        self.in_graph: list[bool] = []  # does the call's result carry gradient?

    def __call__(self, *arguments: Tensor) -> Tensor:
        number = len(self.calls) + 1
        refuse_unless(number <= MOST_CALLS, f"it called net more than {MOST_CALLS} times; does a loop never end?")
        refuse_unless(
            len(arguments) == 2,
            f"call {number} gives net {len(arguments)} arguments; it takes two, the state and what is added to it",
        )
        for argument in arguments:
            refuse_unless(isinstance(argument, Tensor), f"call {number} gives net {argument!r}; it takes tensors")
        state, injection = arguments
        self.calls.append((self.say(state), self.say(injection)))
        out = 0.7 * state + 0.2 * injection.sin() + 0.1
        self.in_graph.append(out.requires_grad)
        self.names[f"r{number}"] = out
        return out

    def say(self, value: Tensor) -> str:
        """A known value, or a sum of two or three of them, by name."""
        value, known = value.detach(), list(self.names.items())[-12:]
        for size in (1, 2, 3):
            for parts in combinations(known, size):
                total = sum(part.detach() for _, part in parts)
                if total.shape == value.shape and torch.allclose(total, value, rtol=0, atol=1e-12):
                    return " + ".join(name for name, _ in parts)
        return "something else"

    def lines(self) -> list[str]:
        return [f"net({state}, {injection}) -> r{i}" for i, (state, injection) in enumerate(self.calls, 1)]


def states(*names: str, seed: int = 0, shape: tuple[int, ...] = (2, 3)) -> dict[str, Tensor]:
    """A random float64 tensor for each name."""
    generator = torch.Generator().manual_seed(seed)
    return {name: torch.randn(shape, generator=generator, dtype=torch.float64) for name in names}


def compare_tapes(yours: Tape, right: Tape) -> None:
    """Refused, with both tapes side by side, at the first call that differs."""
    pairs = [(yours.lines() + [""] * len(right.calls)), right.lines()]
    for number, (mine, theirs) in enumerate(zip(*pairs, strict=False), 1):
        if mine != theirs:
            rows = [f"  {a:<34} {b}" for a, b in zip(pairs[0][: number + 1], pairs[1][: number + 1], strict=False)]
            table = "\n".join([f"  {'yours':<34} right", *rows])
            raise Refused(f"call {number} is another one:\n{table}")
