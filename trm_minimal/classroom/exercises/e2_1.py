"""Exercise 2.1: mlp_mixer."""

from itertools import product

import torch
from torch import nn

from trm_minimal import layers
from trm_minimal.classroom.exercise import Code
from trm_minimal.classroom.watched import Refused, refuse_unless
from trm_minimal.layers import PostNorm, SwiGLU, Transposed, rms_norm

STATEMENT = """
Write the function that builds a mixer block: `mlp_mixer(dim, length, multiple)` returns a module
that turns a table [B, length, dim] into a table of the same shape. Its first half mixes the
positions, its second half thinks within each position. Each half adds what it computed to its input
and norms the sum. The first norm runs over *positions*, for each feature; the second over features,
for each position.

You need three parts, and `nn.Sequential` to chain the halves: `SwiGLU(width, multiple=multiple)`;
`PostNorm(part)`, which is norm(h + part(h)) along the last axis; `Transposed(part)`, which turns
the table on its side, runs the part, and turns it back.
"""


def mlp_mixer(dim, length, multiple=256):
    """A block for tables [B, length, dim]: mix the positions, then think within each."""
    ...  # your code


# How a half may join what it computed, f(h), to its input h.
JOINS = {
    "right": lambda f, h: rms_norm(h + f(h)),
    "pre": lambda f, h: h + f(rms_norm(h)),
    "sum": lambda f, h: h + f(h),
    "alone": lambda f, h: f(h),
    "normed alone": lambda f, h: rms_norm(f(h)),
}
MISTAKES = {
    "pre": (
        "is pre-norm: it norms what goes into the SwiGLU. A state stays in bounds only if the sum"
        " is normed"
    ),
    "sum": "norms nothing; norm the sum h + f(h)",
    "alone": (
        "forgets its input: it returns f(h) without a norm, not norm(h + f(h)). PostNorm does both"
    ),
    "normed alone": "norms f(h) without adding h first",
}


def over_cells(join, part, h_BLD):
    return join(part, h_BLD.mT).mT


def upright(join, part, h_BLD):
    """The cells mixed on the side, but the norm over the width."""
    return join(lambda h: part(h.mT).mT, h_BLD)


def diagnose(out_BLD, mixing, thinking, h_BLD) -> str | None:
    """The mistake with which these two SwiGLUs give this output; None if the output is right."""
    shape = h_BLD.shape[1:]
    firsts, orders = (over_cells, upright), (("mix", "think"), ("think", "mix"))
    for order, first, mixed, thought in product(orders, firsts, JOINS, JOINS):
        halves = {
            "mix": lambda h, first=first, mixed=mixed: first(JOINS[mixed], mixing, h),
            "think": lambda h, thought=thought: JOINS[thought](thinking, h),
        }
        guess_BLD = halves[order[1]](halves[order[0]](h_BLD))
        if not torch.allclose(out_BLD, guess_BLD, rtol=1e-4, atol=1e-4):
            continue
        if order[0] == "think":
            return (
                "it thinks within each position first and mixes the positions afterwards; mixing"
                " comes first"
            )
        if mixed != "right":
            return f"the half that mixes positions {MISTAKES[mixed]}"
        if first is upright:
            return (
                f"its first norm runs over the {shape[1]} features of each position; it belongs"
                f" over the {shape[0]} positions, for each feature. Norm while the table lies on"
                " its side: which part goes inside which?"
            )
        return None if thought == "right" else f"the half that thinks {MISTAKES[thought]}"
    return (
        "its output is another one. Turn the table, norm the sum of it and its SwiGLU, turn back;"
        " then norm the sum of that and its SwiGLU, and do nothing else"
    )


def the_two_parts(net, dim, length, multiple):
    """The SwiGLUs over positions and over features, found wherever they stand."""
    refuse_unless(net is not None, "it returns nothing; it should return the block")
    refuse_unless(
        isinstance(net, nn.Module), f"it returns a {type(net).__name__}; a block is an nn.Module"
    )
    parts = [part for part in net.modules() if isinstance(part, SwiGLU)]
    widths = [part.down.out_features for part in parts]
    refuse_unless(
        sorted(widths) == sorted((dim, length)),
        f"for dim = {dim} and length = {length} it holds SwiGLUs of widths {widths}; one of width"
        f" {length} should mix the positions and one of width {dim} the features of each",
    )
    rest = sum(p.numel() for p in net.parameters()) - sum(
        p.numel() for part in parts for p in part.parameters()
    )
    refuse_unless(
        rest == 0,
        f"besides its SwiGLUs it learns {rest} numbers; nothing is learned in TRM's norms",
    )
    for width, part in zip(widths, parts, strict=True):
        wanted = SwiGLU(width, multiple=multiple).down.in_features
        refuse_unless(
            part.down.in_features == wanted,
            f"with multiple = {multiple} the SwiGLU of width {width} has {part.down.in_features}"
            f" hidden numbers, not {wanted}; hand `multiple` on to both",
        )
    return (parts[i] for i in (widths.index(length), widths.index(dim)))


