"""Every small mistake in a right answer is refused, or stands below with the reason why it is none.

An answer that is accepted is carried on into later notebooks, so a checker that can be fooled is
worse than none.
"""

import re
from dataclasses import replace
from importlib import import_module
from itertools import chain
from pathlib import Path

import pytest
import torch
from mutants import NeverEnds, mutants

from trm_minimal.classroom import desk
from trm_minimal.classroom.exercise import Code
from trm_minimal.classroom.watched import Refused

EXERCISES = {
    number: task for number, task in desk.all_exercises().items() if isinstance(task, Code)
}
SOLUTIONS = Path(desk.__file__).parent / "solutions"

# Exercises in which no gradient runs: to cut one off is no mistake, and such mutants are not made.
NO_GRADIENT = {
    "1.1": "permutations of tokens are whole numbers",
    "1.2": "indices are whole numbers",
    "3.2": "what is recorded is looked at, not trained through",
    "5.2": (
        "states are detached from one supervision step to the next, and starting states are buffers"
    ),
    "5.3": "to halt or not is a bool",
    "6.3": "tokens are whole numbers",
    "7.1": "plain numbers",
    "7.2": "counts are whole numbers",
    "8.1": "plain numbers",
    "8.2": "moments are whole numbers",
    "9.1": "plain numbers",
    "9.2": "plain numbers",
    "9.4": "sets of words",
    "10.1": "plain numbers",
}

