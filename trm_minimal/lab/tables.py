"""The result tables of README.md and data/runs/README.md, computed from the recorded runs; a test compares them.

Print both: python -m trm_minimal.lab.tables
"""

from statistics import mean, stdev

from trm_minimal.lab.runs import Run, exact_accuracy, interval, read_runs


def _share(run: Run) -> str:
    exact, n = exact_accuracy(run.eval["test"]["ema"]), run.eval["test"]["n"]
    low, high = interval(round(exact * n), n)
    return f"{exact:.3f} [{low:.3f}, {high:.3f}]"


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
        "| recipe | test puzzles | exact, by seed | mean (sd) | cells right in a copy | CPU minutes a seed |",
        "|---|---|---|---|---|---|",
    ]
    for name in dict.fromkeys(run.recipe["name"] for run in runs):
        mine = [run for run in runs if run.recipe["name"] == name]
        exact = [exact_accuracy(run.eval["test"]["ema"]) for run in mine]
        spread = f"{mean(exact):.3f} ({stdev(exact):.3f})" if len(exact) >= 3 else f"{len(exact)} seed: no spread"
        minutes = mean(run.env["wall_seconds"] / 60 for run in mine)
        copied = mine[0].eval["test"]["copy_baseline_cells"]
        shares = ", ".join(f"{run.recipe['seed']}: {_share(run)}" for run in mine)
        lines.append(f"| `{name}` | {mine[0].eval['test']['n']} | {shares} | {spread} | {copied:.2f} | {minutes:.0f} |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(runs_table(read_runs()), recipes_table(read_runs()), sep="\n\n")
