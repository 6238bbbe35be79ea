"""Exercise 5.4: ema_update."""

from copy import deepcopy
from types import SimpleNamespace

import torch
from torch import Tensor, nn

from trm_minimal.classroom.exercise import Code
from trm_minimal.classroom.watched import refuse_unless
from trm_minimal.ema import EMA

STATEMENT = """
Write `ema_update(shadow, model, decay)`. Both are modules with the same parameters, in the same
order. It changes every parameter of `shadow`, in place, to `decay` times what it was plus `1 -
decay` times the model's. It leaves the model as it is. No gradient may flow: call it a thousand
times, and the shadow's numbers must still be plain numbers, with no graph behind them.
`module.parameters()` goes through the parameters, and `with torch.no_grad():` switches gradients
off.
"""


def ema_update(shadow, model, decay):
    """Move every parameter of shadow a little towards the model's, in place."""
    ...  # your code


def reference():
    def ema_update(shadow, model, decay):
        EMA.update(SimpleNamespace(model=shadow, decay=decay), model)

    return ema_update


def two_nets() -> tuple[nn.Module, nn.Module]:
    """(shadow, model): the same parts with different numbers.

    The shadow wants no gradients, as an average, and the last part of the model is frozen.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        shadow, model = (
            nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2, bias=False)).double() for _ in range(2)
        )
    model[1].requires_grad_(False)
    return shadow.requires_grad_(False), model


def numbers(module: nn.Module) -> Tensor:
    return torch.cat([weight.detach().flatten() for weight in module.parameters()])


def close(a: Tensor, b: Tensor) -> bool:
    return torch.allclose(a, b, rtol=1e-9, atol=1e-9)


def probe(f):
    shadow, model = two_nets()
    old, weight, decay = numbers(shadow).clone(), numbers(model).clone(), 0.9
    parts, places = list(shadow.parameters()), [part.data_ptr() for part in shadow.parameters()]
    f(shadow, model, decay)
    refuse_unless(
        close(numbers(model), weight),
        "it changes the model's own weights; training must not feel the average",
    )
    check_result(numbers(shadow), old, weight, decay)
    refuse_unless(
        [id(part) for part in shadow.parameters()] == [id(part) for part in parts],
        "it puts new parameters into the shadow; change the numbers of the old ones, in place",
    )
    refuse_unless(
        [part.data_ptr() for part in parts] == places,
        "it gives the shadow's parameters new memory, as `old.data = ...` does; change the "
        "numbers in place, as `old.mul_(decay)` does",
    )
    check_graph(f, shadow, model)
    check_model_stays(f)

    for decay in (0.5, 0.98, 1.0, 0.0):  # from there on, several times
        shadow, model = two_nets()
        expected = deepcopy(shadow)
        for _ in range(3):
            f(shadow, model, decay)
            reference()(expected, model, decay)
            with torch.no_grad():
                model[0].weight += 1
        refuse_unless(
            close(numbers(shadow), numbers(expected)),
            f"after three updates with decay {decay} the shadow is another one",
        )


def check_result(now: Tensor, old: Tensor, weight: Tensor, decay: float):
    same_now = torch.isclose(now, old)
    refuse_unless(
        not same_now.all(),
        "the shadow has not changed at all; a new tensor under an old name leaves the parameter as"
        " it was",
    )
    refuse_unless(
        not same_now.any(),
        f"{int(same_now.sum())} of {len(now)} numbers stay as they were; go through all",
    )
    change = (now - old) / (weight - old)
    told = (
        f"with decay {decay} a number goes from {old[0]:.4f} to {now[0]:.4f}, where the model has"
        f" {weight[0]:.4f}"
    )
    refuse_unless(not close(now, weight), f"{told}: it is copied, not averaged")
    refuse_unless(
        not close(change, torch.full_like(change, decay)),
        f"{told}: the two shares are exchanged; the old keeps {decay}",
    )
    refuse_unless(
        not close(now, decay * old + weight),
        f"{told}: the shares are {decay} and 1; they must add up to one",
    )
    refuse_unless(
        close(now, decay * old + (1 - decay) * weight),
        f"{told}; {decay * old[0] + (1 - decay) * weight[0]:.4f} is right",
    )


def check_model_stays(f):
    """Its gradients and its mode are for training, which goes on."""
    shadow, model = two_nets()
    for weight in model.parameters():
        weight.grad = torch.ones_like(weight)
    f(shadow, model, 0.9)
    refuse_unless(
        all(
            weight.grad is not None and bool((weight.grad == 1).all())
            for weight in model.parameters()
        ),
        "the model's gradients are gone or others afterwards; leave them to the optimizer",
    )
    refuse_unless(
        all(part.training for part in model.modules()),
        "the model is no longer in training mode afterwards; leave out `model.eval()`",
    )


def check_graph(f, shadow: nn.Module, model: nn.Module):
    odd = [
        weight
        for weight in shadow.parameters()
        if weight.requires_grad or weight.grad_fn is not None
    ]
    refuse_unless(
        not odd,
        "the shadow keeps a graph of how it was computed, which grows with every update; switch"
        " gradients off",
    )
    trainable, model = two_nets()
    f(trainable.requires_grad_(True), model, 0.9)  # an error here is told as it is
    refuse_unless(
        [weight.requires_grad for weight in model.parameters()] == [True, True, False],
        "the model's weights do not want gradients as before; training would stop",
    )


@torch.no_grad()
def moved(shadow, model, keep, take):
    for old, new in zip(shadow.parameters(), model.parameters(), strict=True):
        old.mul_(keep).add_(new, alpha=take)


def shares_exchanged(shadow, model, decay):
    moved(shadow, model, 1 - decay, decay)


def not_normed(shadow, model, decay):
    moved(shadow, model, decay, 1)


def copied(shadow, model, decay):
    moved(shadow, model, 0, 1)


def roles_exchanged(shadow, model, decay):
    moved(model, shadow, decay, 1 - decay)


def not_in_place(shadow, model, decay):
    with torch.no_grad():
        for old, new in zip(shadow.parameters(), model.parameters(), strict=True):
            old = decay * old + (1 - decay) * new


def first_only(shadow, model, decay):
    with torch.no_grad():
        for old, new in zip(shadow.parameters(), model.parameters(), strict=True):
            old.copy_(decay * old + (1 - decay) * new)
            break


def with_a_graph(shadow, model, decay):
    for old, new in zip(shadow.parameters(), model.parameters(), strict=True):
        old.mul_(decay).add_((1 - decay) * new)


def half_of_the_way(shadow, model, decay):
    moved(shadow, model, decay**2, 1 - decay**2)


def decay_fixed(shadow, model, decay):
    moved(shadow, model, 0.9, 0.1)


def model_frozen(shadow, model, decay):
    model.requires_grad_(False)
    moved(shadow, model, decay, 1 - decay)


def only_what_is_trained(shadow, model, decay):
    with torch.no_grad():
        for old, new in zip(shadow.parameters(), model.parameters(), strict=True):
            if new.requires_grad:
                old.mul_(decay).add_(new, alpha=1 - decay)


def new_memory(shadow, model, decay):
    for old, new in zip(shadow.parameters(), model.parameters(), strict=True):
        old.data = decay * old.data + (1 - decay) * new.data


def new_parameters(shadow, model, decay):
    for old, new in zip(list(shadow), model, strict=True):
        for name, weight in list(old.named_parameters()):
            mean = decay * weight.detach() + (1 - decay) * new.get_parameter(name).detach()
            setattr(old, name, nn.Parameter(mean, requires_grad=False))


def gradients_cleared(shadow, model, decay):
    moved(shadow, model, decay, 1 - decay)
    model.zero_grad()


def mode_changed(shadow, model, decay):
    model.eval()
    moved(shadow, model, decay, 1 - decay)


EXERCISE = Code(
    number="5.4",
    title="ema_update",
    kind="implement",
    minutes=5,
    difficulty=1,
    statement=STATEMENT,
    hints=(
        "`zip(shadow.parameters(), model.parameters())` gives the pairs.",
        (
            "`old = ...` only gives a new tensor an old name. Methods with an underscore, as"
            " `mul_`, `add_` and `copy_`, change the numbers themselves."
        ),
        (
            "Inside `with torch.no_grad():`, `old.mul_(decay).add_(new, alpha=1 - decay)` for each"
            " pair."
        ),
    ),
    stub=ema_update,
    package=reference(),
    probe=probe,
    wrong={
        shares_exchanged: "the two shares are exchanged",
        not_normed: "they must add up to one",
        copied: "it is copied, not averaged",
        roles_exchanged: "the model's own weights",
        not_in_place: "has not changed at all",
        first_only: "12 of 24 numbers stay",
        with_a_graph: "keeps a graph",
        half_of_the_way: "is right",
        decay_fixed: "the shadow is another one",
        model_frozen: "do not want gradients as before",
        only_what_is_trained: "8 of 24 numbers stay",
        new_memory: "new memory",
        gradients_cleared: "leave them to the optimizer",
        mode_changed: "no longer in training mode",
        new_parameters: "new parameters",
    },
)
