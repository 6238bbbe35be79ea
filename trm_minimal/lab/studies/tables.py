"""The tables in Markdown files, computed from the records and from the package's own files.

A table stands between two lines, `<!-- table: name -->` and `<!-- end of table -->`.
`python -m trm_minimal.lab.studies.tables --write` puts today's there; without `--write` it only
says which files are out of date, with exit code 1. Tests compare.
"""

import argparse
import ast
import re
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import mean, stdev

from trm_minimal.errors import BadInput
from trm_minimal.lab.records import sweeps
from trm_minimal.lab.records.runs import Run, read_runs
from trm_minimal.lab.records.score import exact_accuracy, interval
from trm_minimal.lab.studies import agreement, claims
from trm_minimal.lab.studies.ablations import CLAIMED
from trm_minimal.lab.studies.compare import LEAST, Judged, core_hours, judge
from trm_minimal.lab.studies.registry import SWEEPS

ROOT = Path(__file__).parents[3]
PACKAGE = ROOT / "trm_minimal"
ONE_LINE = {  # folders of many files of one kind
    "classroom/exercises": "one file an exercise: statement, stub, hints, checks, wrong answers",
    "classroom/solutions": "one file a solution, and right answers that are written differently",
}
HEADLINES = {
    "sudoku_6x6": "6x6 Sudoku of unseen solution classes",
    "sudoku_9x9": "easy 9x9 Sudoku (36 to 50 givens)",
    "maze_9x9": "9x9 mazes with one shortest path",
    "maze_15x15": "15x15 mazes, a block that is not the paper's",
    "sudoku_extreme_fast": "Sudoku-Extreme, a stand-in for its test set (the paper: 0.874)",
}


def _share(run: Run) -> str:
    exact, n = exact_accuracy(run.eval["test"]["ema"]), run.eval["test"]["n"]
    low, high = interval(round(exact * n), n)
    return f"{exact:.3f} [{low:.3f}, {high:.3f}]"


def _machine(run: Run) -> str:
    """One CPU thread, or the name of the GPU."""
    return "CPU" if run.env["device"].endswith("CPU") else run.env["device"].removeprefix("NVIDIA ")


def headlines_table() -> str:
    """A few recipes in plain words, every seed, for README.md."""
    runs = [run for run in read_runs() if not run.superseded]
    lines = ["| puzzles | wholly right, seed by seed | trained for |", "|---|---|---|"]
    for name, what in HEADLINES.items():
        mine = [run for run in runs if run.recipe["name"] == name]
        shares = ", ".join(f"{exact_accuracy(run.eval['test']['ema']):.3f}" for run in mine)
        minutes = mean(run.env["wall_seconds"] / 60 for run in mine)
        lines.append(f"| {what} | {shares} | {minutes:.0f} minutes, {_machine(mine[0])} |")
    return "\n".join(lines)


