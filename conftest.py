"""For tests/ and the cells of the notebooks: what is run, in which order, and what it took.

`-m quick` runs the short files, in less than two minutes. `--all-records` computes every recorded
run and sweep again, not just a sample that changes with the commit.
"""

import os
from collections import Counter
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import pytest
from nbformat import v4
from nbval.plugin import IPyNbCell, IPyNbFile, NbCellError

from tests.sample import PERIOD, commit, sample

ROOT = Path(__file__).parent
# Before anything imports torch: with two threads, busy cores make everything several times slower.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["TRM_ANSWERS"] = str(ROOT / "notebooks" / ".no-answers")  # whatever a learner has here

# These come first, then the notebooks: what is long and starts last leaves a worker idle.
LONG = ("test_sweeps.py", "test_runs.py", "test_browser.py")
SLOW = (
    *LONG,
    *(
        "test_autocast.py",
        "test_cli.py",
        "test_parallel.py",
        "test_readme.py",
        "test_sudoku.py",
        "test_train.py",
    ),
)
SHOWN = 10  # files in the list of the slowest


def pytest_addoption(parser):
    words = "compute every recorded run and sweep again, not the sample of this commit"
    parser.addoption("--all-records", action="store_true", help=words)


def pytest_configure(config):
    config.addinivalue_line("markers", "quick: in a file that takes seconds (set in conftest.py)")
    config.addinivalue_line("markers", "records(by_name): for each `record` of a sample")
    config.option.nbval_sanitize_with = str(ROOT / "tests" / "nbval.cfg")  # from whatever folder


def pytest_generate_tests(metafunc):
    if marker := metafunc.definition.get_closest_marker("records"):
        by_name = marker.args[0]
        names = list(by_name)
        if not metafunc.config.getoption("all_records"):
            names = sample(names, commit())
        metafunc.parametrize("record", [by_name[name] for name in names], ids=names)


def pytest_itemcollected(item):
    if marker := item.get_closest_marker("records"):
        item.user_properties.append(("records", len(marker.args[0])))


def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: (item.path.name not in LONG, item.path.suffix != ".ipynb"))
    for item in items:
        if item.path.suffix == ".py" and item.path.name not in SLOW:
            item.add_marker("quick")


class Notebook(IPyNbFile):
    """One that is answered on the way, but in a copy without solutions: see tests/answered.py."""

    def collect(self) -> Iterator[IPyNbCell]:
        self.between, cells = {}, list(super().collect())
        if (ROOT / "trm_minimal/classroom/solutions").exists():
            from tests import answered  # here: it imports torch

            self.between = answered.cells_between([item.cell.source for item in cells])
        for item in cells:
            yield item
            if item.cell_num in self.between:
                yield another_cell(item, self.between[item.cell_num])


@pytest.hookimpl(wrapper=True)
def pytest_collect_file(file_path, parent):
    found = yield
    is_notebook = any(isinstance(node, IPyNbFile) for node in found)
    return [Notebook.from_parent(parent, path=file_path)] if is_notebook else found


def another_cell(item: IPyNbCell, source: str) -> IPyNbCell:
    """To be run after this one, in the same kernel, whatever it prints."""
    return IPyNbCell.from_parent(
        item.parent,
        name=f"{item.name} answered",
        cell_num=item.cell_num,
        cell=v4.new_code_cell(source),
        options=Counter(),
    )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    """A cell that prints something else with the learner's functions is run with the package's."""
    try:
        return (yield)
    except NbCellError as error:
        if str(error) != "Cell outputs differ" or not item.parent.between or not item.cell_num:
            raise
        from tests.answered import SWAP

        another_cell(item, SWAP).runtest()
        item.runtest()
        another_cell(item, SWAP).runtest()


def pytest_terminal_summary(terminalreporter):
    seconds, computed = Counter(), Counter()
    for report in chain.from_iterable(terminalreporter.stats.values()):
        if isinstance(report, pytest.TestReport):
            seconds[report.nodeid.partition("::")[0]] += report.duration
            if report.when == "call":
                test = report.nodeid.partition("[")[0]
                totals = [total for name, total in report.user_properties if name == "records"]
                computed.update((test, total) for total in totals)
    if seconds:
        terminalreporter.section("slowest files")
    for file, duration in seconds.most_common(SHOWN):
        terminalreporter.line(f"{duration:6.0f} s  {file}")
    for (test, total), count in computed.items():
        part = f", a {PERIOD}th chosen by the commit; all with --all-records"
        which = "" if count == total else part
        terminalreporter.line(f"{count} of {total} records computed again{which}: {test}")
