"""Exercise 9.2: at_calls."""

import math

from trm_minimal.classroom.exercise import Code
from trm_minimal.classroom.watched import refuse_unless, shown
from trm_minimal.lab.studies import compare

STATEMENT = """
Write `at_calls(record, calls, which="ema")`: the validation accuracy that a recorded run had
reached when each slot had made `calls` calls of the net. Three entries of the record are needed:

- `record["recipe"]["test_depth"]` is the list `[n, T]`. A supervision step makes T (n + 1) calls:
  in each of the T rounds n for z and one for y;
- `record["curve"]` is a list of rows, in order, each with `"step"`, `"ema"` and `"raw"`.

Take the *last* row whose step is paid for by `calls`; exactly paid counts. The runs were looked at
every 100 steps or so, and this rounds down: what comes later would be help from compute not yet
spent. Where there is no such row, return `math.nan`.
"""


def at_calls(record, calls, which="ema"):
    """Validation accuracy of the run within so many net calls a slot."""
    ...  # your code


def reference():
    def at_calls(record, calls, which="ema"):
        rows = rows_within(record, calls, calls_of(record))
        return last(rows, which)

    return at_calls


def record(n: int, T: int) -> dict:
    """Looks every 100 steps; the average climbs by 0.01 but falls back at 1200; the raw weights are
    0.003 lower.
    """
    heights = {100 * i: 0.075 if i == 12 else 0.01 * i for i in range(1, 61)}
    rows = [
        {"step": step, "ema": height, "raw": height - 0.003} for step, height in heights.items()
    ]
    return {"recipe": {"test_depth": [n, T]}, "curve": rows}


def probe(f):
    for n, T in ((2, 3), (1, 1), (6, 3)):
        one, each = record(n, T), T * (n + 1)
        for step in (1250, 100, 299, 300, 500, 10_000):
            for which in ("ema", "raw"):
                found, right = f(one, step * each, which), reference()(one, step * each, which)
                refuse_unless(found is not None, "it returns nothing; a number is wanted")
                check_value(float(found), right, one, step, each, which)
            share = step * each + each // 2  # of a step that is not paid for in full
            found, right = f(one, share), reference()(one, share)
            refuse_unless(
                math.isclose(found, right),
                f"a supervision step has {each} calls, and {step} steps and a half are paid for: it"
                f" returns {found:.3f}, {right:.3f} is right; half a step is not paid for",
            )
        found = f(one, 99 * each)
        refuse_unless(
            isinstance(found, float) and math.isnan(found),
            f"before the first look it returns {shown(found)}; nothing is known there, which"
            " is nan",
        )
        refuse_unless(
            math.isclose(f(one, 100 * each), 0.01),
            "without `which` it should read the average, ema",
        )
    check_irregular(f)


def check_irregular(f):
    """Looks at any steps, and a score of zero."""
    heights = {90: 0.05, 205: 0.2, 300: 0.3, 415: 0.0, 430: 0.1}
    rows = [{"step": step, "ema": height, "raw": height} for step, height in heights.items()]
    one, each = {"recipe": {"test_depth": [2, 3]}, "curve": rows}, 9
    for step in (95, 204, 210, 310, 420, 500):
        found, right = f(one, step * each), reference()(one, step * each)
        told = (
            f"of a run looked at after {list(heights)} steps it returns {shown(found)} for {step}"
        )
        refuse_unless(
            right != 0 or found == 0,
            f"{told} steps; {right:.3f} is right: a score of 0 counts like any other",
        )
        refuse_unless(
            math.isclose(found, right),
            f"{told} steps; {right:.3f} is right: rows need not stand at regular steps, so ask each"
            " for its own",
        )


