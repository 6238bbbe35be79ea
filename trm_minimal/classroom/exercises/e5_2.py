"""Exercise 5.2: refill."""

import torch
from torch import Tensor

from trm_minimal import halting
from trm_minimal.classroom.exercise import Code
from trm_minimal.classroom.watched import Refused, refuse_unless, shown
from trm_minimal.halting import Carry, empty_carry

STATEMENT = """
Write `refill(model, carry, inputs_BL, labels_BL, generator=None)`. It returns a new `Carry` and
leaves the old one as it was. A slot that has halted (`carry.halted` is true) takes *its* row of the
new puzzles: slot b takes row b. Its `steps` are 0 again, and it starts from the states that
`model.initial_states(inputs_BL, generator)` returns, as (y, z). A slot that has not halted keeps
everything, and its row of the new puzzles is dropped. What `halted` holds afterwards does not
matter: the next supervision step decides it anew.

`empty_carry(model, inputs_BL, labels_BL, generator)` makes a carry in which every slot is fresh.
The fields have one, two or three axes: `halted.view(-1, 1, 1)` fits three.
"""
PREFIX, WIDTH = 2, 3


def refill(model, carry, inputs_BL, labels_BL, generator=None):
    """A Carry in which the halted slots, and only they, hold their row of the new puzzles."""
    ...  # your code


class FakeModel:
    """Has starting states like a model's, others in each row; expanded, so nobody writes into
    them.
    """

    def __init__(self, length: int):
        self.length, self.generators, self.asked = length, [], []

    def initial_states(self, inputs_BL: Tensor, generator=None) -> tuple[Tensor, Tensor]:
        self.generators.append(generator)
        self.asked.append(len(inputs_BL))
        like = (len(inputs_BL), PREFIX + self.length, WIDTH)
        starts_B11 = torch.arange(1.0, len(inputs_BL) + 1).view(-1, 1, 1)
        return starts_B11.expand(like), -starts_B11.expand(like)


def old_carry(B: int, L: int, halted: list[bool]) -> Carry:
    """Slots in the middle of their work.

    Slot b holds puzzle 10 + b, label 20 + b, and has done b + 3 steps.
    """
    slots_B = torch.arange(B)
    state = (B, PREFIX + L, WIDTH)
    return Carry(
        (10 + slots_B).view(B, 1).repeat(1, L),
        (20 + slots_B).view(B, 1).repeat(1, L),
        (0.5 + slots_B).view(B, 1, 1).expand(state).clone(),
        (-0.5 - slots_B).view(B, 1, 1).expand(state).clone(),
        slots_B + 3,
        torch.tensor(halted),
    )


def new_puzzles(B: int, L: int) -> tuple[Tensor, Tensor]:
    """Puzzle 50 + b and label 70 + b in row b."""
    return tuple((first + torch.arange(B)).view(B, 1).repeat(1, L) for first in (50, 70))


def probe(f):
    for L, halted in (
        (4, [False, True, False, True, True]),
        (1, [False, False, True]),
        (3, [True]),
        (3, [False] * 2),
    ):
        check_slots(f, L, halted)
    check_first_refill(f)
    check_endless_states(f)


def check_slots(f, L, halted):
    B, model, generator = len(halted), FakeModel(L), torch.Generator()
    old, (inputs_BL, labels_BL) = old_carry(B, L, halted), new_puzzles(B, L)
    fresh, state = empty_carry(FakeModel(L), inputs_BL, labels_BL), generator.get_state()
    new = f(model, old, inputs_BL, labels_BL, generator)

    refuse_unless(new is not None, "it returns nothing; it should return a Carry")
    refuse_unless(
        isinstance(new, Carry),
        f"it returns a {type(new).__name__}; a Carry, with its named fields, is wanted",
    )
    for name, part, was in zip(Carry._fields, new, old, strict=True):
        refuse_unless(
            isinstance(part, Tensor), f"{name} is {shown(part)}; each field of a Carry is a tensor"
        )
        shape, right = list(part.shape), list(was.shape)
        refuse_unless(shape == right, f"{name} comes out with shape {shape}; {right} went in")
        refuse_unless(
            part.dtype == was.dtype, f"{name} comes out as {part.dtype}; {was.dtype} went in"
        )
    refuse_unless(
        set(model.asked) <= {B},
        f"it asks for the starting states of {min(model.asked, default=0)} puzzles, but there are "
        f"{B} slots, and each starts from one of its own; hand in all of inputs_BL",
    )
    mine = {
        name: origins(getattr(new, name), getattr(fresh, name), getattr(old, name))
        for name in Carry._fields[:5]
    }
    check_origins(mine, halted, new)
    refuse_unless(
        not any(halted) or set(model.generators) == {generator},
        "it does not hand `generator` on to the starting states: random ones could not be repeated",
    )
    refuse_unless(
        torch.equal(generator.get_state(), state),
        "it seeds the generator or draws from it; only the starting states do that",
    )


def origins(part: Tensor, fresh: Tensor, old: Tensor) -> list[str]:
    """For each slot: is its row the new one, the old one, or another?"""
    return [
        (
            "new"
            if torch.equal(part[b], fresh[b])
            else "old"
            if torch.equal(part[b], old[b])
            else "odd"
        )
        for b in range(len(part))
    ]


