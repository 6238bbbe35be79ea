"""The algorithm: the paper's Figure 3. `net` is any callable (state, injection) -> state."""

import torch


def latent_recursion(net, x, y, z, n):
    """Think n times about the question, then improve the answer once (paper 4.2, 4.3).

    n + 1 calls of one net.
    """
    for _ in range(n):
        z = net(z, x + y)  # the question x is present: improve the latent z
    y = net(y, z)  # x is absent: improve the answer y
    return y, z


def deep_recursion(net, x, y, z, n, T, grad_rounds=1, one_round=latent_recursion):
    """T rounds; only the last `grad_rounds` carry gradient, in all their calls (paper 4.1)."""
    with torch.no_grad():
        for _ in range(T - grad_rounds):
            y, z = one_round(net, x, y, z, n)
    for _ in range(min(grad_rounds, T)):
        y, z = one_round(net, x, y, z, n)
    return y, z
