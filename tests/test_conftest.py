"""How the tests are chosen, put in order and reported."""

from functools import partial
from itertools import product
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.sample import commit, sample

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def conftest(pytestconfig):
    """The one in the root directory; another lies beside this file."""
    return pytestconfig.pluginmanager.get_plugin(str(ROOT / "conftest.py"))


@pytest.mark.parametrize("every", [True, False])
def test_a_test_of_records_gets_the_sample_or_with_the_flag_all(conftest, every):
    by_name, given = {f"record {i}": i for i in range(20)}, []
    metafunc = SimpleNamespace(
        definition=SimpleNamespace(get_closest_marker=lambda _: SimpleNamespace(args=(by_name,))),
        config=SimpleNamespace(getoption=lambda name: {"all_records": every}[name]),
        parametrize=lambda argument, values, ids: given.extend(values),
    )
    conftest.pytest_generate_tests(metafunc)
    values = list(by_name.values())
    assert given == (values if every else sample(values, commit()))


def test_the_rules_of_comparison_are_found_from_any_folder(pytestconfig):
    """nbval opens this path as it is, and pytest may be started in notebooks/."""
    assert pytestconfig.option.nbval_sanitize_with == str(ROOT / "tests" / "nbval.cfg")


def test_long_files_come_first_then_notebooks_and_the_short_files_are_quick(conftest):
    files = ("tests/test_a.py", "tests/test_runs.py", "notebooks/00.ipynb", "tests/test_cli.py")
    marks = {}
    marking = {file: partial(marks.__setitem__, file) for file in files}
    items = [SimpleNamespace(path=Path(file), add_marker=marking[file]) for file in files]
    conftest.pytest_collection_modifyitems(items)
    assert [str(item.path) for item in items] == [files[1], files[2], files[0], files[3]]
    assert marks == {"tests/test_a.py": "quick"}


def test_the_slow_files_are_there(conftest):
    assert [name for name in conftest.SLOW if not (ROOT / "tests" / name).exists()] == []


def report(nodeid: str, when: str, duration: float, records: int = 0) -> pytest.TestReport:
    properties = [("records", records)] if records else []
    return pytest.TestReport(
        nodeid,
        (nodeid, 1, nodeid),
        {},
        "passed",
        None,
        when,
        user_properties=properties,
        duration=duration,
    )


def test_the_slowest_files_and_the_share_of_records_are_told(conftest):
    reports = [report(f"tests/test_{i}.py::test", "call", i) for i in range(20)]
    reports += [report("tests/test_3.py::test", "setup", 90.0)]
    for i, when in product(range(4), ("setup", "call")):
        reports.append(report(f"tests/test_r.py::test[{i}]", when, 0.0, 30))
    lines = []
    stats = {"": reports[:8], "passed": reports[8:]}
    writer = SimpleNamespace(stats=stats, section=lines.append, line=lines.append)
    conftest.pytest_terminal_summary(writer)
    assert lines[1].split() == ["93", "s", "tests/test_3.py"] and lines[2].split()[0] == "19"
    assert len(lines) == 1 + conftest.SHOWN + 1
    assert lines[-1].startswith("4 of 30 records") and "--all-records" in lines[-1]