# Mutants that are accepted, by the reason why they may be: patterns of their names, in which *
# stands for anything.
OWN = "it writes into a value that it has made itself and does not need again"
FAIR = "another order of a fair draw, or the same draw by another name"
NUMBERS = "a tensor of one number serves as well as the number"
FREE = "autograd remembers nothing there already"
ANGLES = "no gradient runs through angles, which hang on positions alone"
SIDES = "the two are alike, or their order does not matter"
UPDATE = (
    "weights are changed without gradients anyway, and inference mode ends before the next backward"
)
EQUIVALENT = {
    "1.1": {
        FAIR: (
            "*: rows, columns = * -> columns, rows = *",
            "*: first, second = * -> second, first = *",
            "puzzle_by_puzzle: lines = *",
            "from_a_list_of_all_orders: orders = *",
        ),
        OWN: ("*.add_(*",),
        SIDES: ("puzzle_by_puzzle: cells, values = ([], []) -> *",),
        "a coin that is turned, or so little unfair that a thousand draws do not show it": (
            "puzzle_by_puzzle: if torch.rand((), generator=generator) < 0.5: -> if *",
        ),
        "rows and columns may stay": (
            "puzzle_by_puzzle: if torch.rand((), generator=generator) < 0.5: -> pass",
            "puzzle_by_puzzle: grid = grid.T -> pass",
        ),
        NUMBERS: (
            (
                "puzzle_by_puzzle: digits = (*).tolist() -> digits = torch.randperm(4,"
                " generator=generator) + 2"
            ),
        ),
        "a permutation, or its inverse: both are fair": (
            "from_a_list_of_all_orders: values.scatter_(1, *), old + 2)",
        ),
        "the digits are overwritten": (
            "from_a_list_of_all_orders: values = torch.tensor([0, 1, 2, 3, 4, 5]*",
        ),
    },
    "1.2": {
        NUMBERS: ("*.tolist()* -> *",),
        "its last line is never reached": ("rather_too_few: return aside -> pass",),
    },
    "2.1": {
        "weights want gradients wherever they are made": (
            "mlp_mixer: * -> with torch.no_grad():",
            "own_class: return Mixer() -> with torch.no_grad():",
            "*: self.* = *SwiGLU(* -> with torch.no_grad():",
        ),
        "what is only put together computes nothing": (
            "*: return nn.Sequential(*) -> with torch.*",
        ),
        "it computes nothing": ("*: super().__init__() -> with torch.*",),
        "a class is only defined there": ("own_*:  -> with torch.*",),
        OWN: ("own_*.add_(*",),
        SIDES: ("own_norm: *.transpose(2, self.axis)*",),
    },
    "2.2": {
        OWN: (
            "*.add_(*",
            "*.sub_(*",
            "*.mul_(*",
        ),
        ANGLES: (
            "*: speed_k = * -> with torch.*",
            "*: angle_L* = * -> with torch.*",
            "*: cos_Lk, sin_Lk = * -> with torch.no_grad():",
            "*: speed_k = *.detach()*",
            "*: angle_L* = *.detach()*",
            "*: cos_Lk, sin_Lk = *.detach()*",
            "rotate: return * angle_LK.cos().detach()*",
            "rotate: return * angle_LK.sin().detach()*",
            "rotate: return * angle_LK.detach()*",
            "by_halves: return * cos_Lk.detach()*",
            "by_halves: return * sin_Lk.detach()*",
            "by_complex_numbers: turned_Lk = * torch.exp(1j * angle_Lk).detach()",
            "by_complex_numbers: turned_Lk = *(1j * angle_Lk).detach()*",
            "by_complex_numbers: turned_Lk = * angle_Lk.detach()*",
        ),
        "a shape has no gradient": (
            "*h_LK.detach().shape*",
            "by_halves: half = * -> with torch.*",
        ),
        SIDES: ("by_halves: return *dim=-1) -> *dim=1)",),
    },
    "4.1": {
        FREE: (
            "*: for _ in range(T - grad_rounds): -> with torch.no_grad():",
            "deep_recursion: y, z = latent_recursion(* -> with torch.no_grad():",
            "deep_recursion: y, z = *.detach()*",
            "written_out: while grad_rounds < T: -> with torch.no_grad():",
            "written_out: (y, z), T = * -> with torch.no_grad():",
            "written_out: (y, z), T = (free(*.detach()*",
            "written_out: for _ in range(n): -> with torch.no_grad():",
            "written_out: z = net(* -> with torch.no_grad():",
            "written_out: z = net(*.detach()*",
            "written_out: return (net(y, z), z) -> *",
        ),
    },
    "4.2": {
        "detached is detached": (
            "*: y, z = (y.detach(), z.detach()) -> with torch.*",
            "*.detach().detach()*",
        ),
        "this y comes in detached": (
            "*: y = net(y, z) -> y = net(y.detach(), z)",
            "*: z = net(z, x + y) -> z = net(z, x + y.detach())",
        ),
        "Python keeps one object of each small number": ("without_gradient: * t is T - 1):",),
    },
    "5.1": {
        OWN: (
            "*.add_(*",
            "*.sub_(*",
            "*.div_(*",
        ),
        "s(0) is 1 by both formulas": (
            "* -> s_BLV = torch.where(a_BLV > 0, *",
            "* -> below = a <= 0",
        ),
        "a comparison has no gradient": (
            "* -> s_BLV = torch.where(a_BLV.detach() >= *",
            "* -> below = a.detach() < 0",
            "*below.detach()*",
        ),
        "labels have no gradient": (
            "*labels_BL*.detach()*",
            "*: wanted_BLV = * -> with torch.no_grad():",
            "*: wanted_BLV = *.detach()*",
            "*wanted_BLV.detach()*",
        ),
        "an index has no gradient": ("*torch.arange(B * L).detach()*",),
        "a shape has no gradient": ("*logits_BLV.detach().shape*",),
        "these values are masked once more, and for good": (
            "* -> s = *a.masked_fill(~below, 0.01)*",
        ),
    },
    "5.2": {
        "the lists are as long as each other, or the shorter one is meant": (
            "*: for *zip(*, strict=*",
        ),
        "what halted holds afterwards does not matter": (
            "copied_and_overwritten: parts[5] = * -> pass",
        ),
        NUMBERS: ("slot_by_slot: * in carry.halted]",),
    },
    "5.3": {
        "a draw is never exactly that number": ("* < exploration* <= exploration*",),
        "every slot has made a step": (
            "* -> least_B = torch.where(explore_B, m_B, 1)",
            "* -> least_B = torch.where(explore_B, m_B, -1)",
            "slot_by_slot: least = * -> least = m + 2 if chance < exploration else 1",
            "slot_by_slot: least = * -> least = m + 2 if chance < exploration else -1",
        ),
        SIDES: (
            "*max(2, N_sup)*",
            "*max(1, N_sup - 1)*",
        ),
        "with N_sup = 2 the end comes before any m": (
            "halt_by_q: * max(N_sup, 3) *",
            "slot_by_slot: * max(N_sup - 1, 2)*",
        ),
        "a row more is drawn than is used": (
            "minimum_first: uniform_2B = * -> uniform_2B = torch.rand(2 + 1, *",
            "minimum_first: uniform_2B = * -> uniform_2B = torch.rand(3, *",
        ),
        OWN: ("*.mul_(*",),
        NUMBERS: (
            "slot_by_slot: chances = *.tolist() -> *",
            "slot_by_slot: minima = *.tolist() -> * generator=generator)",
            "slot_by_slot: for *zip(q_B, *",
            "slot_by_slot: for *zip(q_B.tolist(), steps_B, *",
        ),
        "the lists are as long as each other": (
            "slot_by_slot: for * -> for *chances, minima):",
            "slot_by_slot: for * -> for *strict=False):",
        ),
    },
    "5.4": {
        "the lists are as long as each other": ("*: for *zip(*",),
        UPDATE: (
            "ema_update: * -> with torch.*",
            "through_data: * -> with torch.*",
            "by_name: * -> with torch.*",
        ),
        FREE: (
            "ema_update: * -> old*.detach()*",
            "through_data: old.data.copy_(*.detach()*",
            "by_name: old.copy_(*.detach()*",
        ),
        OWN: ("through_data: *.add_(*",),
        "data is only numbers": ("through_data: * weights[i])",),
        "the decorator puts gradients back": (
            "by_name: theirs = * -> torch.set_grad_enabled(False)",
        ),
        "it need not return anything": ("by_name: return shadow -> pass",),
    },
    "6.1": {
        UPDATE: (
            "*: scaler.u* -> with torch.*",
            "*: scaler.step(* -> with torch.*",
            "*: *clip_grad_norm_(* -> with torch.*",
            "*: *zero_grad(* -> with torch.*",
            "clipped_by_hand: weights = * -> with torch.*",
            "clipped_by_hand: length = * -> with torch.*",
            "clipped_by_hand: if length > clip: -> with torch.*",
            "clipped_by_hand: for weight in weights: -> with torch.*",
            "clipped_by_hand: weight.grad.mul_(* -> with torch.*",
            "*: *clip_grad_norm_(* -> *clip_grad_norm_(*).detach()",
            "clipped_by_hand: *.detach()*",
        ),
        "the graph is there already": (
            "cleared_at_the_start: torch.autograd.backward(scaled) -> with torch.no_grad():",
        ),
        "the gradients are cleared at the end, too": (
            "cleared_at_the_start: optimizer.zero_grad() -> *",
        ),
        "a factor of one changes nothing": (
            "clipped_by_hand: if length > clip: -> if length >= clip:",
        ),
        "no gradient, or zeros: the next backward starts anew": (
            "clipped_by_hand: optimizer.zero_grad(*",
        ),
        "every weight has one": (
            "clipped_by_hand: weights = * -> weights = [weight for weight in model.parameters()]",
        ),
    },
    "6.3": {
        "the four turns of either mirror image are the same mazes": ("eightfold: both = *",),
        "turned the other way round, the four turns are the same mazes": (
            "eightfold: inputs = *rot90(k, (2, 1))*",
        ),
        "the eight copies come in another order": (
            "with_transposes: for change in *",
            "with_transposes: inputs = * -> inputs = torch.stack(copies, 0)*",
        ),
    },
    "7.1": {
        SIDES: ("roots_of_a_quadratic: *max(*, 0.0))",),
    },
    "7.2": {
        NUMBERS: ("puzzle_by_puzzle: inside = *enumerate(values_N) *",),
        SIDES: ("puzzle_by_puzzle: *torch.equal(labels_NL[i], tokens_NL[i])*",),
    },
    "8.1": {
        "Python keeps one object of each small number": ("position: if k == 0: -> if k is 0:",),
        "any call above n + 1 begins a round anew": (
            "by_counting: step, round, call = * -> *n + 2)",
        ),
    },
    "8.2": {
        "cumprod counts bools as numbers": ("backwards: *.long()* -> *",),
        "moment 0 is compared with the last one, and either way its number is 0": (
            "by_changes: for *",
        ),
    },
    "9.1": {
        "Python keeps one object of each small number": ("paired: if n == * -> if n is *",),
        "a dictionary serves as well as its keys": ("paired: gaps = *",),
        "the only one is the first and the last": ("paired: return Difference(gaps[0], *",),
        "squares have no sign": ("by_hand: variance = *(middle - gap)*",),
    },
    "9.4": {
        "a dictionary serves as well as its keys": ("confounds: for key in *",),
        SIDES: (
            "confounds: if min(*",
            "confounds: if *(theirs['score'], ours['score'])*",
            "confounds: if any(* in (theirs, ours))*",
            "by_items: runs = *",
        ),
    },
    "10.1": {
        "the growth does not hang on the start": (
            "growth_factor: y = z = 1.0 -> *",
            "by_powers: y, z = (1.0, 1.0) -> *",
        ),
        "one round more or fewer does not show in the sixth digit": (
            "*: for _ in range(*0): -> *",
        ),
        "it is overwritten in the first round": ("by_powers: factor = 0.0 -> *",),
    },
}


