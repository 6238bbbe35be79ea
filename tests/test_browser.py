"""The course as people use it: JupyterLab on this machine, a real Chromium, a keyboard and a mouse.

Screenshots and measured times are kept in tests/screenshots. Needs Chromium on the path, or its
place in CHROMIUM.
"""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from statistics import median
from textwrap import dedent

import nbformat
import pytest
from nbconvert import HTMLExporter
from nbformat import NotebookNode, v4

ROOT = Path(__file__).parents[1]
SHOTS = ROOT / "tests" / "screenshots"
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
if not CHROMIUM:
    pytest.skip("no Chromium: install it, or set CHROMIUM to its path", allow_module_level=True)
sync_api = pytest.importorskip(
    "playwright.sync_api", reason="no playwright: pip install -r requirements.txt"
)

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
)
PATIENCE = 900_000  # milliseconds for all cells of a notebook, on a busy machine
MOVES = 96  # of a slider, 12 on and 12 back in turn
# times what it takes a bare slider to change a number, from key to picture, in the median
PAGE_LIMIT = 4
IDLE = (
    "() => window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel?.status ==="
    " 'idle'"
)
DONE = """() => {
  const cells = [...document.querySelectorAll('.jp-CodeCell .jp-InputArea-prompt')]
    .map(e => e.innerText.trim());
  return cells.length > 0 && cells.every(text => /^\\[\\d+\\]:$/.test(text)); }"""
TIME_A_MOVE = """async ([selector, key]) => {
  const page = document.querySelector(selector + ' .trm-view').closest('.jupyter-widgets');
  const handle = document.querySelector(selector + ' .trm-slider .noUi-handle');
  const said = () => page.querySelector('[data-part=text]')?.innerText;
  const before = said(), start = performance.now();
  // One move may change the page more than once: another sentence counts, not any change.
  const changed = new Promise((done, failed) => {
    const late = setTimeout(
      () => failed(new Error(`20 s after ${key} the page still says: ${said()}`)), 20000);
    new MutationObserver((_, me) => {
      if ([undefined, before].includes(said())) return;
      me.disconnect(); clearTimeout(late); requestAnimationFrame(done);
    }).observe(page, {childList: true, subtree: true, characterData: true});
  });
  handle.dispatchEvent(new KeyboardEvent('keydown', {key, bubbles: true, cancelable: true}));
  await changed;
  return performance.now() - start;
}"""
WIDGETS = (
    """
    import torch
    from trm_minimal.lab.weights import CHECKPOINTS, load_model
    from trm_minimal.show.steppers import Playground, Stepper, Thinker
    torch.set_num_threads(1)
    maze_net, recipe, _ = load_model(CHECKPOINTS / "maze_9x9.safetensors")
    mazes = recipe.task()
    sudoku_net, sudoku_recipe, _ = load_model(CHECKPOINTS / "sudoku_9x9.safetensors")
    sudokus = sudoku_recipe.task()
    large_net, large_recipe, _ = load_model(CHECKPOINTS / "maze_15x15.safetensors")
    large = large_recipe.task()
    """,
    (
        'Stepper(sudokus, sudokus.test, Thinker("9x9", sudoku_net, 16,'
        ' sudoku_recipe.test_depth)).add_class("sudoku")'
    ),
    (
        'Stepper(large, large.test, Thinker("15x15", large_net, 16,'
        ' large_recipe.test_depth)).add_class("large")'
    ),
    """
    import ipywidgets as W
    slider, page = W.IntSlider(0, 0, 16).add_class("trm-slider"), W.HTML('<p class="trm-view"></p>')
    def show(change):
        page.value = f'<p class="trm-view" data-part="text">supervision step {change["new"]}</p>'
    slider.observe(show, "value")
    W.VBox([slider, page]).add_class("bare")
    """,
    (
        'pair = [Thinker(f"N_sup = {N}", maze_net, N, recipe.test_depth) for N in (4, 16)]\n'
        'Playground(mazes, mazes.test, *pair, chosen=3).add_class("maze")'
    ),
)


def upto_the_widget(path: Path) -> NotebookNode | None:
    """A notebook down to its first widget; None where it has none.

    nbval runs the cells below, too.
    """
    nb = nbformat.read(path, as_version=4)
    ends = [i for i, cell in enumerate(nb.cells, 1) if "widget" in cell.metadata.get("tags", [])]
    nb.cells = nb.cells[: min(ends, default=0)]
    return nb if ends else None


