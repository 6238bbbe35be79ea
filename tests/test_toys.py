"""Parity, running parity and recall: every answer by another way, no held-out row in the training
set.
"""

from collections import Counter

import pytest
import torch

from trm_minimal.errors import BadInput
from trm_minimal.evaluate import Answers, cells_by_step, copy_baseline, exact_by_step
from trm_minimal.tasks import toys


def words(task, tokens_L):
    return task.draw(tokens_L).split()


@pytest.fixture(scope="module")
def parity():
    return toys.parity(8)


@pytest.fixture(scope="module")
def running():
    return toys.parity(8, answer=toys.after_each)


@pytest.fixture(scope="module")
def recall():
    return toys.recall(train=3_000)


def test_parity_by_counting(parity):
    for puzzles in (parity.train, parity.test):
        for inputs_L, labels_L in zip(*puzzles, strict=True):
            mark, *bits = words(parity, inputs_L)
            assert mark == "?" and parity.draw(labels_L) == str(bits.count("1") % 2)
            assert labels_L.count_nonzero() == 1 and labels_L[0] > 0
    lengths = Counter(len(words(parity, inputs_L)) - 1 for inputs_L in parity.train.inputs_NL)
    assert sorted(lengths) == list(range(1, 9)) and lengths[1] > 400
    assert {len(words(parity, inputs_L)) for inputs_L in parity.test.inputs_NL} == {9}


def test_running_parity_bit_by_bit(parity, running):
    assert torch.equal(running.train.inputs_NL, parity.train.inputs_NL)
    for inputs_L, labels_L in zip(*running.test, strict=True):
        odd, said = False, []
        for bit in words(running, inputs_L)[1:]:
            odd ^= bit == "1"
            said.append(str(int(odd)))
        assert labels_L[0] == 0 and words(running, labels_L) == said
    labels_NL = running.train.labels_NL
    assert torch.equal(
        labels_NL > 0, (running.train.inputs_NL == 1) | (running.train.inputs_NL == 2)
    )
    # the cell of the last bit
    last_N = labels_NL.gather(1, (labels_NL > 0).sum(1, keepdim=True)).squeeze(1)
    assert torch.equal(last_N, parity.train.labels_NL[:, 0])


def test_recall_by_looking_it_up(recall):
    for puzzles in (recall.train, recall.test):
        for inputs_L, labels_L in zip(*puzzles, strict=True):
            key, *pairs = words(recall, inputs_L)
            table = dict(pairs)
            assert len(table) == len(pairs) and recall.draw(labels_L) == table[key]
    assert {len(words(recall, inputs_L)) for inputs_L in recall.test.inputs_NL} == {9}


def test_no_held_out_row_is_in_the_training_set(parity, recall):
    def rows(task, puzzles):
        return {
            tuple(sorted(words(task, row_L)[1:])) if task is recall else tuple(words(task, row_L))
            for row_L in puzzles.inputs_NL
        }

    for task in (parity, recall):  # of recall: the same pairs in no order at all
        train, validation, test = (
            rows(task, puzzles) for puzzles in (task.train, task.validation, task.test)
        )
        assert not train & test and not train & validation and test
    assert not rows(parity, parity.validation) & rows(parity, parity.test)
    full = [row_L for row_L in recall.train.inputs_NL if row_L.count_nonzero() == 9]
    assert len(full) > 200  # of the largest size there are some to learn from, too


def test_values_cannot_be_learned_by_heart(recall):
    """Of each key, every value about equally often."""
    seen = Counter()
    for inputs_L, labels_L in zip(*recall.train, strict=True):
        seen[words(recall, inputs_L)[0] + recall.draw(labels_L)] += 1
    assert len(seen) == len(toys.KEYS) * len(toys.VALUES) and min(seen.values()) > 0.6 * max(
        seen.values()
    )


def test_a_seed_is_a_set_and_another_seed_another(parity):
    assert torch.equal(parity.train.inputs_NL, toys.parity(8).train.inputs_NL)
    assert not torch.equal(parity.test.inputs_NL, toys.parity(8, seed=1).test.inputs_NL)


def test_text_to_tokens_and_back(parity, running, recall):
    for task in (parity, running, recall):
        row_L = task.train.inputs_NL[5]
        assert torch.equal(task.parse(task.draw(row_L)), row_L)
        assert torch.equal(task.solve(row_L), task.train.labels_NL[5])
        answers_BL = task.test.labels_NL.long()
        assert task.is_solution(task.test.inputs_NL.long(), answers_BL).all()
        assert not task.is_solution(task.test.inputs_NL.long(), answers_BL + 1).any()
        filled_BL = answers_BL.where(answers_BL > 0, 1)  # whatever stands in cells without a label
        assert task.is_solution(task.test.inputs_NL.long(), filled_BL).all()
    for wrong in ("? 2", "? " + "1 " * 9):
        with pytest.raises(BadInput, match="is not up to 9 of the words"):
            parity.parse(wrong)


@pytest.mark.parametrize("longest", [3, 63])
def test_parity_of_too_few_or_too_many_bits(longest):
    with pytest.raises(BadInput, match=f"parity of {longest} bits"):
        toys.parity(longest)


def test_cells_without_a_label_count_nowhere(parity):
    inputs_NL, labels_NL = parity.test
    tokens_NL = torch.full_like(labels_NL, 2)
    answers = Answers(tokens_NL.unsqueeze(0), torch.zeros(1, len(labels_NL)))
    share = float((labels_NL[:, 0] == 2).double().mean())
    assert 0.3 < share < 0.7
    assert float(exact_by_step(answers, labels_NL)[0].double().mean()) == pytest.approx(share)
    assert float(cells_by_step(answers, labels_NL)[0]) == pytest.approx(share)
    assert copy_baseline(inputs_NL, labels_NL) == 0.0
