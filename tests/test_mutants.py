"""Every small mistake in a right answer is refused, or stands below with the reason why it is none.

An answer that is accepted is carried on into later notebooks, so a checker that is fooled is worse than none.
"""

import re
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import pytest
import torch
from mutants import NeverEnds, mutants

from trm_minimal.classroom import desk
from trm_minimal.classroom.exercise import Code, Refused

EXERCISES = {number: task for number, task in desk.all_exercises().items() if isinstance(task, Code)}
SOLUTIONS = Path(desk.__file__).parent / "solutions"

# Exercises in which no gradient runs, so that cutting one off is no mistake; such mutants are not made there.
NO_GRADIENT = {
    "1.1": "permutations of tokens are whole numbers",
    "1.2": "indices are whole numbers",
    "3.2": "what is recorded is looked at, not trained through",
    "5.2": "states are detached from one supervision step to the next, and starting states are buffers",
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

# Mutants that are accepted, and why they may be: patterns of their names, in which * stands for anything.
OWN = "it writes into a value that it has made itself and does not need again"
FAIR = "another order of a fair draw, or the same draw by another name"
NUMBERS = "a tensor of one number serves as well as the number"
FREE = "autograd remembers nothing there already"
ANGLES = "no gradient runs through angles, which hang on positions alone"
SIDES = "the two are alike, or their order does not matter"
UPDATE = "weights are changed without gradients anyway, and inference mode ends before the next backward"
EQUIVALENT = {
    "1.1": {
        "*: rows, columns = * -> columns, rows = *": FAIR,
        "*: first, second = * -> second, first = *": FAIR,
        "*.add_(*": OWN,
        "puzzle_by_puzzle: cells, values = ([], []) -> *": SIDES,
        "puzzle_by_puzzle: if torch.rand((), generator=generator) < 0.5: -> if *": "a coin that is turned, or so little "
        "unfair that a thousand draws do not show it",
        "puzzle_by_puzzle: if torch.rand((), generator=generator) < 0.5: -> pass": "rows and columns may stay",
        "puzzle_by_puzzle: grid = grid.T -> pass": "rows and columns may stay",
        "puzzle_by_puzzle: digits = (*).tolist() -> digits = torch.randperm(4, generator=generator) + 2": NUMBERS,
        "puzzle_by_puzzle: lines = *": FAIR,
        "from_a_list_of_all_orders: orders = *": FAIR,
        "from_a_list_of_all_orders: values.scatter_(1, *), old + 2)": "a permutation, or its inverse: both are fair",
        "from_a_list_of_all_orders: values = torch.tensor([0, 1, 2, 3, 4, 5]*": "the digits are overwritten",
    },
    "1.2": {
        "*.tolist()* -> *": NUMBERS,
        "rather_too_few: return aside -> pass": "its last line is never reached",
    },
    "2.1": {
        "mlp_mixer: * -> with torch.no_grad():": "weights want gradients wherever they are made",
        "*: return nn.Sequential(*) -> with torch.*": "what is only put together computes nothing",
        "own_class: return Mixer() -> with torch.no_grad():": "weights want gradients wherever they are made",
        "*: self.* = *SwiGLU(* -> with torch.no_grad():": "weights want gradients wherever they are made",
        "*: super().__init__() -> with torch.*": "it computes nothing",
        "own_*:  -> with torch.*": "a class is only defined there",
        "own_*.add_(*": OWN,
        "own_norm: *.transpose(2, self.axis)*": SIDES,
    },
    "2.2": {
        "*.add_(*": OWN,
        "*.sub_(*": OWN,
        "*.mul_(*": OWN,
        "*: speed_k = * -> with torch.*": ANGLES,
        "*: angle_L* = * -> with torch.*": ANGLES,
        "*: cos_Lk, sin_Lk = * -> with torch.no_grad():": ANGLES,
        "*: speed_k = *.detach()*": ANGLES,
        "*: angle_L* = *.detach()*": ANGLES,
        "*: cos_Lk, sin_Lk = *.detach()*": ANGLES,
        "rotate: return * angle_LK.cos().detach()*": ANGLES,
        "rotate: return * angle_LK.sin().detach()*": ANGLES,
        "rotate: return * angle_LK.detach()*": ANGLES,
        "by_halves: return * cos_Lk.detach()*": ANGLES,
        "by_halves: return * sin_Lk.detach()*": ANGLES,
        "by_complex_numbers: turned_Lk = * torch.exp(1j * angle_Lk).detach()": ANGLES,
        "by_complex_numbers: turned_Lk = *(1j * angle_Lk).detach()*": ANGLES,
        "by_complex_numbers: turned_Lk = * angle_Lk.detach()*": ANGLES,
        "*h_LK.detach().shape*": "a shape has no gradient",
        "by_halves: half = * -> with torch.*": "a shape has no gradient",
        "by_halves: return *dim=-1) -> *dim=1)": SIDES,
    },
    "4.1": {
        "*: for _ in range(T - grad_rounds): -> with torch.no_grad():": FREE,
        "deep_recursion: y, z = latent_recursion(* -> with torch.no_grad():": FREE,
        "deep_recursion: y, z = *.detach()*": FREE,
        "one_loop: for t in range(T): -> with torch.no_grad():": "set_grad_enabled inside it has the last word",
        "one_loop: with torch.set_grad_enabled(t >= *): -> with torch.no_grad():": "set_grad_enabled inside it has "
        "the last word",
        "written_out: while grad_rounds < T: -> with torch.no_grad():": FREE,
        "written_out: (y, z), T = * -> with torch.no_grad():": FREE,
        "written_out: (y, z), T = (free(*.detach()*": FREE,
        "written_out: for _ in range(n): -> with torch.no_grad():": FREE,
        "written_out: z = net(* -> with torch.no_grad():": FREE,
        "written_out: z = net(*.detach()*": FREE,
        "written_out: return (net(y, z), z) -> *": FREE,
    },
    "4.2": {
        "*: y, z = (y.detach(), z.detach()) -> with torch.*": "detached is detached",
        "*.detach().detach()*": "detached is detached",
        "*: y = net(y, z) -> y = net(y.detach(), z)": "this y comes in detached",
        "*: z = net(z, x + y) -> z = net(z, x + y.detach())": "this y comes in detached",
        "without_gradient: for t in range(T): -> with torch.no_grad():": "set_grad_enabled inside it has the last word",
        "without_gradient: with torch.set_grad_enabled(t == T - 1): -> with torch.no_grad():": "set_grad_enabled "
        "inside it has the last word",
        "without_gradient: *(t is T - 1):": "Python keeps one object of each small number",
    },
    "5.1": {
        "*.add_(*": OWN,
        "*.sub_(*": OWN,
        "*.div_(*": OWN,
        "* -> s_BLV = torch.where(a_BLV > 0, *": "s(0) is 1 by both formulas",
        "* -> below = a <= 0": "s(0) is 1 by both formulas",
        "* -> s_BLV = torch.where(a_BLV.detach() >= *": "a comparison has no gradient",
        "* -> below = a.detach() < 0": "a comparison has no gradient",
        "*below.detach()*": "a comparison has no gradient",
        "*labels_BL*.detach()*": "labels have no gradient",
        "*: wanted_BLV = * -> with torch.no_grad():": "labels have no gradient",
        "*: wanted_BLV = *.detach()*": "labels have no gradient",
        "*wanted_BLV.detach()*": "labels have no gradient",
        "*torch.arange(B * L).detach()*": "an index has no gradient",
        "*logits_BLV.detach().shape*": "a shape has no gradient",
        "* -> s = *a.masked_fill(~below, 0.01)*": "these values are masked once more, and for good",
    },
    "5.2": {
        "*: for *zip(*, strict=*": "the lists are as long as each other, or the shorter one is meant",
        "copied_and_overwritten: parts[5] = * -> pass": "what halted holds afterwards does not matter",
        "slot_by_slot: * in carry.halted]": NUMBERS,
    },
    "5.3": {
        "* < exploration* <= exploration*": "a draw is never exactly that number",
        "* -> least_B = torch.where(explore_B, m_B, 1)": "every slot has made a step",
        "* -> least_B = torch.where(explore_B, m_B, -1)": "every slot has made a step",
        "slot_by_slot: least = * -> least = m + 2 if chance < exploration else 1": "every slot has made a step",
        "slot_by_slot: least = * -> least = m + 2 if chance < exploration else -1": "every slot has made a step",
        "*max(2, N_sup)*": SIDES,
        "*max(1, N_sup - 1)*": SIDES,
        "halt_by_q: * max(N_sup, 3) *": "with N_sup = 2 the end comes before any m",
        "slot_by_slot: * max(N_sup - 1, 2)*": "with N_sup = 2 the end comes before any m",
        "minimum_first: uniform_2B = * -> uniform_2B = torch.rand(2 + 1, *": "a row more is drawn than is used",
        "minimum_first: uniform_2B = * -> uniform_2B = torch.rand(3, *": "a row more is drawn than is used",
        "*.mul_(*": OWN,
        "slot_by_slot: chances = *.tolist() -> *": NUMBERS,
        "slot_by_slot: minima = *.tolist() -> * generator=generator)": NUMBERS,
        "slot_by_slot: for *zip(q_B, *": NUMBERS,
        "slot_by_slot: for *zip(q_B.tolist(), steps_B, *": NUMBERS,
        "slot_by_slot: for * -> for *chances, minima):": "the lists are as long as each other",
        "slot_by_slot: for * -> for *strict=False):": "the lists are as long as each other",
    },
    "5.4": {
        "*: for *zip(*": "the lists are as long as each other",
        "ema_update: * -> with torch.*": UPDATE,
        "ema_update: * -> old*.detach()*": FREE,
        "through_data: *.add_(*": OWN,
        "through_data: * weights[i])": "data is only numbers",
        "through_data: * -> with torch.*": UPDATE,
        "through_data: old.data.copy_(*.detach()*": FREE,
        "by_name: theirs = * -> torch.set_grad_enabled(False)": "the decorator puts gradients back",
        "by_name: return shadow -> pass": "it need not return anything",
        "by_name: * -> with torch.*": UPDATE,
        "by_name: old.copy_(*.detach()*": FREE,
    },
    "6.1": {
        "*: scaler.u* -> with torch.*": UPDATE,
        "*: scaler.step(* -> with torch.*": UPDATE,
        "*: *clip_grad_norm_(* -> with torch.*": UPDATE,
        "*: *zero_grad(* -> with torch.*": UPDATE,
        "cleared_at_the_start: torch.autograd.backward(scaled) -> with torch.no_grad():": "the graph is there already",
        "clipped_by_hand: weights = * -> with torch.*": UPDATE,
        "clipped_by_hand: length = * -> with torch.*": UPDATE,
        "clipped_by_hand: if length > clip: -> with torch.*": UPDATE,
        "clipped_by_hand: for weight in weights: -> with torch.*": UPDATE,
        "clipped_by_hand: weight.grad.mul_(* -> with torch.*": UPDATE,
        "*: *clip_grad_norm_(* -> *clip_grad_norm_(*).detach()": UPDATE,
        "clipped_by_hand: *.detach()*": UPDATE,
        "cleared_at_the_start: optimizer.zero_grad() -> *": "the gradients are cleared at the end, too",
        "clipped_by_hand: if length > clip: -> if length >= clip:": "a factor of one changes nothing",
        "clipped_by_hand: optimizer.zero_grad(*": "no gradient, or zeros: the next backward starts anew",
        "clipped_by_hand: weights = * -> weights = [weight for weight in model.parameters()]": "every weight has one",
    },
    "6.3": {
        "eightfold: both = *": "the four turns of either mirror image are the same mazes",
        "eightfold: inputs = *rot90(k, (2, 1))*": "turned the other way round, the four turns are the same mazes",
        "with_transposes: for change in *": "the eight copies come in another order",
        "with_transposes: inputs = * -> inputs = torch.stack(copies, 0)*": "the eight copies come in another order",
    },
    "7.1": {"roots_of_a_quadratic: *max(*, 0.0))": SIDES},
    "7.2": {
        "puzzle_by_puzzle: inside = *enumerate(values_N) *": NUMBERS,
        "puzzle_by_puzzle: *torch.equal(labels_NL[i], tokens_NL[i])*": SIDES,
        "no_cell_wrong: solved = *.tolist() -> *": NUMBERS,
        "no_cell_wrong: return * in values_N))) for *": NUMBERS,
    },
    "8.1": {
        "position: if k == 0: -> if k is 0:": "Python keeps one object of each small number",
        "by_counting: step, round, call = * -> *n + 2)": "any call above n + 1 begins a round anew",
    },
    "8.2": {
        "backwards: *.long()* -> *": "cumprod counts bools as numbers",
        "by_changes: for *": "moment 0 is compared with the last one, and either way its number is 0",
    },
    "9.1": {
        "paired: if n == * -> if n is *": "Python keeps one object of each small number",
        "paired: gaps = *": "a dictionary serves as well as its keys",
        "paired: return Difference(gaps[0], *": "the only one is the first and the last",
        "by_hand: variance = *(middle - gap)*": "squares have no sign",
    },
    "9.4": {
        "confounds: for key in *": "a dictionary serves as well as its keys",
        "confounds: if min(*": SIDES,
        "confounds: if *(theirs['score'], ours['score'])*": SIDES,
        "confounds: if any(* in (theirs, ours))*": SIDES,
        "by_items: runs = *": SIDES,
    },
    "10.1": {
        "growth_factor: y = z = 1.0 -> *": "the growth does not hang on the start",
        "by_powers: y, z = (1.0, 1.0) -> *": "the growth does not hang on the start",
        "*: for _ in range(*0): -> *": "one round more or fewer does not show in the sixth digit",
        "by_powers: factor = 0.0 -> *": "it is overwritten in the first round",
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


def complaints(task: Code, known: dict[str, str]) -> list[str]:
    accepted = survivors(task)
    found = [f"accepted: {name}" for name in accepted if not any(fits(pattern, name) for pattern in known)]
    return found + [f"out of date: {mask}" for mask in known if not any(fits(mask, name) for name in accepted)]


pytestmark = [
    pytest.mark.skipif(not SOLUTIONS.exists(), reason="the solutions have been taken out of this copy"),
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
    assert len(complaints(replace(task, probe=lambda answer: None), {"*": "no reason"})) == 0
    assert len(complaints(replace(task, probe=lambda answer: None), {})) > 50
    assert complaints(task, {"*: no such line -> *": "no reason"}) == ["out of date: *: no such line -> *"]


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
        made[f"{line} -> y, n = (net(z.detach(), y) + z, n + 1)"](lambda z, y: y, torch.ones(1), torch.ones(1), 2)
