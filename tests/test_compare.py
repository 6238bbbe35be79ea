"""What may be said of numbers: intervals by hand, verdicts that turn with the records."""

import math

import pytest

from trm_minimal.lab.studies import compare
from trm_minimal.lab.studies.compare import Difference, best_rates, judge, paired, verdict, weigh


def record(exact: float, *, loss=0.5, diverged=None, n=1, T=2, rows=(), seconds=3600.0, steps=100):
    flags = "1" * round(100 * exact) + "0" * round(100 * (1 - exact))
    return {
        "recipe": {
            "test_depth": [n, T],
            "steps": steps,
            "layers": 2,
        },  # as recipes.describe writes it
        "exact": {"test": {"ema": flags, "raw": flags[::-1]}},
        "curve": [*rows, {"step": steps, "ema": exact, "raw": exact, "loss": loss}],
        "diverged": diverged,
        "env": {"cpu_seconds": seconds},
    }


def test_a_paired_difference_by_hand():
    """Differences 0.1, 0.2, 0.3: mean 0.2, standard error 0.1 / sqrt(3), Student's quantile for two
    degrees 4.303.
    """
    found = paired({0: 0.6, 1: 0.7, 2: 0.8, 9: 0.0}, {0: 0.5, 1: 0.5, 2: 0.5, 7: 1.0})
    half = 4.302653 * 0.1 / math.sqrt(3)
    assert found == pytest.approx((0.2, 0.2 - half, 0.2 + half, 3), abs=1e-5)
    assert paired({0: 0.6}, {0: 0.5}) == pytest.approx((0.1, -math.inf, math.inf, 1))
    assert paired({0: 0.6}, {1: 0.5}).n == 0


def test_the_verdict_on_a_difference_alone():
    assert verdict(Difference(0.3, 0.1, 0.5, 2)).startswith("too few seeds: 2 pairs")
    assert "includes zero" in verdict(Difference(0.3, -0.1, 0.7, 5))
    assert "includes zero" in verdict(Difference(0.0, 0.0, 0.0, 5))
    assert verdict(Difference(0.04, 0.03, 0.05, 5)).startswith("no claim: +0.040")
    assert "smaller than 0.05" in verdict(Difference(-0.04, -0.05, -0.03, 5))
    assert verdict(Difference(0.3, 0.1, 0.5, 3)).startswith("better: +0.300 [+0.100, +0.500]")
    assert verdict(Difference(-0.3, -0.5, -0.1, 3), worse="lower").startswith("lower: -0.300")


STEADY, NOISY = (0.01, 0.0, -0.01), (0.3, 0.0, -0.3)


def shares(mean: float, noise=STEADY) -> dict[int, float]:
    return {seed: mean + spread for seed, spread in enumerate(noise)}


BASE = shares(0.5, (0.0,) * 3)


@pytest.mark.parametrize(
    ("ours", "theirs", "more", "word"),
    [
        (shares(0.8), BASE, {}, "better"),
        (shares(0.2), BASE, {}, "worse"),
        (shares(0.8, NOISY), BASE, {}, "no claim"),
        (shares(0.54), BASE, {}, "no claim"),  # sure, and smaller than what matters
        (shares(0.8, STEADY[:2]), BASE, {}, "too few seeds"),
        (shares(0.03), shares(0.0, (0.0,) * 3), {}, "not begun"),
        (shares(0.2), shares(0.0, (0.0,) * 3), {}, "better"),  # one of the two has begun
        (shares(0.8), BASE, {"move": 0.1}, "time to learn only"),
        (shares(0.8), BASE, {"move": 0.05}, "better"),
        # The yardstick: a rate that does as much, less, unsurely less, and one that does the
        # contrary.
        (shares(0.8), BASE, {"shifts": {"half-rate": shares(0.29, (0.02, 0.0, 0.0))}}, "no claim"),
        (shares(0.8), BASE, {"shifts": {"half-rate": shares(0.1)}}, "better"),
        (shares(0.8), BASE, {"shifts": {"half-rate": shares(0.1, NOISY)}}, "no claim"),
        (shares(0.8), BASE, {"shifts": {"half-rate": shares(-0.1, NOISY)}}, "better"),
        (shares(0.2), BASE, {"shifts": {"half": shares(0.4), "double": shares(-0.3)}}, "no claim"),
        (shares(0.2), BASE, {"earlier": Difference(0.1, -0.4, 0.6, 3)}, "depends on the reading"),
        (shares(0.2), BASE, {"earlier": Difference(-0.1, -0.4, 0.2, 3)}, "worse"),
    ],
)
def test_the_rule_gives_every_verdict(ours, theirs, more, word):
    assert weigh(ours, theirs, **more).word == word
    assert word in compare.WORDS


def climbing(start: float, *ends: float, **more) -> dict[int, dict]:
    """By seed, a run with a look at step 75 and one at its end."""
    rows = [{"step": 75, "ema": start, "raw": 0.0, "loss": 1.0}]
    return {seed: record(end, rows=rows, **more) for seed, end in enumerate(ends)}


def in_a_sweep(**variants) -> compare.Records:
    return {
        (name.replace("_", "-"), seed): run
        for name, runs in variants.items()
        for seed, run in runs.items()
    }


