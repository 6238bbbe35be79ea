"""What may be said of numbers: intervals by hand, verdicts that turn with the records."""

import math

import pytest

from trm_minimal.lab.studies import compare
from trm_minimal.lab.studies.compare import Difference, best_rates, paired, verdict


def record(exact: float, *, loss=0.5, diverged=None, n=1, T=2, rows=(), seconds=3600.0):
    flags = "1" * round(100 * exact) + "0" * round(100 * (1 - exact))
    return {
        "recipe": {"test_depth": [n, T]},  # as recipes.describe writes it
        "exact": {"test": {"ema": flags, "raw": flags[::-1]}},
        "curve": [*rows, {"step": 100, "ema": exact, "raw": exact, "loss": loss}],
        "diverged": diverged,
        "env": {"cpu_seconds": seconds},
    }


def test_a_paired_difference_by_hand():
    """Differences 0.1, 0.2, 0.3: mean 0.2, standard error 0.1 / sqrt(3), Student's quantile for two degrees 4.303."""
    found = paired({0: 0.6, 1: 0.7, 2: 0.8, 9: 0.0}, {0: 0.5, 1: 0.5, 2: 0.5, 7: 1.0})
    half = 4.302653 * 0.1 / math.sqrt(3)
    assert found == pytest.approx((0.2, 0.2 - half, 0.2 + half, 3), abs=1e-5)
    assert paired({0: 0.6}, {0: 0.5}) == pytest.approx((0.1, -math.inf, math.inf, 1))
    assert paired({0: 0.6}, {1: 0.5}).n == 0


def test_verdicts():
    assert verdict(Difference(0.3, 0.1, 0.5, 2)).startswith("no claim: 2 pairs of seeds")
    assert "includes zero" in verdict(Difference(0.3, -0.1, 0.7, 5))
    assert "includes zero" in verdict(Difference(0.0, 0.0, 0.0, 5))
    assert verdict(Difference(0.3, 0.1, 0.5, 3)).startswith("better: +0.300 [+0.100, +0.500]")
    assert verdict(Difference(-0.3, -0.5, -0.1, 3), worse="lower").startswith("lower: -0.300")


def test_a_verdict_turns_with_the_records():
    """The same call on planted records of either sign, and on too few."""

    def said(values):
        records = {("a", seed): record(value) for seed, value in enumerate(values)}
        records |= {("b", seed): record(0.5) for seed in range(5)}
        return verdict(paired(compare.by_seed(records, "a"), compare.by_seed(records, "b"))).split(":")[0]

    assert said([0.8, 0.81, 0.82, 0.8, 0.79]) == "better"
    assert said([0.2, 0.21, 0.22, 0.2, 0.19]) == "worse"
    assert said([0.2, 0.8, 0.5, 0.6, 0.4]) == said([0.8, 0.8]) == "no claim"


def test_equal_compute_reads_the_curve_by_net_calls():
    rows = [{"step": 50, "ema": 0.25, "raw": 0.0, "loss": 1.0}]
    shallow, deep = record(0.5, n=1, T=2, rows=rows), record(0.75, n=3, T=2, rows=rows)
    assert (compare.calls_a_step(shallow), compare.calls_a_step(deep)) == (4, 8)
    assert [compare.at_calls(deep, calls) for calls in (400, 799, 800)] == [0.25, 0.25, 0.75]
    assert compare.at_calls(shallow, 400) == 0.5 and math.isnan(compare.at_calls(deep, 399))


def test_equal_steps_read_the_longer_run_where_the_shorter_ends():
    rows = [{"step": 50, "ema": 0.25, "raw": 0.0}]
    short, long = record(0.5, rows=rows) | {"recipe": {"steps": 100}}, record(0.75) | {"recipe": {"steps": 200}}
    long["curve"].append({"step": 200, "ema": 1.0})
    records = {("short", 0): short, ("same", 0): short, ("long", 0): long}
    assert compare.at_equal_steps(records, "short", "same") == ([{0: 0.5}] * 2, "test")
    assert compare.at_equal_steps(records, "long", "short") == ([{0: 0.75}, {0: 0.5}], "validation")
    assert compare.at_equal_steps(records, "long", "absent") == ([{0: 0.75}, {}], "test")
    assert [compare.at_step(short, step) for step in (49, 50, 99, 100)] == [0.0, 0.25, 0.25, 0.5]
    assert compare.at_step(short | {"diverged": "at step 60"}, 100) == 0.0


def test_the_best_rate_is_that_of_the_lowest_last_loss_over_the_trial_seeds():
    records = {
        ("a@0.001", 0): record(0.9, loss=0.3), ("a@0.001", 1): record(0.9, loss=0.5), ("a@0.001", 2): record(0, loss=9),
        ("a@0.01", 0): record(0.5, loss=0.1), ("a@0.01", 1): record(0.5, loss=0.2),
        ("b@0.1", 0): record(0.5, diverged="x"),
        ("b@0.2", 0): record(0.5, loss=7.0),
    }  # fmt: skip
    assert best_rates(records, seeds=(0, 1)) == {"a": "a@0.01", "b": "b@0.2"}
    assert best_rates(records | {("a@0.01", 1): record(0, diverged="x")}, seeds=(0, 1))["a"] == "a@0.001"


def test_spread_and_core_hours():
    assert compare.spread([0.1, 0.2, 0.3]) == "0.200 (0.100)" and compare.spread([0.1, 0.2]) == "0.100, 0.200"
    assert compare.core_hours([record(0), record(0)]) == 2.0
