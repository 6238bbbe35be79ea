"""Exercise 6.1: one update in mixed precision."""

import torch
from torch import Tensor, nn

from trm_minimal.classroom.exercise import Code
from trm_minimal.classroom.watched import refuse_unless

STATEMENT = """
Write `amp_step(model, optimizer, scaler, loss, clip)`, one update in mixed precision. It multiplies
the loss by the scale and goes backward; makes the gradients their true size again; shortens the
whole gradient to the length `clip` if it is longer; lets the scaler step, which leaves the step out
after an overflow; lets the scaler adjust its scale; and clears the gradients. It returns nothing.

You need, by the alphabet, `nn.utils.clip_grad_norm_(parameters, clip)`, `scaler.scale(loss)`,
`scaler.step(optimizer)`, `scaler.unscale_(optimizer)` and `scaler.update()`. A scaler that is
switched off, as for float32, takes the same calls and changes nothing.
"""
SCALE = 1024.0


def amp_step(model, optimizer, scaler, loss, clip):
    """One update: backward, clip, step; the scale is adjusted and the gradients are cleared."""
    ...  # your code


def reference():
    def amp_step(model, optimizer, scaler, loss, clip):
        scaler.scale(loss).backward()
        scaler.unscale_(optimizer)
        nn.utils.clip_grad_norm_(model.parameters(), clip)
        scaler.step(optimizer)
        scaler.update()
        optimizer.zero_grad()

    return amp_step


class Watched(torch.amp.GradScaler):
    """A real scaler that keeps a tape: (what is called, the gradient as it is then, or None)."""

    def __init__(self, model: nn.Module, **settings):
        super().__init__("cpu", **settings)
        self.model, self.tape, self.stepping = model, [], False

    def note(self, what: str) -> None:
        self.tape.append((what, gradient(self.model)))
        refuse_unless(
            self.tape[0][0] == "scale",
            "the loss goes backward as it is; scaler.scale(loss) is what should go backward",
        )

    def scale(self, outputs):
        self.note("scale")
        return super().scale(outputs)

    def unscale_(self, optimizer):
        if not self.stepping:
            self.note("unscale_")
            refuse_unless(
                self.tape[-1][1] is not None,
                "the gradients are gone when unscale_ asks for them; clear them last, after the"
                " update",
            )
        super().unscale_(optimizer)

    def step(self, optimizer, *arguments, **keywords):
        self.note("step")
        self.stepping = True  # the real one unscales by itself what has not been unscaled
        try:
            return super().step(optimizer, *arguments, **keywords)
        finally:
            self.stepping = False

    def update(self, new_scale=None):
        self.note("update")
        # else it is refused, once all calls are known
        if "step" in [what for what, _ in self.tape]:
            super().update(new_scale)


class WatchedSGD(torch.optim.SGD):
    """Refuses a step that does not come from the scaler."""

    scaler = None

    def step(self, closure=None):
        refuse_unless(
            self.scaler.stepping,
            "it calls optimizer.step() itself, and an overflow would go straight into the weights;"
            " ask the scaler",
        )
        return super().step(closure)


def gradient(model: nn.Module) -> Tensor | None:
    parts = [weight.grad.flatten() for weight in model.parameters() if weight.grad is not None]
    return torch.cat(parts).clone() if parts else None


def numbers(model: nn.Module) -> Tensor:
    return torch.cat([weight.detach().flatten() for weight in model.parameters()]).clone()


