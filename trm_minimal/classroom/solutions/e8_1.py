"""Solution of exercise 8.1, and right answers that are written differently."""


def position(k, n, T):
    if k == 0:
        return 0, 0, 0, ""
    rounds, call = divmod(k - 1, n + 1)
    return rounds // T + 1, rounds % T + 1, call + 1, "y" if call == n else "z"


def by_counting(k, n, T):
    step, round, call = 0, T, n + 1
    for _ in range(k):
        call += 1
        if call > n + 1:
            round, call = round + 1, 1
            if round > T:
                step, round = step + 1, 1
    return (step, round, call, "y" if call == n + 1 else "z") if k else (0, 0, 0, "")


VARIANTS = (by_counting,)
