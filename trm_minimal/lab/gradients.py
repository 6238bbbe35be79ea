"""Other choices of what carries gradient, to compare with `deep_recursion`; each has its signature."""

import torch

from trm_minimal.recursion import latent_recursion


def one_step_recursion(net, x, y, z, n, T, grad_rounds=1):
    """As deep_recursion, but of each round with gradient only the last z call and the y call carry it.

    With grad_rounds=1 this is the 1-step approximation of HRM (its section 2; "1-step gradient" in the TRM paper's
    Table 1). The states are those of deep_recursion, bit for bit: only the gradient differs.
    """
    with torch.no_grad():
        for _ in range(T - grad_rounds):
            y, z = latent_recursion(net, x, y, z, n)
    for _ in range(min(grad_rounds, T)):
        with torch.no_grad():
            for _ in range(n - 1):
                z = net(z, x + y)
        y, z = latent_recursion(net, x, y, z, 1)
    return y, z
