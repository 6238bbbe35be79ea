"""Solution of exercise 9.2, and right answers that are written differently."""

import math


def at_calls(record, calls, which="ema"):
    n, T = record["recipe"]["test_depth"]
    calls_a_step = T * (n + 1)
    rows = [row for row in record["curve"] if row["step"] * calls_a_step <= calls]
    return rows[-1][which] if rows else math.nan


def step_by_step(record, calls, which="ema"):
    depth = record["recipe"]["test_depth"]
    affordable, found = calls // (depth[0] * depth[1] + depth[1]), float("nan")
    for row in record["curve"]:
        if row["step"] > affordable:
            break
        found = row[which]
    return found


VARIANTS = (step_by_step,)