def test_a_variant_is_judged_from_its_records():
    still = climbing(0.5, 0.5, 0.51, 0.49)
    ahead = climbing(0.8, 0.8, 0.81, 0.82)
    assert judge(in_a_sweep(baseline=still, a=ahead), "a").word == "better"
    # A climb of either of the two, or of the sweep's baseline, makes it a matter of time.
    rising = climbing(0.2, 0.5, 0.51, 0.49)
    for records, against in (
        (in_a_sweep(baseline=rising, a=ahead), "baseline"),
        (in_a_sweep(baseline=rising, b=still, a=ahead), "b"),
        (in_a_sweep(baseline=still, a=climbing(0.6, 0.8, 0.81, 0.82)), "baseline"),
    ):
        assert judge(records, "a", against).word == "time to learn only"
    fallen = climbing(0.9, 0.2, 0.21, 0.22)
    found = judge(in_a_sweep(baseline=still, a=fallen), "a")
    assert found.word == "depends on the reading" and "a quarter earlier it is +0.400" in str(found)
    assert judge(in_a_sweep(baseline=still, a=ahead, half_rate=ahead), "a").word == "no claim"
    assert judge(in_a_sweep(baseline=still, half_rate=ahead), "half-rate").word == "better"
    # What a rate does to the baseline is also the yardstick of another pair, far away.
    low, lower = climbing(0.3, 0.3, 0.31, 0.29), climbing(0.02, 0.02, 0.03, 0.01)
    both = in_a_sweep(baseline=ahead, half_rate=still, a=lower, b=low)
    assert judge(both, "a", "b").word == "no claim"
    assert (
        judge(both | in_a_sweep(half_rate=climbing(0.7, 0.7, 0.71, 0.72)), "a", "b").word == "worse"
    )
    assert judge(in_a_sweep(a=ahead), "a").word == "too few seeds"


def test_equal_compute_reads_the_curve_by_net_calls():
    rows = [{"step": 50, "ema": 0.25, "raw": 0.0, "loss": 1.0}]
    shallow, deep = record(0.5, n=1, T=2, rows=rows), record(0.75, n=3, T=2, rows=rows)
    assert (compare.calls_a_step(shallow), compare.calls_a_step(deep)) == (4, 8)
    assert [compare.at_calls(deep, calls) for calls in (400, 799, 800)] == [0.25, 0.25, 0.75]
    assert compare.at_calls(shallow, 400) == 0.5 and math.isnan(compare.at_calls(deep, 399))


def test_equal_steps_read_the_longer_run_where_the_shorter_ends():
    rows = [{"step": 50, "ema": 0.25, "raw": 0.0}, {"step": 100, "ema": 0.75, "raw": 0.0}]
    short, long = record(0.5, rows=rows[:1]), record(1.0, rows=rows, steps=200)
    records = {("short", 0): short, ("same", 0): short, ("long", 0): long}
    assert compare.scores(records, "short", "same") == ([{0: 0.5}] * 2, "test")
    assert compare.scores(records, "long", "short") == ([{0: 0.75}, {0: 0.5}], "validation")
    assert compare.scores(records, "long", "absent") == ([{0: 1.0}, {}], "test")
    assert [compare.at_step(short, step) for step in (49, 50, 99, 100)] == [0.0, 0.25, 0.25, 0.5]
    assert compare.at_step(short | {"diverged": "at step 60"}, 100) == 0.0


def test_equal_compute_reads_both_where_the_cheaper_run_ends():
    """100 steps of 4 calls against 100 of 8: the dear one is read at step 50."""
    rows = [{"step": 50, "ema": 0.25, "raw": 0.0}]
    records = {("cheap", 0): record(0.5), ("dear", 0): record(0.75, n=3, rows=rows)}
    ruler = compare.equal_compute
    assert ruler(records, ("cheap", "dear")) == {"cheap": 100, "dear": 50}
    found = compare.scores(records, "dear", "cheap", ruler=ruler)
    assert found == ([{0: 0.25}, {0: 0.5}], "validation")
    records["dear", 0]["recipe"]["layers"] = 4
    assert ruler(records, ("cheap", "dear"))["dear"] == 25


def test_the_best_rate_is_that_of_the_lowest_last_loss_over_the_trial_seeds():
    records = {
        ("a@0.001", 0): record(0.9, loss=0.3),
        ("a@0.001", 1): record(0.9, loss=0.5),
        ("a@0.001", 2): record(0, loss=9),
        ("a@0.01", 0): record(0.5, loss=0.1),
        ("a@0.01", 1): record(0.5, loss=0.2),
        ("b@0.1", 0): record(0.5, diverged="x"),
        ("b@0.2", 0): record(0.5, loss=7.0),
    }
    assert best_rates(records, seeds=(0, 1)) == {"a": "a@0.01", "b": "b@0.2"}
    assert (
        best_rates(records | {("a@0.01", 1): record(0, diverged="x")}, seeds=(0, 1))["a"]
        == "a@0.001"
    )


def test_spread_and_core_hours():
    assert (
        compare.spread([0.1, 0.2, 0.3]) == "0.200 (0.100)"
        and compare.spread([0.1, 0.2]) == "0.100, 0.200"
    )
    assert compare.core_hours([record(0), record(0)]) == 2.0
