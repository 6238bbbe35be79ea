"""Make the notebooks that people read from the sources that people edit.

    python notebooks/build.py           execute every notebook that disagrees with its source, its
                                        stamp or the modules of trm_minimal that it imports
    python notebooks/build.py 03 07     execute these, changed or not (after new data, say)
    python notebooks/build.py --all     execute all
    python notebooks/build.py --jobs 2  two at once: quicker, but cells that measure time are slower
    python notebooks/build.py --check   execute nothing; one sentence per disagreement,
                                        exit code 1 if there is any
    python notebooks/build.py --teacher FOLDER   execute the solved notebooks into a folder,
                                                 with a page for instructors

A source, src/NN_name.py, is in jupytext's percent format. A code cell carries at most one tag, its
kind, as in `# %% tags=["figure"]`; without one it is `det`. A Markdown cell `<!-- exercise 3.1 -->`
becomes the statement, the stub and the check of that exercise. The stamp in a notebook's metadata
holds digests of its cells, of its outputs and of what it imports, so edits by hand and results of
older code both show. Comments and docstrings are stamped only where a notebook prints source. Data
files are not: one more recorded run would make every notebook stale, and nbval re-runs the cells
that read them anyway.
"""

import argparse
import ast
import hashlib
import io
import json
import os
import re
import sys
import tokenize
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import accumulate, chain, zip_longest
from pathlib import Path

import jupytext
import nbformat
from nbformat import NotebookNode, v4
from tqdm import tqdm

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # the exercises of this checkout, installed or not

# kind of code cell -> the tags that tell nbval how to test it; with none, the outputs must be equal
KINDS = {
    **dict.fromkeys(("det", "gate", "recorded", "figure", "exercise", "check", "predict"), ()),
    **dict.fromkeys(("train", "widget", "env", "timing"), ("nbval-ignore-output",)),
    "demo-error": ("raises-exception",),
}
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
WIDGET_TEXT = "Interactive: run this notebook to use it. The picture above shows the same states."
EXERCISE = re.compile(r"<!-- exercise (\d+\.\d+) -->")
PROGRESS = re.compile(r"^.*\d+(/\d+|it) \[\d.*\][ \t]*\n?", re.M)  # a tqdm bar as text


class NotBuilt(Exception):
    """One sentence: which notebook, which cell, what is wrong.

    (BadInput would cost the check an import of torch.)
    """


def digest(value: object) -> str:
    return hashlib.sha256(
        json.dumps(value, sort_keys=True, ensure_ascii=False).encode()
    ).hexdigest()


@cache
def without_words(source: str) -> str:
    """The source without its comments, docstrings and blank lines."""
    lines = source.splitlines()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            row, column = token.start
            lines[row - 1] = lines[row - 1][:column].rstrip()
    for node in ast.walk(ast.parse(source)):
        kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
        if isinstance(node, kinds) and ast.get_docstring(node) is not None:
            text = node.body[0]
            first, last = text.lineno - 1, text.end_lineno
            if not lines[first][: text.col_offset].strip():  # not `class A: "words"`
                lines[first:last] = [""] * (last - first)
    return "\n".join(filter(str.strip, lines))


@cache
def imported(source: str) -> set[str]:
    """Dotted names of all that a source imports, wherever in it, and of the packages around it."""
    names = set()
    try:
        tree = ast.parse(re.sub(r"^\s*[%!].*", "", source, flags=re.M))  # without magics
    except SyntaxError:  # a cell that shows a mistake
        return names
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return {part for name in names for part in accumulate(name.split("."), lambda a, b: f"{a}.{b}")}


