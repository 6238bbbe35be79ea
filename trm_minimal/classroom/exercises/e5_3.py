"""Exercise 5.3: halt_by_q."""

import torch
from torch import Tensor

from trm_minimal import halting
from trm_minimal.classroom.exercise import Code
from trm_minimal.classroom.watched import explained, refuse_unless

STATEMENT = """
Write `halt_by_q(q_B, steps_B, N_sup, generator, exploration=0.1)`. It returns a bool tensor [B]:
which slots halt now, after `steps_B` supervision steps each. `q_B` are logits. The rules:

1. A slot with q above 0 halts.
2. With probability `exploration`, drawn anew for each slot in each call, rule 1 holds only if the
   slot has done at least *m* steps. *m* is drawn for each slot, evenly from 2, 3, ..., N_sup.
3. After N_sup steps a slot halts, whatever else. N_sup may be 1: then every slot halts at once.

Draw from `generator` only; `torch.rand` and `torch.randint` take `generator=generator`. In which
order you draw does not matter.
"""
MANY = 10_000  # draws: the standard deviation of a share is at most 0.005


def halt_by_q(q_B, steps_B, N_sup, generator, exploration=0.1):
    """Bool [B]: which slots halt now."""
    ...  # your code


def fresh(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def probe(f):
    check_form(f)
    check_rule_without_exploration(f)
    check_end(f)
    check_exploration(f)
    check_minimum(f)
    check_two_draws(f)
    check_draws(f)
    check_coins(f)
    check_one_step(f)


def check_form(f):
    halted_B = f(torch.tensor([3.0, -3.0, 3.0]), torch.tensor([1, 2, 3]), 4, fresh())
    refuse_unless(halted_B is not None, "it returns nothing; it should return a bool for each slot")
    refuse_unless(
        isinstance(halted_B, Tensor), f"it returns a {type(halted_B).__name__}; a tensor is wanted"
    )
    refuse_unless(
        list(halted_B.shape) == [3],
        f"for 3 slots it returns the shape {list(halted_B.shape)}; [3] is right",
    )
    refuse_unless(
        halted_B.dtype == torch.bool,
        f"it returns {halted_B.dtype}; refill chooses with a bool tensor",
    )


def check_rule_without_exploration(f):
    for q, halts, why in (
        (5.0, True, "rule 1 lets it halt"),
        (-5.0, False, "rule 1 says above 0, and nothing else makes it halt yet"),
        (
            0.01,
            True,
            "q is a logit: 0 stands for a probability of one half, so do not ask for more",
        ),
        (-0.01, False, "q is a logit, not a probability: 0 stands for one half"),
        (0.0, False, "exactly 0 is not above 0"),
    ):
        for steps in (1, 2, 15):
            halted = bool(
                f(torch.tensor([q]), torch.tensor([steps]), 16, fresh(), exploration=0.0)[0]
            )
            why = "with N_sup = 16 that is one step too early" if halted and steps == 15 else why
            refuse_unless(
                halted == halts,
                f"without exploration a slot with q = {q:g} {'halts' if halted else 'goes on'}"
                f" after step {steps} of 16; {why}",
            )


def check_end(f):
    q_B = torch.tensor([-5.0, 5.0]).repeat(200)
    for exploration in (0.0, 1.0):
        for steps in (4, 5):
            halted_B = f(q_B, torch.full((400,), steps), 4, fresh(), exploration=exploration)
            after = f"after step {steps}, with N_sup = 4,"
            refuse_unless(
                bool(halted_B[1::2].all()),
                f"{after} a sure slot that explores is held back; rule 3 is above rule 2",
            )
            refuse_unless(
                bool(halted_B[::2].all()),
                f"{after} a slot with q = -5 goes on; rule 3 lets no puzzle stay longer",
            )


def check_one_step(f):
    """With N_sup = 1 rule 2 has no m to draw from."""
    for exploration in (0.0, 1.0):
        with explained(
            RuntimeError,
            "with N_sup = 1 there is no m from 2 to 1, and torch.randint fails; draw up to"
            " max(N_sup, 2)",
        ):
            halted_B = f(
                torch.tensor([-5.0, 5.0]), torch.tensor([1, 1]), 1, fresh(), exploration=exploration
            )
        refuse_unless(bool(halted_B.all()), "with N_sup = 1 a slot goes on after its only step")


def share(f, q: float, steps: int, N_sup: int, exploration: float, seed: int = 0) -> float:
    """Of many slots alike, the share that halts."""
    B = MANY
    halted_B = f(
        torch.full((B,), q), torch.full((B,), steps), N_sup, fresh(seed), exploration=exploration
    )
    return float(halted_B.double().mean())


def check_exploration(f):
    for steps in (1, 3, 15):
        halted = share(f, -5.0, steps, 16, 1.0)
        refuse_unless(
            halted == 0,
            f"{halted:.0%} of the unsure slots halt after step {steps} of 16: exploring only holds"
            " back",
        )
    held = [1 - share(f, 5.0, 1, 4, 0.25, seed) for seed in range(4)]
    told = ", ".join(f"{value:.0%}" for value in held)
    refuse_unless(
        any(0.01 < value < 0.99 for value in held),
        f"with exploration 0.25, {told} of the sure slots go on after step 1, in four calls; either"
        " all explore or none does: throw a coin for each slot",
    )
    refuse_unless(
        abs(held[0] - 0.75) > 0.025,
        f"with exploration 0.25, {held[0]:.0%} of slots explore: the comparison is turned",
    )
    refuse_unless(
        abs(held[0] - 0.25) < 0.025,
        f"with exploration 0.25, {held[0]:.0%} of the sure slots go on after step 1; a quarter"
        " should: m is at least 2",
    )
    sure_B = torch.ones(5 * MANY)
    default = 1 - float(f(sure_B, sure_B, 16, fresh()).double().mean())
    refuse_unless(
        abs(default - 0.1) < 0.006,
        f"unless told otherwise, {default:.1%} of the slots explore; keep exploration=0.1",
    )


def check_coins(f):
    """Each slot throws a coin of its own, so the number of those that explore varies."""
    sure_B, generator = torch.ones(8), fresh(1)
    counts = {int((~f(sure_B, sure_B, 16, generator, exploration=0.5)).sum()) for _ in range(50)}
    refuse_unless(
        len(counts) > 1,
        f"with exploration 0.5 exactly {max(counts)} of 8 slots explore in each of 50 calls; each"
        " slot explores or not by a coin of its own, so that number varies",
    )


def check_minimum(f):
    """All explore.

    After s steps those halt whose m is at most s: (s - 1) of the N_sup - 1 values.
    """
    for N_sup in (4, 16):
        shares = {steps: share(f, 5.0, steps, N_sup, 1.0) for steps in (2, 3, N_sup - 1)}
        late = all(
            abs(halted - (steps - 2) / (N_sup - 1)) < 0.025 for steps, halted in shares.items()
        )
        refuse_unless(
            not late,
            "a slot that explores halts one step late: at least m steps are enough, m itself"
            " counts",
        )
        for steps, halted in shares.items():
            right = (steps - 1) / (N_sup - 1)
            told = (
                f"when all explore, with N_sup = {N_sup}, {halted:.0%} of the sure slots halt after"
                f" step {steps}"
            )
            refuse_unless(
                halted not in (0.0, 1.0),
                f"{told}; all have the same m, but each slot should draw its own",
            )
            refuse_unless(
                abs(halted - right) < 0.025,
                f"{told}, and {right:.0%} is right: m is one of {N_sup - 1} values, 2 to {N_sup},"
                " both included",
            )


def check_two_draws(f):
    """Who explores says nothing about m: a quarter explores; of these, all with m <= 8 halt."""
    halted, right = share(f, 5.0, 8, 16, 0.25), 0.75 + 0.25 * 7 / 15
    refuse_unless(
        abs(halted - right) < 0.025,
        f"with exploration 0.25, {halted:.0%} of the sure slots halt after step 8 of 16, and "
        f"{right:.0%} is right: who explores and how long hang together; draw two numbers for "
        "each slot",
    )


def check_draws(f):
    """Everything comes from the generator that is handed in, and moves it on."""
    slots = torch.ones(1000), torch.ones(1000)
    generator = fresh(3)
    first, second = (f(*slots, 16, generator, exploration=0.5) for _ in range(2))
    again = f(*slots, 16, fresh(3), exploration=0.5)
    refuse_unless(
        not torch.equal(first, second),
        "two calls in a row hold back the same slots: hand the generator on as it is",
    )
    refuse_unless(
        torch.equal(first, again),
        "one seed gives two different results: some draw is from elsewhere",
    )


def confident(q_B, steps_B, N_sup, generator, exploration, low=2, high=None, per_slot=True):
    """Rules 1 and 2, with another range of m, or one m for all."""
    B = len(q_B)
    explore_B = torch.rand(B, generator=generator) < exploration
    m_B = torch.randint(
        low, (N_sup if high is None else high) + 1, (B if per_slot else 1,), generator=generator
    )
    return (q_B > 0) & (steps_B >= torch.where(explore_B, m_B, 0))


def no_end(q_B, steps_B, N_sup, generator, exploration=0.1):
    return confident(q_B, steps_B, N_sup, generator, exploration)


def explores_past_the_end(q_B, steps_B, N_sup, generator, exploration=0.1):
    explore_B = torch.rand(len(q_B), generator=generator) < exploration
    m_B = torch.randint(2, N_sup + 2, (len(q_B),), generator=generator)
    return ((q_B > 0) | (steps_B >= N_sup)) & (steps_B >= torch.where(explore_B, m_B, 0))


def one_too_early(q_B, steps_B, N_sup, generator, exploration=0.1):
    return confident(q_B, steps_B, N_sup, generator, exploration) | (steps_B >= N_sup - 1)


def zero_counts(q_B, steps_B, N_sup, generator, exploration=0.1):
    return halting.halt_by_q(q_B + 1e-6, steps_B, N_sup, generator, exploration)


def threshold_of_a_probability(q_B, steps_B, N_sup, generator, exploration=0.1):
    return halting.halt_by_q(q_B - 0.5, steps_B, N_sup, generator, exploration)


def sigmoid_above_zero(q_B, steps_B, N_sup, generator, exploration=0.1):
    return halting.halt_by_q(q_B.sigmoid(), steps_B, N_sup, generator, exploration)


def halts_at_random(q_B, steps_B, N_sup, generator, exploration=0.1):
    surprise_B = torch.rand(len(q_B), generator=generator) < exploration / 2
    return halting.halt_by_q(q_B, steps_B, N_sup, generator, exploration) | surprise_B


def coin_for_the_batch(q_B, steps_B, N_sup, generator, exploration=0.1):
    explore = bool(torch.rand((), generator=generator) < exploration)
    return confident(q_B, steps_B, N_sup, generator, float(explore)) | (steps_B >= N_sup)


def coin_turned(q_B, steps_B, N_sup, generator, exploration=0.1):
    return halting.halt_by_q(
        q_B, steps_B, N_sup, generator, 1 - exploration if 0 < exploration < 1 else exploration
    )


def m_from_one(q_B, steps_B, N_sup, generator, exploration=0.1):
    return confident(q_B, steps_B, N_sup, generator, exploration, low=1) | (steps_B >= N_sup)


def m_below_the_end(q_B, steps_B, N_sup, generator, exploration=0.1):
    return confident(q_B, steps_B, N_sup, generator, exploration, high=max(N_sup - 1, 2)) | (
        steps_B >= N_sup
    )


def m_for_the_batch(q_B, steps_B, N_sup, generator, exploration=0.1):
    return confident(q_B, steps_B, N_sup, generator, exploration, per_slot=False) | (
        steps_B >= N_sup
    )


def later_than_m(q_B, steps_B, N_sup, generator, exploration=0.1):
    explore_B = torch.rand(len(q_B), generator=generator) < exploration
    m_B = torch.randint(2, max(N_sup, 2) + 1, (len(q_B),), generator=generator)
    return (q_B > 0) & (steps_B > torch.where(explore_B, m_B, 0)) | (steps_B >= N_sup)


def nothing_to_draw(q_B, steps_B, N_sup, generator, exploration=0.1):
    return confident(q_B, steps_B, N_sup, generator, exploration) | (steps_B >= N_sup)


def one_number_for_both(q_B, steps_B, N_sup, generator, exploration=0.1):
    uniform_B = torch.rand(len(q_B), generator=generator)
    too_early = (uniform_B < exploration) & (steps_B < 2 + (uniform_B * (N_sup - 1)).floor())
    return (q_B > 0) & ~too_early | (steps_B >= N_sup)


def global_draws(q_B, steps_B, N_sup, generator, exploration=0.1):
    return halting.halt_by_q(q_B, steps_B, N_sup, None, exploration)


def seeded_inside(q_B, steps_B, N_sup, generator, exploration=0.1):
    return halting.halt_by_q(q_B, steps_B, N_sup, fresh(), exploration)


def drawn_elsewhere(q_B, steps_B, N_sup, generator, exploration=0.1):
    mine = torch.Generator()
    mine.seed()  # from the clock or the system
    return halting.halt_by_q(q_B, steps_B, N_sup, mine, exploration)


def default_changed(q_B, steps_B, N_sup, generator, exploration=1.0):
    return halting.halt_by_q(q_B, steps_B, N_sup, generator, exploration)


def two_at_least(q_B, steps_B, N_sup, generator, exploration=0.1):
    return halting.halt_by_q(q_B, steps_B, max(N_sup, 2), generator, exploration)


def one_for_all(q_B, steps_B, N_sup, generator, exploration=0.1):
    return halting.halt_by_q(q_B, steps_B, N_sup, generator, exploration).all()


def numbers(q_B, steps_B, N_sup, generator, exploration=0.1):
    return halting.halt_by_q(q_B, steps_B, N_sup, generator, exploration).float()


def a_fixed_number(q_B, steps_B, N_sup, generator, exploration=0.1):
    B = len(q_B)
    explore_B = torch.rand(B, generator=generator).argsort().argsort() < round(exploration * B)
    m_B = torch.randint(2, max(N_sup, 2) + 1, (B,), generator=generator)
    return (q_B > 0) & (steps_B >= torch.where(explore_B, m_B, 0)) | (steps_B >= N_sup)


EXERCISE = Code(
    number="5.3",
    title="halt_by_q",
    kind="implement",
    minutes=15,
    difficulty=2,
    statement=STATEMENT,
    hints=(
        (
            "Write rule 1 and rule 3 first: `(q_B > 0) | (steps_B >= N_sup)`. Rule 2 narrows the"
            " first half only."
        ),
        (
            "`torch.rand(B, generator=generator) < exploration` says who explores."
            " `torch.randint(2, N_sup + 1, (B,), generator=generator)` draws m; its upper end is"
            " left out, and its range must not be empty."
        ),
        (
            "`least_B = torch.where(explore_B, m_B, 0)`, and then `(q_B > 0) & (steps_B >= least_B)"
            " | (steps_B >= N_sup)`. For N_sup = 1 let m be drawn up to max(N_sup, 2)."
        ),
    ),
    stub=halt_by_q,
    package=halting.halt_by_q,
    probe=probe,
    wrong={
        no_end: "lets no puzzle stay longer",
        explores_past_the_end: "rule 3 is above rule 2",
        one_too_early: "one step too early",
        zero_counts: "exactly 0 is not above 0",
        threshold_of_a_probability: "do not ask for more",
        sigmoid_above_zero: "q = -5 halts after step 1 of",
        halts_at_random: "exploring only holds back",
        coin_for_the_batch: "throw a coin for each slot",
        coin_turned: "the comparison is turned",
        a_fixed_number: "so that number varies",
        m_from_one: "a quarter should: m is at least 2",
        m_below_the_end: "both included",
        m_for_the_batch: "each slot should draw its own",
        global_draws: "global generator",
        drawn_elsewhere: "one seed gives two different results",
        seeded_inside: "two calls in a row",
        default_changed: "keep exploration=0.1",
        later_than_m: "m itself counts",
        one_number_for_both: "draw two numbers for each slot",
        nothing_to_draw: "torch.randint fails",
        two_at_least: "goes on after its only step",
        one_for_all: "for 3 slots it returns the shape",
        numbers: "torch.float32",
    },
)
