"""The player holds the views' own parts, needs nothing from outside, and says something without its
script.
"""

import json
import re
from html import unescape
from io import BytesIO

import pytest
from matplotlib.figure import Figure
from PIL import Image

from trm_minimal.lab.weights import CHECKPOINTS, load_model
from trm_minimal.show.frames import View
from trm_minimal.show.player import gif, page, player
from trm_minimal.show.trace import trace


@pytest.fixture(scope="module")
def views() -> list[View]:
    model, recipe, _ = load_model(CHECKPOINTS / "sudoku_4x4.safetensors")
    task = recipe.task()
    told = [trace(model, task.test.inputs_NL[2], N_sup, recipe.test_depth) for N_sup in (2, 4)]
    return [View(task, run, task.test.labels_NL[2], title=f"{run.N_sup} <steps>") for run in told]


def frames(html: str) -> list:
    return json.loads(re.search(r"FRAMES = (.*?);\nconst root", html, re.DOTALL).group(1))


@pytest.mark.parametrize("uid", ["</script><b>", "<!--<script>", '"</SCRIPT >', "\u2028"])
def test_no_name_ends_the_script(views, uid):
    html = player(views[0], uid=uid)
    script = re.search("<script>(.*)</script>$", html, re.DOTALL).group(1)
    assert not re.search(r"</|<!--", script)
    assert json.loads(re.search(r"const ID = (.*?), FRAMES", script, re.DOTALL).group(1)) == uid


@pytest.mark.parametrize("level", ["step", "round", "call"])
def test_frames_are_the_views_parts(views, level):
    played = frames(player(*views, uid="a", level=level))
    ends = [view.trace.ends_of(level) for view in views]
    assert len(played) == len(ends[1])
    for stop, moment in enumerate(played):
        for view, moments, parts in zip(views, ends, moment, strict=True):
            i = min(stop, len(moments) - 1)
            assert parts == view.parts(moments[i], moments[max(i - 1, 0)])


def test_it_is_one_script_that_asks_for_nothing_outside(views):
    html = player(*views, uid='b"<', level="step")
    assert html.count("<script>") == html.count("</script>") == 1
    assert not re.search(
        r"https?:|src=|@import|require|fetch\(", html.replace("data:image/png;base64", "")
    )
    # it could end the script
    assert "</" not in re.search(r"FRAMES = (.*?);\nconst", html, re.DOTALL).group(1)
    assert 'id="b&quot;&lt;"' in html and "2 &lt;steps&gt;" in html


def test_without_its_script_the_last_moment_stands(views):
    static = re.sub(r"<script>.*</script>", "", player(views[1], uid="c"), flags=re.DOTALL)
    assert views[1].sentence(*views[1].trace.ends_of("step")[:-3:-1]) in unescape(static)


def test_a_page_is_a_whole_document():
    text = page("A & B", "<p>body</p>")
    assert (
        text.startswith('<!doctype html><html lang="en">')
        and "<title>A &amp; B</title>" in text
        and "<p>body</p>" in text
    )


def test_a_gif_plays_once_and_rests_on_its_last_picture():
    figures = [Figure(figsize=(1, 1), facecolor=colour) for colour in ("red", "lime", "blue")]
    with Image.open(BytesIO(gif(figures, 300))) as picture:
        assert (
            picture.n_frames == 3 and "loop" not in picture.info and picture.info["duration"] == 300
        )
        picture.seek(2)
        assert picture.convert("RGB").getpixel((50, 50)) == (0, 0, 255)
