"""A trace is the model's own run: the same states, bit for bit, and nothing about the model is
changed.
"""

from functools import partial
from threading import Thread

import pytest
import torch
from torch import nn

from trm_minimal.errors import BadInput
from trm_minimal.evaluate import answer
from trm_minimal.lab.parts.blocks import grid_convolution
from trm_minimal.lab.parts.positions import GridRotary
from trm_minimal.lab.parts.rounds import TwoNets, one_step, several_z, single_z, two_nets
from trm_minimal.layers import SelfAttention, mlp_mixer, transformer
from trm_minimal.model import RandomInit, TinyRecursiveModel
from trm_minimal.recurrence import FixedGate, Gated, LayerScale, Replace, Residual
from trm_minimal.recursion import deep_recursion
from trm_minimal.schedules import Depth
from trm_minimal.show.steppers import Stepper, Thinker
from trm_minimal.show.trace import Position, trace, traces
from trm_minimal.tasks import Puzzles, maze, sudoku

BLOCKS = {
    "mixer": partial(mlp_mixer, multiple=16),
    "attention": partial(transformer, heads=2, multiple=16),
    "attention on a grid": partial(
        transformer, heads=2, multiple=16, rotation=partial(GridRotary, side=6)
    ),
    "convolution": partial(grid_convolution, side=6, multiple=16),
}
TASKS = {"sudoku": sudoku.board(36), "maze": maze.board(36)}
N_SUP, DEPTH = 3, Depth(n=2, T=2)


def build(
    block="mixer", recurrence=Replace, task="sudoku", **parts
) -> tuple[TinyRecursiveModel, torch.Tensor]:
    torch.manual_seed(0)
    vocab = TASKS[task].vocab_size
    model = TinyRecursiveModel(
        vocab, 36, dim=16, prefix=2, block=BLOCKS[block], recurrence=recurrence, **parts
    )
    nn.init.normal_(model.q_head.weight)
    return model, torch.randint(1, vocab, (5, 36), dtype=torch.uint8)


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("recurrence", [Replace, Residual, LayerScale, FixedGate, Gated])
@pytest.mark.parametrize("block", BLOCKS)
def test_states_are_the_models_own_and_the_model_is_as_before(block, recurrence, task):
    model, inputs_NL = build(block, recurrence, task)
    with torch.inference_mode():
        before = list(model.deep_supervision(inputs_NL.long(), N_SUP, *DEPTH))
    run = trace(model, inputs_NL, N_SUP, DEPTH)
    with torch.inference_mode():
        after = list(model.deep_supervision(inputs_NL.long(), N_SUP, *DEPTH))
    assert model.training and not model.net._forward_hooks
    for step, (old, new) in enumerate(zip(before, after, strict=True), start=1):
        k = run.moment(step)
        for recorded, *own in (
            (run.y(k), old.y, new.y),
            (run.z(k), old.z, new.z),
            (run.q_KN[k], old.q, new.q),
        ):
            assert all(torch.equal(recorded, state) for state in own)
        chances = old.logits.softmax(-1)
        assert torch.equal(run.tokens_KNL[k], old.logits.argmax(-1).to(torch.uint8))
        assert torch.allclose(run.confidence_KNL[k], chances.max(-1).values)


def test_every_call_is_the_nets_answer_to_what_it_was_given():
    model, inputs_NL = build()
    run = trace(model, inputs_NL, N_SUP, DEPTH)
    for k in range(1, len(run)):
        with torch.inference_mode():
            new = model.net(*run.injection(k))
        state = run.position(k).state
        of, other = (run.y, run.z) if state == "y" else (run.z, run.y)
        assert torch.equal(of(k), new) and not torch.equal(of(k), of(k - 1))
        assert other(k) is other(k - 1)
    assert torch.equal(run.y(0), run.initial[0]) and torch.equal(run.z(0), run.initial[1])


def test_answers_are_those_of_evaluation():
    model, inputs_NL = build()
    ours, theirs = (
        trace(model, inputs_NL, N_SUP, DEPTH).answers,
        answer(model, inputs_NL, N_SUP, DEPTH),
    )
    assert torch.equal(ours.tokens_SNL, theirs.tokens_SNL) and torch.equal(ours.q_SN, theirs.q_SN)


