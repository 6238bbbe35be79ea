"""The verdict on each claim of the stability report turns when the records say otherwise."""

import pytest

from trm_minimal.lab.records import sweeps
from trm_minimal.lab.studies import claims, registry, stability
from trm_minimal.lab.studies.compare import best_rates

NAMES = list(stability.attempts(stability.parity().variants["A-positions@0.001"]))
NUMBERS = {"positions": 0, "A": 1, "B": 2, "C": 3, "D": 4, "E": 5, "F": 6, "G": 7, "no gate": 8, "cut": 9, "decay": 10}


def record(exact: float, loss: float = 0.5, diverged: str | None = None) -> dict:
    flags = "1" * round(200 * exact) + "0" * round(200 * (1 - exact))
    return {"exact": {"test": {"ema": flags}}, "curve": [{"loss": loss}], "diverged": diverged}


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
    name.replace("-", "_").replace(".", "_"): LOST for name in NAMES if "gated" not in name and name != "one-pass"
}
GONE = record(0.0, diverged="the loss of step 3 is nan")


@pytest.mark.parametrize(
    ("key", "parity", "recall", "verdict"),
    [
        ("positions", {}, {}, "refuted"),
        ("positions", {"gated_no_positions": LOST}, {}, "no claim"),
        ("A", {}, {}, "refuted"),
        ("A", {"A_positions": LOST}, {"A_positions": LOST}, "confirmed"),
        ("A", {"A_positions": LOST}, {}, "partly"),
        ("B", {}, {}, "refuted"),
        ("B", {"B_skips": WILD}, {"B_skips": GONE}, "confirmed"),
        ("B", {"B_skips": WILD}, {}, "partly"),
        ("C", {"B_skips": WILD}, {"B_skips": GONE}, "confirmed"),
        ("C", {"B_skips": WILD, "C_clipped": WILD}, {"B_skips": GONE, "C_clipped": GONE}, "refuted"),
        ("D", {"D_scale_0_1": LOST}, {}, "confirmed"),
        ("D", {}, {}, "partly"),
        ("D", {}, {"D_scale_0_1": LOST}, "refuted"),
        ("E", {"E_scale_1": WILD}, {"E_scale_1": WILD}, "confirmed"),
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
        ("cut", {}, {}, "refuted"),
        ("cut", {"post_norm_cut": LOST}, {}, "no claim"),
        ("decay", {}, {}, "no claim"),
        ("decay", {}, {"gated_closed_decay_0_1": LOST, "gated_closed_decay_1": LOST}, "confirmed"),
        ("decay", {}, {"gated_closed_decay_1": LOST}, "partly"),
        ("decay", {}, {"gated_closed_decay_1": lambda seed: record(float(seed > 0))}, "no claim"),
    ],
)
def test_a_verdict_follows_the_records(key, parity, recall, verdict):
    assert said(key, planted(**parity), planted(**recall)) == verdict


def test_the_best_rate_is_each_attempts_own_and_two_seeds_are_no_claim():
    records = planted()
    for (variant, seed), _ in list(records.items()):
        if variant.startswith("G-gated-open"):
            best = variant.endswith("@0.003")
            records[variant, seed] = record(1.0 if best else 0.4, loss=0.1 if best else 0.6)
    found = claims.outcomes(records)["G-gated-open"]
    assert found.rate == "0.003" and found.exact == dict.fromkeys(range(5), 1.0) and str(found) == "passes"
    few = {key: value for key, value in records.items() if key[1] < 2}
    assert not claims.outcomes(few)["G-gated-open"].passes and not claims.outcomes(few)["G-gated-open"].fails
    assert said("G", few, few) == said("B", few, few) == said("D", records, few) == "no claim"


def test_the_control_of_running_parity_has_more_seeds_at_its_best_rate():
    sweep, best = stability.running_parity(), best_rates(sweeps.read("running_parity"), stability.TRIAL_SEEDS)
    rate = best["one-pass"].partition("@")[2]
    assert {f"one-pass@{rate}", f"one-pass-equal-calls@{rate}"} < {variant for variant, _ in sweep.more}


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
        assert {k: f"{k}@{rate:g}" for k, rate in chosen.items()} == best_rates(records, stability.TRIAL_SEEDS)