def check_origins(mine: dict[str, list[str]], halted: list[bool], new: Carry):
    right = ["new" if gone else "old" for gone in halted]
    if all(where == right for where in mine.values()):
        return
    turned = ["old" if gone else "new" for gone in halted]
    refuse_unless(
        mine["inputs"] != turned,
        "the two cases are exchanged: it refills the slots that go on, and no others",
    )
    for b, gone in enumerate(halted):
        here = {name: where[b] for name, where in mine.items()}
        slot = f"slot {b} (counted from 0)"
        if gone:
            row = int(new.inputs[b, 0]) - 50
            refuse_unless(
                here["inputs"] != "odd" or not 0 <= row < len(halted),
                f"{slot} takes row {row} of the new puzzles; it should take row {b}, as every slot"
                " has its own",
            )
            refuse_unless(
                here["inputs"] == "new",
                f"{slot} has halted, but it does not get the puzzle of its row",
            )
            refuse_unless(
                here["labels"] == "new",
                f"{slot} gets a new puzzle, but not the solution that belongs to it",
            )
            refuse_unless(
                (here["y"], here["z"]) != ("odd", "odd") or float(new.y[b, 0, 0]) >= 0,
                "y starts as z should, and z as y: initial_states returns (y, z)",
            )
            for state in "yz":
                refuse_unless(
                    here[state] == "new",
                    f"{slot} gets a new puzzle, but its {state} is not the starting one; thoughts"
                    " about the last puzzle would leak into this one",
                )
            refuse_unless(
                here["steps"] == "new",
                f"{slot} gets a new puzzle, but its count of steps is {int(new.steps[b])}, not 0",
            )
        else:
            refuse_unless(
                here["inputs"] == "old",
                f"{slot} has not halted, yet it loses its puzzle in the middle of it",
            )
            refuse_unless(
                here["labels"] == "old",
                f"{slot} keeps its puzzle but gets the labels of another one; the loss would teach"
                " it nonsense",
            )
            for state in "yz":
                refuse_unless(
                    here[state] == "old", f"{slot} has not halted, yet it forgets its {state}"
                )
            refuse_unless(
                here["steps"] == "old",
                f"{slot} goes on, yet its steps are counted from 0 again; it might never end",
            )
    raise Refused("some slot holds neither its old row nor the new one")


def check_first_refill(f):
    """The first carry of all is an empty one, whose states cannot be written into."""
    B, L = 3, 4
    blank_BL = torch.zeros(B, L, dtype=torch.long)
    model, (inputs_BL, labels_BL) = FakeModel(L), new_puzzles(B, L)
    # without a generator
    new = f(model, empty_carry(model, blank_BL, blank_BL), inputs_BL, labels_BL)
    same = (
        torch.equal(new.inputs, inputs_BL)
        and torch.equal(new.labels, labels_BL)
        and not new.steps.any()
    )
    refuse_unless(
        same, "an empty carry, in which all slots have halted, is not filled with the new puzzles"
    )


def check_endless_states(f):
    """A state that has grown beyond all numbers does not live on in the next puzzle."""
    halted, L = [False, True], 4
    (inputs_BL, labels_BL), model = new_puzzles(2, L), FakeModel(L)
    for value in (float("inf"), float("nan")):
        old = old_carry(2, L, halted)
        for state_BLD in (old.y, old.z):
            state_BLD[1] = value
        new = f(model, old, inputs_BL, labels_BL)
        refuse_unless(
            bool(new.y.isfinite().all() and new.z.isfinite().all()),
            f"a halted slot whose old states are {value} starts from states that are not finite:"
            " zero times infinity is not a number; choose with torch.where, do not multiply",
        )


def chosen(carry, fresh, **given):
    """Right but for the fields that are given."""

    def choose(new, old):
        return torch.where(carry.halted.view(-1, *[1] * (new.dim() - 1)), new, old)

    return Carry(*map(choose, fresh, carry))._replace(**given)


def all_refilled(model, carry, inputs_BL, labels_BL, generator=None):
    return empty_carry(model, inputs_BL, labels_BL, generator)


def none_refilled(model, carry, inputs_BL, labels_BL, generator=None):
    return Carry(*carry)


def exchanged(model, carry, inputs_BL, labels_BL, generator=None):
    return chosen(
        carry._replace(halted=~carry.halted), empty_carry(model, inputs_BL, labels_BL, generator)
    )


def packed(model, carry, inputs_BL, labels_BL, generator=None):
    order_B = (carry.halted.cumsum(0) - 1).clamp(min=0)
    return chosen(carry, empty_carry(model, inputs_BL[order_B], labels_BL[order_B], generator))


def labels_forgotten(model, carry, inputs_BL, labels_BL, generator=None):
    return chosen(carry, empty_carry(model, inputs_BL, labels_BL, generator), labels=carry.labels)


def labels_of_the_new_batch(model, carry, inputs_BL, labels_BL, generator=None):
    return chosen(carry, empty_carry(model, inputs_BL, labels_BL, generator), labels=labels_BL)