def runs_table() -> str:
    """One row a run, for data/runs/README.md."""
    lines = [
        (
            "| run | test puzzles | exact | raw weights | early exit: exact, mean steps | steps |"
            " trained in | minutes | commit |"
        ),
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for run in read_runs():
        test, name = run.eval["test"], "/".join(run.folder.parts[-2:])
        early = test["ema"]["early_exit"]
        mark = ", superseded" if run.superseded else ""
        precision = run.recipe["precision"].removeprefix("torch.")
        lines.append(
            f"| [{name}]({name}) | {test['n']} | {_share(run)} | {exact_accuracy(test['raw']):.3f}"
            f" | {early['exact']:.3f}, {early['mean_steps']:.2f} | {run.recipe['steps']} |"
            f" {precision} | {run.env['wall_seconds'] / 60:.0f} | {run.env['commit'][:7]}{mark} |"
        )
    return "\n".join(lines)


def recipes_table() -> str:
    """One row a recipe, for RESULTS.md: every seed, and from three seeds on mean and deviation."""
    runs = [run for run in read_runs() if not run.superseded]
    lines = [
        (
            "| recipe | test puzzles | exact, by seed | mean (sd) | cells right in a copy | minutes"
            " a seed, on |"
        ),
        "|---|---|---|---|---|---|",
    ]
    for name in dict.fromkeys(run.recipe["name"] for run in runs):
        mine = [run for run in runs if run.recipe["name"] == name]
        exact = [exact_accuracy(run.eval["test"]["ema"]) for run in mine]
        spread = (
            f"{mean(exact):.3f} ({stdev(exact):.3f})"
            if len(exact) >= 3
            else f"{len(exact)} seed: no spread"
        )
        minutes = f"{mean(run.env['wall_seconds'] / 60 for run in mine):.0f}, {_machine(mine[0])}"
        copied = mine[0].eval["test"]["copy_baseline_cells"]
        shares = ", ".join(f"{run.recipe['seed']}: {_share(run)}" for run in mine)
        lines.append(
            f"| `{name}` | {mine[0].eval['test']['n']} | {shares} | {spread} | {copied:.2f} |"
            f" {minutes} |"
        )
    return "\n".join(lines)


def sweeps_table() -> str:
    """One row a sweep, for data/sweeps/README.md: what is done, what it took, and how to go on."""
    lines = ["| sweep | what | runs done | core hours | command |", "|---|---|---|---|---|"]
    for name, sweep in SWEEPS.items():
        records, cells = sweeps.read(name), len(list(sweep().cells()))
        what = sweep.__doc__.splitlines()[0].rstrip(".")
        lines.append(
            f"| {name} | {what} | {len(records)} of {cells} | {core_hours(records.values()):.2f} | "
            f"`python -m trm_minimal sweep {name} --jobs 2` |"
        )
    return "\n".join(lines)


def _in_words(judged: Judged) -> str:
    """The word, and the difference where there is one."""
    return judged.word + f": {judged.gap}" * (judged.gap.n >= LEAST)


def agreement_table() -> str:
    """One row an ablation of the paper, with ours on both tasks, for RESULTS.md."""
    lines = ["| change | paper, points | 6x6 Sudoku | 9x9 mazes |", "|---|---|---|---|"]
    sudoku, mazes, fresh = map(sweeps.read, ("ablate_sudoku", "ablate_maze", "confirm_maze"))
    for one, on_mazes in zip(agreement.SUDOKU, agreement.MAZES, strict=True):
        paper = ", on mazes ".join(dict.fromkeys((one.paper, on_mazes.paper)))
        here = _in_words(one.judged(sudoku)), _in_words(on_mazes.judged(fresh, mazes))
        lines.append(f"| {one.change} | {paper} | {here[0]} | {here[1]} |")
    return "\n".join(lines)


def confirmation_table() -> str:
    """One row a difference that the maze sweep shows, and what fresh seeds say, for RESULTS.md."""
    lines = ["| on mazes | minus | the sweep | five fresh seeds | so |", "|---|---|---|---|---|"]
    first, fresh = (sweeps.read(name) for name in ("ablate_maze", "confirm_maze"))
    for variant, against in CLAIMED.items():
        gap, judged = judge(first, variant, against).gap, judge(fresh, variant, against)
        explained = judged.word in ("time to learn only", "depends on the reading")
        word = f"{judged.word}: {judged.because}" if explained else judged.word
        lines.append(f"| {variant} | {against} | {gap} | {judged.gap} | {word} |")
    return "\n".join(lines)


def claims_table() -> str:
    """One row a claim of the stability report that the sweeps decide, for RESULTS.md."""
    judged = claims.judge(sweeps.read("parity"), sweeps.read("recall"))
    lines = [
        "| the report says | here | the records |",
        "|---|---|---|",
        *(f"| {claim.said} | {claim.verdict} | {claim.because} |" for claim in judged),
    ]
    return "\n".join(lines)


def files_table() -> str:
    """Every file of the package and how its docstring begins, for trm_minimal/README.md."""
    lines = ["| file | what it is |", "|---|---|"]
    for path in sorted(
        PACKAGE.rglob("*.py"), key=lambda path: (len(path.relative_to(PACKAGE).parts) > 1, path)
    ):
        inside, text = path.relative_to(PACKAGE), path.read_text(encoding="utf-8")
        folder = inside.parent.as_posix()
        if folder not in ONE_LINE:
            first = (ast.get_docstring(ast.parse(text)) or "").partition("\n\n")[0]
            said = (
                " ".join(first.split()).replace("|", "\\|")
                or "(empty: it makes the folder a package)"
            )
            lines.append(f"| [{inside.as_posix()}]({inside.as_posix()}) | {said} |")
        elif path.name == "__init__.py":
            lines.append(f"| [{folder}/]({folder}) | {ONE_LINE[folder]} |")
    return "\n".join(lines)


TABLES: dict[str, Callable[[], str]] = {
    table.__name__.removesuffix("_table"): table
    for table in (
        headlines_table,
        recipes_table,
        agreement_table,
        confirmation_table,
        claims_table,
        runs_table,
        sweeps_table,
        files_table,
    )
}
PAGES = (
    "README.md",
    "RESULTS.md",
    "data/runs/README.md",
    "data/sweeps/README.md",
    "trm_minimal/README.md",
)
PLACE = re.compile(r"(<!-- table: (\w+) -->\n).*?(<!-- end of table -->)", re.DOTALL)


def filled(text: str) -> str:
    """The text of a page with today's tables in their places."""

    def today(place: re.Match) -> str:
        if place[2] not in TABLES:
            raise BadInput(f"no table is called {place[2]!r}; there are {', '.join(TABLES)}")
        return f"{place[1]}\n{TABLES[place[2]]()}\n\n{place[3]}"

    return PLACE.sub(today, text)


def main(write: bool) -> list[str]:
    """The pages whose tables are not today's; they are written where asked."""
    stale = []
    for page in PAGES:
        path = ROOT / page
        text = path.read_text(encoding="utf-8")
        new = filled(text)
        if new != text:
            stale.append(page)
            if write:
                path.write_text(new, encoding="utf-8")
    return stale


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="The tables in the Markdown files.")
    parser.add_argument("--write", action="store_true", help="put today's tables into the files")
    write = parser.parse_args().write
    try:
        pages = main(write)
    except BadInput as error:
        parser.error(str(error))
    what = "written" if write else "out of date; --write mends that"
    print(f"{', '.join(pages)}: {what}" if pages else "every table is up to date")
    sys.exit(bool(pages) and not write)
