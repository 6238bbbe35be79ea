"""Training batches: drawn on the CPU, built on the device, where the puzzles lie.

Every draw comes from one CPU generator, so a run sees the same batches on every device. For a GPU
many steps are drawn ahead, beside the training, and shipped in one copy that nothing waits for: it
never stands still for the next batch.

Dimension key: A steps drawn ahead, B batch (slots), L cells, V vocabulary.
"""

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor

import torch
from torch import Tensor

from trm_minimal.engine.parallel import Workers

AHEAD = 64  # steps in a shipment to a GPU; 30x30 boards at batch 768 take 90 MB


class Batches:
    """A stream of (inputs_BL, labels_BL, ids_B), long: random training puzzles under random
    symmetries.
    """

    def __init__(
        self,
        task,
        batch: int,
        generator: torch.Generator,
        device: torch.device,
        workers: Workers,
        ahead=None,
    ):
        self.task, self.batch, self.generator, self.device, self.workers = (
            task,
            batch,
            generator,
            device,
            workers,
        )
        self.inputs_NL, self.labels_NL = (
            task.train.inputs_NL.to(device),
            task.train.labels_NL.to(device),
        )
        ids_N = task.train.ids_N
        self.ids_N = torch.zeros(len(task.train), dtype=torch.int32) if ids_N is None else ids_N
        self.ids_N = self.ids_N.to(device)
        self.ahead = ahead or (AHEAD if device.type == "cuda" else 1)
        self.drawn: deque = deque()
        self.coming: Future | None = None  # the next shipment, drawn while this one is used
        self.pool = ThreadPoolExecutor(1) if self.ahead > 1 else None

    def draw(self, steps: int) -> list[tuple]:
        """Draw and ship this many batches. Each worker draws all, and ships its own slots."""
        rows_AB, moves = [], []
        for _ in range(steps):
            rows_AB.append(
                torch.randint(len(self.inputs_NL), (self.batch,), generator=self.generator)
            )
            moves.append(self.task.symmetries(self.batch, self.generator))
        cells_ABL, values_ABV = (torch.stack(parts) for parts in zip(*moves, strict=True))
        drawn = torch.stack(rows_AB).int(), cells_ABL.short(), values_ABV.short()
        shipped = (self.ship(self.workers.share(part, dim=1)) for part in drawn)
        return [(type(moves[0]), *parts) for parts in zip(*shipped, strict=True)]

    def ship(self, tensor: Tensor) -> Tensor:
        """To the device; to a GPU from pinned memory: the copy runs beside the work there."""
        return (
            tensor.pin_memory().to(self.device, non_blocking=True)
            if self.device.type == "cuda"
            else tensor
        )

    def next(self, left: int) -> tuple[Tensor, Tensor, Tensor]:
        """The next batch.

        `left` steps are left until the state is saved: nothing is drawn past that.
        """
        if not self.drawn:
            self.drawn.extend(
                self.coming.result() if self.coming else self.draw(min(self.ahead, left))
            )
            further = min(self.ahead, left - len(self.drawn))
            self.coming = self.pool.submit(self.draw, further) if self.pool and further else None
        move_type, *parts = self.drawn.popleft()
        rows_B, cells_BL, values_BV = (part.to(self.device).long() for part in parts)
        move = move_type(cells_BL, values_BV)
        inputs_BL, labels_BL = move(self.inputs_NL[rows_B]), move(self.labels_NL[rows_B])
        return inputs_BL, labels_BL, self.ids_N[rows_B].long()
