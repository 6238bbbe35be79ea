"""The paper's ablations beside ours: does class size agree in sign, disagree, or can it not tell?

The paper's differences are of one run against one run, in points of exact accuracy (arXiv 2510.04871, Tables 1 to 4).
"""

from typing import NamedTuple

from trm_minimal.lab.studies.compare import LEAST, Difference, at_equal_steps, by_seed, exact, paired


class Ablation(NamedTuple):
    """A change that the paper tried, and the variants of a sweep that show it."""

    change: str
    variant: str
    points: float | None  # the paper's difference; None: it speaks of a drop and gives no number
    against: str = "baseline"
    raw: bool = False  # the raw weights of `variant` against the averaged ones of `against`, at the end of the run

    def difference(self, records: dict[tuple[str, int], dict]) -> Difference:
        """Ours, in shares, at equal optimizer steps."""
        if self.raw:
            ours = by_seed(records, self.variant, lambda record: exact(record, "raw"))
            return paired(ours, by_seed(records, self.against))
        return paired(*at_equal_steps(records, self.variant, self.against)[0])

    def agrees(self, ours: Difference) -> str:
        """One of VERDICTS."""
        if ours.n < LEAST:
            return "too few seeds yet"
        if ours.low <= 0 <= ours.high:
            return "cannot tell"
        return "agrees" if (ours.mean > 0) == (self.points is not None and self.points > 0) else "disagrees"


VERDICTS = ("agrees", "disagrees", "cannot tell", "too few seeds yet")
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
# Of the paper's mazes only attention against the mixer is known; the rest is asked of ours as of its Sudoku.
MAZES = tuple(one._replace(points=85.3, against="mixer") if one.variant == "attention" else one for one in SUDOKU)
