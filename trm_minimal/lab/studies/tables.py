"""The tables of README.md, data/runs/README.md and data/sweeps/README.md, computed from the records; a test compares.

Print all: python -m trm_minimal.lab.studies.tables
"""

from statistics import mean, stdev

from trm_minimal.lab.records import sweeps
from trm_minimal.lab.records.runs import Run, read_runs
from trm_minimal.lab.records.score import exact_accuracy, interval
from trm_minimal.lab.studies import agreement, claims
from trm_minimal.lab.studies.ablations import CLAIMED
from trm_minimal.lab.studies.compare import LEAST, at_equal_steps, core_hours, paired, verdict
from trm_minimal.lab.studies.registry import SWEEPS


def _share(run: Run) -> str:
    exact, n = exact_accuracy(run.eval["test"]["ema"]), run.eval["test"]["n"]
    low, high = interval(round(exact * n), n)
    return f"{exact:.3f} [{low:.3f}, {high:.3f}]"


def _machine(run: Run) -> str:
    """One CPU thread, or the name of the GPU."""
    return "CPU" if run.env["device"].endswith("CPU") else run.env["device"].removeprefix("NVIDIA ")


def runs_table(runs: list[Run]) -> str:
    """One row a run, for data/runs/README.md."""
    lines = [
        "| run | test puzzles | exact | raw weights | early exit: exact, mean steps | steps | trained in | "
        "minutes | commit |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for run in runs:
        test, name = run.eval["test"], "/".join(run.folder.parts[-2:])
        early = test["ema"]["early_exit"]
        mark = ", superseded" if run.superseded else ""
        precision = run.recipe["precision"].removeprefix("torch.")
        lines.append(
            f"| [{name}]({name}) | {test['n']} | {_share(run)} | {exact_accuracy(test['raw']):.3f} | "
            f"{early['exact']:.3f}, {early['mean_steps']:.2f} | {run.recipe['steps']} | "
            f"{precision} | {run.env['wall_seconds'] / 60:.0f} | {run.env['commit'][:7]}{mark} |"
        )
    return "\n".join(lines)


def recipes_table(runs: list[Run]) -> str:
    """One row a recipe, for README.md: every seed, and mean and standard deviation from three seeds on."""
    runs = [run for run in runs if not run.superseded]
    lines = [
        "| recipe | test puzzles | exact, by seed | mean (sd) | cells right in a copy | minutes a seed, on |",
        "|---|---|---|---|---|---|",
    ]
    for name in dict.fromkeys(run.recipe["name"] for run in runs):
        mine = [run for run in runs if run.recipe["name"] == name]
        exact = [exact_accuracy(run.eval["test"]["ema"]) for run in mine]
        spread = f"{mean(exact):.3f} ({stdev(exact):.3f})" if len(exact) >= 3 else f"{len(exact)} seed: no spread"
        minutes = f"{mean(run.env['wall_seconds'] / 60 for run in mine):.0f}, {_machine(mine[0])}"
        copied = mine[0].eval["test"]["copy_baseline_cells"]
        shares = ", ".join(f"{run.recipe['seed']}: {_share(run)}" for run in mine)
        lines.append(f"| `{name}` | {mine[0].eval['test']['n']} | {shares} | {spread} | {copied:.2f} | {minutes} |")
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


def agreement_table() -> str:
    """One row an ablation of the paper, with ours on both tasks, for README.md."""
    lines = ["| change | paper, points | 6x6 Sudoku | 9x9 mazes |", "|---|---|---|---|"]
    records = [sweeps.read("ablate_sudoku"), sweeps.read("ablate_maze")]
    for pair in zip(agreement.SUDOKU, agreement.MAZES, strict=True):
        points = dict.fromkeys("a drop" if one.points is None else f"{one.points:+.1f}" for one in pair)
        ours = [one.difference(found) for one, found in zip(pair, records, strict=True)]
        said = [one.agrees(gap) + f": {gap}" * (gap.n >= LEAST) for one, gap in zip(pair, ours, strict=True)]
        lines.append(f"| {pair[0].change} | {', on mazes '.join(points)} | {said[0]} | {said[1]} |")
    return "\n".join(lines)


def confirmation_table() -> str:
    """One row a claim of the maze sweep, with what fresh seeds say of it, for README.md."""
    lines = ["| on mazes | minus | the sweep | five fresh seeds | so |", "|---|---|---|---|---|"]
    for variant, against in CLAIMED.items():
        first, fresh = (
            paired(*at_equal_steps(sweeps.read(name), variant, against)[0]) for name in ("ablate_maze", "confirm_maze")
        )
        lines.append(f"| {variant} | {against} | {first} | {fresh} | {verdict(fresh).partition(':')[0]} |")
    return "\n".join(lines)


def claims_table() -> str:
    """One row a claim of the stability report that the sweeps decide, for README.md."""
    judged = claims.judge(sweeps.read("parity"), sweeps.read("recall"))
    lines = ["| the report says | here |", "|---|---|", *(f"| {claim.said} | {claim.verdict} |" for claim in judged)]
    return "\n".join(lines)


if __name__ == "__main__":
    print(
        runs_table(read_runs()),
        recipes_table(read_runs()),
        agreement_table(),
        confirmation_table(),
        claims_table(),
        sweeps_table(),
        sep="\n\n",
    )