@pytest.mark.parametrize("n, T", [(1, 1), (2, 2), (3, 1), (1, 4)])
def test_positions_and_moments_are_inverse(n, T):
    model, inputs_NL = build()
    run = trace(model, inputs_NL, N_SUP, Depth(n, T))
    assert len(run) == N_SUP * T * (n + 1) + 1
    assert run.position(0) == Position(0, 0, 0, "")
    seen = [run.position(k) for k in range(1, len(run))]
    assert [run.moment(*place[:3]) for place in seen] == list(range(1, len(run)))
    assert seen == sorted(seen)
    assert [place.state for place in seen] == (["z"] * n + ["y"]) * T * N_SUP
    assert [run.position(k)[:3] for k in run.ends_of("step")[1:]] == [
        (s, T, n + 1) for s in range(1, N_SUP + 1)
    ]
    assert len(run.ends_of("round")) == N_SUP * T + 1 and run.ends_of("call") == list(
        range(len(run))
    )
    for k in (-1, len(run)):
        with pytest.raises(IndexError, match=f"moments 0 to {len(run) - 1}"):
            run.position(k)
    for place in ((N_SUP + 1,), (1, T + 1), (1, 1, n + 2), (1, 0)):
        with pytest.raises(IndexError):
            run.moment(*place)


def test_peek_after_the_last_thought_is_the_next_answer():
    model, inputs_NL = build()
    run = trace(model, inputs_NL, N_SUP, DEPTH)
    for k in run.ends_of("round")[1:]:
        tokens_NL, q_N = run.peek(k - 1)
        assert torch.equal(tokens_NL, run.tokens_KNL[k]) and torch.equal(q_N, run.q_KN[k])


def test_drift_and_size_by_hand():
    model, inputs_NL = build(recurrence=Residual)
    run = trace(model, inputs_NL, N_SUP, DEPTH)
    drift_KN, rms_KN = run.drift("z"), run.rms("z")
    for k in range(1, len(run)):
        moved = ((run.z(k) - run.z(k - 1)) ** 2).sum((1, 2)).sqrt() / (run.z(k - 1) ** 2).sum(
            (1, 2)
        ).sqrt()
        assert torch.allclose(drift_KN[k], moved)
        assert torch.allclose(rms_KN[k], (run.z(k) ** 2).mean((1, 2)).sqrt())
    assert (drift_KN[[0, *run.ends_of("round")]] == 0).all() and rms_KN[-1].min() > rms_KN[0].max()


def test_changed_and_right():
    model, inputs_NL = build()
    run = trace(model, inputs_NL, N_SUP, DEPTH)
    k = run.moment(2)
    assert not run.changed(0).any() and not run.changed(k - 1).any()
    assert torch.equal(run.changed(k), run.tokens_KNL[k] != run.tokens_KNL[run.moment(2, 1)])
    assert run.right(run.tokens_KNL[k])[k].all()


def test_attention_maps_make_what_the_layer_gave():
    model, inputs_NL = build("attention")
    run = trace(model, inputs_NL, N_SUP, DEPTH)
    layers = [part for part in model.net.modules() if isinstance(part, SelfAttention)]
    maps, given, gave = run.attention(4), [], []
    for layer in layers:
        layer.register_forward_hook(lambda _, x, out: given.append(x[0]) or gave.append(out))
    with torch.inference_mode():
        model.net(*run.injection(4))
    assert [list(seen.shape) for seen in maps] == [[5, 2, 38, 38]] * 2
    for layer, x_NLD, out_NLD, seen_NHLL in zip(layers, given, gave, maps, strict=True):
        with torch.inference_mode():
            seen_NHLK = seen_NHLL @ layer.queries_keys_values(x_NLD)[2]
            assert torch.allclose(
                layer.out(seen_NHLK.transpose(1, 2).flatten(2)), out_NLD, atol=1e-5
            )
    assert trace(*build("mixer"), N_SUP, DEPTH).attention(4) == []


def test_random_starts_come_from_the_generator():
    model, inputs_NL = build(init=RandomInit)
    first, again, other = (
        trace(model, inputs_NL, 1, DEPTH, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2)
    )
    assert torch.equal(first.y(0), again.y(0)) and not torch.equal(first.y(0), other.y(0))
    assert torch.equal(first.z(6), again.z(6)) and not torch.equal(first.z(6), other.z(6))


def test_batches_of_traces_are_one_trace_in_pieces():
    model, inputs_NL = build()
    whole, parts = (
        trace(model, inputs_NL, N_SUP, DEPTH),
        list(traces(model, inputs_NL, N_SUP, DEPTH, batch=2)),
    )
    assert [len(part.inputs_NL) for part in parts] == [2, 2, 1]
    assert torch.allclose(torch.cat([part.q_KN for part in parts], dim=1), whole.q_KN, atol=1e-4)


def with_round(one_round):
    return partial(deep_recursion, one_round=one_round)


def too_few(net, x, y, z, n, T, grad_rounds=1):
    return deep_recursion(net, x, y, z, n, T - 1)


def y_first(net, x, y, z, n, T, grad_rounds=1):
    return net(y, z), net(z, x)


