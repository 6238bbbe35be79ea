"""Whether an ablation agrees with the paper turns when the records say otherwise."""

import pytest

from trm_minimal.lab.records import sweeps
from trm_minimal.lab.studies import agreement
from trm_minimal.lab.studies.ablations import CLAIMED, ablate_maze, ablate_sudoku, confirm_maze
from trm_minimal.lab.studies.compare import at_equal_steps, by_seed, paired, verdict

STEADY, NOISY = (0.01, 0.0, -0.01), (0.3, 0.0, -0.3)


def record(exact: float, raw: float = 0.0, steps: int = 100, row: float | None = None) -> dict:
    flags = {
        which: "1" * round(100 * share) + "0" * round(100 * (1 - share))
        for which, share in (("ema", exact), ("raw", raw))
    }
    curve = [] if row is None else [{"step": 100, "ema": row}]
    return {"exact": {"test": flags}, "curve": curve, "diverged": None, "recipe": {"steps": steps}}


def planted(variant: str, exact: float, noise=STEADY, **more) -> dict:
    return {(variant, seed): record(exact + spread, **more) for seed, spread in enumerate(noise)}


def said(change: str, records: dict, family=agreement.SUDOKU) -> str:
    one = next(one for one in family if one.change == change)
    return one.agrees(one.difference(records))


@pytest.mark.parametrize(
    ("exact", "noise", "verdict"),
    [
        (0.3, STEADY, "agrees"),
        (0.8, STEADY, "disagrees"),
        (0.4, NOISY, "cannot tell"),
        (0.3, STEADY[:2], "too few seeds yet"),
    ],
)
def test_the_verdict_follows_the_records(exact, noise, verdict):
    base = {("baseline", seed): record(0.6) for seed in range(3)}
    for change in ("1-step gradient", "no halting"):  # the paper: -30.9 points; "a drop"
        variant = next(one.variant for one in agreement.SUDOKU if one.change == change)
        assert said(change, base | planted(variant, exact, noise)) == verdict
    assert said("1-step gradient", base) == "too few seeds yet"


def test_attention_is_worse_on_the_papers_sudoku_and_better_on_its_mazes():
    better = planted("attention", 0.6) | planted("baseline", 0.3, (0.0,) * 3) | planted("mixer", 0.3, (0.0,) * 3)
    worse = planted("attention", 0.3) | planted("baseline", 0.6, (0.0,) * 3) | planted("mixer", 0.6, (0.0,) * 3)
    change = "attention for the mixer"
    assert [said(change, better), said(change, better, agreement.MAZES)] == ["disagrees", "agrees"]
    assert [said(change, worse), said(change, worse, agreement.MAZES)] == ["agrees", "disagrees"]
    elsewhere = {cell: run for cell, run in better.items() if cell[0] != "mixer"}
    assert said(change, elsewhere, agreement.MAZES) == "too few seeds yet"  # the convolution is no mixer


def test_no_ema_compares_two_columns_of_the_same_runs():
    assert said("no EMA", planted("n6-T3", 0.6, raw=0.4)) == "agrees"
    assert said("no EMA", planted("n6-T3", 0.6, raw=0.8)) == "disagrees"


def test_a_variant_that_went_on_longer_is_read_where_the_shorter_ended():
    """On test it is ahead; at the step where the other ended it was behind."""
    longer = planted("n2-T2", 0.9, steps=300, row=0.2)
    records = longer | planted("n6-T3", 0.1, row=0.5)
    assert said("n = 2, T = 2 for n = 6, T = 3", records) == "agrees"
    one = next(one for one in agreement.SUDOKU if one.variant == "n2-T2")
    assert one.difference(records).mean == pytest.approx(-0.3)


def test_every_ablation_is_a_variant_of_its_sweep():
    for family, sweep in ((agreement.SUDOKU, ablate_sudoku()), (agreement.MAZES, ablate_maze())):
        assert {name for one in family for name in (one.variant, one.against)} <= sweep.variants.keys()


def test_what_the_maze_sweep_claims_is_tried_again_on_fresh_seeds():
    first, again = ablate_maze(), confirm_maze()
    assert not set(first.seeds) & set(again.seeds)
    assert {*CLAIMED, *CLAIMED.values()} == again.variants.keys()
    records = sweeps.read("ablate_maze")
    solving = {name for name, _ in records if max(by_seed(records, name).values()) > 0.05}
    said = {name: verdict(paired(*at_equal_steps(records, name, "baseline")[0])) for name in solving}
    assert {name for name, words in said.items() if not words.startswith("no claim")} == CLAIMED.keys()
