"""The stability report's claims, each with the rule by which the recorded sweeps confirm or refute it.

An attempt passes a toy when every seed, at the attempt's own best rate, is right on 99 % of the held-out rows, and
fails it when none is right on 90 %.
"""

from collections.abc import Iterable
from statistics import mean
from typing import NamedTuple

from trm_minimal.lab.studies.compare import LEAST, best_rates, by_seed, paired, verdict
from trm_minimal.lab.studies.stability import TRIAL_SEEDS

PASS, FAIL = 0.99, 0.9
BLOWN_UP = 13.0  # the loss at which the report speaks of an explosion
Records = dict[tuple[str, int], dict]


class Outcome(NamedTuple):
    """What became of an attempt on one toy."""

    rate: str  # the best of its rates
    exact: dict[int, float]  # seed -> share of held-out rows right, at that rate
    blown_up: float  # share of all its runs, at all rates, whose loss passed 13 or stopped being finite

    def __str__(self) -> str:
        if self.passes or self.fails:
            return "passes" if self.passes else "fails"
        passing = sum(share >= PASS for share in self.exact.values())
        return f"mean {mean(self.exact.values()):.2f}, {passing} of {len(self.exact)} seeds pass"

    @property
    def passes(self) -> bool:
        return len(self.exact) >= LEAST and min(self.exact.values()) >= PASS

    @property
    def fails(self) -> bool:
        return len(self.exact) >= LEAST and max(self.exact.values()) < FAIL

    @property
    def solves(self) -> bool | None:
        """Passes, fails, or neither (None)."""
        return True if self.passes else False if self.fails else None


def outcomes(records: Records) -> dict[str, Outcome]:
    """attempt -> outcome."""
    found = {}
    for name, full in best_rates(records, TRIAL_SEEDS).items():
        runs = [record for (variant, _), record in records.items() if variant.partition("@")[0] == name]
        blown = [run["diverged"] is not None or max(row["loss"] for row in run["curve"]) > BLOWN_UP for run in runs]
        found[name] = Outcome(full.partition("@")[2], by_seed(records, full), sum(blown) / len(blown))
    return found


class Claim(NamedTuple):
    said: str  # by the report, in our words
    verdict: str  # confirmed, refuted, partly, undecided, or no claim
    because: str  # what the records show


def _share(holds: Iterable[bool | None], of: Iterable[Outcome]) -> str:
    """confirmed where all hold, refuted where none does, undecided where one is None, else partly.

    No claim where an outcome has too few seeds.
    """
    held = list(holds)
    if any(len(outcome.exact) < LEAST for outcome in of):
        return "no claim"
    if None in held:
        return "undecided"
    return "confirmed" if all(held) else "partly" if any(held) else "refuted"


def judge(parity: Records, recall: Records) -> list[Claim]:
    """The claims that sweeps can decide, in the report's order."""
    p, r = outcomes(parity), outcomes(recall)

    def on_both(name: str) -> str:
        return f"parity: {p[name]}; recall: {r[name]}"

    def blown(name: str) -> str:
        return f"loss above {BLOWN_UP:g} or not finite in {p[name].blown_up:.0%} and {r[name].blown_up:.0%} of its runs"

    def explodes(name: str) -> str:
        return _share((o[name].blown_up >= 0.5 for o in (p, r)), (p[name], r[name]))

    def passes_recall_only(name: str) -> str:
        fails_parity = None if p[name].solves is None else not p[name].solves
        return _share((r[name].solves, fails_parity), (p[name], r[name]))

    decay = {size: paired(r[f"gated-closed-decay-{size}"].exact, r["gated-closed"].exact) for size in ("0.1", "1")}
    ungated = [name for name in p if "gated" not in name and name != "one-pass"]
    both = [name for name in ungated if p[name].passes and r[name].passes]
    decays = [verdict(difference).split(":")[0] for difference in decay.values()]
    return [
        Claim(
            "Positions are essential for parity: without them the net cannot tell start from end.",
            "refuted" if p["gated-no-positions"].passes else "no claim",
            f"the gated net without positions, {on_both('gated-no-positions')}; on parity against the same with them, "
            + verdict(paired(p["gated-no-positions"].exact, p["gated-closed"].exact)),
        ),
        Claim(
            "Without residual connections the signal dies: both tasks fail (A).",
            _share((p["A-positions"].fails, r["A-positions"].fails), (p["A-positions"], r["A-positions"])),
            on_both("A-positions"),
        ),
        Claim("Residual connections make it explode (B).", explodes("B-skips"), blown("B-skips")),
        Claim(
            "Clipping the gradient stabilises training (C).",
            _share(
                (o["C-clipped"].blown_up < o["B-skips"].blown_up / 2 for o in (p, r)), (p["C-clipped"], r["B-skips"])
            ),
            blown("C-clipped"),
        ),
        Claim(
            "A fixed scale of 0.1 holds memory, but is too rigid for parity (D).",
            passes_recall_only("D-scale-0.1"),
            on_both("D-scale-0.1"),
        ),
        Claim("Without the scale it explodes at once (E).", explodes("E-scale-1"), blown("E-scale-1")),
        Claim(
            "A learned scale becomes a vault: memory yes, parity no (F).",
            passes_recall_only("F-layer-scale"),
            on_both("F-layer-scale"),
        ),
        Claim(
            "A learned gate, open at first, solves both (G).",
            _share((p["G-gated-open"].solves, r["G-gated-open"].solves), (p["G-gated-open"], r["G-gated-open"])),
            f"{on_both('G-gated-open')}; started nearly shut, {on_both('gated-closed')}",
        ),
        Claim(
            "Without a gate no variant solves both.",
            "refuted" if both else "no claim",
            f"passing both: {', '.join(both) or 'none'}. "
            + "; ".join(f"{name}, {on_both(name)}" for name in ("post-norm", "final-norm", "fixed-gate")),
        ),
        Claim(
            "The gradient must run through all supervision steps; an update after each is flawed.",
            "refuted" if p["post-norm-cut"].passes and r["post-norm-cut"].passes else "no claim",
            f"post-norm, cut after each step as in the paper, equal net calls: {on_both('post-norm-cut')}",
        ),
        Claim(
            "Weight decay erases memory; it must be 0.",
            "confirmed" if decays == ["worse"] * 2 else "partly" if "worse" in decays else "no claim",
            "; ".join(f"decay {size} against 0 on recall, {verdict(d)}" for size, d in decay.items()),
        ),
    ]
