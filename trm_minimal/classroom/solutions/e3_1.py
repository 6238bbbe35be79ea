"""Solution of exercise 3.1, and right answers that are written differently."""


def latent_recursion(net, x, y, z, n):
    for _ in range(n):
        z = net(z, x + y)
    return net(y, z), z


def counting_down(net, x, y, z, n):
    question_and_answer = y + x
    while n > 0:
        z, n = net(z, question_and_answer), n - 1
    y = net(y, z)
    return y, z


VARIANTS = (counting_down,)