def modules_of(nb: NotebookNode, root: Path = ROOT) -> dict[str, str]:
    """Name and source of each module of trm_minimal that the notebook's code needs.

    Found from the import lines alone, from module to module; an exercise, which nobody imports by
    name, from its number.
    """
    files = {
        ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__"): path
        for path in root.glob("trm_minimal/**/*.py")
    }
    code = [cell.source for cell in nb.cells if cell.cell_type == "code"]
    numbers = re.findall(r"[\"'](\d+)\.(\d+)[\"']", "\n".join(code))
    rooms = [f"trm_minimal.classroom.{room}" for room in ("exercises", "solutions")]
    wanted = {f"{room}.e{major}_{minor}" for room in rooms for major, minor in numbers}
    wanted |= set().union(*map(imported, code))
    found = {}
    while new := wanted & files.keys() - found.keys():
        found |= {name: files[name].read_text("utf-8") for name in new}
        wanted = set().union(*(imported(found[name]) for name in new))
    return found


def imports_digest(nb: NotebookNode, root: Path) -> str:
    """Of the modules that the notebook needs; of every word in them where it prints source."""
    printed = any("getsource" in cell.source for cell in nb.cells if cell.cell_type == "code")
    keep = str if printed else without_words
    return digest({name: keep(source) for name, source in modules_of(nb, root).items()})


def stamp(nb: NotebookNode, imports: str) -> dict[str, str]:
    source = [(cell.cell_type, cell.metadata, cell.source) for cell in nb.cells]
    outputs = [
        (cell.execution_count, cell.outputs) for cell in nb.cells if cell.cell_type == "code"
    ]
    return {"source": digest(source), "outputs": digest(outputs), "imports": imports}


def place(name: str, number: int, cell: NotebookNode) -> str:
    return f"src/{name}.py, cell {number} ({cell.source.partition(chr(10))[0]!r})"


def written_out(cells: list[NotebookNode], solved: bool) -> Iterator[NotebookNode]:
    """The cells, with those of each exercise in place of its mark."""
    for cell in cells:
        mark = EXERCISE.fullmatch(cell.source) if cell.cell_type == "markdown" else None
        if not mark:
            yield cell
            continue
        # here: a notebook without exercises needs no torch
        from trm_minimal.classroom.cells import notebook_cells
        from trm_minimal.errors import BadInput

        try:
            parts = notebook_cells(mark[1], solved)
        except BadInput as error:
            raise NotBuilt(f"{cell.source!r}: {error}.") from error
        for kind, source in parts:
            is_text = kind == "markdown"
            yield (
                v4.new_markdown_cell(source)
                if is_text
                else v4.new_code_cell(source, metadata={"tags": [kind]})
            )


def read_source(path: Path, solved: bool = False) -> NotebookNode:
    """The notebook without outputs: kinds and nbval's tags in place, ids from the content and the
    rank among equals.
    """
    if not path.exists():
        raise NotBuilt(f"src/{path.name} is missing; write it or delete {path.stem}.ipynb.")
    cells, seen = [], Counter()
    for number, cell in enumerate(
        written_out(jupytext.read(path, fmt="py:percent").cells, solved), 1
    ):
        where = place(path.stem, number, cell)
        code = cell.cell_type == "code"
        # the last is jupytext's own
        if cell.cell_type == "raw" or set(cell.metadata) - {"tags", "lines_to_next_cell"}:
            raise NotBuilt(
                f'{where}: a cell is "# %%", "# %% tags=["kind"]" or "# %% [markdown]", nothing else.'
            )
        tags = cell.metadata.get("tags", ["det"] if code else [])
        if len(tags) != code or not set(tags) <= set(KINDS):  # one tag on code, none on Markdown
            raise NotBuilt(
                f"{where}: {tags} is not one kind of code cell; the kinds are {', '.join(KINDS)}."
            )
        metadata = {"tags": [*tags, *KINDS[tags[0]]]} if code else {}
        key = digest([metadata, cell.source])[:12]
        seen[key] += 1
        new_cell = v4.new_code_cell if code else v4.new_markdown_cell
        cells.append(new_cell(cell.source, id=f"{key}-{seen[key]}", metadata=metadata))
    return v4.new_notebook(cells=cells)


