"""Slots: who is refilled, who halts, and that slots without halting are the paper's nested loop."""

from functools import partial

import pytest
import torch

from trm_minimal.halting import Carry, empty_carry, halt_at_the_end, halt_by_q, refill
from trm_minimal.losses import softmax_cross_entropy, supervision_loss
from trm_minimal.model import RandomInit, TinyRecursiveModel


def tiny(init=None):
    torch.manual_seed(0)
    return TinyRecursiveModel(6, 8, dim=16, prefix=2, **({"init": init} if init else {}))


def puzzles(seed, batch=5):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randint(1, 6, (batch, 8), generator=generator) for _ in range(2)]


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("init", [None, RandomInit])
def test_halted_slots_and_only_they_are_refilled(init):
    model = tiny(init)
    old = refill(model, empty_carry(model, *puzzles(0), generator()), *puzzles(1), generator())
    halted = torch.tensor([True, False, False, True, False])
    old = old._replace(y=old.y + 1, z=old.z - 1, steps=torch.arange(5), halted=halted)
    inputs, labels = puzzles(2)
    y, z = model.initial_states(inputs, generator(7))
    new = refill(model, old, inputs, labels, generator(7))
    fresh = Carry(inputs, labels, y, z, torch.zeros(5, dtype=torch.long), halted)
    for name in ("inputs", "labels", "y", "z", "steps"):
        for slot in range(5):
            source = fresh if halted[slot] else old
            assert torch.equal(getattr(new, name)[slot], getattr(source, name)[slot]), (name, slot)


def test_the_first_refill_fills_every_slot():
    model = tiny()
    blank = torch.zeros(5, 8, dtype=torch.long)
    inputs, labels = puzzles(1)
    carry = refill(model, empty_carry(model, blank, blank), inputs, labels)
    assert (
        torch.equal(carry.inputs, inputs)
        and torch.equal(carry.labels, labels)
        and not carry.steps.any()
    )


def test_halting_by_q_and_at_the_last_step():
    q = torch.tensor([1.0, -1.0, 0.0, -1.0])
    halted = halt_by_q(q, torch.tensor([1, 1, 1, 16]), 16, generator(), exploration=0.0)
    assert halted.tolist() == [True, False, False, True]
    halted = halt_at_the_end(q, torch.tensor([1, 15, 16, 16]), 16, generator())
    assert halted.tolist() == [False, False, True, True]


def test_exploration_holds_the_right_share_back():
    """A confident slot at step s goes on if it explores (probability e) and its drawn least, 2 to
    N_sup, is above s.
    """
    B, e, N_sup = 200_000, 0.4, 16
    q = torch.ones(B)
    for s in (1, 9, 15, 16):
        share = 1 - float(
            halt_by_q(q, torch.full((B,), s), N_sup, generator(), exploration=e).float().mean()
        )
        assert abs(share - e * min(1, (N_sup - s) / (N_sup - 1))) < 0.005


def test_slots_without_halting_are_the_papers_loop_bit_for_bit():
    """Three batches of N_sup steps each, nested as in the paper, against nine steps of slots:
    losses and weights.
    """
    N_sup, n, T = 3, 2, 2
    batches = [puzzles(seed) for seed in range(9)]

    def set_up():
        model = tiny()
        return model, torch.optim.AdamW(model.parameters(), lr=1e-2)

    def learn(model, optimizer, prediction, labels):
        loss = supervision_loss(softmax_cross_entropy, prediction.logits, prediction.q, labels)[
            0
        ].mean()
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        return loss.item()

    model, optimizer = set_up()
    nested = []
    for inputs, labels in batches[::N_sup]:
        y, z = model.initial_states(inputs)
        for _ in range(N_sup):
            prediction = model(inputs, y, z, n, T)
            nested.append(learn(model, optimizer, prediction, labels))
            y, z = prediction.y, prediction.z

    slots_model, optimizer = set_up()
    carry = empty_carry(slots_model, *batches[0])
    slots = []
    for inputs, labels in batches:
        carry = refill(slots_model, carry, inputs, labels)
        prediction = slots_model(carry.inputs, carry.y, carry.z, n, T)
        slots.append(learn(slots_model, optimizer, prediction, carry.labels))
        steps = carry.steps + 1
        halted = halt_at_the_end(prediction.q, steps, N_sup, generator())
        carry = Carry(carry.inputs, carry.labels, prediction.y, prediction.z, steps, halted)

    assert nested == slots and len(set(nested)) == 9
    assert all(
        torch.equal(a, b) for a, b in zip(model.parameters(), slots_model.parameters(), strict=True)
    )


def test_halting_draws_the_same_whatever_q_says():
    """The stream must not depend on the answers, or a GPU run would drift from a CPU run for no
    reason.
    """
    a, b = generator(), generator()
    halt_by_q(torch.ones(4), torch.ones(4), 16, a)
    partial(halt_by_q, exploration=0.9)(-torch.ones(4), torch.full((4,), 9), 16, b)
    assert torch.equal(a.get_state(), b.get_state())
