"""Solution of exercise 9.4, and right answers that are written differently."""


def confounds(ours, theirs, factor):
    absent = object()
    found = set()
    for key in ours.keys() | theirs.keys():
        if key != factor and ours.get(key, absent) != theirs.get(key, absent):
            found.add(key)
    if any(run["steps"] <= run["warm-up"] for run in (ours, theirs)):
        found.add("inside warm-up")
    if min(ours["seeds"], theirs["seeds"]) < 3:
        found.add("one seed")
    if factor == "EMA" and "training loss" in (ours["score"], theirs["score"]):
        found.add("blind score")
    return found


def by_items(ours, theirs, factor):
    runs = [ours, theirs]
    words = {key for key, value in ours.items() if key not in theirs or theirs[key] != value}
    words |= {key for key in theirs if key not in ours}
    words.discard(factor)
    rules = {
        "inside warm-up": [run["steps"] <= run["warm-up"] for run in runs],
        "one seed": [run["seeds"] < 3 for run in runs],
        "blind score": [factor == "EMA" and run["score"] == "training loss" for run in runs],
    }
    return words.union(word for word, holds in rules.items() if any(holds))


VARIANTS = (by_items,)
