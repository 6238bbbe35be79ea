"""Solution of exercise 5.1, and right answers that are written differently."""

import torch
from torch.nn import functional as F


def stablemax_cross_entropy(logits_BLV, labels_BL):
    a_BLV = logits_BLV.float()
    s_BLV = torch.where(a_BLV >= 0, a_BLV + 1, 1 / (1 - a_BLV.clamp(max=0)))
    p_BLV = s_BLV / s_BLV.sum(-1, keepdim=True)
    return -p_BLV.gather(-1, labels_BL.unsqueeze(-1)).squeeze(-1).log()


def in_logarithms(logits_BLV, labels_BL):
    x_BLV = logits_BLV.float()
    log_s_BLV = F.relu(x_BLV).log1p() - F.relu(-x_BLV).log1p()
    wanted_BLV = F.one_hot(labels_BL, x_BLV.shape[-1])
    return log_s_BLV.logsumexp(-1) - (log_s_BLV * wanted_BLV).sum(-1)


def in_double_and_indexed(logits_BLV, labels_BL):
    B, L, V = logits_BLV.shape
    a = logits_BLV.double().reshape(B * L, V)
    below = a < 0
    s = (a + 1).masked_fill(below, 0.0) + (1 / (1 - a.masked_fill(~below, 0.0))).masked_fill(
        ~below, 0.0
    )
    p = s[torch.arange(B * L), labels_BL.reshape(-1)] / s.sum(1)
    return -p.log().view(B, L).float()


VARIANTS = (in_logarithms, in_double_and_indexed)
