"""Hygiene of the stored notebooks, without a kernel (nbval runs them).

A rule takes a notebook and returns its complaints. Each rule is also shown a notebook with one
violation planted in it, and exactly that rule must complain.
"""

import base64
import importlib.util
import re
from collections.abc import Callable, Iterator
from copy import deepcopy
from functools import cache
from itertools import pairwise
from pathlib import Path
from threading import Barrier
from urllib.parse import unquote

import nbformat
import pytest
from nbformat import NotebookNode, v4

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = ROOT / "notebooks"
STORED = sorted(NOTEBOOKS.glob("*.ipynb"))
SPEC = importlib.util.spec_from_file_location("notebook_build", NOTEBOOKS / "build.py")
build = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(build)

TITLE_FIELDS = ("You will be able to", "You need", "Time", "Hardware", "What varies")
IGNORED = {kind for kind, tags in build.KINDS.items() if "nbval-ignore-output" in tags}
MIMES = {"text/plain", "text/html", "text/markdown", "text/latex", "image/png"}
MACHINE = re.compile(
    # folders of one machine
    r"(?<![\w.~])(/(home|Users|root|tmp|private|var|opt|mnt|work|content)\b|~/\w)"
    r"|(site|dist)-packages|[A-Z]:\\Users|ipykernel_\d"
    r"|\b\w+@[\w.-]+:[~/]|\b(ghp|gho|hf|sk)_\w{16}"  # a shell prompt, a token
    r"|\b(getuser|gethostname|platform\.node|expanduser|Path\.home|getcwd|Path\.cwd|sys\.executable|__file__)\b"
)
Rule = Callable[[NotebookNode], list[str]]
RULES: dict[str, Rule] = {}


def rule(function: Rule) -> Rule:
    RULES[function.__name__] = function
    return function


def code_cells(nb: NotebookNode) -> list[tuple[int, NotebookNode]]:
    return [(number, cell) for number, cell in enumerate(nb.cells, 1) if cell.cell_type == "code"]


def kind(cell: NotebookNode) -> str:
    return (cell.metadata.get("tags") or [""])[0]


def prose(nb: NotebookNode) -> Iterator[tuple[int, str]]:
    """(cell number, Markdown without code blocks and formulas)."""
    for number, cell in enumerate(nb.cells, 1):
        if cell.cell_type == "markdown":
            text = re.sub(r"^(```|~~~).*?^\1", "", cell.source, flags=re.M | re.S)
            yield number, re.sub(r"\$\$.*?\$\$|\$[^$\n]+\$", "", text, flags=re.S)


def texts(cell: NotebookNode) -> Iterator[str]:
    """Everything a cell says: its source and all text of its outputs."""
    yield cell.source
    for out in cell.get("outputs", []):
        yield from (out.get("text", ""), out.get("evalue", ""), *out.get("traceback", []))
        yield from (
            str(value) for mime, value in out.get("data", {}).items() if mime != "image/png"
        )


def images(cell: NotebookNode) -> list[bytes]:
    return [
        base64.b64decode(out.data["image/png"])
        for out in cell.outputs
        if "image/png" in out.get("data", {})
    ]


@rule
def executed_in_order(nb):
    counts = [cell.execution_count for _, cell in code_cells(nb)]
    return [f"execution counts are {counts}"] if counts != list(range(1, len(counts) + 1)) else []


@rule
def errors_only_where_wanted(nb):
    failed = {
        number: any(out.output_type == "error" for out in cell.outputs)
        for number, cell in code_cells(nb)
    }
    return [
        f"cell {number}: {'an error' if failed[number] else 'no error'} in a cell of kind"
        f" {kind(cell)}"
        for number, cell in code_cells(nb)
        if failed[number] != (kind(cell) == "demo-error")
    ]


@rule
def nothing_on_stderr(nb):
    return [
        f"cell {i}: {out.text!r}"
        for i, cell in code_cells(nb)
        for out in cell.outputs
        if out.get("name") == "stderr"
    ]