SHORT = {path.stem: upto_the_widget(path) for path in sorted((ROOT / "notebooks").glob("*.ipynb"))}
WITH_WIDGETS = [name for name, nb in SHORT.items() if nb]


def settings(folder: Path, **files: dict) -> None:
    for name, values in files.items():
        extension, plugin = name.split("__")
        file = (
            folder
            / "@jupyterlab"
            / f"{extension.replace('_', '-')}-extension"
            / f"{plugin}.jupyterlab-settings"
        )
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(values))


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """Address of a JupyterLab over the tops of the notebooks that have widgets, with a reader's
    settings but one.
    """
    work = tmp_path_factory.mktemp("lab")
    (work / "notebooks").mkdir()
    for name in WITH_WIDGETS:
        nbformat.write(SHORT[name], work / "notebooks" / f"{name}.ipynb")
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    cells = [v4.new_code_cell(dedent(text).strip()) for text in WIDGETS]
    nbformat.write(
        v4.new_notebook(cells=cells, metadata=kernel), work / "notebooks" / "widgets.ipynb"
    )
    settings(
        work / "settings",
        notebook__tracker={"windowingMode": "none"},  # else cells out of sight are not on the page
        apputils__notification={"fetchNews": "false", "checkForUpdates": False},
    )
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    places = {"SETTINGS": "settings", "WORKSPACES": "workspaces"}
    env = os.environ | {
        f"JUPYTERLAB_{name}_DIR": str(work / place) for name, place in places.items()
    }
    env |= {f"JUPYTER_{name}_DIR": str(work / name) for name in ("CONFIG", "DATA", "RUNTIME")}
    env |= {
        "IPYTHONDIR": str(work / "ipython"),
        "OMP_NUM_THREADS": "1",
        "TRM_ANSWERS": str(work / "answers"),
    }
    env["PYTHONPATH"] = str(ROOT)
    options = (
        "--no-browser",
        "--allow-root",
        "--ip=127.0.0.1",
        f"--port={port}",
        "--ServerApp.port_retries=0",
    )
    options += ("--IdentityProvider.token=", f"--ServerApp.root_dir={work / 'notebooks'}")
    options += ("--LabApp.expose_app_in_browser=True", "--LabApp.news_url=None")
    with open(work / "lab.log", "w") as log:
        command = [sys.executable, "-m", "jupyterlab", *options]
        server = subprocess.Popen(command, env=env, stdout=log, stderr=log, start_new_session=True)
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(240):
            assert server.poll() is None, (work / "lab.log").read_text()[-2000:]
            try:
                urllib.request.urlopen(f"{address}/api/status", timeout=2).close()
                break
            except OSError:
                time.sleep(0.5)
        else:
            pytest.fail(f"JupyterLab did not answer: {(work / 'lab.log').read_text()[-2000:]}")
        yield address
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(server.pid, signal.SIGKILL)


@pytest.fixture(scope="module")
def browser():
    SHOTS.mkdir(exist_ok=True)
    with sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


def open_and_run(lab: str, browser, name: str, width: int = 1280):
    """The page of a notebook after all its cells have run; complaints collects what the console and
    the net say.
    """
    page = browser.new_page(viewport={"width": width, "height": 1000})
    page.complaints = []
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    page.on(
        "console",
        lambda message: page.complaints.append(message.text) if message.type == "error" else None,
    )
    page.on(
        "request",
        lambda request: (
            None
            if request.url.startswith((lab, "data:", "blob:", "ws:"))
            else page.complaints.append(request.url)
        ),
    )
    page.goto(f"{lab}/lab/tree/{name}?reset")
    page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=PATIENCE)
    page.wait_for_function(IDLE, timeout=PATIENCE)
    page.evaluate(
        "() => { if (window.jupyterapp.shell.leftCollapsed === false)"
        " window.jupyterapp.shell.collapseLeft(); }"
    )
    page.evaluate("() => window.jupyterapp.commands.execute('notebook:run-all-cells')")
    page.wait_for_function(DONE, timeout=PATIENCE)
    page.wait_for_function(IDLE, timeout=PATIENCE)
    errors = page.locator(".jp-OutputArea-output[data-mime-type='application/vnd.jupyter.error']")
    assert errors.count() == 0, errors.first.inner_text()
    return page


