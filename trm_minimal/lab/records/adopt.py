"""A record that was made without git, on a rented machine say, becomes one of this repository."""

import json
from pathlib import Path

from trm_minimal.errors import BadInput
from trm_minimal.lab.recipes import by_name
from trm_minimal.lab.records.check import check_files
from trm_minimal.lab.records.provenance import check_sources, git
from trm_minimal.lab.records.replay import first_losses
from trm_minimal.lab.records.runs import FIRST_STEPS, Run, write_sums


def adopt(folder: Path, commit: str, data_dir: Path | None = None) -> None:
    """Tie a record made without git to `commit`, and take its first steps.

    BadInput when the record is damaged or ran other sources than the commit holds.
    """
    run, commit = Run(folder), git("rev-parse", "--verify", f"{commit}^{{commit}}").decode().strip()
    if complaints := check_files(run) + check_sources(run.env, commit):
        raise BadInput(
            f"{folder}: {complaints[0]}; fetch the record again, or name the commit that it ran"
        )
    parts = {"env": run.env | {"commit": commit}, "first_steps": run.first_steps}
    if run.first_steps is None:
        recipe = by_name(run.recipe["name"])
        parts["first_steps"] = first_losses(
            recipe, recipe.task(data_dir=data_dir), run.recipe["seed"], FIRST_STEPS
        )
    for name, value in parts.items():
        (run.folder / f"{name}.json").write_text(
            json.dumps(value, indent=1) + "\n", encoding="utf-8"
        )
    write_sums(run.folder)