@rule
def nothing_of_this_machine(nb):
    found = [
        (number, MACHINE.search(text))
        for number, cell in enumerate(nb.cells, 1)
        for text in texts(cell)
    ]
    return [
        f"cell {number}: {match[0]!r} is of one machine or person"
        for number, match in found
        if match
    ]


@rule
def light_pictures(nb):
    size = sum(len(image) for _, cell in code_cells(nb) for image in images(cell))
    return [f"pictures of {size / 1e6:.1f} MB, more than 2"] if size > 2_000_000 else []


@rule
def pictures_are_png(nb):
    """But for a player, which stands in a widget cell, behind a picture of the same run."""
    outputs = [
        (number, kind(cell), out.get("data", {}))
        for number, cell in code_cells(nb)
        for out in cell.outputs
    ]
    bad = [(number, mime) for number, _, data in outputs for mime in data if mime not in MIMES]
    bad += [
        (number, "drawing inside HTML")
        for number, of, data in outputs
        if of != "widget" and re.search("<svg|data:image/(?!png)", data.get("text/html", ""))
    ]
    bad += [
        (number, "embedded picture")
        for number, text in prose(nb)
        if "data:image" in text or "](attachment:" in text
    ]
    return [
        f"cell {number}: {what}; pictures are PNG outputs or files in figures/"
        for number, what in bad
    ]


@rule
def headings_in_order(nb):
    levels = [
        len(marks) for _, text in prose(nb) for marks in re.findall(r"^(#{1,6}) ", text, re.M)
    ]
    complaints = (
        [f"{levels.count(1)} headings of level 1"] if levels.count(1) != 1 or levels[0] != 1 else []
    )
    return complaints + [f"level {b} follows level {a}" for a, b in pairwise(levels) if b > a + 1]


@rule
def images_have_alt(nb):
    complaints = []
    for number, text in prose(nb):
        for alt, target in re.findall(r"!\[([^\]]*)\]\(([^)\s]*)", text):
            if not alt.strip() or alt.strip() == Path(target).name:
                complaints.append(f"cell {number}: {target} has no description")
        for tag in re.findall(r"<img\b[^>]*>", text):
            if not re.search(r"""\balt=["'][^"']""", tag):
                complaints.append(f"cell {number}: {tag} has no description")
    return complaints


@rule
def links_lead_somewhere(nb):
    complaints = []
    for number, text in prose(nb):
        for words, target in re.findall(r"\[([^\]]*)\]\(([^)\s]+)", text):
            file = (NOTEBOOKS / unquote(target.partition("#")[0])).resolve()
            inside = re.match(r"[a-z]+:|#|attachment:", target) is None
            if inside and not (file.exists() and file.is_relative_to(ROOT)):
                complaints.append(f"cell {number}: {target} is no file of this repository")
            if words.strip().lower() in ("here", "link", "this", "click here"):
                complaints.append(
                    f"cell {number}: the link text {words!r} does not say where it leads"
                )
    return complaints


@rule
def known_kinds(nb):
    wanted = {name: [name, *tags] for name, tags in build.KINDS.items()}
    wrong = [(number, cell.metadata.get("tags")) for number, cell in code_cells(nb)]
    return [
        f"cell {number}: {tags} is no kind of cell"
        for number, tags in wrong
        if tags not in wanted.values()
    ]


@rule
def setup_comes_first(nb):
    first = code_cells(nb)[0][1]
    good = kind(first) == "det" and re.search(r"^(import|from) ", first.source, re.M)
    return [] if good else ["the first code cell is not the set-up (a det cell with the imports)"]


@rule
def gate_after_train(nb):
    cells = [*code_cells(nb), (0, v4.new_code_cell())]
    return [
        f"cell {i}: trains, but the next code cell is no gate"
        for (i, a), (_, b) in pairwise(cells)
        if kind(a) == "train" and kind(b) != "gate"
    ]


@rule
def strip_before_widget(nb):
    cells = [(0, v4.new_code_cell()), *code_cells(nb)]
    return [
        f"cell {i}: no figure of the same states stands before it"
        for (_, a), (i, b) in pairwise(cells)
        if kind(b) == "widget" and kind(a) != "figure"
    ]