@pytest.fixture(scope="module")
def widgets(lab, browser):
    page = open_and_run(lab, browser, "widgets.ipynb")
    yield page
    page.close()


def sentence(page, inside: str, view: int = 0) -> str:
    return page.locator(f"{inside} .trm-view [data-part=text]").nth(view).inner_text()


def wait_for(page, inside: str, words: str, view: int = 0) -> None:
    place = page.locator(f"{inside} .trm-view [data-part=text]").nth(view)
    sync_api.expect(place).to_contain_text(words, timeout=20_000)


def wait_for_play(place, step: int) -> None:
    """Play does not wait for who looks: a look every second may find any later step instead of this
    one.
    """
    later = "|".join(map(str, range(step, 17)))
    sync_api.expect(place).to_contain_text(
        re.compile(rf"supervision step ({later}) of 16"), timeout=20_000
    )


@pytest.mark.parametrize("inside", [".sudoku", ".large"])
def test_keys_move_the_slider_and_the_picture_follows_fast(widgets, inside):
    """Measured in turns with a bare slider, so that a slow or busy machine slows both."""

    def focus(place):
        widgets.locator(f"{place} .trm-slider .noUi-handle").focus()

    focus(inside)
    widgets.keyboard.press("ArrowRight")
    wait_for(widgets, inside, "supervision step 1 of 16")
    focus(".bare")
    for key, step in (("End", 16), ("Home", 0)):
        widgets.keyboard.press(key)
        bare = widgets.locator(".bare .trm-view")
        sync_api.expect(bare).to_contain_text(f"supervision step {step}", timeout=20_000)
    keys = ["ArrowRight" if i // 12 % 2 == 0 else "ArrowLeft" for i in range(MOVES)]
    times = {inside: [], ".bare": []}
    for key in keys:
        for place, taken in times.items():
            taken.append(widgets.evaluate(TIME_A_MOVE, [place, key]))
    ours, bare = (median(taken) for taken in times.values())
    said = (
        f"{inside}: {MOVES} moves, key to picture: median {ours:.0f} ms, of a bare slider"
        f" {bare:.0f} ms"
    )
    print(said)
    (SHOTS / f"times{inside}.txt").write_text(said + "\n")
    assert ours <= PAGE_LIMIT * bare, said


def test_play_buttons_levels_and_maps(widgets):
    inside = ".sudoku"
    widgets.locator(f"{inside} .trm-slider .noUi-handle").focus()
    widgets.keyboard.press("Home")
    wait_for(widgets, inside, "Before the first call")
    widgets.locator(f"{inside} .trm-next").click()
    wait_for(widgets, inside, "supervision step 1 of 16")
    widgets.locator(f"{inside} .trm-back").click()
    wait_for(widgets, inside, "Before the first call")
    handle = widgets.locator(f"{inside} .trm-slider .noUi-handle")
    widgets.locator(f"{inside} .trm-play button").first.click()
    wait_for_play(widgets.locator(f"{inside} .trm-view [data-part=text]"), 3)
    widgets.locator(f"{inside} .trm-play button").first.click()
    paused_at = handle.get_attribute("aria-valuenow")
    widgets.wait_for_timeout(1000)  # two steps and a half of a Play that went on
    assert handle.get_attribute("aria-valuenow") == paused_at
    widgets.locator(f"{inside} .widget-toggle-button", has_text="call").click()
    sync_api.expect(handle).to_have_attribute("aria-valuemax", "96.0")
    handle.focus()
    widgets.keyboard.press("End")
    wait_for(widgets, inside, "Call 96 of 96")
    before = widgets.locator(f"{inside} [data-part=heat] image").get_attribute("href")
    widgets.locator(f"{inside} select").select_option("z, all features")
    sync_api.expect(widgets.locator(f"{inside} [data-part=heat] image")).not_to_have_attribute(
        "href", before
    )


def test_a_maze_is_drawn_judged_and_solved(widgets):
    inside = ".maze"
    cells, verdict = (
        widgets.locator(f"{inside} .trm-cell"),
        widgets.locator(f"{inside} .trm-verdict"),
    )
    think = widgets.locator(f"{inside} .trm-think")
    assert cells.count() == 81 and "valid" in verdict.inner_text()
    free = [i for i in range(81) if "free" in cells.nth(i).get_attribute("title")]
    widgets.locator(f"{inside} .widget-toggle-button", has_text="start S").click()
    cells.nth(free[0]).click()
    sync_api.expect(verdict).to_contain_text("2 cells S; exactly one is wanted")
    assert think.is_disabled()
    cells.nth(free[0]).focus()
    widgets.keyboard.press("Enter")  # the same cell by the keyboard: empty again
    sync_api.expect(verdict).to_contain_text("valid")
    widgets.locator(f"{inside} .widget-toggle-button", has_text="wall").click()
    wall = next(
        i
        for i in range(10, 70)
        if "wall" in cells.nth(i).get_attribute("title") and i % 9 not in (0, 8)
    )
    cells.nth(wall).click()
    sync_api.expect(cells.nth(wall)).to_have_attribute(
        "title", f"row {wall // 9 + 1}, column {wall % 9 + 1}: free"
    )
    think.click()
    # one wall less than the puzzle that stood there
    wait_for(widgets, inside, "51 of 81 cells given")
    widgets.locator(f"{inside} .trm-slider .noUi-handle").focus()
    widgets.keyboard.press("End")
    for view, calls in enumerate((24, 96)):
        wait_for(widgets, inside, f"Call {calls} of {calls}", view)
    text = widgets.locator(f"{inside} textarea")
    text.fill(text.input_value().replace("G", " "))
    text.blur()
    sync_api.expect(verdict).to_contain_text("0 cells G; exactly one is wanted")


@pytest.mark.parametrize("theme", ["JupyterLab Light", "JupyterLab Dark"])
@pytest.mark.parametrize("width", [1280, 900])
def test_nothing_is_clipped_and_the_console_is_silent(widgets, width, theme):
    widgets.evaluate(
        "theme => window.jupyterapp.commands.execute('apputils:change-theme', {theme})", theme
    )
    # so that a screenshot holds all of a widget
    widgets.set_viewport_size({"width": width, "height": 2400})
    widgets.wait_for_timeout(1000)  # the theme's style sheet
    for inside in (".sudoku", ".large", ".maze"):
        box = widgets.locator(inside)
        box.scroll_into_view_if_needed()
        out = widgets.evaluate(
            "inside => { const box = document.querySelector(inside);const edge ="
            " box.closest('.jp-OutputArea').getBoundingClientRect().right;const parts = 'svg,"
            " button, select, textarea, [data-part=text], .trm-slider';return"
            " [...box.querySelectorAll(parts)].filter(e => e.getBoundingClientRect().right > edge +"
            " 1).map(e => e.outerHTML.slice(0, 80)) }",
            inside,
        )
        assert out == []
        box.screenshot(path=SHOTS / f"{inside[1:]}-{width}-{theme.split()[1].lower()}.png")
    assert widgets.complaints == []


@pytest.mark.parametrize("name", WITH_WIDGETS)
def test_notebook_runs_to_its_first_widget_and_that_moves(lab, browser, name):
    page = open_and_run(lab, browser, f"{name}.ipynb")
    wait_for(page, ".trm-stepper", "Before the first call")
    page.locator(".trm-stepper .trm-slider .noUi-handle").first.focus()
    page.keyboard.press("ArrowRight")
    wait_for(page, ".trm-stepper", "supervision step 1")
    page.locator(".trm-stepper").first.screenshot(path=SHOTS / f"{name}.png")
    assert page.complaints == []
    page.close()


def test_an_exported_notebook_plays_without_a_kernel(browser, tmp_path):
    text, _ = HTMLExporter().from_filename(ROOT / "notebooks" / "00_start_here.ipynb")
    (tmp_path / "exported.html").write_text(text, encoding="utf-8")
    page = browser.new_page(viewport={"width": 1280, "height": 1000}, offline=True)
    page.goto((tmp_path / "exported.html").as_uri(), wait_until="domcontentloaded")
    at = page.locator("#sudoku-player [data-part=text]")
    sync_api.expect(at).to_contain_text("Before the first call")
    page.locator("#sudoku-player .trm-next").click()
    sync_api.expect(at).to_contain_text("supervision step 1 of 16")
    page.locator("#sudoku-player input").focus()
    page.keyboard.press("End")
    sync_api.expect(at).to_contain_text("36 of 36 cells right")
    page.locator("#sudoku-player input").focus()
    page.keyboard.press("Home")
    page.locator("#sudoku-player .trm-play").click()
    wait_for_play(at, 2)
    page.locator("#sudoku-player").screenshot(path=SHOTS / "player.png")
    page.close()
