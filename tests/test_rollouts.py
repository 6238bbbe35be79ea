"""Many thoughts: draws come from the generator given, moves are undone, choices are what they
say.
"""

from functools import partial

import pytest
import torch

from trm_minimal.evaluate import answer, exact_by_step
from trm_minimal.lab.recipes import by_name
from trm_minimal.lab.rollouts import (
    Rollouts,
    by_q,
    by_vote,
    noise,
    noisy_start,
    oracle,
    roll_out,
)
from trm_minimal.layers import mlp_mixer
from trm_minimal.model import RandomInit, TinyRecursiveModel


def tiny(**parts):
    torch.manual_seed(0)
    return TinyRecursiveModel(
        6, 16, dim=16, prefix=2, block=partial(mlp_mixer, multiple=16), **parts
    )


@pytest.fixture(scope="module")
def task():
    return by_name("sudoku_4x4").task()


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("parts", [{}, {"init": RandomInit}])
@pytest.mark.parametrize(
    "options",
    [{}, {"start": partial(noisy_start, scale=1.0)}, {"disturb": partial(noise, scale=1.0)}],
)
def test_what_is_random_comes_from_the_generator_and_torchs_own_stays_where_it_was(
    parts, options, task
):
    model, inputs_NL = tiny(**parts), task.test.inputs_NL[:5]
    torch.manual_seed(1)
    before = torch.random.get_rng_state()
    first = roll_out(model, inputs_NL, 2, (2, 1), 3, seeded(), **options)
    assert torch.equal(before, torch.random.get_rng_state())
    again = roll_out(model, inputs_NL, 2, (2, 1), 3, seeded(), **options)
    assert all(map(torch.equal, first, again)) and first.tokens_KSNL.shape == (3, 2, 5, 16)
    alone = answer(model, inputs_NL, 2, (2, 1), **options)
    assert all(map(torch.equal, alone, answer(model, inputs_NL, 2, (2, 1), **options)))
    assert torch.equal(before, torch.random.get_rng_state())
    is_random = bool(parts or options)
    other = roll_out(model, inputs_NL, 2, (2, 1), 3, seeded(1), **options)
    assert torch.equal(first.q_KSN, other.q_KSN) != is_random or not model.q_head.weight.any()
    assert torch.equal(first.tokens_KSNL, other.tokens_KSNL) != is_random


def test_random_states_without_a_generator_are_refused(task):
    with pytest.raises(ValueError, match="drawn from a generator"):
        tiny(init=RandomInit).initial_states(task.test.inputs_NL[:1].long())


def test_noise_of_scale_nought_is_none_and_comes_after_the_first_step(task):
    model, inputs_NL = tiny(), task.test.inputs_NL[:5]
    still = answer(model, inputs_NL, 3, (2, 1))
    quiet = answer(model, inputs_NL, 3, (2, 1), disturb=partial(noise, scale=0.0))
    loud = answer(model, inputs_NL, 3, (2, 1), disturb=partial(noise, scale=5.0))
    assert all(map(torch.equal, still, quiet))
    assert torch.equal(still.tokens_SNL[0], loud.tokens_SNL[0])
    assert not torch.equal(still.tokens_SNL[1:], loud.tokens_SNL[1:])


def test_a_symmetry_is_undone(task):
    """A model whose answer is its question gives the question back, whatever the move."""

    class Copy(TinyRecursiveModel):
        def read(self, y_BLD):
            logits = torch.nn.functional.one_hot(self.asked, 6).float()
            return logits, torch.zeros(len(logits), 1)

        def forward(self, inputs_BL, *rest, **keywords):
            self.asked = inputs_BL
            return super().forward(inputs_BL, *rest, **keywords)

    torch.manual_seed(0)
    model = Copy(6, 16, dim=16, prefix=2, block=partial(mlp_mixer, multiple=16))
    inputs_NL = task.test.inputs_NL[:5]
    found = roll_out(model, inputs_NL, 1, (1, 1), 4, seeded(), symmetries=task.symmetries)
    assert (found.tokens_KSNL == inputs_NL).all()
    assert not torch.equal(model.asked, inputs_NL.long())  # it was asked something else


def rollouts(boards, q) -> Rollouts:
    """K boards of one puzzle after one step, and their q."""
    tokens_KL = torch.tensor(boards, dtype=torch.uint8)
    return Rollouts(tokens_KL[:, None, None], torch.tensor(q)[:, None, None])


def test_choices_by_hand():
    three = rollouts([[1, 2], [1, 3], [1, 3]], [4.0, -1.0, 0.0])
    assert by_q(three).tolist() == [[[1, 2]]]
    assert by_vote(three).tolist() == [[[1, 3]]]  # two against one
    tie = rollouts([[1, 2], [1, 3]], [-1.0, 0.5])
    assert by_vote(tie).tolist() == [[[1, 3]]]
    assert oracle(three, torch.tensor([[1, 2]])).tolist() == [[True]]
    assert oracle(three, torch.tensor([[1, 4]])).tolist() == [[False]]
    assert oracle(three, torch.tensor([[1, 0]])).tolist() == [[True]]  # no label, no fault


def test_a_vote_is_of_whole_boards():
    """Cell by cell the majority would be [1, 1, 1], which nobody has answered."""
    boards = [[2, 1, 1], [1, 2, 1], [1, 1, 2]]
    assert by_vote(rollouts(boards, [0.0, 1.0, -1.0])).tolist() == [[boards[1]]]


def test_the_oracle_bounds_every_choice(task):
    model = tiny(init=RandomInit)
    puzzles = task.test[:40]
    found = roll_out(model, puzzles.inputs_NL, 2, (2, 2), 5, seeded())
    bound_SN = oracle(found, puzzles.labels_NL)
    for choose in (by_q, by_vote):
        answers = type(answer(model, puzzles.inputs_NL[:1], 1, (1, 1)))(
            choose(found), found.q_KSN[0]
        )
        assert (exact_by_step(answers, puzzles.labels_NL) <= bound_SN).all()