@rule
def pictures_are_described(nb):
    complaints = []
    for number, cell in code_cells(nb):
        printed = "".join(out.text for out in cell.outputs if out.get("name") == "stdout")
        described = re.search(r"^Figure: (\S+\s+){4}", printed, re.M)
        if images(cell) and not described:
            complaints.append(
                f'cell {number}: a picture without a printed "Figure: ..." of five words or more'
            )
        if kind(cell) == "figure" and not images(cell):
            complaints.append(f"cell {number}: a figure cell without a PNG")
    return complaints


@rule
def figures_are_discussed(nb):
    after = {
        number: nb.cells[number].cell_type for number, _ in code_cells(nb) if number < len(nb.cells)
    }
    figures = [number for number, cell in code_cells(nb) if kind(cell) == "figure"]
    return [
        f"cell {number}: no Markdown follows the figure"
        for number in figures
        if after.get(number) != "markdown"
    ]


@rule
def mostly_compared(nb):
    cells = code_cells(nb)
    ignored = sum(kind(cell) in IGNORED for _, cell in cells)
    return (
        [f"nbval ignores {ignored} of {len(cells)} code cells, more than 20 %"]
        if ignored > 0.2 * len(cells)
        else []
    )


@rule
def narrow_code(nb):
    lines = [(i, len(line)) for i, cell in code_cells(nb) for line in cell.source.splitlines()]
    wide = [(i, width) for i, width in lines if width > 100]
    return [f"cell {i}: a line of {width} characters, more than 100" for i, width in wide]


@rule
def title_cell(nb):
    first = nb.cells[0].source if nb.cells[0].cell_type == "markdown" else ""
    complaints = [] if first.startswith("# ") else ["the first cell does not begin with the title"]
    return complaints + [
        f"the title cell does not say {field!r}" for field in TITLE_FIELDS if field not in first
    ]


@rule
def plain_metadata(nb):
    complaints = (
        []
        if nb.metadata.get("kernelspec", {}).get("name") == "python3"
        else ["the kernel is not python3"]
    )
    complaints += ["the notebook stores widget states"] if "widgets" in nb.metadata else []
    extra = [(number, set(cell.metadata) - {"tags"}) for number, cell in enumerate(nb.cells, 1)]
    return complaints + [
        f"cell {number}: metadata {sorted(keys)}" for number, keys in extra if keys
    ]


@rule
def unique_ids(nb):
    ids = [cell.get("id") for cell in nb.cells]
    return (
        [f"{len(ids)} cells share {len(set(ids))} ids"]
        if len(set(ids)) < len(ids) or None in ids
        else []
    )


@rule
def no_shell(nb):
    shell = re.compile(r"^\s*(!|%pip|%conda|%%(bash|sh|script)\b|%%!)", re.M)
    return [
        f"cell {number}: runs a shell command"
        for number, cell in code_cells(nb)
        if shell.search(cell.source)
    ]


@rule
def same_under_nbval(nb):
    """nbval keeps no history and shows a value in spite of a semicolon; both work here and fail
    there.
    """
    trap = re.compile(r";\s*\Z|\b(In|Out)\[|(?<!\w)_(\d+\b|[.\[])")
    return [
        f"cell {number}: uses a trailing semicolon or the history"
        for number, cell in code_cells(nb)
        if trap.search(cell.source)
    ]


@cache
def stored(path: Path) -> NotebookNode:
    return v4.reads(path.read_text("utf-8"))  # nbformat.read would repair double ids


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("path", STORED, ids=lambda path: path.stem)
def test_notebook_obeys(path, name):
    assert not RULES[name](stored(path))


def test_every_source_has_its_notebook_and_every_notebook_its_source():
    assert [path.stem for path in STORED] == sorted(
        path.stem for path in NOTEBOOKS.glob("src/*.py")
    )


def test_notebooks_agree_with_sources_stamps_and_package():
    assert not [sentence for name in build.names() for sentence in build.disagreements(name)]


# A notebook that obeys every rule, and what each rule must see.

