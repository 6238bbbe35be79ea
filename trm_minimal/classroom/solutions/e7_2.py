"""Solution of exercise 7.2, and right answers that are written differently."""

import torch


def exact_by_bin(tokens_NL, labels_NL, values_N, bins):
    right_N = (tokens_NL == labels_NL).all(1)
    found = []
    for least, most in bins:
        inside_N = (values_N >= least) & (values_N <= most)
        found.append((int(right_N[inside_N].sum()), int(inside_N.sum())))
    return found


def puzzle_by_puzzle(tokens_NL, labels_NL, values_N, bins):
    found = []
    for least, most in bins:
        inside = [i for i, value in enumerate(values_N.tolist()) if least <= value <= most]
        found.append((sum(torch.equal(tokens_NL[i], labels_NL[i]) for i in inside), len(inside)))
    return found


def no_cell_wrong(tokens_NL, labels_NL, values_N, bins):
    solved = values_N[(tokens_NL != labels_NL).sum(1) == 0].tolist()
    return [
        (
            sum(least <= value <= most for value in solved),
            sum(least <= value <= most for value in values_N.tolist()),
        )
        for least, most in bins
    ]


VARIANTS = (puzzle_by_puzzle, no_cell_wrong)
