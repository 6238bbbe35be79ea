"""What the READMEs state is what the records say, and the picture is the net's."""

import re
from pathlib import Path
from statistics import mean

import pytest
from matplotlib.figure import Figure
from PIL import Image

from trm_minimal.__main__ import main
from trm_minimal.errors import BadInput
from trm_minimal.lab.records import sweeps
from trm_minimal.lab.records.runs import read_runs
from trm_minimal.lab.studies import claims, compare, tables

ROOT = Path(__file__).parents[1]


def text_of(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


@pytest.mark.parametrize("page", tables.PAGES)
def test_every_table_is_that_of_the_records(page):
    assert tables.filled(text_of(page)) == text_of(page), (
        "python -m trm_minimal.lab.studies.tables --write"
    )


def test_every_table_has_one_place():
    places = [place[2] for page in tables.PAGES for place in tables.PLACE.finditer(text_of(page))]
    assert sorted(places) == sorted(tables.TABLES)
    ends = sum(text_of(page).count("<!-- end of table -->") for page in tables.PAGES)
    assert ends == len(places)


def test_writing_fills_the_places_and_nothing_else(tmp_path, monkeypatch):
    end = "<!-- end of table -->\n"
    page = f"before\n<!-- table: one -->\n{end}a | b |\n<!-- table: two -->\nold\n{end}"
    (tmp_path / "page.md").write_text(page)
    monkeypatch.setattr(tables, "ROOT", tmp_path)
    monkeypatch.setattr(tables, "PAGES", ("page.md",))
    monkeypatch.setattr(tables, "TABLES", {"one": lambda: "| 1 |", "two": lambda: "| 2 |"})
    assert tables.main(write=False) == ["page.md"] and (tmp_path / "page.md").read_text() == page
    assert tables.main(write=True) == ["page.md"] and tables.main(write=False) == []
    new = (tmp_path / "page.md").read_text()
    assert [line for line in new.splitlines() if line] == [
        "before", "<!-- table: one -->", "| 1 |", "<!-- end of table -->", "a | b |",
        "<!-- table: two -->", "| 2 |", "<!-- end of table -->",
    ]  # fmt: skip
    with pytest.raises(BadInput, match="no table is called 'three'"):
        tables.filled("<!-- table: three -->\n<!-- end of table -->")


@pytest.mark.parametrize("name", ["agreement", "confirmation", "claims"])
def test_with_one_seed_a_table_of_verdicts_claims_nothing(name, monkeypatch):
    read, before = sweeps.read, tables.TABLES[name]()
    monkeypatch.setattr(
        sweeps, "read", lambda name: {cell: run for cell, run in read(name).items() if cell[1] == 0}
    )
    after = tables.TABLES[name]()
    assert after != before and "too few seeds" in after
    assert not any(
        word in after for word in ("agrees", "time to learn", "confirmed", "refuted", "partly")
    )


def test_a_changed_record_changes_the_tables(monkeypatch):
    runs = read_runs()
    monkeypatch.setattr(tables, "read_runs", lambda: runs)
    names = ("recipes", "runs")
    before = [tables.TABLES[name]() for name in names]
    flags = runs[0].eval["test"]["ema"]["exact"]
    flags[-1] = "0" * len(flags[-1])
    after = [tables.TABLES[name]() for name in names]
    assert before[0] != after[0] and before[1] != after[1]


def test_the_listing_of_the_package_names_every_file_with_its_first_line():
    listing = text_of("trm_minimal/README.md")
    files = [path.relative_to(tables.PACKAGE) for path in tables.PACKAGE.rglob("*.py")]
    for path in files:
        name = path.parent if path.parent.as_posix() in tables.ONE_LINE else path
        assert f"]({name.as_posix()})" in listing, (
            f"{path}: python -m trm_minimal.lab.studies.tables --write"
        )
    linked = {tables.PACKAGE / link for link in re.findall(r"\]\((\S+?)\)", listing)}
    assert all(path.exists() for path in linked)
    assert "recursion.py) | The algorithm: the paper's Figure 3" in listing


def test_what_the_prose_of_the_results_says_of_the_sweeps():
    prose = " ".join(text_of("RESULTS.md").split())
    sudoku, fresh = sweeps.read("ablate_sudoku"), sweeps.read("confirm_maze")
    early, late = (
        mean(compare.validated(sudoku, "baseline", step).values()) for step in (750, 1000)
    )
    assert f"on Sudoku from {early:.2f} to {late:.2f} over the last quarter" in prose
    half = compare.judge(sudoku, "half-rate").gap
    assert f"half the learning rate alone costs {-half.mean:.3f} on Sudoku" in prose
    losses = [
        mean(compare.by_seed(sudoku, name, lambda record: record["curve"][-1]["loss"]).values())
        for name in ("4-layers-n3", "n6-T3")
    ]
    assert f"({losses[0]:.2f} against {losses[1]:.2f})" in prose
    high, low = (compare.validated(fresh, "all-rounds", step) for step in (400, 500))
    fell = [seed for seed in high if high[seed] > 0.9 and low[seed] == 0]
    assert len(fell) == 2 and len(high) == 5  # "two of its five seeds"
    edges = [
        sum(outcome.at_edge for outcome in claims.outcomes(sweeps.read(toy)).values())
        for toy in ("parity", "recall")
    ]
    assert f"for {edges[0]} of 17 attempts on parity and for {edges[1]} on recall" in prose


SOURCES = sorted((ROOT / "notebooks" / "src").glob("*.py"))


def test_the_map_and_the_readme_link_every_notebook():
    for source in SOURCES[1:]:
        assert f"]({source.stem}.ipynb) |" in SOURCES[0].read_text(encoding="utf-8"), source.stem
        assert f"](notebooks/{source.stem}.ipynb)" in text_of("README.md"), source.stem


def test_every_notebook_links_its_neighbours_and_the_map():
    for before, here, after in zip([None, *SOURCES], SOURCES, [*SOURCES[1:], None], strict=False):
        end = here.read_text(encoding="utf-8").partition("# **Next**")[2]
        for wanted in (before, after, SOURCES[0] if here != SOURCES[0] else None):
            assert wanted is None or f"]({wanted.stem}.ipynb)" in end, (here.stem, wanted.stem)


def test_the_picture_shows_what_the_net_does_today(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "figures"))
    import make

    task, run, labels_L = make.latest_maze()
    said = make.maze_thinking(Figure(figsize=(9, 2)), task, run, labels_L)
    assert said in (ROOT / "figures" / "README.md").read_text(encoding="utf-8"), (
        "python figures/make.py"
    )
    with Image.open(ROOT / "figures" / "maze_thinking.gif") as picture:
        assert picture.n_frames == len(make.maze_moments(task, run, labels_L)), (
            "python figures/make.py"
        )
    right_K = run.right(labels_L)[:, 0].all(-1)
    # as figures/README.md says
    assert not right_K[run.moment(2)] and right_K[run.moment(3, 1) :].all()


@pytest.mark.parametrize("draw", ["ablations", "explosion"])
def test_a_picture_says_what_the_records_and_nets_say(draw, monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "figures"))
    import make

    said = getattr(make, draw)(Figure(figsize=(8, 5.4), layout="constrained"))
    assert said in (ROOT / "figures" / "README.md").read_text(encoding="utf-8"), (
        "python figures/make.py"
    )


def test_the_readmes_commands_exist():
    """Every `python -m trm_minimal ...` line of the README is one that the parser takes."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    commands = {
        line.split()[3]
        for line in text.splitlines()
        if line.strip().startswith("python -m trm_minimal ")
    }
    assert {"doctor", "solve", "train", "evaluate"} <= commands
    for command in commands:
        with pytest.raises(SystemExit) as end:
            main([command, "--help"])
        assert end.value.code == 0, command
