"""Solution of exercise 6.1, and right answers that are written differently."""

import torch
from torch import nn


def amp_step(model, optimizer, scaler, loss, clip):
    scaler.scale(loss).backward()
    scaler.unscale_(optimizer)
    nn.utils.clip_grad_norm_(model.parameters(), clip)
    scaler.step(optimizer)
    scaler.update()
    optimizer.zero_grad()


def cleared_at_the_start(model, optimizer, scaler, loss, clip):
    optimizer.zero_grad()
    scaled = scaler.scale(loss)
    torch.autograd.backward(scaled)
    scaler.unscale_(optimizer)
    torch.nn.utils.clip_grad_norm_(
        [w for group in optimizer.param_groups for w in group["params"]], max_norm=clip
    )
    scaler.step(optimizer)
    scaler.update()
    model.zero_grad()


def clipped_by_hand(model, optimizer, scaler, loss, clip):
    scaler.scale(loss).backward()
    scaler.unscale_(optimizer)
    weights = [weight for weight in model.parameters() if weight.grad is not None]
    length = torch.stack([weight.grad.norm() for weight in weights]).norm()
    if length > clip:
        for weight in weights:
            weight.grad.mul_(clip / length)
    scaler.step(optimizer)
    scaler.update()
    optimizer.zero_grad(set_to_none=False)


VARIANTS = (cleared_at_the_start, clipped_by_hand)
