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


def calls_with_gradient(recursion, n, T, **keywords) -> list[bool]:
    """For each call of the net, in order: does the gradient of the answer y reach it?

    Asked of the graph, not of the code: each call of a small stand-in net has a weight of its own. The usual answer has
    T * (n + 1) entries; a recursion that makes more or fewer calls has more or fewer.
    """
    weights = []

    def net(state, injection):
        weights.append(torch.ones((), dtype=torch.float64, requires_grad=True))
        return weights[-1] * (0.7 * state + 0.2 * injection.sin() + 0.1)

    x, y, z = torch.linspace(-1, 1, 6, dtype=torch.float64).view(3, 2)
    y, _ = recursion(net, x, y, z, n, T, **keywords)
    if not y.requires_grad:
        return [False] * len(weights)
    return [share is not None for share in torch.autograd.grad(y.sum(), weights, allow_unused=True)]
