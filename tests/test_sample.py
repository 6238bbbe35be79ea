"""What a test run computes again: in seven samples everything, in each something of each kind."""

import pytest

from tests.sample import PERIOD, commit, sample
from trm_minimal.lab.records import runs, sweeps
from trm_minimal.lab.studies import registry

RUNS = sorted(f"{run.recipe['name']}/{run.folder.name}" for run in runs.read_runs())


def cells() -> list[str]:
    all_cells = [(name, *cell) for name in registry.SWEEPS for cell in sorted(sweeps.read(name))]
    return ["/".join(map(str, cell)) for cell in all_cells]


def samples(names: list[str]) -> list[list[str]]:
    return [sample(names, f"{turn:x}") for turn in range(PERIOD)]


@pytest.mark.parametrize("names", [RUNS, cells()], ids=["runs", "sweeps"])
def test_the_samples_share_nothing_and_hold_all(names):
    assert sorted(name for part in samples(names) for name in part) == sorted(names)
    sizes = [len(part) for part in samples(names)]
    assert max(sizes) - min(sizes) <= 1
    assert sample(names, f"{PERIOD:x}") == sample(names, "0") != sample(names, "1")


def test_each_sample_has_runs_of_several_recipes_and_cells_of_every_sweep():
    assert all(len({name.split("/")[0] for name in part}) >= 4 for part in samples(RUNS))
    for part in samples(cells()):
        assert {name.split("/")[0] for name in part} == set(registry.SWEEPS)
        kept = [(runs.ROOT / "data" / "sweeps" / f"{name}.safetensors").exists() for name in part]
        assert sum(kept) >= 15  # with weights, which are scored again


def test_the_commit_is_a_number_and_without_git_it_is_zero(tmp_path, monkeypatch):
    assert int(commit(), 16) >= 0
    assert commit(tmp_path) == "0"
    monkeypatch.setenv("PATH", str(tmp_path))
    assert commit() == "0"
