"""The one error that a person can cause and mend."""


class BadInput(ValueError):
    """Bad input: the message is one sentence that names what, where and what to do. The command line exits with 2."""


class Diverged(ArithmeticError):
    """Training met a loss that is not finite; the message names the step and the last good checkpoint."""
