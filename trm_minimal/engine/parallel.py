"""Training in several processes, one for each GPU: each holds the whole model and its share of the
slots.

Start them with torchrun; a process started alone is the only worker, and then nothing here does
anything.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.utils import parameters_to_vector, vector_to_parameters


class Workers(NamedTuple):
    """Which worker this is, and of how many.

    Slots are dealt in order: worker r has the r-th part of the batch.
    """

    rank: int = 0
    count: int = 1

    def share(self, tensor: Tensor, dim: int = 0) -> Tensor:
        """This worker's part of what belongs to all slots."""
        return tensor.chunk(self.count, dim)[self.rank]

    def gather(self, tensor: Tensor, dim: int = 0) -> Tensor:
        """The parts of all workers, joined. All must call it."""
        if self.count == 1:
            return tensor
        kind = torch.uint8 if tensor.dtype is torch.bool else tensor.dtype  # gloo knows no bool
        parts = [torch.empty_like(tensor, dtype=kind) for _ in range(self.count)]
        dist.all_gather(parts, tensor.to(kind).contiguous())
        return torch.cat(parts, dim).to(tensor.dtype)

    def average_gradients(self, model: nn.Module) -> None:
        """Every gradient becomes the mean over the workers: that of the whole batch.

        All must call it.
        """
        if self.count == 1:
            return
        gradients = [weight.grad for weight in model.parameters() if weight.grad is not None]
        flat = parameters_to_vector(gradients)
        dist.all_reduce(flat)
        vector_to_parameters(flat / self.count, gradients)


@contextmanager
def join(device: str) -> Iterator[tuple[Workers, str]]:
    """(workers, device of this one): all that torchrun started, or this process alone."""
    if not dist.is_torchelastic_launched():
        yield Workers(), device
        return
    # else an optimizer does, later, and its default arguments keep the group alive
    import torch.distributed.nn

    if device == "cuda":
        device = f"cuda:{os.environ['LOCAL_RANK']}"
        torch.cuda.set_device(device)
    dist.init_process_group("nccl" if device.startswith("cuda") else "gloo")
    try:
        yield Workers(dist.get_rank(), dist.get_world_size()), device
    finally:
        dist.destroy_process_group()
