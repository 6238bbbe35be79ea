"""The paper's ablations beside ours, judged by the rule of data/sweeps/JUDGEMENT.md.

The paper's differences are of one run against one run, in points of exact accuracy
(arXiv 2510.04871, Tables 1 to 4).
"""

from typing import NamedTuple

from trm_minimal.lab.studies.compare import (
    LEAST,
    Judged,
    Records,
    by_seed,
    equal_compute,
    equal_steps,
    exact,
    judge,
    move,
    weigh,
)

NOISE = 2.0  # points by which two of the paper's runs may differ (both official READMEs say so)

ALIKE = 1.25  # two steps whose costs differ by no more than this factor cost the same


class Ablation(NamedTuple):
    """A change that the paper tried, and the variants of a sweep that show it."""

    change: str
    variant: str
    points: float | None  # the paper's difference; None: it speaks of a drop and gives no number
    against: str = "baseline"
    # the raw weights of `variant` against the averaged ones of `against`, at the end of the run
    raw: bool = False

    @property
    def paper(self) -> str:
        return "a drop" if self.points is None else f"{self.points:+.1f}"

    def _readings(self, records: Records) -> list[Judged]:
        """At equal steps and, where a step of the two costs otherwise, at equal compute, too."""
        names = self.variant, self.against
        if self.raw:
            ours = by_seed(records, self.variant, lambda record: exact(record, "raw"))
            moved = move(records, equal_steps(records, [*names, "baseline"]))
            return [weigh(ours, by_seed(records, self.against), moved)]
        at = equal_compute(records, names).values()
        same = not at or max(at) <= ALIKE * min(at)
        return [
            judge(records, *names, ruler)
            for ruler in (equal_steps, equal_compute)[: 1 if same else 2]
        ]

    def judged(self, *found: Records) -> Judged:
        """With one of VERDICTS as its word, from the first records that have enough pairs."""
        for records in found:
            readings = self._readings(records)
            if readings[0].gap.n >= LEAST:
                break
        first, directions = readings[0], {reading.sign for reading in readings}
        if first.word == "too few seeds":
            return first
        if self.points is not None and abs(self.points) <= NOISE:
            why = f"the paper's own difference is at most {NOISE:g} points"
            return first._replace(word="within the paper's own noise", because=why)
        if len(directions) > 1:
            said = (
                f"at equal steps {first.word}, at equal compute {readings[1].word},"
                f" {readings[1].gap}"
            )
            return first._replace(word="depends on the reading", because=said)
        if first.word in ("better", "worse"):
            agree = (first.sign > 0) == (self.points is not None and self.points > 0)
            return first._replace(word="agrees" if agree else "disagrees")
        return first._replace(word="cannot tell") if first.word == "no claim" else first


VERDICTS = (
    "agrees",
    "disagrees",
    "time to learn only",
    "cannot tell",
    "depends on the reading",
    "within the paper's own noise",
    "not begun",
    "too few seeds",
)
SUDOKU = (
    Ablation("1-step gradient", "one-step-gradient", -30.9),
    Ablation("single z", "single-z", -15.5),
    Ablation("n = 2, T = 2 for n = 6, T = 3", "n2-T2", -13.7, against="n6-T3"),
    Ablation("attention for the mixer", "attention", -12.7),
    Ablation("a z for each of the n updates", "several-z", -9.8),
    Ablation("4 layers, n = 3 for 2 layers, n = 6", "4-layers-n3", -7.9, against="n6-T3"),
    Ablation("no EMA", "n6-T3", -7.5, against="n6-T3", raw=True),
    Ablation("two nets", "two-nets", -5.0),
    Ablation("continue loss", "continue-loss", -1.3),
    Ablation("no halting", "no-halting", None),
)
# Of the paper's mazes only attention against the mixer is known; the rest is asked of ours as of
# its Sudoku.
MAZES = tuple(
    one._replace(points=85.3, against="mixer") if one.variant == "attention" else one
    for one in SUDOKU
)
