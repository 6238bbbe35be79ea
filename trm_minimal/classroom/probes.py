"""A net that keeps a tape, so that a probe sees every call of a learner's function, and says it in
words.

The values are float64 and drawn once, so a sum of states is recognised by its value: `net(z, x + y)
-> r1`.
"""

from itertools import combinations
from typing import Any

import torch
from torch import Tensor

from trm_minimal.classroom.watched import Refused, refuse_unless, shown

MOST_CALLS = 500
LAST = 9  # results that a tape recognises, besides x, y and z


class Tape:
    """A net (state, injection) -> state that records its calls.

    Neither symmetric nor commutative, so order shows.

    It brings its own `states`, the tensors x, y and z [2, 3], which want gradients. The result of
    call k is named rk, and each call has a weight of its own, so that the graph can be asked which
    calls a gradient reaches.
    """

    def __init__(self):
        generator = torch.Generator().manual_seed(0)
        leaves = [torch.randn(2, 3, generator=generator, dtype=torch.float64) for _ in "xyz"]
        self.sources = {
            name: leaf.requires_grad_() for name, leaf in zip("xyz", leaves, strict=True)
        }
        # no leaves: they can be written into, and it shows
        self.states = [leaf * 1 for leaf in leaves]
        self.values = {name: leaf.flatten().tolist() for name, leaf in self.sources.items()}
        self.calls: list[tuple[str, str]] = []  # (state, injection) in words
        self.in_graph: list[bool] = []  # does autograd remember the call?

    def __call__(self, *arguments: Tensor) -> Tensor:
        number = len(self.calls) + 1
        refuse_unless(
            number <= MOST_CALLS,
            f"it called net more than {MOST_CALLS} times; does a loop never end?",
        )
        refuse_unless(
            len(arguments) == 2,
            f"call {number} gives net {len(arguments)} arguments; it takes two, the state and what"
            " is added to it",
        )
        for argument in arguments:
            if not isinstance(argument, Tensor):
                raise Refused(f"call {number} gives net {shown(argument)}; it takes tensors")
            refuse_unless(
                not (argument.is_inference() and torch.is_grad_enabled()),
                f"call {number} gets a tensor made under torch.inference_mode(), which no "
                "gradient may pass later on; use `with torch.no_grad():`",
            )
        state, injection = arguments
        self.calls.append((self.say(state), self.say(injection)))
        weight = torch.ones((), dtype=torch.float64, requires_grad=True)
        out = weight * (0.7 * state + 0.2 * injection.sin() + 0.1)
        self.in_graph.append(out.requires_grad)
        self.sources[f"r{number}"], self.values[f"r{number}"] = weight, out.flatten().tolist()
        return out

    def say(self, value: Tensor) -> str:
        """A known value, or a sum of two or three of them, by name."""
        if not isinstance(value, Tensor) or value.shape != self.states[0].shape:
            return "something else"
        wanted, known = value.flatten().tolist(), list(self.values.items())
        for size in (1, 2, 3):
            for parts in combinations(known[:3] + known[3:][-LAST:], size):
                columns = zip(wanted, *(numbers for _, numbers in parts), strict=True)
                if all(abs(number - sum(terms)) < 1e-12 for number, *terms in columns):
                    return " + ".join(name for name, _ in parts)
        return "something else"

    def lines(self) -> list[str]:
        return [
            f"net({state}, {injection}) -> r{i}"
            for i, (state, injection) in enumerate(self.calls, 1)
        ]

    def reached(self, *states: Tensor) -> dict[str, Tensor]:
        """The gradient of a weighted sum of these states at x, y, z, r1, r2, ..., where it
        arrives.
        """
        weights = torch.arange(1, 7, dtype=torch.float64).view(2, 3)
        loss = sum((k * weights * state).sum() for k, state in enumerate(states, 1))
        if not loss.requires_grad:
            return {}
        shares = torch.autograd.grad(
            loss, list(self.sources.values()), allow_unused=True, retain_graph=True
        )
        return {
            name: share
            for name, share in zip(self.sources, shares, strict=True)
            if share is not None
        }

    def carrying(self, y: Tensor) -> list[bool]:
        """For each call, in order: does the gradient of the answer y reach it?"""
        reached = self.reached(y)
        return [f"r{i}" in reached for i in range(1, len(self.calls) + 1)]


def two_states(result: Any) -> tuple[Tensor, Tensor]:
    """(y, z) as a recursion returns them. Refused unless they are two tensors."""
    refuse_unless(result is not None, "it returns nothing; it should return (y, z)")
    pair = isinstance(result, tuple | list) and len(result) == 2
    if not pair or not all(isinstance(part, Tensor) for part in result):
        raise Refused(f"it returns {shown(result)}; two tensors, (y, z), are wanted")
    return result[0], result[1]


def compare_tapes(yours: Tape, right: Tape) -> None:
    """Refused, with both tapes side by side, at the first call that differs."""
    pairs = [(yours.lines() + [""] * len(right.calls)), right.lines()]
    for number, (mine, theirs) in enumerate(zip(*pairs, strict=False), 1):
        if mine != theirs:
            rows = [
                f"  {a:<34} {b}"
                for a, b in zip(pairs[0][: number + 1], pairs[1][: number + 1], strict=False)
            ]
            table = "\n".join([f"  {'yours':<34} right", *rows])
            raise Refused(f"call {number} is another one:\n{table}")


def compare_results(
    yours: Tape, right: Tape, result: tuple[Tensor, Tensor], answer: tuple[Tensor, Tensor]
) -> None:
    """Refused unless the same (y, z) comes back."""
    said, wanted = [yours.say(state) for state in result], [right.say(state) for state in answer]
    refuse_unless(said != wanted[::-1], "it returns (z, y); the order is (y, z)")
    refuse_unless(said == wanted, f"it returns ({said[0]}, {said[1]}), not the last y and z")


def compare_gradients(yours: Tape, right: Tape, result, answer, names: str = "xyz") -> None:
    """Refused unless the gradient from (y, z) reaches the states named, and the calls, as it
    should.
    """
    for state, name in zip(result, "yz", strict=True):
        refuse_unless(
            state.requires_grad,
            f"{name} comes back detached; to cut it off or not is for the caller to decide",
        )
    mine, wanted = yours.reached(*result), right.reached(*answer)
    meaning = {
        "x": "the question, so the token table would never learn",
        "y": "the first answer",
        "z": "the first thought",
    }
    for name in names:
        refuse_unless(
            name in mine or name not in wanted,
            f"no gradient reaches {name}, {meaning[name]}; use {name} as it is handed in",
        )
    for name in [name for name in wanted if name in names or name[0] == "r"]:
        refuse_unless(
            name in mine and torch.allclose(mine[name], wanted[name]),
            f"the gradient that arrives at {name} is another one; somewhere on its way a state is"
            " detached",
        )