def steps_kept(model, carry, inputs_BL, labels_BL, generator=None):
    return chosen(carry, empty_carry(model, inputs_BL, labels_BL, generator), steps=carry.steps)


def steps_cleared(model, carry, inputs_BL, labels_BL, generator=None):
    return chosen(
        carry,
        empty_carry(model, inputs_BL, labels_BL, generator),
        steps=torch.zeros_like(carry.steps),
    )


def states_kept(model, carry, inputs_BL, labels_BL, generator=None):
    return chosen(carry, empty_carry(model, inputs_BL, labels_BL, generator), y=carry.y, z=carry.z)


def states_cleared(model, carry, inputs_BL, labels_BL, generator=None):
    y_BLD, z_BLD = model.initial_states(inputs_BL, generator)
    return chosen(carry, empty_carry(model, inputs_BL, labels_BL, generator), y=y_BLD, z=z_BLD)


def states_exchanged(model, carry, inputs_BL, labels_BL, generator=None):
    fresh = empty_carry(model, inputs_BL, labels_BL, generator)
    return chosen(carry, fresh._replace(y=fresh.z, z=fresh.y))


def generator_forgotten(model, carry, inputs_BL, labels_BL, generator=None):
    return chosen(carry, empty_carry(model, inputs_BL, labels_BL))


def in_place(model, carry, inputs_BL, labels_BL, generator=None):
    for new, old in zip(
        empty_carry(model, inputs_BL, labels_BL, generator)[:5], carry[:5], strict=True
    ):
        old[carry.halted] = new[carry.halted]
    return carry


def rows_dropped(model, carry, inputs_BL, labels_BL, generator=None):
    fresh = empty_carry(model, inputs_BL, labels_BL, generator)
    return Carry(*(part[carry.halted] for part in fresh))


def empty_carry_forgotten(model, carry, inputs_BL, labels_BL, generator=None):
    started = carry._replace(halted=carry.halted & (carry.steps > 0))
    return chosen(started, empty_carry(model, inputs_BL, labels_BL, generator))


def plain_tuple(model, carry, inputs_BL, labels_BL, generator=None):
    return tuple(chosen(carry, empty_carry(model, inputs_BL, labels_BL, generator)))


def one_start_for_all(model, carry, inputs_BL, labels_BL, generator=None):
    y_BLD, z_BLD = (
        state.expand_as(carry.y) for state in model.initial_states(inputs_BL[:1], generator)
    )
    fresh = empty_carry(FakeModel(inputs_BL.shape[1]), inputs_BL, labels_BL)
    return chosen(carry, fresh._replace(y=y_BLD, z=z_BLD))


def seeded_inside(model, carry, inputs_BL, labels_BL, generator=None):
    if generator:
        generator.manual_seed(0)
    return halting.refill(model, carry, inputs_BL, labels_BL, generator)


def multiplied(model, carry, inputs_BL, labels_BL, generator=None):
    new = chosen(carry, empty_carry(model, inputs_BL, labels_BL, generator))
    stays_B11 = 1 - carry.halted.view(-1, 1, 1).float()
    y_BLD, z_BLD = model.initial_states(inputs_BL, generator)
    return new._replace(
        y=y_BLD * (1 - stays_B11) + carry.y * stays_B11,
        z=z_BLD * (1 - stays_B11) + carry.z * stays_B11,
    )


EXERCISE = Code(
    number="5.2",
    title="refill",
    kind="implement",
    minutes=15,
    difficulty=2,
    statement=STATEMENT,
    hints=(
        (
            "Make a fresh carry with `empty_carry`, then choose field by field: the fresh one where"
            " the slot has halted, the old one where not. `torch.where(condition, new, old)`"
            " chooses."
        ),
        (
            "The condition needs as many axes as the field: `carry.halted.view(-1, *[1] *"
            " (new.dim() - 1))`."
        ),
        (
            "`Carry(*parts)` makes a carry of six tensors, in the order of its fields; `zip(fresh,"
            " carry)` gives pairs."
        ),
    ),
    stub=refill,
    package=halting.refill,
    probe=probe,
    wrong={
        all_refilled: "loses its puzzle",
        none_refilled: "does not get the puzzle of its row",
        exchanged: "the two cases are exchanged",
        packed: "it should take row",
        labels_forgotten: "the solution that belongs to it",
        labels_of_the_new_batch: "the labels of another one",
        steps_kept: "its count of steps",
        steps_cleared: "counted from 0 again",
        states_kept: "would leak into this one",
        states_cleared: "yet it forgets",
        states_exchanged: "initial_states returns (y, z)",
        generator_forgotten: "does not hand `generator` on",
        one_start_for_all: "each starts from one of its own",
        seeded_inside: "it seeds the generator",
        in_place: "it changes `carry`",
        rows_dropped: "comes out with shape",
        empty_carry_forgotten: "is not filled with the new puzzles",
        plain_tuple: "it returns a tuple",
        multiplied: "zero times infinity",
    },
    names="import torch\n\nfrom trm_minimal.halting import Carry, empty_carry",
)
