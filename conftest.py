"""For all tests, those in tests/ and the cells of the notebooks: what is run, in which order, and what it took.

`-m quick` runs the files that start no process and compute no record again, in less than two minutes. `--all-records`
computes every recorded run and sweep again, not just a sample that changes with the commit.
"""

import os
from collections import Counter
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import pytest
from nbformat import v4
from nbval.plugin import IPyNbCell

from tests.sample import PERIOD, commit, sample

ROOT = Path(__file__).parent
# Before anything imports torch: with two threads, busy cores make everything several times slower.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["TRM_ANSWERS"] = str(ROOT / "notebooks" / ".no-answers")  # whatever a learner has in this checkout

# The longest first: what is long and starts last leaves the other worker idle. Then what nothing is said of.
LONG = ("test_browser.py", "test_runs.py", "test_sweeps.py")
SLOW = (*LONG,)
SHOWN = 10  # files in the list of the slowest


def pytest_addoption(parser):
    words = "compute every recorded run and sweep again, not the sample of this commit"
    parser.addoption("--all-records", action="store_true", help=words)


def pytest_configure(config):
    config.addinivalue_line("markers", "quick: in a file that takes seconds (set in conftest.py)")
    config.addinivalue_line("markers", "records(by_name): the test's `record` is one of this commit's sample")
    config.option.nbval_sanitize_with = str(ROOT / "tests" / "nbval.cfg")  # from wherever pytest is started


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
    items[:] = chain.from_iterable(map(with_answers, items))
    items.sort(key=lambda item: LONG.index(item.path.name) if item.path.name in LONG else len(LONG))
    for item in items:
        if item.path.suffix == ".py" and item.path.name not in SLOW:
            item.add_marker("quick")


def with_answers(item: pytest.Item) -> Iterator[pytest.Item]:
    """The test itself; after a notebook's cell those that answer its exercise, but in a copy without solutions."""
    yield item
    if isinstance(item, IPyNbCell) and (ROOT / "trm_minimal/classroom/solutions").exists():
        from tests import answered  # here: it imports torch

        sources = [cell.source for cell in item.parent.nb.cells if cell.cell_type == "code"]
        if source := answered.cells_between(sources).get(item.cell_num):
            fields = {"cell_num": item.cell_num, "cell": v4.new_code_cell(source)}
            name = f"{item.name} answered"
            yield IPyNbCell.from_parent(item.parent, name=name, options=Counter(), **fields)


def pytest_terminal_summary(terminalreporter):
    reports = [
        report
        for report in chain.from_iterable(terminalreporter.stats.values())
        if isinstance(report, pytest.TestReport)
    ]
    seconds, records, totals = Counter(), Counter(), {}
    for report in reports:
        seconds[report.nodeid.partition("::")[0]] += report.duration
        for _, total in report.user_properties if report.when == "call" else ():
            test = report.nodeid.partition("[")[0]
            records[test] += 1
            totals[test] = total
    terminalreporter.section("slowest files")
    for file, duration in seconds.most_common(SHOWN):
        terminalreporter.line(f"{duration:6.0f} s  {file}")
    for test, count in records.items():
        every = "all" if count == totals[test] else f"every {PERIOD}th by the commit, all with --all-records"
        terminalreporter.line(f"computed again: {count} of {totals[test]} records ({every}): {test}")
