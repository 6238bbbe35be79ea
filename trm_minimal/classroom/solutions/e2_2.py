"""Solution of exercise 2.2, and right answers that are written differently."""

import torch


def rotate(h_LK, base=10_000):
    L, K = h_LK.shape
    speed_k = base ** (-2 * torch.arange(K // 2) / K)
    angle_Lk = torch.arange(L)[:, None] * speed_k
    angle_LK = angle_Lk.repeat(1, 2)  # both halves get the same angles
    a_Lk, b_Lk = h_LK.chunk(2, dim=1)
    quarter_LK = torch.cat((-b_Lk, a_Lk), dim=1)
    return h_LK * angle_LK.cos() + quarter_LK * angle_LK.sin()


def by_halves(h_LK, base=10_000):
    half = h_LK.shape[1] // 2
    angle_Lk = torch.arange(len(h_LK))[:, None] * base ** (-torch.arange(half) / half)
    cos_Lk, sin_Lk = angle_Lk.cos(), angle_Lk.sin()
    a_Lk, b_Lk = h_LK[:, :half], h_LK[:, half:]
    return torch.cat((a_Lk * cos_Lk - b_Lk * sin_Lk, b_Lk * cos_Lk + a_Lk * sin_Lk), dim=-1)


def by_complex_numbers(h_LK, base=10_000):
    L, K = h_LK.shape
    arrows_Lk = torch.complex(h_LK[:, : K // 2], h_LK[:, K // 2 :])
    angle_Lk = torch.outer(torch.arange(L), base ** (torch.arange(K // 2) * (-2 / K)))
    turned_Lk = arrows_Lk * torch.exp(1j * angle_Lk)
    return torch.cat((turned_Lk.real, turned_Lk.imag), dim=1)


VARIANTS = (by_halves, by_complex_numbers)
