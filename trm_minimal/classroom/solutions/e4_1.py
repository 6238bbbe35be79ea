"""Solution of exercise 4.1, and right answers that are written differently."""

import torch

from trm_minimal.recursion import latent_recursion


def deep_recursion(net, x, y, z, n, T, grad_rounds=1):
    with torch.no_grad():
        for _ in range(T - grad_rounds):
            y, z = latent_recursion(net, x, y, z, n)
    for _ in range(grad_rounds):
        y, z = latent_recursion(net, x, y, z, n)
    return y, z


def one_loop(net, x, y, z, n, T, grad_rounds=1):
    for t in range(T):
        with torch.set_grad_enabled(torch.is_grad_enabled() and t >= T - grad_rounds):
            y, z = latent_recursion(net, x, y, z, n)
    return y, z


def written_out(net, x, y, z, n, T, grad_rounds=1):
    @torch.no_grad()
    def free(y, z):
        for _ in range(n):
            z = net(z, x + y)
        return net(y, z), z

    while grad_rounds < T:
        (y, z), T = free(y, z), T - 1
    while T:
        for _ in range(n):
            z = net(z, x + y)
        y, T = net(y, z), T - 1
    return y, z


VARIANTS = (one_loop, written_out)