TITLE = """# 3 · A title

**You will be able to** test. **You need** nothing. **Time**: 1 minute. **Hardware**: any.
**What varies**: nothing.
"""
SOURCES = {  # position -> kind and source of a code cell; all other cells are Markdown
    1: ("det", "import torch"),
    2: ("env", "print(torch.__version__)"),
    4: ("train", "loss = train()"),
    5: ("gate", "assert loss < 1"),
    7: ("figure", "plt.show()"),
    9: ("widget", "stepper"),
    11: ("demo-error", "solve(board)"),
    13: ("exercise", "def f(x): ..."),
    14: ("check", "f = check(f)"),
    **{number: ("det", f"_ = 10_000 + {number}") for number in (16, 17, 18, 20, 21, 22)},
}
PIXEL = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(60)).decode()


def png(size: int = 0) -> NotebookNode:
    data = base64.b64encode(bytes(size)).decode() if size else PIXEL
    return v4.new_output("display_data", {"image/png": data})


def printed(text: str, name: str = "stdout") -> NotebookNode:
    return v4.new_output("stream", name=name, text=text)


def good() -> NotebookNode:
    cells = [
        v4.new_markdown_cell("A sentence of exactly eight words, all plain. " * 40)
        for _ in range(23)
    ]
    cells += [v4.new_markdown_cell("See [the builder](build.py) for $x[i](y)$.") for _ in range(3)]
    cells[0] = v4.new_markdown_cell(TITLE)
    cells[3] = v4.new_markdown_cell(
        "## Part\n\n![a grid of four cells](build.py)\n\n```\n# no heading\n```"
    )
    for count, (number, (name, source)) in enumerate(SOURCES.items(), 1):
        cells[number] = v4.new_code_cell(
            source, execution_count=count, metadata={"tags": [name, *build.KINDS[name]]}
        )
    cells[7].outputs = [png(), printed("Figure: one black pixel, seen from above.\n")]
    cells[11].outputs = [
        v4.new_output("error", ename="ValueError", evalue="no", traceback=["ValueError: no"])
    ]
    return v4.new_notebook(cells=cells, metadata=deepcopy(build.METADATA))


def says(number: int, text: str) -> Callable[[NotebookNode], None]:
    def plant(nb):
        nb.cells[number].source += f"\n{text}"

    return plant


def shows(number: int, *outputs: NotebookNode) -> Callable[[NotebookNode], None]:
    def plant(nb):
        nb.cells[number].outputs = deepcopy(list(outputs))

    return plant


def becomes(number: int, name: str) -> Callable[[NotebookNode], None]:
    def plant(nb):
        nb.cells[number].metadata.tags = [name, *build.KINDS.get(name, ())]

    return plant