def run(net, mixing, thinking, h_BLD):
    """The output; Refused in words where a SwiGLU receives rows of the wrong width."""
    length, dim = h_BLD.shape[1:]

    def look(part, rows):
        width, given = part.gate_up.in_features, rows[0].shape[-1]
        refuse_unless(
            width == given or part is mixing,
            f"the SwiGLU of width dim ({dim}) receives rows of {given} numbers: the widths are"
            " exchanged, or the table was not turned back. On its side it has rows of `length`"
            " numbers",
        )
        refuse_unless(
            width == given,
            f"the SwiGLU of width length ({length}) receives rows of {given} numbers: the table"
            " does not lie on its side there",
        )

    hooks = [part.register_forward_pre_hook(look) for part in (mixing, thinking)]
    out_BLD = net(h_BLD)
    for hook in hooks:
        hook.remove()
    shape = tuple(out_BLD.shape)
    refuse_unless(
        shape == tuple(h_BLD.shape), f"a table of shape {tuple(h_BLD.shape)} comes out as {shape}"
    )
    return out_BLD


def probe(f):
    generator = torch.Generator().manual_seed(0)
    for dim, length, multiple in ((12, 7, 8), (5, 9, 4), (10, 3, 256)):
        # 256 is the default
        net = f(dim, length) if multiple == 256 else f(dim, length, multiple=multiple)
        mixing, thinking = the_two_parts(net, dim, length, multiple)
        h_BLD = torch.randn(2, length, dim, generator=generator) * 3
        mistake = diagnose(run(net, mixing, thinking, h_BLD), mixing, thinking, h_BLD)
        if mistake:
            raise Refused(mistake)
        check_gradient(net, mixing, thinking, h_BLD)
        blank_BLD = net(torch.zeros(1, length, dim))
        refuse_unless(
            bool(blank_BLD.isfinite().all()),
            "a table of zeros turns into not-a-number; a norm adds a small number before it takes"
            " the root",
        )
    blocks = f(12, 7), f(12, 7)
    weights = [list(block.parameters()) for block in blocks]
    refuse_unless(
        not set(map(id, weights[0])) & set(map(id, weights[1])),
        "two blocks that it builds share their weights; make new SwiGLUs in each call",
    )
    refuse_unless(
        not all(map(torch.equal, *weights)),
        "two blocks that it builds begin with the same numbers; seeding torch is left to the"
        " caller",
    )


def check_gradient(net, mixing, thinking, h_BLD):
    """What goes in and every weight must learn, as in the block written out."""
    sources = [h_BLD.clone().requires_grad_(), *mixing.parameters(), *thinking.parameters()]

    def shares(block):
        with torch.enable_grad():
            out_BLD = block(sources[0] * 1)  # no leaf, so a block may even write into it
            weights_BLD = torch.linspace(-1, 1, out_BLD.numel()).view_as(out_BLD)
            refuse_unless(
                out_BLD.requires_grad,
                "no gradient comes back through the block, so it would never learn",
            )
            return torch.autograd.grad((out_BLD * weights_BLD).sum(), sources, allow_unused=True)

    def written_out(h_BLD):
        return JOINS["right"](thinking, over_cells(JOINS["right"], mixing, h_BLD))

    for yours, right in zip(shares(net), shares(written_out), strict=True):
        refuse_unless(
            yours is not None and torch.allclose(yours, right, rtol=1e-3, atol=1e-4),
            "the output is right, but on the way back the gradient is cut: not all of what was"
            " computed learns from it",
        )


def norm_over_width(dim, length, multiple=256):
    return nn.Sequential(
        PostNorm(Transposed(SwiGLU(length, multiple=multiple))),
        PostNorm(SwiGLU(dim, multiple=multiple)),
    )


def nothing_added(dim, length, multiple=256):
    return nn.Sequential(
        Transposed(SwiGLU(length, multiple=multiple)), PostNorm(SwiGLU(dim, multiple=multiple))
    )


def normed_before(dim, length, multiple=256):
    class PreNorm(PostNorm):
        def forward(self, x):
            return x + self.inner(rms_norm(x))

    return nn.Sequential(
        Transposed(PreNorm(SwiGLU(length, multiple=multiple))),
        PreNorm(SwiGLU(dim, multiple=multiple)),
    )


def widths_exchanged(dim, length, multiple=256):
    return nn.Sequential(
        Transposed(PostNorm(SwiGLU(dim, multiple=multiple))),
        PostNorm(SwiGLU(length, multiple=multiple)),
    )


def never_turned(dim, length, multiple=256):
    return nn.Sequential(
        PostNorm(SwiGLU(length, multiple=multiple)), PostNorm(SwiGLU(dim, multiple=multiple))
    )


def thinks_first(dim, length, multiple=256):
    return nn.Sequential(
        PostNorm(SwiGLU(dim, multiple=multiple)),
        Transposed(PostNorm(SwiGLU(length, multiple=multiple))),
    )