def scene(enabled: bool = True) -> tuple[nn.Module, WatchedSGD, Watched, Tensor]:
    """(model, optimizer, scaler, inputs), the same every time."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model, inputs = (
            nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)),
            torch.randn(5, 3),
        )
    optimizer, scaler = (
        WatchedSGD(model.parameters(), lr=0.1),
        Watched(model, init_scale=SCALE, enabled=enabled),
    )
    optimizer.scaler = scaler
    return model, optimizer, scaler, inputs


def loss_of(model: nn.Module, inputs: Tensor, size: float) -> Tensor:
    return size * model(inputs).square().mean()


def probe(f):
    for clip in (0.5, 2.0):
        check_calls(f, clip)
    check_short(f)
    check_overflow(f)
    check_several(f)


def check_calls(f, clip):
    model, optimizer, scaler, inputs = scene()
    with torch.enable_grad():
        shares = torch.autograd.grad(loss_of(model, inputs, 30.0), list(model.parameters()))
    true, before = torch.cat([share.flatten() for share in shares]), numbers(model)
    f(model, optimizer, scaler, loss_of(model, inputs, 30.0), clip)
    calls = [what for what, _ in scaler.tape]
    at = dict(scaler.tape)
    refuse_unless(calls != [], "it never asks the scaler for anything")
    refuse_unless("step" in calls, "it never lets the scaler step, so the weights stay as they are")
    refuse_unless(
        "update" not in calls[: calls.index("step")],
        "scaler.update() comes before scaler.step(): the scale is adjusted when the step has been"
        " tried",
    )
    grown = at["step"].norm() / true.norm()
    refuse_unless(
        "unscale_" in calls or not torch.isclose(at["step"].norm(), torch.tensor(clip * SCALE)),
        "it clips to clip times the scale: that is the right length, but the gradients have their"
        " true size only in the step; let unscale_ make them so before the clipping",
    )
    refuse_unless(
        "unscale_" in calls,
        f"without unscale_ the clipping sees gradients that are {SCALE:,.0f} times too long: it"
        " shortens every one",
    )
    early = at["unscale_"].norm()
    refuse_unless(
        early > 2 * clip or early < 0.9 * clip,
        f"the gradient already has the length {early:.2f} when unscale_ divides it by {SCALE:,.0f};"
        " divide, then clip",
    )
    length = at["step"].norm()
    refuse_unless(
        length < true.norm() * 0.999,
        f"the gradient goes into the step with its full length {length:.1f}, though clip is {clip}",
    )
    straight = torch.allclose(at["step"] / length, true / true.norm(), atol=1e-4)
    refuse_unless(
        straight,
        "the clipped gradient points elsewhere; all its numbers shrink by one common factor",
    )
    refuse_unless(
        abs(length - clip) < 0.01 * clip,
        f"with clip = {clip} the gradient goes into the step with the length {length:.2f}"
        f" ({grown:.3f} of its own)",
    )
    refuse_unless(
        "update" in calls,
        "scaler.update() is missing: the scale would never change, and the next step would fail",
    )
    now = gradient(model)
    refuse_unless(
        now is None or not now.any(),
        "the gradients are still there afterwards, and the next backward adds to them",
    )
    moved = torch.allclose(numbers(model), before - 0.1 * at["step"], atol=1e-5)
    refuse_unless(
        moved and len(calls) == 4,
        f"it calls the scaler's {', '.join(calls)}: four calls, once each, do it",
    )


def check_short(f):
    """A gradient that is not longer than clip goes into the step as it is."""
    model, optimizer, scaler, inputs = scene()
    f(model, optimizer, scaler, loss_of(model, inputs, 1.0), 1e3)
    length = dict(scaler.tape)["step"].norm()
    refuse_unless(
        length < 900,
        f"a gradient shorter than clip = 1,000 is lengthened to {length:,.0f}; only a longer one is"
        " changed",
    )


def check_overflow(f):
    model, optimizer, scaler, inputs = scene()
    before = numbers(model)
    f(model, optimizer, scaler, loss_of(model, inputs, float("inf")), 1.0)
    refuse_unless(
        "step" in [what for what, _ in scaler.tape],
        "after an overflow it leaves out scaler.step by itself; call it always, since the scaler "
        "knows best when to skip",
    )
    refuse_unless(
        torch.equal(numbers(model), before), "after an overflow the weights must stay as they are"
    )
    halved = scaler.get_scale() == SCALE / 2
    refuse_unless(
        halved,
        f"after an overflow the scale is {scaler.get_scale():.0f}; half of {SCALE:.0f} is right",
    )


def check_several(f):
    """Several updates, with the scaler on and off, against the reference."""
    for enabled in (True, False):
        results = []
        for update in (f, reference()):
            model, optimizer, scaler, inputs = scene(enabled)
            for size, clip in ((1.0, 1.0), (40.0, 0.3), (40.0, float("inf"))):
                update(model, optimizer, scaler, loss_of(model, inputs, size), clip)
            results.append(numbers(model))
        state = "on" if enabled else "off"
        refuse_unless(
            torch.allclose(*results, atol=1e-5),
            f"after three updates with the scaler {state} the weights are others",
        )


def not_scaled(model, optimizer, scaler, loss, clip):
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), clip)
    scaler.step(optimizer)
    scaler.update()
    optimizer.zero_grad()


def scaler_ignored(model, optimizer, scaler, loss, clip):
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), clip)
    optimizer.zero_grad()


def never_steps(model, optimizer, scaler, loss, clip):
    scaler.scale(loss).backward()
    scaler.unscale_(optimizer)
    nn.utils.clip_grad_norm_(model.parameters(), clip)
    optimizer.zero_grad()


def clips_before_unscaling(model, optimizer, scaler, loss, clip):
    scaler.scale(loss).backward()
    nn.utils.clip_grad_norm_(model.parameters(), clip)
    scaler.unscale_(optimizer)
    scaler.step(optimizer)
    scaler.update()
    optimizer.zero_grad()


def never_unscales(model, optimizer, scaler, loss, clip):
    scaler.scale(loss).backward()
    nn.utils.clip_grad_norm_(model.parameters(), clip)
    scaler.step(optimizer)
    scaler.update()
    optimizer.zero_grad()


def never_clips(model, optimizer, scaler, loss, clip):
    scaler.scale(loss).backward()
    scaler.unscale_(optimizer)
    scaler.step(optimizer)
    scaler.update()
    optimizer.zero_grad()


def clips_to_one(model, optimizer, scaler, loss, clip):
    reference()(model, optimizer, scaler, loss, 1.0)


def clips_each_number(model, optimizer, scaler, loss, clip):
    scaler.scale(loss).backward()
    scaler.unscale_(optimizer)
    nn.utils.clip_grad_value_(model.parameters(), clip)
    scaler.step(optimizer)
    scaler.update()
    optimizer.zero_grad()


def steps_by_itself(model, optimizer, scaler, loss, clip):
    scaler.scale(loss).backward()
    scaler.unscale_(optimizer)
    nn.utils.clip_grad_norm_(model.parameters(), clip)
    optimizer.step()
    scaler.update()
    optimizer.zero_grad()


def never_updates(model, optimizer, scaler, loss, clip):
    scaler.scale(loss).backward()
    scaler.unscale_(optimizer)
    nn.utils.clip_grad_norm_(model.parameters(), clip)
    scaler.step(optimizer)
    optimizer.zero_grad()


def updates_first(model, optimizer, scaler, loss, clip):
    scaler.scale(loss).backward()
    scaler.unscale_(optimizer)
    nn.utils.clip_grad_norm_(model.parameters(), clip)
    scaler.update()
    scaler.step(optimizer)
    optimizer.zero_grad()


def never_clears(model, optimizer, scaler, loss, clip):
    scaler.scale(loss).backward()
    scaler.unscale_(optimizer)
    nn.utils.clip_grad_norm_(model.parameters(), clip)
    scaler.step(optimizer)
    scaler.update()


def clears_too_early(model, optimizer, scaler, loss, clip):
    scaler.scale(loss).backward()
    optimizer.zero_grad()
    scaler.unscale_(optimizer)
    nn.utils.clip_grad_norm_(model.parameters(), clip)
    scaler.step(optimizer)
    scaler.update()


def always_to_clip(model, optimizer, scaler, loss, clip):
    scaler.scale(loss).backward()
    scaler.unscale_(optimizer)
    length = nn.utils.clip_grad_norm_(model.parameters(), clip)
    for weight in model.parameters():
        weight.grad.mul_(clip / length.clamp(max=clip))
    scaler.step(optimizer)
    scaler.update()
    optimizer.zero_grad()


def skips_by_itself(model, optimizer, scaler, loss, clip):
    scaler.scale(loss).backward()
    scaler.unscale_(optimizer)
    if nn.utils.clip_grad_norm_(model.parameters(), clip).isfinite():
        scaler.step(optimizer)
    scaler.update()
    optimizer.zero_grad()


def clips_to_the_scaled_length(model, optimizer, scaler, loss, clip):
    scaler.scale(loss).backward()
    nn.utils.clip_grad_norm_(model.parameters(), clip * scaler.get_scale())
    scaler.step(optimizer)
    scaler.update()
    optimizer.zero_grad()


EXERCISE = Code(
    number="6.1",
    title="one update in mixed precision",
    kind="implement",
    minutes=10,
    difficulty=2,
    statement=STATEMENT,
    hints=(
        (
            "Six lines, in the order of the statement. `scaler.scale(loss)` is a loss: it has"
            " `.backward()`."
        ),
        (
            "After `backward` every gradient is `scale` times too long. Clipping must see true"
            " lengths, so `unscale_` comes first. The scaler remembers that it has unscaled, and"
            " `step` does not do it twice."
        ),
        "scale and backward, unscale_, clip_grad_norm_, step, update, zero_grad.",
    ),
    stub=amp_step,
    package=reference(),
    probe=probe,
    wrong={
        not_scaled: "goes backward as it is",
        scaler_ignored: "never asks the scaler for anything",
        never_steps: "never lets the scaler step",
        clips_before_unscaling: "divide, then clip",
        never_unscales: "it shortens every one",
        clips_to_the_scaled_length: "only in the step",
        never_clips: "with its full length",
        clips_to_one: "of its own)",
        clips_each_number: "points elsewhere",
        steps_by_itself: "ask the scaler",
        never_updates: "the scale would never change",
        updates_first: "has been tried",
        always_to_clip: "is lengthened to",
        skips_by_itself: "leaves out scaler.step by itself",
        never_clears: "the next backward adds",
        clears_too_early: "the gradients are gone",
    },
    names="import torch\nfrom torch import nn",
)