def execute(nb: NotebookNode, folder: Path, name: str, answers: Path | None = None) -> None:
    """Run every cell in a fresh kernel that works in `folder`, and store the outputs in nb.

    Right answers to exercises go to and come from the folder `answers`; None: nobody has answered
    anything.
    """
    from nbclient import NotebookClient  # here, so that a check does not wait for it
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

    paths = [str(folder.parent), os.environ.get("PYTHONPATH", "")]
    env = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(filter(None, paths))}
    env["TRM_ANSWERS"] = str(answers or folder / ".no-answers")
    # any value switches off the inline backend, and with it every figure
    env.pop("MPLBACKEND", None)
    with tqdm(total=len(nb.cells), desc=name, unit="cell") as bar:
        client = NotebookClient(nb, timeout=900, kernel_name="python3", coalesce_streams=True)
        client.record_timing = client.store_widget_state = False
        client.resources = {"metadata": {"path": str(folder)}}
        # a warning about TCP would tear the progress bar
        client.extra_arguments = ["--log-level=ERROR"]
        client.on_cell_start = lambda cell, cell_index: bar.update(cell_index - bar.n)
        try:
            client.execute(env=env)
            bar.update(len(nb.cells) - bar.n)
            return
        except CellExecutionError as failure:
            error = " ".join(f"{failure.ename}: {failure.evalue}".split())
        except (CellTimeoutError, DeadKernelError) as failure:
            error = str(failure).partition("\n")[0].rstrip(".")
    raise NotBuilt(
        f"{place(name, bar.n + 1, nb.cells[bar.n])} failed: {error}; the stored notebook is untouched."
    )


def tidy(cell: NotebookNode) -> None:
    """Keep of the outputs what does not name this machine and what a page without a kernel can
    show.
    """
    kind, kept = cell.metadata.tags[0], []
    # these may show progress bars, which nobody wants to read afterwards
    progress = kind in ("train", "timing")
    for out in cell.outputs:
        is_view = WIDGET_VIEW in out.get("data", {})
        if out.output_type == "error":
            out.traceback = [f"{out.ename}: {out.evalue}"]  # its frames are paths of this machine
        if out.get("name") == "stderr" and progress:
            out.text = PROGRESS.sub("", out.text)
        if is_view and kind == "widget":
            # a view without its state shows as "Loading widget..."
            out.data = {"text/plain": WIDGET_TEXT}
        if out.get("text") != "" and not (is_view and progress):
            kept.append(out)
    cell.outputs = kept


def build(
    name: str, root: Path = ROOT, run: Callable[[NotebookNode, Path, str], None] = execute
) -> None:
    """Execute src/<name>.py and store <name>.ipynb; if anything fails, the old file stays as it
    was.
    """
    folder = root / "notebooks"
    nb = read_source(folder / "src" / f"{name}.py")
    imports = imports_digest(nb, root)  # before: a module may be edited while the cells run
    run(nb, folder, name)
    for cell in nb.cells:
        if cell.cell_type == "code":
            tidy(cell)
    # drops what the kernel says about its version
    nb.metadata = METADATA | {"stamp": stamp(nb, imports)}
    temporary = folder / f".{name}.ipynb.tmp"
    temporary.write_text(nbformat.writes(nb) + "\n", encoding="utf-8", newline="\n")
    os.replace(temporary, folder / f"{name}.ipynb")


def teach(names: list[str], target: Path, root: Path = ROOT) -> None:
    """Execute the solved notebooks into `target`, a new folder, beside the page for instructors."""
    from trm_minimal.classroom.cells import instructor_page

    if target.exists():
        raise NotBuilt(f"{target} is there already; name a new folder.")
    books = {
        name: read_source(root / "notebooks" / "src" / f"{name}.py", solved=True) for name in names
    }
    target.mkdir(parents=True)
    (target / "instructors.md").write_text(instructor_page(), encoding="utf-8")
    for name, nb in books.items():
        execute(nb, root / "notebooks", name, target.absolute() / "answers")
        for cell in nb.cells:
            if cell.cell_type == "code":
                tidy(cell)
        (target / f"{name}.ipynb").write_text(nbformat.writes(nb) + "\n", encoding="utf-8")


