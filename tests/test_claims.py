"""The verdict on each claim of the stability report turns when the records say otherwise."""

import pytest

from trm_minimal.lab.records import sweeps
from trm_minimal.lab.studies import claims, registry, stability
from trm_minimal.lab.studies.compare import best_rates

NAMES = list(stability.attempts(stability.parity().variants["A-positions@0.001"]))
KEYS = ("positions", "A", "cause", "B", "C", "D", "E", "F", "G", "no gate", "cut", "decay")
NUMBERS = {key: number for number, key in enumerate(KEYS)}


def record(
    exact: float,
    loss: float = 0.5,
    diverged: str | None = None,
    end: float | None = None,
    recurrence: str = "gate",
    clip: float = 1.0,
) -> dict:
    """loss: the highest of the curve; end: the last."""
    flags = "1" * round(200 * exact) + "0" * round(200 * (1 - exact))
    rows = [{"loss": loss}, {"loss": loss if end is None else end}]
    recipe = {"steps": 600, "recurrence": recurrence, "clip": clip}
    return {
        "exact": {"test": {"ema": flags}}, "curve": rows, "diverged": diverged, "recipe": recipe
    }  # fmt: skip


def planted(**changed) -> dict:
    """Records where every attempt passes, but for those named (with _ for -)."""
    records = {}
    for name in NAMES:
        made = changed.get(name.replace("-", "_").replace(".", "_"), record(1.0))
        for rate in stability.RATES:
            for seed in range(5):
                records[f"{name}@{rate:g}", seed] = made(seed) if callable(made) else made
    return records


def said(key: str, parity: dict, recall: dict) -> str:
    return claims.judge(parity, recall)[NUMBERS[key]].verdict


LOST, NEARLY, WILD = record(0.5), record(0.98), record(0.5, loss=30.0)
UNGATED = {
    name.replace("-", "_").replace(".", "_"): LOST
    for name in NAMES
    if "gated" not in name and name != "one-pass"
}
GONE = record(0.0, diverged="the loss of step 3 is nan")
WILD_B, WILD_E = {"B_skips": WILD}, {"E_scale_1": WILD}
DEAD = {"A_positions": record(0.5, recurrence="replace")}  # apart from G in the recurrence alone


def ends(highest: float, *losses: float):
    """By seed, a run whose loss starts high and ends so; the last loss is for all seeds left."""
    return lambda seed: record(0.5, loss=highest, end=losses[min(seed, len(losses) - 1)])


def about(share: float):
    """Five seeds around it, so that a mean has a spread."""
    return lambda seed: record(share + 0.01 * (seed - 2))


@pytest.mark.parametrize(
    ("key", "parity", "recall", "verdict"),
    [
        ("positions", {}, {}, "refuted"),
        ("positions", {"gated_no_positions": LOST}, {}, "no claim"),
        (
            "positions",
            {"gated_no_positions": lambda seed: record(0.5 + 0.5 * (seed == 0))},
            {},
            "no claim",
        ),
        ("positions", {"gated_no_positions": about(0.8)}, {}, "refuted"),
        ("A", {}, {}, "refuted"),
        ("A", {"A_positions": LOST}, {"A_positions": LOST}, "confirmed"),
        ("A", {"A_positions": LOST}, {}, "partly"),
        ("cause", DEAD, DEAD, "confirmed"),
        ("cause", {"A_positions": record(0.5, clip=9.0, recurrence="replace")}, DEAD, "no claim"),
        (
            "cause",
            {"G_gated_open": about(0.3)} | DEAD,
            {"G_gated_open": about(0.3)} | DEAD,
            "refuted",
        ),
        ("cause", DEAD, {"G_gated_open": about(0.3)} | DEAD, "no claim"),
        ("B", {}, {}, "refuted"),
        ("B", WILD_B | WILD_E, {"B_skips": GONE, "E_scale_1": GONE}, "confirmed"),
        ("B", WILD_B | WILD_E, {}, "partly"),
        ("B", WILD_B, {"B_skips": GONE}, "depends on the reading"),
        ("C", {"B_skips": ends(1e10, 5.0)}, {"B_skips": ends(1e10, 5.0)}, "confirmed"),
        ("C", {"B_skips": ends(1e10, 0.1)}, {"B_skips": ends(1e10, 5.0)}, "partly"),
        ("C", {"B_skips": ends(1e10, 0.1, 5.0)}, {"B_skips": GONE}, "partly"),
        ("C", {"B_skips": ends(1e10, 0.1, 5.0)}, {"B_skips": ends(1e10, 0.1)}, "refuted"),
        ("D", {"D_scale_0_1": LOST}, {}, "confirmed"),
        ("D", {}, {}, "partly"),
        ("D", {}, {"D_scale_0_1": LOST}, "refuted"),
        ("E", WILD_B | WILD_E, WILD_B | WILD_E, "confirmed"),
        ("E", WILD_E, WILD_E, "depends on the reading"),
        ("E", {}, {}, "refuted"),
        ("F", {"F_layer_scale": LOST}, {}, "confirmed"),
        ("F", {"F_layer_scale": lambda seed: record(0.5 if seed else 1.0)}, {}, "undecided"),
        ("G", {}, {}, "confirmed"),
        ("G", {"G_gated_open": lambda seed: record(0.98 if seed == 4 else 1.0)}, {}, "undecided"),
        ("G", {"G_gated_open": LOST}, {"G_gated_open": LOST}, "refuted"),
        ("G", {"G_gated_open": NEARLY}, {"G_gated_open": NEARLY}, "undecided"),
        ("D", {"D_scale_0_1": NEARLY}, {}, "undecided"),
        ("no gate", {}, {}, "refuted"),
        ("no gate", UNGATED, {}, "no claim"),
        ("no gate", UNGATED | {"B_skips": record(1.0)}, {}, "refuted"),
        ("no gate", UNGATED | {"B_skips": record(1.0)}, {"B_skips": NEARLY}, "no claim"),
        ("cut", {}, {}, "no claim"),
        ("cut", {"post_norm": about(0.5)}, {"post_norm": about(0.7)}, "refuted"),
        ("cut", {"post_norm_cut": about(0.5)}, {"post_norm_cut": about(0.7)}, "confirmed"),
        ("cut", {"post_norm_cut": about(0.5)}, {}, "partly"),
        ("cut", {"post_norm_cut": about(0.5)}, {"post_norm": about(0.7)}, "no claim"),
        (
            "cut",
            {"post_norm": about(0.96)},
            {"post_norm": about(0.98)},
            "no claim",
        ),  # too small to matter
        ("decay", {}, {}, "no claim"),
        ("decay", {}, {"gated_closed_decay_0_1": LOST, "gated_closed_decay_1": LOST}, "confirmed"),
        ("decay", {}, {"gated_closed_decay_1": LOST}, "partly"),
        ("decay", {}, {"gated_closed_decay_1": lambda seed: record(float(seed > 0))}, "no claim"),
    ],
)
def test_a_verdict_follows_the_records(key, parity, recall, verdict):
    assert said(key, planted(**parity), planted(**recall)) == verdict
    assert verdict in claims.WORDS


