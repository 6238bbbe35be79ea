"""A run as one self-contained piece of HTML: no kernel, no network, a few lines of script.

And as a GIF.

The page shows its last moment until the script runs, so it says something even where scripts are
stripped.
"""

import json
from html import escape
from io import BytesIO

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from trm_minimal.show.frames import View

SCRIPT = """
const root = document.getElementById(ID), at = root.querySelector("input");
const play = root.querySelector(".trm-play");
let timer = null;
function show() {
  for (const [i, views] of FRAMES[at.value].entries())
    for (const [name, part] of Object.entries(views))
      root.querySelectorAll(".trm-view")[i].querySelector(`[data-part="${name}"]`).innerHTML = part;
}
function stop() { clearInterval(timer); timer = null; play.textContent = "play"; }
function go(by) { at.value = +at.value + by; show(); }
root.querySelector(".trm-back").onclick = () => { stop(); go(-1); };
root.querySelector(".trm-next").onclick = () => { stop(); go(1); };
at.oninput = () => { stop(); show(); };
play.onclick = () => {
  if (timer) return stop();
  if (at.value === at.max) { at.value = 0; show(); }
  play.textContent = "pause";
  timer = setInterval(() => { go(1); if (at.value === at.max) stop(); }, 500);
};
at.value = 0; show();
"""


def player(*views: View, uid: str, level: str = "step") -> str:
    """HTML that plays these views side by side, stopping where each "step", "round" or "call" ends.

    `uid` names the element: give each player of a page another one. Shorter runs rest at their end.
    """
    ends = [view.trace.ends_of(level) for view in views]
    stops = range(max(len(moments) for moments in ends))
    frames = []
    for stop in stops:
        places = [min(stop, len(moments) - 1) for moments in ends]
        frames.append(
            [
                view.parts(m[i], m[max(i - 1, 0)])
                for view, m, i in zip(views, ends, places, strict=True)
            ]
        )
    last = "".join(view.html(m[-1], m[-2]) for view, m in zip(views, ends, strict=True))
    buttons = "".join(
        f'<button class="trm-{name}" type="button">{name}</button> '
        for name in ("back", "play", "next")
    )
    slider = (
        f'<input type="range" min="0" max="{stops[-1]}" value="{stops[-1]}" aria-label="{level}">'
    )
    return (
        f'<div id="{escape(uid)}">{buttons}{slider}<div'
        f' style="display:flex;flex-wrap:wrap">{last}</div></div><script>(() => {{ const ID ='
        f" {_script(uid)}, FRAMES = {_script(frames)};{SCRIPT}}})();</script>"
    )


def _script(value) -> str:
    """JSON for a script: a "</script>" in it would end that, a "<!--" would keep it from ending."""
    text = json.dumps(value, separators=(",", ":"))
    return text.replace("</", "<\\/").replace("<!--", "\\u003c!--")


def page(title: str, body: str) -> str:
    """A whole document around a player, to be saved as a file."""
    head = (
        '<meta charset="utf-8"><meta name="viewport"'
        f' content="width=device-width"><title>{escape(title)}</title>'
    )
    return (
        "<!doctype html><html"
        f' lang="en"><head>{head}</head><body><h1>{escape(title)}</h1>{body}</body></html>\n'
    )


def gif(figures: list[Figure], milliseconds: int) -> bytes:
    """An animation that plays once and rests on its last picture: nothing moves for ever beside a
    text.
    """
    pictures = []
    for figure in figures:
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        pictures.append(
            Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB").quantize(32)
        )
    file = BytesIO()
    pictures[0].save(file, "GIF", save_all=True, append_images=pictures[1:], duration=milliseconds)
    return file.getvalue()
