"""Exercise 1.1: sudoku_symmetry.

What it returns, task.symmetries can be: (batch, generator) -> Move.
"""

from itertools import combinations

import numpy as np
import torch

from trm_minimal.classroom.exercise import Code
from trm_minimal.classroom.watched import Refused, refuse_unless
from trm_minimal.tasks import Move, sudoku

STATEMENT = """
Training wants a random symmetry for *each* puzzle of a batch. Write `sudoku_symmetry(batch,
generator)` for 4x4. It returns the package's `Move(cells_BL, values_BV)`: `cells_BL`, [batch, 16],
has a row like `cells` above for each puzzle, and `values_BV`, [batch, 6], one like `values`. Both
are int64.

Each row is random on its own, every order equally likely: the order of the four digits, of the two
bands, of the two rows in each band, of the two stacks, of the two columns in each stack. You may
also exchange rows and columns. Padding (0) and empty (1) stay.

Draw everything from `generator`, as in `torch.rand(batch, 4, generator=generator)`; `argsort` turns
such numbers into random orders. Notebook 05 trains with your function, so use no names but `torch`
and `Move`.
"""


def sudoku_symmetry(batch, generator):
    """A random symmetry of 4x4 Sudoku for each row of a batch: Move(cells_BL, values_BV)."""
    ...  # your code


def reference():
    def sudoku_symmetry(batch, generator):
        return sudoku.symmetries(sudoku.FOUR)(batch, generator)

    return sudoku_symmetry


DRAWS, BATCHES = 1000, 20  # the standard deviation of a share is at most 0.016
UNITS_UL = torch.tensor(sudoku.FOUR.units)