def test_the_best_rate_is_each_attempts_own_and_two_seeds_are_no_claim():
    records = planted()
    for (variant, seed), _ in list(records.items()):
        if variant.startswith("G-gated-open"):
            best = variant.endswith("@0.003")
            records[variant, seed] = record(1.0 if best else 0.4, loss=0.1 if best else 0.6)
    found = claims.outcomes(records)["G-gated-open"]
    assert (
        found.rate == "0.003"
        and found.exact == dict.fromkeys(range(5), 1.0)
        and str(found) == "passes"
    )
    few = {key: value for key, value in records.items() if key[1] < 2}
    assert (
        not claims.outcomes(few)["G-gated-open"].passes
        and not claims.outcomes(few)["G-gated-open"].fails
    )
    for key in ("G", "B", "C", "cut", "decay", "positions"):
        assert said(key, few, few) == "too few seeds"
    assert said("D", records, few) == "too few seeds"


def test_a_best_rate_at_the_edge_of_the_grid_is_known():
    records = planted()
    for rate, loss in ((0.001, 0.6), (0.003, 0.1), (0.01, 0.6)):
        for seed in range(5):
            records[f"G-gated-open@{rate:g}", seed] = record(1.0, loss=loss)
    found = claims.outcomes(records)
    assert not found["G-gated-open"].at_edge and found["F-layer-scale"].at_edge


def test_the_runs_of_the_attempts_without_a_recurrence_are_not_clipped():
    """So the report's cause for A is open: it is apart from the gate in two things."""
    found = claims.outcomes(sweeps.read("recall"))
    factors = claims.apart(found["A-positions"].recipe, found["G-gated-open"].recipe)
    assert factors == ["clip", "recurrence"]


def test_the_control_of_running_parity_has_more_seeds_at_its_best_rate():
    sweep, best = (
        stability.running_parity(),
        best_rates(sweeps.read("running_parity"), stability.TRIAL_SEEDS),
    )
    rate = best["one-pass"].partition("@")[2]
    assert {f"one-pass@{rate}", f"one-pass-equal-calls@{rate}"} < {
        variant for variant, _ in sweep.more_cells
    }


@pytest.mark.parametrize(
    ("name", "chosen"),
    [("parity", stability.PARITY_RATES), ("recall", stability.RECALL_RATES)],
    ids=["parity", "recall"],
)
def test_the_chosen_rates_are_what_the_trial_runs_say(name, chosen):
    records, sweep = sweeps.read(name), registry.SWEEPS[name]()
    if len(records) < len(sweep.variants) * len(stability.TRIAL_SEEDS):
        assert not chosen, f"{name}: rates are chosen, but the trial runs are not all there"
    else:
        assert {k: f"{k}@{rate:g}" for k, rate in chosen.items()} == best_rates(
            records, stability.TRIAL_SEEDS
        )