def disagreements(name: str, root: Path = ROOT) -> list[str]:
    """One sentence for each way in which <name>.ipynb is not what building src/<name>.py today
    would store.
    """
    try:
        expected = read_source(root / "notebooks/src" / f"{name}.py")
        nb = nbformat.read(root / "notebooks" / f"{name}.ipynb", as_version=4)
    except NotBuilt as failure:
        return [str(failure)]
    except (FileNotFoundError, nbformat.reader.NotJSONError):
        return [f"{name}.ipynb is missing or not a notebook; build it."]
    parts = [
        [(c.cell_type, c.get("id"), c.metadata, c.source) for c in book.cells]
        for book in (nb, expected)
    ]
    different = [
        str(i) for i, (stored, source) in enumerate(zip_longest(*parts), 1) if stored != source
    ]
    old, now = nb.metadata.pop("stamp", {}), stamp(nb, imports_digest(expected, root))
    wrong = {
        f"not equal to its source in cell {', '.join(different)}; only the source is edited": bool(
            different
        ),
        "its cells were edited after they were executed": not different
        and old.get("source") != now["source"],
        "its outputs are not those that were executed": old.get("outputs") != now["outputs"],
        "what it imports of trm_minimal/ has changed": old.get("imports") != now["imports"],
        "its metadata is not just kernel, language and stamp": nb.metadata != METADATA,
    }
    return [f"{name}.ipynb: {sentence}; build it." for sentence, holds in wrong.items() if holds]


def names(root: Path = ROOT) -> list[str]:
    """Of every source and every notebook, so that the check misses neither half of a pair."""
    return sorted(
        {
            path.stem
            for pattern in ("src/*.py", "*.ipynb")
            for path in (root / "notebooks").glob(pattern)
        }
    )


def attempt(work: Callable[[], None]) -> int:
    """Exit code of one piece of work: 2, and a sentence on stderr, when it could not be done."""
    try:
        work()
    except NotBuilt as failure:
        print(failure, file=sys.stderr)
        return 2
    return 0


def main(arguments: list[str] | None = None, root: Path = ROOT) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("notebooks", nargs="*", metavar="NN", help="numbers or names of notebooks")
    parser.add_argument("--all", action="store_true", help="execute all, changed or not")
    words = "how many at once (default: 1)"
    parser.add_argument("--jobs", type=int, choices=range(1, 9), default=1, help=words)
    parser.add_argument(
        "--check", action="store_true", help="execute nothing, report disagreements"
    )
    parser.add_argument(
        "--teacher", metavar="FOLDER", type=Path, help="solved notebooks and a page for instructors"
    )
    args = parser.parse_args(arguments)
    for given in args.notebooks:
        if not any(name.startswith(given) for name in names(root)):
            parser.error(f"no notebook starts with {given!r}; there are {', '.join(names(root))}")
    wanted = tuple(args.notebooks) or ("",)
    chosen = [name for name in names(root) if name.startswith(wanted)]
    if args.teacher:
        return attempt(lambda: teach(chosen, args.teacher, root))
    wrong = {name: disagreements(name, root) for name in chosen}
    if args.check:
        for sentence in chain.from_iterable(wrong.values()):
            print(sentence)
        return int(any(wrong.values()))
    stale = [name for name in chosen if wrong[name] or args.all or args.notebooks]
    with ThreadPoolExecutor(args.jobs) as pool:  # of threads: the work is done in the kernels
        return max(pool.map(lambda name: attempt(lambda: build(name, root)), stale), default=0)


if __name__ == "__main__":
    sys.exit(main())
