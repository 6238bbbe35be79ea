"""Solution of exercise 1.2, and right answers that are written differently."""

import torch


def put_aside(keys, seed):
    """Indices of a random tenth of the puzzles, or a few more.

    Puzzles with equal keys stay together.
    """
    classes = {}
    for index, key in enumerate(keys):
        classes.setdefault(key, []).append(index)
    members = list(classes.values())
    generator = torch.Generator().manual_seed(seed)
    aside = set()
    for i in torch.randperm(len(members), generator=generator).tolist():
        if len(aside) >= len(keys) / 10:
            break
        aside.update(members[i])  # the whole class
    return aside


def rather_too_few(keys, seed):
    classes = {}
    for index, key in enumerate(keys):
        classes.setdefault(key, []).append(index)
    members = list(classes.values())
    order = torch.randperm(len(members), generator=torch.Generator().manual_seed(seed)).tolist()
    aside = []
    for i in order:
        if len(aside) + len(members[i]) > len(keys) // 10:
            return aside
        aside += members[i]
    return aside


def the_cut_class_comes_along(keys, seed):
    names = sorted(set(keys))
    order = torch.randperm(len(names), generator=torch.Generator().manual_seed(seed))
    rank = {names[i]: place for place, i in enumerate(order.tolist())}
    by_class = sorted(range(len(keys)), key=lambda index: rank[keys[index]])
    last = rank[keys[by_class[len(keys) // 10 - 1]]]
    return {index for index in by_class if rank[keys[index]] <= last}


VARIANTS = (rather_too_few, the_cut_class_comes_along)
