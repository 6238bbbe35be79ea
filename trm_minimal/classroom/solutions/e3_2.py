"""Solution of exercise 3.2, and right answers that are written differently."""


def record_calls(net, x, y, z, n, T):
    seen = []
    for _ in range(T):
        for _ in range(n):
            z = net(z, x + y)
            seen.append(("z", z))
        y = net(y, z)
        seen.append(("y", y))
    return seen


def thought_kept(net, x, y, z, n, T):
    seen, thought = [], z
    for call in range(T * (n + 1)):
        if call % (n + 1) < n:
            thought = net(thought, x + y)
            seen.append(("z", thought))
        else:
            y = net(y, thought)
            seen += [("y", y)]
    return seen


VARIANTS = (thought_kept,)
