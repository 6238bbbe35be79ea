"""The stability report's claims, each with the rule by which the recorded sweeps judge it.

The rules in words: data/sweeps/JUDGEMENT.md. The sweeps test the report's ideas in this package's
net, which is not the report's own architecture (`stability`). An attempt passes a toy when every
seed, at the attempt's own best rate, is right on 99 % of the held-out rows, and fails it when none
is right on 90 %.
"""

import math
from collections.abc import Iterable
from statistics import mean
from typing import NamedTuple

from trm_minimal.lab.studies.compare import (
    LEAST,
    Difference,
    Records,
    best_rates,
    by_seed,
    paired,
    verdict,
)
from trm_minimal.lab.studies.stability import TRIAL_SEEDS

PASS, FAIL = 0.99, 0.9
BLOWN_UP = 13.0  # the loss at which the report speaks of an explosion
CHANCE = 0.5  # the share that guessing gets right, on both toys
WORDS = (
    "confirmed",
    "refuted",
    "partly",
    "undecided",
    "depends on the reading",
    "no claim",
    "too few seeds",
)


class Outcome(NamedTuple):
    """What became of an attempt on one toy."""

    rate: str  # the best of its rates
    exact: dict[int, float]  # seed -> share of held-out rows right, at that rate
    # share of all its runs, at all rates, whose loss passed 13 or stopped being finite
    blown_up: float
    # seed -> training loss at the end, at that rate; infinite where the run diverged
    loss: dict[int, float]
    recipe: dict  # what was trained, of one seed at that rate
    # the best rate is the lowest or the highest of the grid: a better one may lie beyond
    at_edge: bool

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
        runs = {cell: run for cell, run in records.items() if cell[0].partition("@")[0] == name}
        rates = {float(variant.partition("@")[2]) for variant, _ in runs}
        blown = [
            run["diverged"] is not None or max(row["loss"] for row in run["curve"]) > BLOWN_UP
            for run in runs.values()
        ]
        rate = full.partition("@")[2]
        found[name] = Outcome(
            rate,
            by_seed(records, full),
            sum(blown) / len(blown),
            by_seed(records, full, _last_loss),
            next(run["recipe"] for (variant, _), run in runs.items() if variant == full),
            float(rate) in (min(rates), max(rates)),
        )
    return found


def _last_loss(record: dict) -> float:
    return math.inf if record["diverged"] else record["curve"][-1]["loss"]


class Claim(NamedTuple):
    said: str  # by the report, in our words
    verdict: str  # one of WORDS
    because: str  # what the records show


def _enough(*of: Outcome) -> bool:
    return all(len(outcome.exact) >= LEAST for outcome in of)


def _share(holds: Iterable[bool | None], *of: Outcome) -> str:
    """confirmed where all hold, refuted where none does, undecided where one is None, else
    partly.
    """
    held = list(holds)
    if not _enough(*of):
        return "too few seeds"
    if None in held:
        return "undecided"
    return "confirmed" if all(held) else "partly" if any(held) else "refuted"


def _readings(*verdicts: str) -> str:
    """One verdict where all readings of a sentence agree."""
    return verdicts[0] if len(set(verdicts)) == 1 else "depends on the reading"


def _directions(gaps: Iterable[Difference], up: str, down: str) -> str:
    """A word for a direction that all show, partly for one that some show and none opposes."""
    gaps = list(gaps)
    signs = {gap.sign for gap in gaps}
    if any(gap.n < LEAST for gap in gaps):
        return "too few seeds"
    if signs in ({1}, {-1}):
        return up if signs == {1} else down
    return "partly" if signs == {0, -1} and down == "confirmed" else "no claim"


def apart(ours: dict, theirs: dict) -> list[str]:
    """The fields in which two recorded recipes differ, but for names and the learning rate."""
    own = {"sweep", "variant", "seed", "optimizer"}
    return sorted(key for key in ours.keys() - own if ours[key] != theirs.get(key))


