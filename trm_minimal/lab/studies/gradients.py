"""Which calls of the net get gradient: asked of the graph, not of the code."""

import torch


def calls_with_gradient(recursion, n, T, **keywords) -> list[bool]:
    """For each call of the net, in order: does the gradient of the answer y reach it?

    Each call of a small stand-in net has a weight of its own. The usual answer has T * (n + 1)
    entries; a recursion that makes more or fewer calls has more or fewer.
    """
    weights = []

    def net(state, injection):
        weights.append(torch.ones((), dtype=torch.float64, requires_grad=True))
        return weights[-1] * (0.7 * state + 0.2 * injection.sin() + 0.1)

    x, y, z = torch.linspace(-1, 1, 6, dtype=torch.float64).view(3, 2)
    y, _ = recursion(net, x, y, z, n, T, **keywords)
    if not y.requires_grad:
        return [False] * len(weights)
    shares = torch.autograd.grad(y.sum(), weights, allow_unused=True)
    return [share is not None for share in shares]