DESCRIPTION = printed("Figure: one black pixel, seen from above.\n")
PLANTS = [
    ("executed_in_order", lambda nb: nb.cells[16].update(execution_count=None)),
    ("executed_in_order", lambda nb: nb.cells[16].update(execution_count=99)),
    ("errors_only_where_wanted", shows(11)),
    (
        "errors_only_where_wanted",
        shows(16, v4.new_output("error", ename="E", evalue="", traceback=[])),
    ),
    ("nothing_on_stderr", shows(16, printed("careful", "stderr"))),
    *(
        ("nothing_of_this_machine", says(16, f"read('{path}')"))
        for path in ("/home/ada/x", "/tmp/x", "C:\\Users\\ada")
    ),
    ("nothing_of_this_machine", says(6, "Look into /Users/ada/course.")),
    ("nothing_of_this_machine", says(16, "print(platform.node())")),
    ("nothing_of_this_machine", shows(16, printed("lib/python3.11/site-packages/torch"))),
    ("nothing_of_this_machine", shows(16, printed("ada@laptop:~/course$ ls"))),
    (
        "nothing_of_this_machine",
        shows(16, v4.new_output("display_data", {"text/html": "<b>/root/x</b>"})),
    ),
    ("light_pictures", shows(7, png(1_000_000), png(1_000_001), DESCRIPTION)),
    ("pictures_are_png", shows(16, v4.new_output("display_data", {"image/svg+xml": "<svg/>"}))),
    ("pictures_are_png", shows(16, v4.new_output("display_data", {"text/html": "<svg></svg>"}))),
    (
        "pictures_are_png",
        shows(9, v4.new_output("display_data", {build.WIDGET_VIEW: {"model_id": "1"}})),
    ),
    ("pictures_are_png", says(6, "![a black pixel](data:image/png;base64,AAAA)")),
    ("headings_in_order", says(6, "# Another title")),
    ("headings_in_order", says(6, "#### Too deep")),
    ("images_have_alt", says(6, "![](build.py)")),
    ("images_have_alt", says(6, "![build.py](build.py)")),
    ("images_have_alt", says(6, '<img src="build.py" alt="">')),
    ("links_lead_somewhere", says(6, "[the missing page](src/no_such_file.py)")),
    ("links_lead_somewhere", says(6, "[outside](../../)")),
    ("links_lead_somewhere", says(6, "[here](build.py)")),
    ("known_kinds", lambda nb: nb.cells[16].metadata.update(tags=["fun"])),
    ("known_kinds", lambda nb: nb.cells[16].metadata.pop("tags")),
    ("known_kinds", lambda nb: nb.cells[16].metadata.update(tags=["det", "nbval-skip"])),
    ("setup_comes_first", lambda nb: nb.cells[1].update(source="x = 1")),
    ("gate_after_train", becomes(5, "det")),
    ("strip_before_widget", becomes(7, "det")),
    ("pictures_are_described", shows(7, png(), printed("Figure: pixel\n"))),
    ("pictures_are_described", shows(7, DESCRIPTION)),
    ("pictures_are_described", shows(16, png())),
    ("figures_are_discussed", lambda nb: nb.cells.pop(8)),
    ("mostly_compared", becomes(22, "timing")),
    ("narrow_code", says(16, f"x = '{'y' * 100}'")),
    ("title_cell", lambda nb: nb.cells[0].update(source=TITLE.replace("Hardware", "Machine"))),
    ("title_cell", lambda nb: nb.cells[0].update(source=f"Hello.\n\n{TITLE}")),
    ("plain_metadata", lambda nb: nb.metadata.kernelspec.update(name="venv")),
    ("plain_metadata", lambda nb: nb.metadata.update(widgets={})),
    ("plain_metadata", lambda nb: nb.cells[16].metadata.update(execution={})),
    ("unique_ids", lambda nb: nb.cells[16].update(id=nb.cells[17].id)),
    ("no_shell", says(16, "!ls")),
    ("no_shell", says(16, "%pip install x")),
    ("same_under_nbval", says(16, "plot(x);")),
    ("same_under_nbval", says(16, "print(Out[3], _3)")),
]


def complaints_about(nb: NotebookNode) -> dict[str, list[str]]:
    return {name: found for name, obey in RULES.items() if (found := obey(nb))}


def test_the_good_notebook_obeys_every_rule():
    assert complaints_about(good()) == {}


def test_every_rule_is_shown_a_violation():
    assert {name for name, _ in PLANTS} == set(RULES)


@pytest.mark.parametrize(
    ("name", "plant"), PLANTS, ids=[f"{i}-{name}" for i, (name, _) in enumerate(PLANTS)]
)
def test_exactly_the_broken_rule_complains(name, plant):
    nb = good()
    plant(nb)
    assert set(complaints_about(nb)) == {name}


# The builder and its check, on a house of one notebook; the kernel is played by a function.


def play_kernel(nb, folder, name):
    for count, (_, cell) in enumerate(code_cells(nb), 1):
        cell.execution_count, cell.outputs = count, [printed(f"result {count}\n")]


MODULES = {
    "__init__.py": "",
    "tasks/__init__.py": "",
    "tasks/maze.py": '"""Mazes."""\n\nsize = 9  # cells\n',
    "tasks/toys.py": "def f():\n    import trm_minimal.errors\n",  # which waits for a call
    "errors.py": "",
    "ema.py": "decay = 0.9\n",
}
SOURCE = """# %% [markdown]
# # A

# %%
from trm_minimal.tasks import maze, toys

# %%
x = 1

# %% tags=["env"]
x
"""