def judge(parity: Records, recall: Records) -> list[Claim]:
    """The claims that sweeps can decide, in the report's order."""
    p, r = outcomes(parity), outcomes(recall)

    def on_both(name: str) -> str:
        return f"parity {p[name]}, recall {r[name]}"

    def blown(name: str) -> str:
        return f"in {p[name].blown_up:.0%} and {r[name].blown_up:.0%} of its runs"

    def explodes(name: str) -> str:
        return _share((o[name].blown_up >= 0.5 for o in (p, r)), p[name], r[name])

    def passes_recall_only(name: str) -> str:
        fails_parity = None if p[name].solves is None else not p[name].solves
        return _share((r[name].solves, fails_parity), p[name], r[name])

    explodes_by_reading = _readings(explodes("B-skips"), explodes("E-scale-1"))
    exploded = (
        f"A loss above {BLOWN_UP:g} or not finite: with skips inside the net (B here)"
        f" {blown('B-skips')} on parity and on recall; with the proposal added to the state (E"
        f" here), which is where the report adds it, {blown('E-scale-1')}"
    )

    lost = p["gated-no-positions"]
    above = paired(lost.exact, dict.fromkeys(lost.exact, CHANCE))
    bare = p["A-positions"], r["A-positions"]
    gains = [paired(o["G-gated-open"].exact, o["A-positions"].exact) for o in (p, r)]
    factors = apart(p["A-positions"].recipe, p["G-gated-open"].recipe)

    clips = [(o["C-clipped"].loss, o["B-skips"].loss) for o in (p, r)]
    lower = [
        [clip[seed] < plain[seed] for seed in clip.keys() & plain.keys()] for clip, plain in clips
    ]

    cuts = [paired(o["post-norm-cut"].exact, o["post-norm"].exact) for o in (p, r)]
    times = p["post-norm-cut"].recipe["steps"] / p["post-norm"].recipe["steps"]
    both = [name for name in p if name != "one-pass" and p[name].passes and r[name].passes]
    ungated = [name for name in both if "gated" not in name]
    decay = {
        size: paired(r[f"gated-closed-decay-{size}"].exact, r["gated-closed"].exact)
        for size in ("0.1", "1")
    }
    return [
        Claim(
            "Positions are essential for parity: without them the net cannot tell start from end.",
            _directions([above], "refuted", "no claim"),
            "A gated net without positions (nearly shut at first) on parity, mean"
            f" {mean(lost.exact.values()):.2f}, best seed {max(lost.exact.values()):.2f}; minus"
            f" guessing {above}; minus the same net with positions"
            f" {paired(lost.exact, p['gated-closed'].exact)}",
        ),
        Claim(
            "Without residual connections (A) both tasks fail.",
            _share((outcome.fails for outcome in bare), *bare),
            on_both("A-positions"),
        ),
        Claim(
            "The cause is that A lacks a residual path.",
            "no claim" if len(factors) > 1 else _directions(gains, "confirmed", "refuted"),
            f"A and the open gate G differ in {', '.join(factors)}; G minus A: parity {gains[0]},"
            f" recall {gains[1]}",
        ),
        Claim("Residual connections make it explode (B).", explodes_by_reading, exploded),
        Claim(
            "Clipping the gradient stabilises training (C).",
            _share((all(seeds) for seeds in lower), p["C-clipped"], r["C-clipped"], r["B-skips"]),
            "Training loss at the end below that of the same seed without clipping: "
            + "; ".join(
                f"{toy} {sum(seeds)} of {len(seeds)} seeds"
                for toy, seeds in zip(("parity", "recall"), lower, strict=True)
            )
            + f". Held out, unclipped: {on_both('B-skips')}; clipped: {on_both('C-clipped')}",
        ),
        Claim(
            "A fixed scale of 0.1 holds memory, but is too rigid for parity (D).",
            passes_recall_only("D-scale-0.1"),
            on_both("D-scale-0.1"),
        ),
        Claim(
            "Without the scale it explodes at once (E).",
            explodes_by_reading,
            "In the report's code E is B again, so as for B",
        ),
        Claim(
            "A learned scale becomes a vault: memory yes, parity no (F).",
            passes_recall_only("F-layer-scale"),
            on_both("F-layer-scale"),
        ),
        Claim(
            "A learned gate, open at first, solves both (G).",
            _share(
                (o["G-gated-open"].solves for o in (p, r)), p["G-gated-open"], r["G-gated-open"]
            ),
            f"{on_both('G-gated-open')}; started nearly shut, {on_both('gated-closed')}",
        ),
        Claim(
            "Without a gate no variant solves both.",
            "refuted" if ungated else "no claim",
            f"Passing both, with a gate or without: {', '.join(both) or 'none'}. "
            + "; ".join(f"{name}, {on_both(name)}" for name in ("post-norm", "final-norm")),
        ),
        Claim(
            "The gradient must run through all supervision steps; an update after each is flawed.",
            _directions(cuts, "refuted", "confirmed"),
            "Post-norm with an update after each step minus the same through time, at equal net"
            f" calls and so {times:g} times the updates: parity {cuts[0]}, recall {cuts[1]}. With"
            f" the update after each, {on_both('post-norm-cut')}; through time,"
            f" {on_both('post-norm')}",
        ),
        Claim(
            "Weight decay erases memory; it must be 0.",
            _directions(decay.values(), "refuted", "confirmed"),
            "; ".join(
                f"Decay {size} against 0 on recall, {verdict(d)}" for size, d in decay.items()
            ),
        ),
    ]
