"""Exercise 2.2: rotary positions with a bug, found by what stays the same when an arrow is
turned.
"""

import torch

from trm_minimal.classroom.exercise import Code
from trm_minimal.classroom.watched import refuse_unless, shown
from trm_minimal.layers import Rotary

STATEMENT = """
This is the function behind the faulty map on the right. It mixes two conventions that are both in
use, as happens when code is put together from two sources. It runs, and every shape is right. Find
the line and mend it. Row $p$ of the table is position $p$, counted from 0. The pairs shall be those
of the text: entry $k$ with entry $k + K/2$, both turned by the same angle, $p \\cdot
\\text{base}^{-2k/K}$.
"""


def rotate(h_LK, base=10_000):
    """Turn each pair of entries of each row by an angle that grows with the row's position."""
    L, K = h_LK.shape
    speed_k = base ** (-2 * torch.arange(K // 2) / K)
    angle_Lk = torch.arange(L)[:, None] * speed_k
    angle_LK = angle_Lk.repeat_interleave(2, dim=1)  # an angle for each entry
    a_Lk, b_Lk = h_LK.chunk(2, dim=1)
    quarter_LK = torch.cat((-b_Lk, a_Lk), dim=1)  # the arrows, turned by a right angle
    return h_LK * angle_LK.cos() + quarter_LK * angle_LK.sin()


def rotated(h_LK, base=10_000):
    """The package's rotary positions, for one head."""
    L, K = h_LK.shape
    return Rotary(K, L, base)(h_LK)


def neighbours(h_LK, base):
    """The other convention: entry 2k is paired with entry 2k + 1."""
    halves_LK = torch.cat((h_LK[:, 0::2], h_LK[:, 1::2]), dim=1)
    return torch.stack(rotated(halves_LK, base).chunk(2, dim=1), dim=-1).flatten(1)


def probe(f):
    def same(a, b):
        return torch.allclose(a, b, rtol=0, atol=2e-5)

    generator = torch.Generator().manual_seed(0)
    for L, K, base in ((5, 6, 10_000), (9, 4, 50), (4, 2, 10_000), (70, 16, 10_000)):
        h_LK = torch.randn(L, K, generator=generator, dtype=torch.float64)
        out_LK = f(h_LK) if base == 10_000 else f(h_LK, base)
        refuse_unless(
            isinstance(out_LK, torch.Tensor),
            f"it returns {shown(out_LK)}; the turned table is wanted",
        )
        shape = tuple(out_LK.shape)
        refuse_unless(shape == (L, K), f"a table of shape {(L, K)} comes out as {shape}")
        refuse_unless(not same(out_LK, h_LK), "nothing turns: the table comes out as it went in")
        refuse_unless(
            same(out_LK[0], h_LK[0]),
            "position 0 turns as well; its angle is 0, since positions count from 0",
        )
        other = (
            "entry 2k with entry 2k + 1. A sound rotation, but another one: here entry k goes with"
            " entry k + K/2"
        )
        refuse_unless(K == 2 or not same(out_LK, neighbours(h_LK, base)), f"it pairs {other}")
        pairs = [table_LK.unflatten(1, (2, K // 2)) for table_LK in (h_LK, out_LK)]
        lengths = [pair.norm(dim=1) for pair in pairs]
        k = int((lengths[0] - lengths[1]).abs().amax(0).argmax())
        refuse_unless(
            same(*lengths),
            f"with K = {K} the arrow of entries {k} and {k + K // 2} changes its length, from"
            f" {lengths[0][1, k]:.2f} to {lengths[1][1, k]:.2f} at position 1; turning keeps"
            " lengths. Do both entries of each pair get one angle?",
        )
        backwards_LK = 2 * h_LK * torch.cos(angles(L, K, base)) - rotated(h_LK, base)
        refuse_unless(
            not same(out_LK, backwards_LK),
            "it turns the arrows the other way round; mind the minus sign",
        )
        arrows = [torch.complex(*pair.unbind(1)) for pair in pairs]
        turned = (arrows[1][1] / arrows[0][1]).angle()
        wanted = angles(L, K, base)[1, : K // 2]
        wrong = ~torch.isclose(turned, wanted, rtol=0, atol=1e-4)
        k = int(wrong.int().argmax())
        refuse_unless(
            not wrong.any(),
            f"with K = {K} and base {base}, pair {k} turns by {turned[k]:.3f} at position 1, not by"
            f" {wanted[k]:.3f}; mind the speed, base ** (-2 k / K)",
        )
        refuse_unless(
            same(out_LK, rotated(h_LK, base)),
            "position 1 is right, later ones are not; position p turns p times as far",
        )
        check_gradient(f, h_LK, base)
    out_LK = f(torch.ones(3, 4))
    refuse_unless(
        out_LK.dtype == torch.float32,
        f"a table of float32 comes out as {out_LK.dtype}; keep the type that comes in",
    )


def check_gradient(f, h_LK, base):
    """What goes in must learn, as through the package's function."""
    shares = []
    for turn in (f, rotated):
        leaf_LK = h_LK.clone().requires_grad_()
        out_LK = turn(leaf_LK * 1, base)
        refuse_unless(
            out_LK.requires_grad,
            "no gradient comes back through it, so queries and keys would never learn; detach"
            " nothing",
        )
        weights_LK = torch.linspace(-1, 1, out_LK.numel(), dtype=out_LK.dtype).view_as(out_LK)
        shares.append(torch.autograd.grad((out_LK * weights_LK).sum(), leaf_LK)[0])
    refuse_unless(
        torch.allclose(*shares, rtol=0, atol=1e-4),
        "the table is right, but the gradient that comes back to h is not; something is detached on"
        " its way",
    )


def angles(L, K, base):
    """The angle of each entry, [L, K]."""
    speed_k = base ** (-torch.arange(0, K, 2, dtype=torch.float64) / K)
    return torch.outer(torch.arange(L).double(), speed_k).repeat(1, 2)


def other_convention(h_LK, base=10_000):
    L, K = h_LK.shape
    speed_k = base ** (-2 * torch.arange(K // 2) / K)
    angle_LK = (torch.arange(L)[:, None] * speed_k).repeat_interleave(2, dim=1)
    quarter_LK = torch.stack((-h_LK[:, 1::2], h_LK[:, 0::2]), dim=-1).flatten(1)
    return h_LK * angle_LK.cos() + quarter_LK * angle_LK.sin()


def backwards(h_LK, base=10_000):
    L, K = h_LK.shape
    speed_k = base ** (-2 * torch.arange(K // 2) / K)
    angle_LK = (torch.arange(L)[:, None] * speed_k).repeat(1, 2)
    a_Lk, b_Lk = h_LK.chunk(2, dim=1)
    return h_LK * angle_LK.cos() + torch.cat((b_Lk, -a_Lk), dim=1) * angle_LK.sin()


def half_the_speed(h_LK, base=10_000):
    L, K = h_LK.shape
    speed_k = base ** (-torch.arange(K // 2) / K)
    angle_LK = (torch.arange(L)[:, None] * speed_k).repeat(1, 2)
    a_Lk, b_Lk = h_LK.chunk(2, dim=1)
    return h_LK * angle_LK.cos() + torch.cat((-b_Lk, a_Lk), dim=1) * angle_LK.sin()


def from_one(h_LK, base=10_000):
    L, K = h_LK.shape
    speed_k = base ** (-2 * torch.arange(K // 2) / K)
    angle_LK = (torch.arange(1, L + 1)[:, None] * speed_k).repeat(1, 2)
    a_Lk, b_Lk = h_LK.chunk(2, dim=1)
    return h_LK * angle_LK.cos() + torch.cat((-b_Lk, a_Lk), dim=1) * angle_LK.sin()


def mixed_pairs(h_LK, base=10_000):
    """The bug mended at the other end, and only half: angles by halves, arrows by neighbours."""
    L, K = h_LK.shape
    speed_k = base ** (-2 * torch.arange(K // 2) / K)
    angle_LK = (torch.arange(L)[:, None] * speed_k).repeat(1, 2)
    quarter_LK = torch.stack((-h_LK[:, 1::2], h_LK[:, 0::2]), dim=-1).flatten(1)
    return h_LK * angle_LK.cos() + quarter_LK * angle_LK.sin()


def not_turned(h_LK, base=10_000):
    return h_LK.clone()


def one_angle(h_LK, base=10_000):
    """Every position after the first is turned as far as the first."""
    L, K = h_LK.shape
    speed_k = base ** (-2 * torch.arange(K // 2) / K)
    angle_LK = (torch.arange(L)[:, None].clamp(max=1) * speed_k).repeat(1, 2)
    a_Lk, b_Lk = h_LK.chunk(2, dim=1)
    return h_LK * angle_LK.cos() + torch.cat((-b_Lk, a_Lk), dim=1) * angle_LK.sin()


def in_place(h_LK, base=10_000):
    return h_LK.copy_(rotated(h_LK, base))


def not_returned(h_LK, base=10_000):
    rotated(h_LK, base)


def not_joined(h_LK, base=10_000):
    return torch.stack(rotated(h_LK, base).chunk(2, dim=1), dim=-1)


def detached(h_LK, base=10_000):
    return rotated(h_LK.detach(), base)


def half_detached(h_LK, base=10_000):
    L, K = h_LK.shape
    a_Lk, b_Lk = h_LK.detach().chunk(2, dim=1)
    quarter_LK = torch.cat((-b_Lk, a_Lk), dim=1)
    return h_LK * angles(L, K, base).cos() + quarter_LK * angles(L, K, base).sin()


def always_double(h_LK, base=10_000):
    return rotated(h_LK, base).double()


EXERCISE = Code(
    number="2.2",
    title="positions that are turned askew",
    kind="find the bug",
    minutes=8,
    difficulty=2,
    statement=STATEMENT,
    hints=(
        (
            "Take K = 4, so there are two pairs, (0, 2) and (1, 3). Write down which angle each of"
            " the four entries gets."
        ),
        (
            "angle_LK gives entries 0 and 1 the first angle and entries 2 and 3 the second. But a"
            " and b are halves."
        ),
        "The angles must stand as (first, second, first, second): the whole row of angles, twice.",
    ),
    stub=rotate,
    package=rotated,
    probe=probe,
    wrong={
        other_convention: "it pairs entry 2k",
        backwards: "the other way round",
        half_the_speed: "mind the speed",
        from_one: "position 0 turns as well",
        mixed_pairs: "changes its length",
        not_turned: "nothing turns",
        one_angle: "p times as far",
        in_place: "it changes `h_LK`",
        detached: "no gradient comes back",
        half_detached: "the gradient that comes back to h",
        always_double: "keep the type",
        not_returned: "it returns None",
        not_joined: "comes out as (",
    },
    names="import math\n\nimport torch",
)