def survivors(task: Code) -> list[str]:
    """The names of the mutants of its right answers that are accepted."""
    module = import_module(f"trm_minimal.classroom.solutions.{task.module}")
    accepted = []
    for answer in (getattr(module, task.name), *module.VARIANTS):
        for name, mutant in mutants(answer, gradients=task.number not in NO_GRADIENT):
            try:
                task.examine(mutant)
                accepted.append(name)
            except Refused:
                continue
    return accepted


def fits(pattern: str, name: str) -> bool:
    return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), name) is not None


def complaints(task: Code, reasons: dict[str, tuple[str, ...]]) -> list[str]:
    accepted, known = survivors(task), list(chain(*reasons.values()))
    found = [
        f"accepted: {name}"
        for name in accepted
        if not any(fits(pattern, name) for pattern in known)
    ]
    return found + [
        f"out of date: {mask}" for mask in known if not any(fits(mask, name) for name in accepted)
    ]


pytestmark = [
    pytest.mark.skipif(
        not SOLUTIONS.exists(), reason="the solutions have been taken out of this copy"
    ),
    pytest.mark.filterwarnings("ignore"),  # of torch and numpy, about what a mutant does
]


@pytest.mark.parametrize("number", EXERCISES)
def test_a_mutant_is_refused_or_known_to_be_right(number):
    assert complaints(EXERCISES[number], EQUIVALENT.get(number, {})) == []


