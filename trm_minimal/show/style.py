"""The visual language of the course: a thing has one name, colour, sign, marker and dash in every
figure and widget.

Okabe and Ito's hues (2008), safe for the common colour-vision deficiencies, some made darker or
lighter: those that meet in one picture differ by 10 of 100 steps of lightness (L*). Colour never
speaks alone: sign, marker or dash do too.
"""

from typing import NamedTuple

import seaborn as sns
from matplotlib.colors import to_rgb

# text and lines; the background, opaque: a dark page shows the same figure
INK, PAGE = "#222222", "#FFFFFF"
COLOURS = (INK, "#BF4E00", "#3F9FD6", "#75305C", "#7FD0B4")  # of variants


class Look(NamedTuple):
    name: str  # in legends and sentences
    colour: str
    sign: str = ""  # text, beside a cell's symbol or instead of it
    marker: str = "o"  # matplotlib
    dashes: tuple[float, ...] = ()  # lengths on, off, on, off; () is a solid line


LOOKS = {
    "x": Look("x, the question", INK, "x", "s", (1, 1.5)),
    "y": Look("y, the answer", "#E69F00", "y", "o"),
    "z": Look("z, the latent thought", "#0072B2", "z", "^", (5, 2)),
    "q": Look("Q, is it solved?", "#75305C", "Q", "D", (5, 1.5, 1, 1.5)),
    "given": Look("given", "#BBBBBB"),
    "right": Look("right", "#009E73", "✓", "o"),
    "wrong": Look("wrong", "#A63A00", "×", "X", (5, 2)),
    "changed": Look("changed", "#F0E442", "•", "P", (1, 1.5)),
}
FAMILIES = (  # of variants; the first is the paper's choice and gets the solid line in ink
    ("post-norm", "pre-norm", "no norm", "linear, no norm"),
    ("mixer", "attention", "no mixing"),
    ("Replace", "Residual", "LayerScale", "FixedGate", "Gated"),
)
STROKES = tuple(
    zip(COLOURS, "osD^v", ((), (5, 2), (1, 1.5), (5, 1.5, 1, 1.5), (8, 2)), strict=True)
)
VARIANTS = {
    n: Look(n, c, "", m, d)
    for names in FAMILIES
    for n, (c, m, d) in zip(names, STROKES, strict=False)
}


def text_on(colour: str) -> str:
    """INK or PAGE, whichever reads better on `colour` (WCAG 2 relative luminance; the two are equal
    near 0.21).
    """
    r, g, b = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour))
    return INK if 0.2126 * r + 0.7152 * g + 0.0722 * b > 0.21 else PAGE


def strokes(looks: dict[str, Look]) -> dict[str, dict]:
    """palette, markers and dashes for sns.lineplot(hue=column, style=column), where `looks` has the
    column's values.
    """
    fields = {"palette": "colour", "markers": "marker", "dashes": "dashes"}
    return {
        argument: {key: getattr(look, field) for key, look in looks.items()}
        for argument, field in fields.items()
    }


def use_style() -> None:
    """Theme of every figure: 8 inches at 100 dots an inch fill a notebook cell, and a PNG stays
    under 80 KB.
    """
    rc = {
        "figure.figsize": (8, 3.6),
        "figure.dpi": 100,
        "savefig.dpi": 100,
        "figure.constrained_layout.use": True,
    }
    rc |= {
        "figure.facecolor": PAGE,
        "savefig.facecolor": PAGE,
        "image.cmap": "cividis",
        "legend.frameon": False,
    }
    rc |= dict.fromkeys(
        ("text.color", "axes.labelcolor", "xtick.color", "ytick.color", "axes.edgecolor"), INK
    )
    sns.set_theme(
        "notebook", "ticks", COLOURS, rc=rc | {"axes.spines.top": False, "axes.spines.right": False}
    )