def multiple_ignored(dim, length, multiple=256):
    return nn.Sequential(Transposed(PostNorm(SwiGLU(length))), PostNorm(SwiGLU(dim)))


def never_mixes(dim, length, multiple=256):
    return nn.Sequential(
        PostNorm(SwiGLU(dim, multiple=multiple)), PostNorm(SwiGLU(dim, multiple=multiple))
    )


def one_half_bare(dim, length, multiple=256):
    return nn.Sequential(
        Transposed(PostNorm(SwiGLU(length, multiple=multiple))), SwiGLU(dim, multiple=multiple)
    )


def learned_norm(dim, length, multiple=256):
    return nn.Sequential(
        Transposed(PostNorm(SwiGLU(length, multiple=multiple))),
        PostNorm(SwiGLU(dim, multiple=multiple)),
        nn.LayerNorm(dim),
    )


def normed_once_more(dim, length, multiple=256):
    return nn.Sequential(
        Transposed(PostNorm(PostNorm(SwiGLU(length, multiple=multiple)))),
        PostNorm(SwiGLU(dim, multiple=multiple)),
    )


def one_for_all(dim, length, multiple=256, built={}):  # noqa: B006
    return built.setdefault((dim, length, multiple), layers.mlp_mixer(dim, length, multiple))


def seeded_inside(dim, length, multiple=256):
    torch.manual_seed(0)
    return layers.mlp_mixer(dim, length, multiple)


def not_returned(dim, length, multiple=256):
    layers.mlp_mixer(dim, length, multiple)


def not_chained(dim, length, multiple=256):
    return Transposed(PostNorm(SwiGLU(length, multiple=multiple))), PostNorm(
        SwiGLU(dim, multiple=multiple)
    )


def left_on_its_side(dim, length, multiple=256):
    class Turned(Transposed):
        def forward(self, x_BLD):
            return self.inner(x_BLD.transpose(1, 2))

    return nn.Sequential(
        PostNorm(SwiGLU(dim, multiple=multiple)),
        Turned(PostNorm(SwiGLU(length, multiple=multiple))),
    )


def half_detached(dim, length, multiple=256):
    class Detached(nn.Module):
        def __init__(self, inner):
            super().__init__()
            self.inner = inner

        def forward(self, x):
            return self.inner(x.detach())

    mix = Transposed(PostNorm(SwiGLU(length, multiple=multiple)))
    return nn.Sequential(mix, Detached(PostNorm(SwiGLU(dim, multiple=multiple))))


def run_without_gradient(dim, length, multiple=256):
    block = layers.mlp_mixer(dim, length, multiple)
    block.forward = torch.no_grad()(block.forward)
    return block


def norm_without_a_small_number(dim, length, multiple=256):
    class Half(nn.Module):
        def __init__(self, width, axis):
            super().__init__()
            self.part, self.axis = SwiGLU(width, multiple=multiple), axis

        def forward(self, h_BLD):
            new = self.part(h_BLD.transpose(self.axis, 2)).transpose(self.axis, 2) + h_BLD
            return new / new.square().mean(self.axis, keepdim=True).sqrt()

    return nn.Sequential(Half(length, 1), Half(dim, 2))


EXERCISE = Code(
    number="2.1",
    title="mlp_mixer",
    kind="implement",
    minutes=10,
    difficulty=2,
    statement=STATEMENT,
    hints=(
        "The half that thinks is the simple one: PostNorm around a SwiGLU of width dim.",
        (
            "The half that mixes is the same on a table that lies on its side, where rows are"
            " `length` numbers long."
        ),
        (
            "The norm, too, must see the table on its side. So PostNorm stands inside Transposed,"
            " not around it."
        ),
    ),
    stub=mlp_mixer,
    package=layers.mlp_mixer,
    probe=probe,
    wrong={
        norm_over_width: "its first norm runs over",
        nothing_added: "positions forgets its input",
        normed_before: "positions is pre-norm",
        widths_exchanged: "widths are exchanged",
        never_turned: "does not lie on its side",
        thinks_first: "mixing comes first",
        multiple_ignored: "hand `multiple` on",
        never_mixes: "SwiGLUs of widths",
        one_half_bare: "thinks forgets its input",
        learned_norm: "nothing is learned",
        normed_once_more: "its output is another one",
        one_for_all: "share their weights",
        seeded_inside: "begin with the same numbers",
        half_detached: "the gradient is cut",
        run_without_gradient: "no gradient comes back",
        norm_without_a_small_number: "a table of zeros",
        not_returned: "it returns nothing",
        not_chained: "a block is an nn.Module",
        left_on_its_side: "comes out as",
    },
    names=(
        "import torch\nfrom torch import nn\nfrom trm_minimal.layers import PostNorm, SwiGLU,"
        " Transposed, rms_norm"
    ),
    may_draw=True,
)