@pytest.fixture
def house(tmp_path):
    (tmp_path / "notebooks/src").mkdir(parents=True)
    (tmp_path / "trm_minimal/tasks").mkdir(parents=True)
    for path, text in MODULES.items():
        (tmp_path / "trm_minimal" / path).write_text(text)
    (tmp_path / "notebooks/src/00_a.py").write_text(SOURCE)
    build.build("00_a", tmp_path, play_kernel)
    return tmp_path


def edit(path: str, old: str, new: str) -> Callable[[Path], None]:
    def act(house):
        text = (house / path).read_text()
        assert old in text
        (house / path).write_text(text.replace(old, new))

    return act


def swap_cells(house):
    path = house / "notebooks/00_a.ipynb"
    nb = nbformat.read(path, as_version=4)
    nb.cells[1], nb.cells[3] = nb.cells[3], nb.cells[1]
    nbformat.write(nb, path)


def edit_source_and_cell_alike(house):
    edit("notebooks/src/00_a.py", "x = 1", "x = 2")(house)
    path = house / "notebooks/00_a.ipynb"
    nb, new = nbformat.read(path, as_version=4), build.read_source(house / "notebooks/src/00_a.py")
    for cell, other in zip(nb.cells, new.cells, strict=True):
        cell.update(id=other.id, source=other.source)
    nbformat.write(nb, path)


SOURCE_OF_A = "notebooks/src/00_a.py"
IMPORTS = ["what it imports of trm_minimal/ has changed"]
WRONG = {
    "number": (edit("notebooks/00_a.ipynb", "result 1", "result 7"), ["outputs are not those"]),
    "swap": (swap_cells, ["not equal to its source in cell 2, 4", "outputs are not those"]),
    "source": (edit(SOURCE_OF_A, "x = 1", "x = 2"), ["not equal to its source in cell 3;"]),
    "kind": (edit(SOURCE_OF_A, "env", "timing"), ["not equal to its source in cell 4;"]),
    "both": (edit_source_and_cell_alike, ["cells were edited after they were executed"]),
    "module": (edit("trm_minimal/tasks/maze.py", "9", "8"), IMPORTS),
    "package": (edit("trm_minimal/__init__.py", "", "x = 1\n"), IMPORTS),
    "late import": (edit("trm_minimal/errors.py", "", "x = 1\n"), IMPORTS),
    "no module": (lambda house: (house / "trm_minimal/tasks/toys.py").unlink(), IMPORTS),
    "metadata": (edit("notebooks/00_a.ipynb", '"python3"', '"venv"'), ["metadata is not just"]),
    "no notebook": (
        lambda house: (house / "notebooks/00_a.ipynb").unlink(),
        ["00_a.ipynb is missing"],
    ),
    "no source": (
        lambda house: (house / "notebooks/src/00_a.py").unlink(),
        ["src/00_a.py is missing"],
    ),
    "broken file": (
        lambda house: (house / "notebooks/00_a.ipynb").write_text("{"),
        ["not a notebook"],
    ),
}


INNOCENT = {
    "nothing": lambda house: None,
    "another module": edit("trm_minimal/ema.py", "0.9", "0.99"),
    "a new module": lambda house: (house / "trm_minimal/tasks/new.py").touch(),
    "a docstring": edit("trm_minimal/tasks/maze.py", "Mazes.", "Mazes,\nsmall."),
    "a comment": edit("trm_minimal/tasks/maze.py", "# cells", "# cells a side"),
}


@pytest.mark.parametrize("case", INNOCENT)
def test_check_accepts_what_was_built_and_what_cannot_change_it(house, capsys, case):
    INNOCENT[case](house)
    assert build.main(["--check"], house) == 0
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("case", ["a docstring", "a comment"])
def test_where_source_is_printed_every_word_counts(house, capsys, case):
    edit("notebooks/src/00_a.py", "x = 1", "x = inspect.getsource(maze)")(house)
    build.build("00_a", house, play_kernel)
    assert build.main(["--check"], house) == 0
    INNOCENT[case](house)
    assert build.main(["--check"], house) == 1 and IMPORTS[0] in capsys.readouterr().out


