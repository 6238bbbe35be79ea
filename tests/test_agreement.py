"""Whether an ablation agrees with the paper turns when the records say otherwise."""

import pytest

from trm_minimal.lab.records import sweeps
from trm_minimal.lab.studies import agreement
from trm_minimal.lab.studies.ablations import CLAIMED, ablate_maze, ablate_sudoku, confirm_maze
from trm_minimal.lab.studies.compare import by_seed, paired, scores

STEADY, NOISY = (0.01, 0.0, -0.01), (0.3, 0.0, -0.3)


def record(exact: float, raw: float = 0.0, steps: int = 100, rows=(), n: int = 2) -> dict:
    """rows: (step, accuracy) of the curve, before its end."""
    flags = {
        which: "1" * round(100 * share) + "0" * round(100 * (1 - share))
        for which, share in (("ema", exact), ("raw", raw))
    }
    curve = [{"step": step, "ema": share} for step, share in [*rows, (steps, exact)]]
    recipe = {"steps": steps, "test_depth": [n, 3], "layers": 2}
    return {"exact": {"test": flags}, "curve": curve, "diverged": None, "recipe": recipe}


def planted(variant: str, exact: float, noise=STEADY, before: float | None = None, **more) -> dict:
    """Three seeds, each as good at three quarters of the run as at its end, or coming from
    `before`.
    """
    found = {}
    for seed, spread in enumerate(noise):
        end = exact + spread
        found[variant, seed] = record(end, rows=[(75, end if before is None else before)], **more)
    return found


def said(change: str, *records: dict, family=agreement.SUDOKU) -> str:
    return next(one for one in family if one.change == change).judged(*records).word


BASE = planted("baseline", 0.6, (0.0,) * 3)


@pytest.mark.parametrize(
    ("exact", "noise", "verdict"),
    [
        (0.3, STEADY, "agrees"),
        (0.8, STEADY, "disagrees"),
        (0.4, NOISY, "cannot tell"),
        (0.3, STEADY[:2], "too few seeds"),
    ],
)
def test_the_verdict_follows_the_records(exact, noise, verdict):
    for change in ("1-step gradient", "no halting"):  # the paper: -30.9 points; "a drop"
        variant = next(one.variant for one in agreement.SUDOKU if one.change == change)
        assert said(change, BASE | planted(variant, exact, noise)) == verdict
    assert said("1-step gradient", BASE) == "too few seeds"
    assert verdict in agreement.VERDICTS


def test_what_is_read_on_the_climb_is_time_to_learn():
    rising = planted("baseline", 0.6, (0.0,) * 3, before=0.4)
    worse = planted("one-step-gradient", 0.3)
    assert said("1-step gradient", rising | worse) == "time to learn only"
    assert (
        said("1-step gradient", rising | planted("one-step-gradient", 0.4, NOISY)) == "cannot tell"
    )


def test_what_the_rate_does_as_well_cannot_tell():
    worse, slow = planted("no-halting", 0.3), planted("half-rate", 0.32, NOISY)
    assert said("no halting", BASE | worse) == "agrees"
    assert said("no halting", BASE | worse | slow) == "cannot tell"


def test_where_the_paper_says_no_difference_there_is_no_sign_to_agree_with():
    assert (
        said("continue loss", BASE | planted("continue-loss", 0.3))
        == "within the paper's own noise"
    )
    assert said("continue loss", BASE) == "too few seeds"


def test_nets_that_have_not_begun_are_no_comparison():
    none = planted("attention", 0.0, (0.0,) * 3) | planted("mixer", 0.0, (0.0,) * 3)
    assert said("attention for the mixer", BASE | none, family=agreement.MAZES) == "not begun"


def test_attention_is_worse_on_the_papers_sudoku_and_better_on_its_mazes():
    better = (
        planted("attention", 0.6)
        | planted("baseline", 0.3, (0.0,) * 3)
        | planted("mixer", 0.3, (0.0,) * 3)
    )
    worse = (
        planted("attention", 0.3)
        | planted("baseline", 0.6, (0.0,) * 3)
        | planted("mixer", 0.6, (0.0,) * 3)
    )
    change, mazes = "attention for the mixer", agreement.MAZES
    assert [said(change, better), said(change, better, family=mazes)] == ["disagrees", "agrees"]
    assert [said(change, worse), said(change, worse, family=mazes)] == ["agrees", "disagrees"]
    elsewhere = {cell: run for cell, run in better.items() if cell[0] != "mixer"}
    assert said(change, elsewhere, family=mazes) == "too few seeds"  # the convolution is no mixer


def test_fresh_seeds_judge_where_they_are():
    worse, better = BASE | planted("two-nets", 0.3), BASE | planted("two-nets", 0.9)
    assert said("two nets", better, worse) == "disagrees"
    assert said("two nets", BASE, worse) == "agrees"


def test_no_ema_compares_two_columns_of_the_same_runs():
    assert said("no EMA", planted("n6-T3", 0.6, raw=0.4)) == "agrees"
    assert said("no EMA", planted("n6-T3", 0.6, raw=0.8)) == "disagrees"
    assert said("no EMA", planted("n6-T3", 0.6, raw=0.4, before=0.3)) == "time to learn only"


CHANGED_DEPTH = "n = 2, T = 2 for n = 6, T = 3"


def test_a_variant_that_went_on_longer_is_read_where_the_shorter_ended():
    """On test it is ahead; at the step where the other ended it was behind."""
    longer = planted("n2-T2", 0.9, steps=300)
    for (_, seed), run in longer.items():
        run["curve"] = [{"step": step, "ema": 0.2 + STEADY[seed]} for step in (75, 100)]
    records = longer | planted("n6-T3", 0.5)
    assert said(CHANGED_DEPTH, records) == "agrees"
    one = next(one for one in agreement.SUDOKU if one.change == CHANGED_DEPTH)
    assert one.judged(records).gap.mean == pytest.approx(-0.3)


def test_where_equal_steps_and_equal_compute_part_it_depends_on_the_reading():
    """Behind at equal steps; at equal calls the deep one is read at step 42, and has not begun
    there.
    """
    shallow = planted("n2-T2", 0.3)
    for early, verdict in ((0.6, "agrees"), (0.0, "depends on the reading")):
        deep = planted("n6-T3", 0.6, n=6)
        for run in deep.values():
            run["curve"].insert(0, {"step": 30, "ema": early})
        assert said(CHANGED_DEPTH, shallow | deep) == verdict


def test_every_ablation_is_a_variant_of_its_sweep():
    for family, sweep in ((agreement.SUDOKU, ablate_sudoku()), (agreement.MAZES, ablate_maze())):
        assert {
            name for one in family for name in (one.variant, one.against)
        } <= sweep.variants.keys()


def test_what_the_maze_sweep_shows_is_tried_again_on_fresh_seeds():
    """Every variant that solves some mazes and whose interval excludes zero."""
    first, again = ablate_maze(), confirm_maze()
    assert not set(first.seeds) & set(again.seeds)
    assert {*CLAIMED, *CLAIMED.values()} == again.variants.keys()
    records = sweeps.read("ablate_maze")
    solving = {name for name, _ in records if max(by_seed(records, name).values()) > 0.05}
    gaps = {name: paired(*scores(records, name, "baseline")[0]) for name in solving}
    assert {name for name, gap in gaps.items() if not gap.low <= 0 <= gap.high} == CLAIMED.keys()
