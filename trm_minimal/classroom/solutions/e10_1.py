"""Solution of exercise 10.1, and right answers that are written differently."""

import math


def growth_factor(n):
    y = z = 1.0
    for _ in range(50):
        before = y
        for _ in range(n):
            z += y
        y += z
    return y / before


def by_eigenvalue(n):
    half = (n + 2) / 2
    return half + math.sqrt(half * half - 1)


def by_powers(n):
    y, z = 1.0, 1.0
    factor = 0.0
    for _ in range(60):
        z = z + n * y
        new_y = y + z
        factor, y = new_y / y, new_y
    return factor


VARIANTS = (by_eigenvalue, by_powers)
