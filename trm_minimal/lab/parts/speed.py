"""Parts of recipes that are for speed on a GPU; the algorithm stays what it is."""

import torch

from trm_minimal.model import TinyRecursiveModel
from trm_minimal.recursion import deep_recursion, latent_recursion


def deep_recursion_in_autocast(net, x, y, z, n, T, grad_rounds=1, one_round=latent_recursion):
    """deep_recursion, but under autocast the states between the calls are rounded, too.

    Autocast itself rounds only the products. The official code casts its whole net to bfloat16,
    states included (config/arch/trm.yaml, forward_dtype): half the memory to move. Without autocast
    nothing is rounded.
    """
    kind, full = x.device.type, x.dtype
    if torch.is_autocast_enabled(kind):
        x, y, z = (state.to(torch.get_autocast_dtype(kind)) for state in (x, y, z))
    y, z = deep_recursion(net, x, y, z, n, T, grad_rounds, one_round)
    return y.to(full), z.to(full)


def compiled_whole(model: TinyRecursiveModel) -> None:
    """Fuse a whole supervision step, all T (n + 1) calls (torch.compile).

    A GPU then need not wait for Python to start each small call. It takes longer to compile than
    `model.compiled`, and is made anew for each depth.
    """
    model.compile()