def test_the_lists_are_of_exercises():
    assert EQUIVALENT.keys() | NO_GRADIENT.keys() <= EXERCISES.keys()


# The tests above, tested.


def test_a_probe_that_is_fooled_and_a_list_that_is_out_of_date_are_seen():
    task = EXERCISES["3.1"]
    assert len(complaints(replace(task, probe=lambda answer: None), {"no reason": ("*",)})) == 0
    assert len(complaints(replace(task, probe=lambda answer: None), {})) > 50
    assert complaints(task, {"no reason": ("*: no such line -> *",)}) == [
        "out of date: *: no such line -> *"
    ]


def counted_down(net, y, z, n):
    while n > 0:
        y, n = net(z.detach(), y) + z, n - 1
    return y


def test_the_kinds_of_mistakes():
    made = {name.split(": ", 1)[1]: mutant for name, mutant in mutants(counted_down)}
    line = "y, n = (net(z.detach(), y) + z, n - 1)"
    for change in (
        "while n > 0: -> while n >= 0:",  # a bound
        f"{line} -> y, n = (net(z, y) + z, n - 1)",  # a detach dropped
        f"{line} -> y, n = (net(z.detach(), y.detach()) + z, n - 1)",  # and one too many
        f"{line} -> y, n = (net(z.detach(), y).add_(z), n - 1)",  # in place
        f"{line} -> y, n = (net(y, z.detach()) + z, n - 1)",  # arguments exchanged
        f"{line} -> y, n = (net(z.detach(), y) + z, 1 - n)",  # operands exchanged
        f"{line} -> y, n = (net(z.detach(), y) + z, n - 2)",  # off by one
        f"{line} -> with torch.no_grad():",
        f"{line} -> pass",
        "while n > 0: -> torch.manual_seed(0)",  # left changed
    ):
        assert change in made, change
    with pytest.raises(NeverEnds):
        made[f"{line} -> y, n = (net(z.detach(), y) + z, n + 1)"](
            lambda z, y: y, torch.ones(1), torch.ones(1), 2
        )
