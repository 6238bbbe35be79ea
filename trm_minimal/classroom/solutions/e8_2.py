"""Solution of exercise 8.2, and right answers that are written differently."""

import torch


def settle_time(tokens_KNL):
    foreign_KNL = tokens_KNL != tokens_KNL[-1]
    moments_K11 = torch.arange(1, len(tokens_KNL) + 1).view(-1, 1, 1)
    return (foreign_KNL * moments_K11).amax(0)


def backwards(tokens_KNL):
    same_KNL = (tokens_KNL == tokens_KNL[-1]).long().flip(0)
    return len(tokens_KNL) - same_KNL.cumprod(0).sum(0)


def by_changes(tokens_KNL):
    times_NL = torch.zeros(tokens_KNL.shape[1:], dtype=torch.long)
    for k in range(1, len(tokens_KNL)):
        times_NL[tokens_KNL[k] != tokens_KNL[k - 1]] = k
    return times_NL


VARIANTS = (backwards, by_changes)