def probe(f):
    for batch in (5, 1, 64):
        check_form(f(batch, torch.Generator().manual_seed(batch)), batch)
    check_draws(f)

    generator = torch.Generator().manual_seed(11)
    moves = [f(DRAWS // BATCHES, generator) for _ in range(BATCHES)]
    cells_BL, values_BV = (torch.cat(part) for part in zip(*moves, strict=True))
    check_values(values_BV)
    check_cells(cells_BL)
    check_rows_differ(*moves[0])
    check_reach(cells_BL, values_BV)
    check_coins(cells_BL, values_BV)
    check_puzzles_apart(cells_BL, values_BV)
    check_orders(cells_BL, values_BV)
    check_exchange(cells_BL)


def check_form(move, batch):
    refuse_unless(
        isinstance(move, Move),
        f"it returns a {type(move).__name__}; it should return a Move of trm_minimal.tasks",
    )
    for name, value, width in (("cells_BL", move.cells_BL, 16), ("values_BV", move.values_BV, 6)):
        shape = list(value.shape)
        refuse_unless(
            shape == [batch, width],
            f"with batch = {batch}, {name} has shape {shape}; [{batch}, {width}] is right",
        )
        refuse_unless(
            value.dtype == torch.int64,
            f"{name} is {value.dtype}; torch.int64 is wanted: gather takes nothing else",
        )


def check_draws(f):
    """Everything comes from the generator that is handed in, and moves it on."""
    generator = torch.Generator().manual_seed(3)
    first, second = f(64, generator), f(64, generator)
    again = f(64, torch.Generator().manual_seed(3))
    refuse_unless(
        not same(first, second),
        "two calls in a row give the same moves; draw from the generator that is handed in, and do"
        " not seed one",
    )
    refuse_unless(
        same(first, again),
        "one seed gives two different results: some draw does not come from the generator"
        " handed in",
    )


def same(one, other) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def check_values(values_BV):
    for token, name in ((0, "padding, token 0,"), (1, "the empty cell, token 1,")):
        moved = [new for new in values_BV[:, token].tolist() if new != token]
        if moved:
            raise Refused(
                f"{name} becomes {moved[0]}; it must stay, or the clues of a puzzle would change"
            )
    sorted_BS = values_BV[:, 2:].sort(1).values
    bad = (sorted_BS != torch.arange(2, 6)).any(1).nonzero()
    for b in bad[:1, 0]:
        raise Refused(
            f"the digits' tokens 2, 3, 4, 5 become {values_BV[b, 2:].tolist()}; an order of 2, 3,"
            " 4, 5 is wanted"
        )


def check_cells(cells_BL):
    for row in cells_BL[(cells_BL.sort(1).values != torch.arange(16)).any(1)][:1].tolist():
        lost = [cell for cell in range(16) if cell not in row]
        raise Refused(
            f"a row of cells_BL is {row}: old cell {lost[0]} gets lost; each must occur once"
        )
    is_unit_BU = torch.isin((1 << cells_BL[:, UNITS_UL]).sum(-1), (1 << UNITS_UL).sum(-1))
    for row, is_unit_U in zip(cells_BL, is_unit_BU, strict=True):
        if not is_unit_U.all():
            raise Refused(torn(row.view(4, 4)))


def torn(cells_SS) -> str:
    """What is wrong with an order of the cells that spoils a solution."""
    if (cells_SS[:, :1] // 4 != cells_SS // 4).any():
        cells_SS = cells_SS.T  # rows and columns exchanged, or no order of lines at all
    rows, columns = (cells_SS[:, 0] // 4).tolist(), (cells_SS[0] % 4).tolist()
    ordered = torch.tensor(rows)[:, None] * 4 + torch.tensor(columns)
    for name, group, order in (("rows", "band", rows), ("columns", "stack", columns)):
        if torch.equal(cells_SS, ordered) and order[0] // 2 != order[1] // 2:
            return (
                f"with the {name} in the order {order} a {group} is torn apart, and solutions are"
                " none any more; 0 and 1 belong together, and so do 2 and 3"
            )
    return (
        f"the cells {cells_SS.flatten().tolist()} keep no rows, columns and boxes together:"
        " solutions are spoilt"
    )


def check_rows_differ(cells_BL, values_BV):
    for name, part in (("cells", cells_BL), ("values", values_BV)):
        moves = (part != torch.arange(part.shape[1])).any()
        refuse_unless(
            not moves or (part != part[0]).any(),
            f"every puzzle of a batch gets the same {name}; each wants a symmetry of its own, so"
            " draw `batch` of them",
        )


def check_reach(cells_BL, values_BV):
    """A single order that never occurs is seen; two orders that always move alike are, too."""
    refuse_unless(
        (cells_BL != torch.arange(16)).any(),
        "the cells never move: rows and columns want a random order as well",
    )
    refuse_unless((values_BV != torch.arange(6)).any(), "the digits always keep their names")
    _, rows_BS, columns_BS = orders(cells_BL)
    digits_BS = values_BV[:, 2:]
    for name, groups, order_BS in (("rows", "bands", rows_BS), ("columns", "stacks", columns_BS)):
        refuse_unless(
            (order_BS[:, 0] > 1).any(),
            f"the two {groups} never change places; 1,000 draws should have shown it",
        )
        found = count(order_BS)
        refuse_unless(
            found == 8,
            f"only {found} of the 8 orders of {name} occur; each pair of them is swapped or not on"
            " its own",
        )
    found = count(digits_BS)
    refuse_unless(found == 24, f"only {found} of the 24 orders of the digits occur in 1,000 draws")
    for names, pair, most in (
        ("rows and columns", (rows_BS, columns_BS), 64),
        ("rows and digits", (rows_BS, digits_BS), 192),
        ("columns and digits", (columns_BS, digits_BS), 192),
    ):
        refuse_unless(
            count(torch.cat(pair, 1)) > most // 2,
            f"{names} depend on each other; draw anew for each of the two",
        )


def orders(cells_BL):
    """(are rows and columns exchanged? [B]; the orders of the rows and of the columns, [B, 4])."""
    cells_BSS = cells_BL.view(-1, 4, 4)
    turned_B = cells_BSS[:, 0, 0] // 4 != cells_BSS[:, 0, 1] // 4
    cells_BSS = torch.where(turned_B[:, None, None], cells_BSS.mT, cells_BSS)
    return turned_B, cells_BSS[:, :, 0] // 4, cells_BSS[:, 0] % 4


def check_coins(cells_BL, values_BV):
    """Every choice between two is a fair coin of its own for each puzzle; rows and columns may
    stay.
    """
    turned_B, rows_BS, columns_BS = orders(cells_BL)
    coins = {"exchange rows and columns or not": turned_B}
    for name, order_BS in (("row", rows_BS), ("column", columns_BS)):
        place_BS = order_BS.argsort(1)  # where each line goes
        for a, b in ((0, 1), (2, 3), (0, 2)):
            coins[f"put {name} {a} before {name} {b} or after it"] = place_BS[:, a] < place_BS[:, b]
    for a, b in combinations(range(2, 6), 2):
        coins[f"give token {a} a smaller digit than token {b} or not"] = (
            values_BV[:, a] < values_BV[:, b]
        )
    for what, coin_B in coins.items():
        share_S = coin_B.view(BATCHES, -1).double().mean(1)
        refuse_unless(
            len(share_S.unique()) == 1 or not torch.isin(share_S, torch.tensor([0.0, 1.0])).all(),
            f"one draw for the whole batch says whether to {what}; each puzzle wants a draw of"
            " its own",
        )
        share = float(share_S.mean())
        refuse_unless(
            what.startswith("exchange") or abs(share - 0.5) < 0.1,
            f"one of the two ways to {what} comes in {max(share, 1 - share):.0%} of {DRAWS:,} "
            "draws; every order should be equally likely (argsort of whole numbers keeps ties in "
            "order; draw with torch.rand)",
        )


def parts(cells_BL, values_BV):
    """The number of each puzzle's order, [B], among the orders that occur, by name."""
    _, rows_BS, columns_BS = orders(cells_BL)
    return {
        name: order_BS.unique(dim=0, return_inverse=True)[1]
        for name, order_BS in (
            ("rows", rows_BS),
            ("columns", columns_BS),
            ("digits", values_BV[:, 2:]),
        )
    }


def check_puzzles_apart(cells_BL, values_BV):
    """No puzzle of a batch follows another one, and a batch is as mixed as all draws are."""
    for name, order_B in parts(cells_BL, values_BV).items():
        order_XB = order_B.view(BATCHES, -1)
        alike_BB = (order_XB[:, :, None] == order_XB[:, None]).all(0).triu(1)
        for first, second in alike_BB.nonzero()[:1].tolist():
            raise Refused(
                f"puzzles {first} and {second} of a batch get one order of the {name} between them"
                f" in each of {BATCHES} batches; every puzzle draws its own"
            )
        fewest, most = min(len(row.unique()) for row in order_XB), len(order_B.unique())
        refuse_unless(
            fewest > 0.4 * most,
            f"a batch of {DRAWS // BATCHES} puzzles holds no more than {fewest} of the orders of"
            f" the {name}, though other batches hold others; draw a whole order for each puzzle",
        )


def check_orders(cells_BL, values_BV):
    """Pearson's chi-squared: a fair draw exceeds these bounds once in a million times."""
    for name, order_B in parts(cells_BL, values_BV).items():
        times = order_B.bincount().double()
        expected = DRAWS / len(times)
        spread = float(((times - expected) ** 2).sum() / expected)
        refuse_unless(
            spread < {8: 42, 24: 72}[len(times)],
            f"one order of the {name} comes {int(times.max())} times in {DRAWS:,} draws and another"
            f" {int(times.min())} times, {expected:.0f} each is fair; a few random swaps do not"
            " shuffle, argsort of torch.rand does",
        )


def check_exchange(cells_BL):
    """Whether rows and columns are exchanged says nothing about their orders."""
    turned_B, *both = orders(cells_BL)
    for name, order_BS in zip(("rows", "columns"), both, strict=True):
        numbers_B = order_BS.unique(dim=0, return_inverse=True)[1]
        for number in range(8):
            share = turned_B[numbers_B == number].double().mean()
            refuse_unless(
                float((share - turned_B.double().mean()).abs()) < 0.25,
                f"with one order of the {name} rows and columns are exchanged in {share:.0%} of the"
                f" draws, with all orders together in {turned_B.double().mean():.0%}; that choice"
                " wants a draw for itself",
            )


def count(orders_BS) -> int:
    return len(orders_BS.unique(dim=0))


def lines(batch, generator):
    groups = torch.rand(batch, 2, 1, generator=generator).argsort(1)
    members = torch.rand(batch, 2, 2, generator=generator).argsort(2)
    return (2 * groups + members).flatten(1)


def made_of(rows, columns, digits):
    cells = (4 * rows[:, :, None] + columns[:, None, :]).flatten(1)
    return Move(cells, torch.cat((torch.arange(2).expand(len(digits), 2), digits), 1))


def digit_orders(batch, generator):
    return torch.rand(batch, 4, generator=generator).argsort(1) + 2


def rows_over_the_board(batch, generator):
    rows, columns = (torch.rand(batch, 4, generator=generator).argsort(1) for _ in range(2))
    return made_of(rows, columns, digit_orders(batch, generator))


def cells_over_the_board(batch, generator):
    move = made_of(lines(batch, generator), lines(batch, generator), digit_orders(batch, generator))
    return Move(torch.rand(batch, 16, generator=generator).argsort(1), move.values_BV)


def no_batch(batch, generator):
    one = made_of(lines(1, generator), lines(1, generator), digit_orders(1, generator))
    return Move(*(part[0] for part in one))


def plain_pair(batch, generator):
    return tuple(
        made_of(lines(batch, generator), lines(batch, generator), digit_orders(batch, generator))
    )


def small_integers(batch, generator):
    move = made_of(lines(batch, generator), lines(batch, generator), digit_orders(batch, generator))
    return Move(*(part.int() for part in move))


def cells_with_repetition(batch, generator):
    rows = 2 * torch.randint(2, (batch, 4), generator=generator) + torch.randint(
        2, (batch, 4), generator=generator
    )
    return made_of(rows, lines(batch, generator), digit_orders(batch, generator))


def one_for_the_batch(batch, generator):
    one = made_of(lines(1, generator), lines(1, generator), digit_orders(1, generator))
    return Move(*(part.expand(batch, -1) for part in one))


def empty_renamed(batch, generator):
    move = made_of(lines(batch, generator), lines(batch, generator), digit_orders(batch, generator))
    renamed = torch.rand(batch, 5, generator=generator).argsort(1) + 1
    return Move(move.cells_BL, torch.cat((torch.zeros(batch, 1).long(), renamed), 1))


def digits_are_not_tokens(batch, generator):
    digits = torch.rand(batch, 4, generator=generator).argsort(1) + 1
    return made_of(lines(batch, generator), lines(batch, generator), digits)


def global_draws(batch, generator):
    digits = torch.stack([torch.randperm(4) for _ in range(batch)]) + 2
    return made_of(lines(batch, generator), lines(batch, generator), digits)


def numpys_random(batch, generator):
    digits = torch.tensor(np.array([np.random.permutation(4) for _ in range(batch)])) + 2
    return made_of(lines(batch, generator), lines(batch, generator), digits)


def drawn_elsewhere(batch, generator):
    mine = torch.Generator()
    mine.seed()  # from the clock or the system
    return made_of(lines(batch, generator), lines(batch, generator), digit_orders(batch, mine))


def seeded_inside(batch, generator):
    mine = torch.Generator().manual_seed(0)
    return made_of(lines(batch, mine), lines(batch, mine), digit_orders(batch, mine))


def digits_only(batch, generator):
    return made_of(*(torch.arange(4).expand(batch, 4),) * 2, digit_orders(batch, generator))


def cells_only(batch, generator):
    digits = torch.arange(2, 6).expand(batch, 4)
    return made_of(lines(batch, generator), lines(batch, generator), digits)


def digits_shifted(batch, generator):
    ahead = torch.randint(4, (batch, 1), generator=generator)
    digits = (torch.arange(4) + ahead) % 4 + 2
    return made_of(lines(batch, generator), lines(batch, generator), digits)


def bands_stay(batch, generator):
    def within():
        pairs = torch.rand(batch, 2, 2, generator=generator).argsort(2)
        return (pairs + torch.tensor([[0], [2]])).flatten(1)

    return made_of(within(), within(), digit_orders(batch, generator))


def rows_swap_in_step(batch, generator):
    def alike():
        groups = torch.rand(batch, 2, 1, generator=generator).argsort(1)
        pair = torch.rand(batch, 1, 2, generator=generator).argsort(2)
        return (2 * groups + pair).flatten(1)

    return made_of(alike(), alike(), digit_orders(batch, generator))


def one_order_for_both(batch, generator):
    order = lines(batch, generator)
    return made_of(order, order, digit_orders(batch, generator))


def one_turn_for_the_batch(batch, generator):
    move = made_of(lines(batch, generator), lines(batch, generator), digit_orders(batch, generator))
    cells = move.cells_BL.view(batch, 4, 4)
    if torch.rand((), generator=generator) < 0.5:
        cells = cells.transpose(1, 2)
    return Move(cells.flatten(1), move.values_BV)


def orders_with_ties(batch, generator):
    def unfair():
        groups = torch.randint(3, (batch, 2), generator=generator).argsort(dim=-1, stable=True)[
            :, :, None
        ]
        members = torch.rand(batch, 2, 2, generator=generator).argsort(2)
        return (2 * groups + members).flatten(1)

    return made_of(unfair(), unfair(), digit_orders(batch, generator))


def exchanged_by_the_rows(batch, generator):
    rows, columns = lines(batch, generator), lines(batch, generator)
    move = made_of(rows, columns, digit_orders(batch, generator))
    cells = move.cells_BL.view(batch, 4, 4)
    turned = (rows[:, 0] > 1)[:, None, None]
    return Move(torch.where(turned, cells.mT, cells).flatten(1), move.values_BV)


def twins_in_a_batch(batch, generator):
    half = lines((batch + 1) // 2, generator)
    rows = torch.cat((half, half))[:batch]
    return made_of(rows, lines(batch, generator), digit_orders(batch, generator))


def one_order_rotated(batch, generator):
    order = torch.randperm(4, generator=generator)
    ahead = torch.randint(4, (batch, 1), generator=generator)
    digits = order[(torch.arange(4) + ahead) % 4] + 2
    return made_of(lines(batch, generator), lines(batch, generator), digits)


def three_swaps(batch, generator):
    digits = torch.arange(2, 6).repeat(batch, 1)
    for row in digits:
        for i, j in torch.randint(4, (3, 2), generator=generator).tolist():
            row[[i, j]] = row[[j, i]]
    return made_of(lines(batch, generator), lines(batch, generator), digits)


EXERCISE = Code(
    number="1.1",
    title="a random symmetry for each puzzle",
    kind="implement",
    minutes=15,
    difficulty=2,
    statement=STATEMENT,
    hints=(
        (
            "Make three parts: an order of the rows, [batch, 4]; an order of the columns; the new"
            " digits. Then join them."
        ),
        (
            "`torch.rand(batch, 4, generator=generator).argsort(1)` is a random order of 0 to 3 for"
            " each puzzle; plus 2 it is the digits' tokens. For rows, order two bands, order two"
            " rows in each, and add: 2 * band + row."
        ),
        (
            "`cells = 4 * rows[:, :, None] + columns[:, None, :]` has shape [batch, 4, 4], and"
            " `.flatten(1)` makes it [batch, 16]. `torch.cat` puts 0 and 1, as"
            " `torch.arange(2).expand(batch, 2)`, in front of the digits."
        ),
    ),
    stub=sudoku_symmetry,
    package=reference(),
    probe=probe,
    wrong={
        rows_over_the_board: "a band is torn apart",
        cells_over_the_board: "keep no rows, columns and boxes together",
        no_batch: "cells_BL has shape [16]",
        plain_pair: "returns a tuple",
        small_integers: "cells_BL is torch.int32",
        cells_with_repetition: "gets lost",
        one_for_the_batch: "every puzzle of a batch gets the same",
        empty_renamed: "the empty cell, token 1, becomes",
        digits_are_not_tokens: "an order of 2, 3, 4, 5 is wanted",
        global_draws: "torch's global generator",
        numpys_random: "numpy's global generator",
        drawn_elsewhere: "one seed gives two different results",
        seeded_inside: "two calls in a row",
        digits_only: "the cells never move",
        cells_only: "keep their names",
        digits_shifted: "of the 24 orders of the digits",
        bands_stay: "never change places",
        rows_swap_in_step: "of the 8 orders of rows",
        one_order_for_both: "rows and columns depend on each other",
        one_turn_for_the_batch: "one draw for the whole batch",
        orders_with_ties: "should be equally likely",
        exchanged_by_the_rows: "wants a draw for itself",
        twins_in_a_batch: "between them",
        one_order_rotated: "holds no more than",
        three_swaps: "a few random swaps",
    },
    names="import torch\n\nfrom trm_minimal.tasks import Move",
)