def copied(net, x, y, z, n, T, grad_rounds=1):
    return deep_recursion(net, x, y.clone(), z.clone(), n, T)


def other_end(net, x, y, z, n, T, grad_rounds=1):
    y, z = deep_recursion(net, x, y, z, n, T)
    return 2 * y, z


@pytest.mark.parametrize(
    "recursion, latents, seen",
    [
        (with_round(single_z), 1, "call 3 of the net renews z where y is due"),
        (
            with_round(several_z),
            2,
            "call 1 of the net renews a state that is neither y nor z where z is due",
        ),
        (y_first, 1, "call 1 of the net renews y where z is due"),
        (copied, 1, "call 1 of the net renews a state that is neither y nor z"),
        (too_few, 1, r"calls the net 3 times a step, not T \(n \+ 1\) = 6 times"),
        (other_end, 1, "ends with another y or z than its net gave last"),
    ],
)
def test_a_recursion_whose_states_have_no_name_is_refused(recursion, latents, seen):
    model, inputs_NL = build(recursion=recursion, latents=latents)
    with pytest.raises(BadInput, match=seen) as caught:
        trace(model, inputs_NL, N_SUP, DEPTH)
    assert "traced" in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("one_round", [two_nets, one_step])
def test_a_model_of_two_nets_is_traced_too(one_round):
    model, inputs_NL = build("attention", net=TwoNets, recursion=with_round(one_round))
    run = trace(model, inputs_NL, N_SUP, DEPTH)
    with torch.inference_mode():
        own = list(model.deep_supervision(inputs_NL.long(), N_SUP, *DEPTH))
    for step, prediction in enumerate(own, start=1):
        k = run.moment(step)
        assert torch.equal(run.y(k), prediction.y) and torch.equal(run.z(k), prediction.z)
    k = run.moment(2)
    tokens_NL, q_N = run.peek(k - 1)
    assert torch.equal(tokens_NL, run.tokens_KNL[k]) and torch.equal(q_N, run.q_KN[k])
    parts = {"z": model.net.latent, "y": model.net.answer}
    for moment in (k - 1, k):
        state = run.position(moment).state
        with torch.inference_mode():
            new = parts[state](*run.injection(moment))
        assert torch.equal(new, (run.y if state == "y" else run.z)(moment))
        assert len(run.attention(moment)) == 2


def test_two_runs_of_one_model_at_once_do_not_meet():
    """Three threads trace and look at attention while this one calls the net on its own."""
    model, inputs_NL = build("attention")
    alone = [trace(model, part_NL, N_SUP, DEPTH) for part_NL in inputs_NL[:3]]
    maps = [run.attention(4) for run in alone]
    same = []  # a thread that raises adds too few

    def think(number: int) -> None:
        for _ in range(8):
            run = trace(model, inputs_NL[number], N_SUP, DEPTH)
            for found, own in (
                (run.renewed, alone[number].renewed),
                (run.attention(4), maps[number]),
            ):
                same.append(all(torch.equal(a, b) for a, b in zip(found, own, strict=True)))

    threads = [Thread(target=think, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        model.net(*alone[0].injection(1))
        assert model.training and not any(part._forward_hooks for part in model.modules())
    assert same == [True] * 48


def test_identities_are_part_of_the_question():
    model, inputs_NL = build(puzzles=4)
    nn.init.normal_(model.puzzles_ND)
    ids_N = torch.tensor([0, 3, 1, 1, 2])
    run = trace(model, inputs_NL, N_SUP, DEPTH, ids_N=ids_N)
    with torch.inference_mode():
        own = list(model.deep_supervision(inputs_NL.long(), N_SUP, *DEPTH, ids_B=ids_N))
        new = model.net(*run.injection(4))
    assert all(torch.equal(run.y(run.moment(s)), own[s - 1].y) for s in (1, 2, 3))
    assert torch.equal(new, run.z(4))
    parts = traces(model, inputs_NL, N_SUP, DEPTH, batch=2, ids_N=ids_N)
    assert torch.allclose(torch.cat([part.q_KN for part in parts], dim=1), run.q_KN, atol=1e-4)
    task = TASKS["sudoku"]
    puzzles = Puzzles(inputs_NL, inputs_NL, ids_N)
    widget = Stepper(task, puzzles, Thinker("", model, N_SUP, DEPTH), chosen=1)
    assert torch.allclose(widget.traces[0].q_KN[:, 0], run.q_KN[:, 1], atol=1e-4)


def test_repr_says_what_it_holds():
    model, inputs_NL = build()
    said = repr(trace(model, inputs_NL[0], N_SUP, DEPTH))
    assert (
        "1 puzzle: 18 calls = 3 supervision steps x 2 rounds x (2 for z + 1 for y); states [1,"
        " 38, 16]" in said
    )
