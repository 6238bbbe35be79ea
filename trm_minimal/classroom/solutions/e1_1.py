"""Solution of exercise 1.1, and right answers that are written differently."""

import torch

from trm_minimal.tasks import Move


def sudoku_symmetry(batch, generator):
    def lines():  # [batch, 4]: the two bands in random order, and the two rows in each
        bands = torch.rand(batch, 2, 1, generator=generator).argsort(1)
        rows = torch.rand(batch, 2, 2, generator=generator).argsort(2)
        return (2 * bands + rows).flatten(1)

    rows, columns = lines(), lines()
    cells = 4 * rows[:, :, None] + columns[:, None, :]
    digits = torch.rand(batch, 4, generator=generator).argsort(1) + 2
    padding_and_empty = torch.arange(2).expand(batch, 2)
    return Move(cells.flatten(1), torch.cat((padding_and_empty, digits), 1))


def puzzle_by_puzzle(batch, generator):
    def order():
        first, second = torch.randperm(2, generator=generator).tolist()
        lines = {0: [0, 1], 1: [2, 3]}
        for group in lines.values():
            if torch.rand((), generator=generator) < 0.5:
                group.reverse()
        return lines[first] + lines[second]

    cells, values = [], []
    for _ in range(batch):
        columns = order()
        grid = torch.tensor([[4 * row + column for column in columns] for row in order()])
        if torch.rand((), generator=generator) < 0.5:
            grid = grid.T
        cells.append(grid.flatten())
        digits = (torch.randperm(4, generator=generator) + 2).tolist()
        values.append(torch.tensor([0, 1, *digits]))
    return Move(torch.stack(cells), torch.stack(values))


def from_a_list_of_all_orders(batch, generator):
    orders = [(a, 1 - a, 2 + b, 3 - b) for a in (0, 1) for b in (0, 1)]
    # the 8 orders of four lines
    orders = torch.tensor(orders + [order[2:] + order[:2] for order in orders])
    rows, columns = orders[torch.randint(8, (2, batch), generator=generator)]
    cells = torch.einsum(
        "bi,j->bij", 4 * rows, torch.ones(4, dtype=torch.long)
    ) + columns.unsqueeze(1)
    old = torch.stack([torch.randperm(4, generator=generator) for _ in range(batch)])
    values = torch.tensor([0, 1, 2, 3, 4, 5]).repeat(batch, 1)
    # the other way round: no matter
    values.scatter_(1, old + 2, torch.arange(2, 6).expand(batch, 4))
    return Move(cells.reshape(batch, 16), values)


VARIANTS = (puzzle_by_puzzle, from_a_list_of_all_orders)
