"""The whole model: sizes, seams, starting states, deep supervision."""

from functools import partial

import pytest
import torch

from trm_minimal.lab.parts.positions import RowColumnPositions
from trm_minimal.layers import NoRotation, mlp_mixer, transformer
from trm_minimal.model import (
    FixedInit,
    LearnedPositions,
    NoPositions,
    RandomInit,
    TinyRecursiveModel,
    ZeroInit,
    count_parameters,
)
from trm_minimal.recurrence import FixedGate, Gated, LayerScale, Replace, Residual

BLOCKS = [
    mlp_mixer,
    partial(transformer, heads=2),
    partial(transformer, heads=2, rotation=NoRotation),
]
RECURRENCES = [Replace, Residual, partial(Residual, scale=0.1), LayerScale, FixedGate, Gated]
POSITIONS = [NoPositions, LearnedPositions, partial(RowColumnPositions, columns=4)]


def tiny(**parts) -> TinyRecursiveModel:
    torch.manual_seed(0)
    return TinyRecursiveModel(7, 12, **({"dim": 16, "prefix": 3} | parts))


def inputs(batch=4):
    return torch.randint(1, 7, (batch, 12), generator=torch.Generator().manual_seed(1))


PAPER_SIZES = {
    "TRM-Att Sudoku": (11, 81, transformer, 2, 6_828_034),
    "TRM-Att Maze": (6, 900, transformer, 2, 6_822_914),
    "TRM-Att ARC": (12, 900, transformer, 2, 6_829_058),
    "TRM-MLP Sudoku": (11, 81, mlp_mixer, 2, 5_028_866),
    "TRM-MLP Maze": (6, 900, mlp_mixer, 2, 18_795_522),
    "4-layer MLP Sudoku": (11, 81, mlp_mixer, 4, 10_045_442),
    "4-layer Att Sudoku": (11, 81, transformer, 4, 13_643_778),
}


@pytest.mark.parametrize("name", PAPER_SIZES)
def test_parameter_counts_are_the_official_ones(name):
    vocab_size, length, block, layers, expected = PAPER_SIZES[name]
    with torch.device("meta"):
        model = TinyRecursiveModel(vocab_size, length, block=block, layers=layers, puzzles=1)
    assert count_parameters(model) == expected


@pytest.mark.parametrize(("dim", "expected"), [(256, 1_710_082), (128, 527_362)])
def test_parameter_counts_at_smaller_widths(dim, expected):
    with torch.device("meta"):
        assert count_parameters(TinyRecursiveModel(11, 81, dim=dim, block=transformer)) == expected


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("recurrence", RECURRENCES)
@pytest.mark.parametrize("block", BLOCKS)
def test_every_parameter_gets_a_gradient_with_T_3_and_states_stay_float32(
    block, recurrence, precision
):
    """Under autocast too: with its cache on, torch up to 2.8 gave the net none."""
    model = tiny(block=block, recurrence=recurrence, positions=LearnedPositions, puzzles=2)
    # at its start, 0, no gradient flows through the Q head
    torch.nn.init.normal_(model.q_head.weight)
    y, z = model.initial_states(inputs())
    with torch.autocast("cpu", precision, precision is not torch.float32, cache_enabled=False):
        step = model(inputs(), y, z, n=2, T=3, ids_B=torch.tensor([0, 1, 1, 0]))
    assert step.y.dtype == step.z.dtype == step.q_logits.dtype == torch.float32
    (step.logits.float().square().mean() + step.q_logits.sum()).backward()
    missing = [
        name for name, p in model.named_parameters() if p.grad is None or not p.grad.count_nonzero()
    ]
    assert missing == []


@pytest.mark.parametrize("positions", POSITIONS)
@pytest.mark.parametrize("init", [FixedInit, RandomInit, ZeroInit])
def test_positions_and_initial_states_compose(positions, init):
    model = tiny(positions=positions, init=init)
    runs = [
        list(model.deep_supervision(inputs(), 2, 2, 2, generator=torch.Generator().manual_seed(s)))
        for s in (3, 3, 4)
    ]
    assert runs[0][-1].logits.shape == (4, 12, 7) and runs[0][-1].q.shape == (4,)
    assert torch.equal(runs[0][-1].logits, runs[1][-1].logits)
    assert torch.equal(runs[0][-1].logits, runs[2][-1].logits) == (init is not RandomInit)


def test_initial_states_are_two_different_buffers_of_unit_size():
    model = tiny(dim=512)
    names = {name for name, _ in model.named_buffers()}
    assert {"init_y.vector_D", "init_z.vector_D"} <= names
    assert not any(name.startswith("init") for name, _ in model.named_parameters())
    y, z = model.initial_states(inputs())
    assert torch.equal(y[0, 0], y[3, 14]) and not torch.equal(y, z)
    assert abs(float(y[0, 0].std()) - 1) < 0.1


def test_the_embedding_has_unit_rows_and_a_blank_prefix():
    model = tiny(dim=512)
    x = model.input_embedding(inputs())
    assert x[:, :3].count_nonzero() == 0
    assert (x[:, 3:].square().mean(-1).sqrt() - 1).abs().max() < 0.15


def test_a_puzzle_identity_is_read_at_the_first_position_only():
    model = tiny(puzzles=3)
    torch.nn.init.normal_(model.puzzles_ND)
    x, other = (model.input_embedding(inputs(), torch.full((4,), identity)) for identity in (0, 2))
    assert torch.equal(x[:, 1:], other[:, 1:]) and not torch.equal(x[:, 0], other[:, 0])


def test_nothing_halts_before_it_has_learned_to():
    step = next(tiny().deep_supervision(inputs(), 1, 1, 1))
    assert torch.equal(step.q, torch.full((4,), -5.0))


def test_supervision_steps_are_cut_from_each_other():
    """Each step's graph ends at its own x: the backward of step 2 works after that of step 1, and
    adds only its own.
    """
    model = tiny()
    steps = list(model.deep_supervision(inputs(), 2, 2, 1))
    assert not steps[0].y.requires_grad and not steps[0].z.requires_grad
    steps[0].logits.sum().backward()
    model.zero_grad()
    steps[1].logits.sum().backward()
    both = model.tokens_VD.grad.clone()
    model.zero_grad()
    alone = model(inputs(), steps[0].y, steps[0].z, 2, 1)
    alone.logits.sum().backward()
    assert torch.equal(both, model.tokens_VD.grad)


def test_residuals_without_a_last_norm_grow_and_the_papers_do_not():
    sizes = {}
    for recurrence in (Replace, Residual):
        *_, last = tiny(recurrence=recurrence, dim=32).deep_supervision(inputs(), 4, 6, 3)
        sizes[recurrence] = float(last.z.square().mean().sqrt())
    assert abs(sizes[Replace] - 1) < 0.01 and sizes[Residual] > 10


def test_gates_interpolate():
    state, proposal = torch.zeros(2, 3, 4), torch.ones(2, 3, 4)
    assert torch.equal(FixedGate(4, gate=1.0)(state, proposal), proposal)
    torch.manual_seed(0)
    out = Gated(4)(state, proposal)
    assert ((out > 0) & (out < 1)).all()
    assert (Gated(4, bias=20.0)(state, proposal) > 0.999).all()


def test_a_model_without_a_prefix_is_refused():
    with pytest.raises(ValueError, match="prefix is 0"):
        tiny(prefix=0)