def test_what_remains_of_a_source_without_its_words():
    source = '"""A\n\nb."""\n\nx = "#1"  # why\ndef f():\n    """C."""\n    return 1\n'
    source += 'class A: "D"\n'
    assert build.without_words(source) == 'x = "#1"\ndef f():\n    return 1\nclass A: "D"'


def test_modules_are_found_through_magics_mistakes_and_the_numbers_of_exercises():
    drawing = "%matplotlib inline\nimport trm_minimal.show.svg as s"
    cells = [v4.new_code_cell(source) for source in (drawing, "if :", 'check("3.1", f)')]
    found = build.modules_of(v4.new_notebook(cells=cells))
    above = {"trm_minimal", "trm_minimal.model", "trm_minimal.show"}
    assert above | {"trm_minimal.show.svg"} <= found.keys()
    assert "trm_minimal.classroom.exercises.e3_1" in found
    assert not any(name.endswith((".e3_2", ".steppers")) for name in found)


@pytest.mark.parametrize("case", WRONG)
def test_check_says_what_disagrees(house, capsys, case):
    act, expected = WRONG[case]
    act(house)
    assert build.main(["--check"], house) == 1
    sentences = capsys.readouterr().out.splitlines()
    assert len(sentences) == len(expected)
    assert all(part in sentence for part, sentence in zip(expected, sentences, strict=True))


def test_only_what_disagrees_is_built(house, monkeypatch):
    (house / "notebooks/src/01_b.py").write_text("# %%\n1\n")
    build.build("01_b", house, play_kernel)
    built = []
    monkeypatch.setattr(build, "build", lambda name, root: built.append(name))
    for arguments, expected in ([], []), (["--all"], ["00_a", "01_b"]), (["01"], ["01_b"]):
        built.clear()
        assert build.main(arguments, house) == 0
        assert built == expected
    edit("notebooks/src/00_a.py", "x = 1", "x = 2")(house)
    built.clear()
    build.main([], house)
    assert built == ["00_a"]


def test_two_jobs_are_done_at_once(house, monkeypatch):
    (house / "notebooks/src/01_b.py").write_text("# %%\n1\n")
    meet = Barrier(2)
    monkeypatch.setattr(build, "build", lambda name, root: meet.wait(timeout=20))
    assert build.main(["--all", "--jobs", "2"], house) == 0


def test_failed_execution_leaves_the_stored_notebook_alone(house, monkeypatch, capsys):
    def fail(nb, folder, name):
        play_kernel(nb, folder, name)
        raise build.NotBuilt(f"src/{name}.py, cell 4 failed: ValueError: no.")

    before = (house / "notebooks/00_a.ipynb").read_bytes()
    original = build.build
    monkeypatch.setattr(build, "build", lambda name, root: original(name, root, fail))
    assert build.main(["00"], house) == 2
    assert capsys.readouterr().err == "src/00_a.py, cell 4 failed: ValueError: no.\n"
    assert (house / "notebooks/00_a.ipynb").read_bytes() == before
    assert {path.name for path in (house / "notebooks").iterdir()} == {"src", "00_a.ipynb"}


@pytest.mark.parametrize(
    "option", ['tags=["fun"]', 'tags=["det", "gate"]', "figure", '[markdown] tags=["det"]', "[raw]"]
)
def test_unknown_cell_is_refused_by_name(house, option):
    (house / "notebooks/src/00_a.py").write_text(f"# %%\nx = 1\n\n# %% {option}\n# y\n")
    with pytest.raises(build.NotBuilt, match=r"src/00_a\.py, cell 2 \('.*y'\): "):
        build.build("00_a", house, play_kernel)


