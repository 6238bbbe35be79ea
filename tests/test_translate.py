"""What a record called a part then and is called today: every record reads, a wrong mapping does
not pass.
"""

from dataclasses import fields, make_dataclass, replace
from functools import cache, partial

import pytest

from trm_minimal.lab import recipes
from trm_minimal.lab.parts.rounds import one_step, single_z
from trm_minimal.lab.recipes import Recipe, describe, sudoku_6x6_one_step
from trm_minimal.lab.records import check, runs, sweeps, translate
from trm_minimal.lab.records.translate import as_today, changed_fields
from trm_minimal.lab.studies import registry
from trm_minimal.recursion import deep_recursion


@cache
def run_of(name: str):
    return runs.read_runs(name)[0]


@cache
def cell_of(sweep: str, variant: str):
    return sweeps.read(sweep)[variant, 0]


def complaints_of_all() -> list[str]:
    """What the recipes of all records differ in from today's."""
    found = [complaint for run in runs.read_runs() for complaint in check.check_recipe(run)]
    for name, make in registry.SWEEPS.items():
        sweep = make()
        for record in sweeps.read(name).values():
            found += check.check_cell(name, sweep, record)
    return found


def test_every_record_reads_as_todays_recipe():
    assert complaints_of_all() == []


def test_a_new_field_with_a_default_breaks_no_record(monkeypatch):
    """As if a version later: a recipe knows one field more."""
    later = make_dataclass(
        "Later", [("colour", str, "green")], bases=(Recipe,), frozen=True, kw_only=True
    )
    values = {field.name: getattr(Recipe(), field.name) for field in fields(Recipe)}
    today = describe(later(**values))
    assert today["colour"] == "green"
    monkeypatch.setattr(translate, "Recipe", later)
    record = run_of("sudoku_4x4").recipe
    recorded = {"name": record["name"], "seed": record["seed"]}
    mine = describe(recipes.by_name("sudoku_4x4")) | recorded | {"colour": "green"}
    assert changed_fields(record, mine) == []
    assert changed_fields(record, mine | {"colour": "red"}) == ["colour"]


@pytest.mark.parametrize(
    ("table", "key", "wrong"),
    [
        ("RENAMED", "trm_minimal.schedules._stage", "trm_minimal.schedules.drawn_depth"),
        (
            "RENAMED",
            "trm_minimal.lab.gradients.one_step_recursion",
            describe(partial(deep_recursion, one_round=single_z)),
        ),
        ("MOVED", "trm_minimal.lab.blocks", "trm_minimal.layers"),
        (
            "REPLACED",
            ("update", "trm_minimal.lab.continue_loss.train_step_with_continue"),
            {"update": "trm_minimal.train.train_step"},
        ),
    ],
)
def test_a_wrong_mapping_is_seen(monkeypatch, table, key, wrong):
    assert key in getattr(translate, table)
    monkeypatch.setitem(getattr(translate, table), key, wrong)
    assert complaints_of_all()


def test_a_wrong_part_under_a_right_name_is_seen_by_the_losses(monkeypatch):
    """The mapping is by name; that the name still means the same part is for the replay to say."""
    import trm_minimal.lab.recipes as module

    record = run_of("sudoku_6x6_one_step")

    def renamed(net, x, y, z, n):
        return single_z(net, x, y, z, n)

    renamed.__module__, renamed.__qualname__ = one_step.__module__, one_step.__qualname__
    broken = replace(sudoku_6x6_one_step(), recursion=partial(deep_recursion, one_round=renamed))
    monkeypatch.setitem(module.RECIPES, "sudoku_6x6_one_step", lambda: broken)
    assert check.check_recipe(record) == []
    assert check.check_first_steps(record, broken.task())


def test_a_recorded_recipe_keeps_what_it_says():
    record = cell_of("ablate_sudoku", "one-step-gradient")["recipe"]
    now = as_today(record)
    assert now["recursion"]["one_round"] == "trm_minimal.lab.parts.rounds.one_step"
    assert now["test_depth"] == record["test_depth"] and now["steps"] == record["steps"]
    assert now["loss"] == "trm_minimal.losses.answer_and_halting_loss"
    learned = as_today(cell_of("ablate_sudoku", "continue-loss")["recipe"])
    assert learned["loss"] == "trm_minimal.lab.parts.losses.continue_loss"
