"""What goes wrong: input that a person can mend, and training that cannot go on."""


class BadInput(ValueError):
    """Bad input: the message is one sentence that names what, where and what to do.

    The command line exits with 2.
    """


class Diverged(ArithmeticError):
    """Training met a loss that is not finite; the message names the step and the last good
    checkpoint.

    `curve` holds the rows before it.
    """

    def __init__(self, message: str, curve: list[dict]):
        super().__init__(message)
        self.curve = curve
