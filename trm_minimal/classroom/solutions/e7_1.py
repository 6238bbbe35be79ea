"""Solution of exercise 7.1, and right answers that are written differently."""

import math


def interval(successes, n, z=1.96):
    p = successes / n
    middle = (p + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * math.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    return middle - half, middle + half


def roots_of_a_quadratic(successes, n, z=1.96):
    """The true shares q at which p lies exactly z standard deviations away: (p - q)^2 = z^2 q (1 -
    q) / n.
    """
    p, a = successes / n, 1 + z * z / n
    b = -(2 * p + z * z / n)
    root = math.sqrt(max(0.0, b * b - 4 * a * p * p))
    return (-b - root) / (2 * a), (-b + root) / (2 * a)


def in_counts(successes, n, z=1.96):
    width = z * math.sqrt(successes * (n - successes) / n + z * z / 4)
    return tuple((successes + z * z / 2 + sign * width) / (n + z * z) for sign in (-1, 1))


VARIANTS = (roots_of_a_quadratic, in_counts)