def test_ids_are_unique_and_depend_on_the_cell_alone(tmp_path):
    def ids(*cells: str) -> list[str]:
        (tmp_path / "00_a.py").write_text("".join(f"# %%\n{cell}\n\n" for cell in cells))
        return [cell.id for cell in build.read_source(tmp_path / "00_a.py").cells]

    first = ids("x = 1", "f(x)", "f(x)")
    assert len(set(first)) == 3
    assert ids("x = 1", "y = 2", "f(x)", "f(x)")[2:] == first[1:]
    assert ids("x = 2", "f(x)", "f(x)")[0] != first[0]


def test_tidy_keeps_no_path_no_progress_bar_and_no_widget_state():
    view = v4.new_output(
        "display_data", {build.WIDGET_VIEW: {"model_id": "1"}, "text/plain": "VBox()"}
    )
    frames = v4.new_output(
        "error", ename="ValueError", evalue="no", traceback=["File /home/ada/x.py", "no"]
    )
    bar = printed(" 50%|#####     | 5/10 [00:01<00:01,  4.9it/s]\n", "stderr")
    cases = {
        "train": ([bar, deepcopy(view), printed("done")], [printed("done")]),
        "widget": ([view], [v4.new_output("display_data", {"text/plain": build.WIDGET_TEXT})]),
        "det": ([deepcopy(bar)], [deepcopy(bar)]),
        "demo-error": (
            [frames],
            [v4.new_output("error", ename="ValueError", evalue="no", traceback=["ValueError: no"])],
        ),
    }
    for name, (before, after) in cases.items():
        cell = v4.new_code_cell(outputs=before, metadata={"tags": [name]})
        build.tidy(cell)
        assert cell.outputs == after, name


# Exercises in a source, and the solved notebooks for teachers.

MARK = "# %% [markdown]\n# # A\n\n# %% [markdown]\n# <!-- exercise 3.1 -->\n\n# %%\nx = 1\n"


@pytest.fixture
def school(house, monkeypatch):
    if not (ROOT / "trm_minimal/classroom/solutions").exists():
        pytest.skip("the solutions have been taken out of this copy")
    (house / "notebooks/src/00_a.py").write_text(MARK)
    monkeypatch.setattr(
        build, "execute", lambda nb, folder, name, answers=None: play_kernel(nb, folder, name)
    )
    return house


def test_a_mark_becomes_the_cells_of_its_exercise(school):
    path = school / "notebooks/src/00_a.py"
    unsolved, solved = (
        build.read_source(path, solved=answered).cells for answered in (False, True)
    )
    assert (
        [kind(cell) for cell in unsolved]
        == [kind(cell) for cell in solved]
        == ["", "", "exercise", "check", "det"]
    )
    assert (
        "your code" in unsolved[2].source
        and "return" in solved[2].source
        and "your code" not in solved[2].source
    )
    assert [a.source == b.source for a, b in zip(unsolved, solved, strict=True)] == [
        True,
        True,
        False,
        True,
        True,
    ]


def test_a_mark_of_no_exercise_is_refused_by_name(school):
    (school / "notebooks/src/00_a.py").write_text(MARK.replace("3.1", "3.99"))
    with pytest.raises(
        build.NotBuilt, match=r"exercise 3\.99 .*there is no exercise '3\.99'; there are"
    ):
        build.read_source(school / "notebooks/src/00_a.py")


def test_a_teacher_gets_solved_notebooks_and_a_page_and_nothing_is_overwritten(
    school, tmp_path, capsys
):
    target, before = tmp_path / "teacher", (school / "notebooks/00_a.ipynb").read_bytes()
    assert build.main(["--teacher", str(target)], school) == 0
    assert sorted(path.name for path in target.iterdir()) == ["00_a.ipynb", "instructors.md"]
    assert "return net(y, z), z" in (target / "00_a.ipynb").read_text()
    assert "Exercise 3.1" in (target / "instructors.md").read_text()
    assert (school / "notebooks/00_a.ipynb").read_bytes() == before
    (target / "instructors.md").write_text("my notes")
    assert build.main(["--teacher", str(target)], school) == 2
    assert "is there already; name a new folder" in capsys.readouterr().err
    assert (target / "instructors.md").read_text() == "my notes"