def check_value(found, right, one, step, each, which):
    (n, T), rows = one["recipe"]["test_depth"], one["curve"]
    said = f"n = {n}, T = {T}, {step * each} calls: it returns {found:.3f}, {right:.3f} is right"
    if math.isclose(found, right):
        return
    other = {"ema": "raw", "raw": "ema"}[which]
    refuse_unless(
        not math.isclose(found, reference()(one, step * each, other)),
        f"{said}; asked for {which}, it reads {other}",
    )
    wrong_counts = {
        "T n calls forget the call for y": T * n,
        "the calls were taken for steps": 1,
        "n + 1 calls are one round, and a step has T rounds": n + 1,
        "n and T are exchanged; n stands first": n * (T + 1),
    }
    for words, count in wrong_counts.items():
        guess = [row[which] for row in rows if row["step"] * count <= step * each]
        refuse_unless(not guess or not math.isclose(found, guess[-1]), f"{said}; {words}")
    later = [row[which] for row in rows if row["step"] > step][:1]
    refuse_unless(
        not later or not math.isclose(found, later[0]), f"{said}; it reads a row not paid for yet"
    )
    earlier = [math.nan, *(row[which] for row in rows if row["step"] < step)][-1]
    same = math.isclose(found, earlier) or (math.isnan(found) and math.isnan(earlier))
    looked = step in [row["step"] for row in rows]
    refuse_unless(not (looked and same), f"{said}; exactly paid counts")
    best = max(row[which] for row in rows if row["step"] <= step)
    refuse_unless(
        not math.isclose(found, best), f"{said}; that is the best row so far, and not the last"
    )
    refuse_unless(math.isclose(found, right), said)


def rows_within(record, calls, each, strict=False):
    return [row for row in record["curve"] if row["step"] * each < calls + (not strict) * 1e-9]


def calls_of(record):
    n, T = record["recipe"]["test_depth"]
    return T * (n + 1)


def last(rows, which):
    return rows[-1][which] if rows else math.nan


def y_forgotten(record, calls, which="ema"):
    n, T = record["recipe"]["test_depth"]
    return last(rows_within(record, calls, T * n), which)


def exchanged(record, calls, which="ema"):
    T, n = record["recipe"]["test_depth"]
    return last(rows_within(record, calls, T * (n + 1)), which)


def steps_for_calls(record, calls, which="ema"):
    return last(rows_within(record, calls, 1), which)


def one_round(record, calls, which="ema"):
    return last(rows_within(record, calls, record["recipe"]["test_depth"][0] + 1), which)


def rounded_up(record, calls, which="ema"):
    behind = [row for row in record["curve"] if row["step"] * calls_of(record) >= calls]
    row = behind[0] if behind else record["curve"][-1]
    return math.nan if calls < 100 * calls_of(record) else row[which]


def strictly_less(record, calls, which="ema"):
    return last(rows_within(record, calls - 1e-6, calls_of(record), strict=True), which)


def best_so_far(record, calls, which="ema"):
    rows = rows_within(record, calls, calls_of(record))
    return max(row[which] for row in rows) if rows else math.nan


def always_raw(record, calls, which="ema"):
    return last(rows_within(record, calls, calls_of(record)), "raw")


def nothing_is_zero(record, calls, which="ema"):
    rows = rows_within(record, calls, calls_of(record))
    return rows[-1][which] if rows else 0.0


def zero_dropped(record, calls, which="ema"):
    rows = rows_within(record, calls, calls_of(record))
    return ([math.nan] + [row[which] for row in rows if row[which]])[-1]


def half_a_step(record, calls, which="ema"):
    steps = round(calls / calls_of(record))
    return last([row for row in record["curve"] if row["step"] <= steps], which)


def by_spacing(record, calls, which="ema"):
    rows = record["curve"]
    seen = calls // calls_of(record) // rows[0]["step"]
    return rows[min(seen, len(rows)) - 1][which] if seen else math.nan


EXERCISE = Code(
    number="9.2",
    title="at_calls",
    kind="implement",
    minutes=8,
    difficulty=1,
    statement=STATEMENT,
    hints=(
        "First the calls of one supervision step: multiply T by the calls of one round.",
        "Keep the rows whose `step` times that is at most `calls`. The rows are in order.",
        (
            "`rows[-1][which] if rows else math.nan`, with `rows` a list comprehension over"
            " `record['curve']`."
        ),
    ),
    stub=at_calls,
    package=compare.at_calls,
    probe=probe,
    wrong={
        exchanged: "n stands first",
        y_forgotten: "forget the call for y",
        steps_for_calls: "taken for steps",
        one_round: "a step has T rounds",
        rounded_up: "not paid for yet",
        strictly_less: "exactly paid counts",
        best_so_far: "the best row so far",
        always_raw: "it reads raw",
        nothing_is_zero: "nothing is known there",
        zero_dropped: "a score of 0 counts",
        half_a_step: "half a step is not paid for",
        by_spacing: "rows need not stand at regular steps",
    },
    names="import math",
)
