"""Solution of exercise 5.3, and right answers that are written differently."""

import torch


def halt_by_q(q_B, steps_B, N_sup, generator, exploration=0.1):
    B = len(q_B)
    explore_B = torch.rand(B, generator=generator) < exploration
    m_B = torch.randint(2, max(N_sup, 2) + 1, (B,), generator=generator)
    least_B = torch.where(explore_B, m_B, 0)
    return (q_B > 0) & (steps_B >= least_B) | (steps_B >= N_sup)


def minimum_first(q_B, steps_B, N_sup, generator, exploration=0.1):
    uniform_2B = torch.rand(2, *q_B.shape, generator=generator)
    minimum = 2 + (uniform_2B[0] * (N_sup - 1)).floor()
    too_early = (uniform_2B[1] < exploration) & (steps_B < minimum)
    halts = (q_B.sigmoid() > 0.5).logical_and(~too_early)
    return torch.where(steps_B < N_sup, halts, True)


def slot_by_slot(q_B, steps_B, N_sup, generator, exploration=0.1):
    chances = torch.rand(len(q_B), generator=generator).tolist()
    minima = torch.randint(0, max(N_sup - 1, 1), (len(q_B),), generator=generator).tolist()
    halted = []
    for q, steps, chance, m in zip(q_B.tolist(), steps_B.tolist(), chances, minima, strict=True):
        least = m + 2 if chance < exploration else 0
        halted.append(steps >= N_sup or (q > 0 and steps >= least))
    return torch.tensor(halted)


VARIANTS = (minimum_first, slot_by_slot)
