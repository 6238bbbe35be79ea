"""The command line: `python -m trm_minimal --help`. Bad input is one sentence and exit code 2."""

import argparse
import os
import sys
from pathlib import Path

import torch

from trm_minimal.errors import BadInput, Diverged
from trm_minimal.lab import commands
from trm_minimal.lab.studies import registry

DEVICES = ("cpu", "cuda", "mps")
EXITS = """exit codes:
  0    done
  1    training diverged, or doctor found a fault
  2    bad input
  130  stopped by Ctrl-C
  141  nobody reads the output any more
"""


def whole(least: int, most: int = 10**9):
    """A type for argparse: a whole number within bounds."""

    def number(text: str) -> int:
        if not (text.isdecimal() and least <= int(text) <= most):
            wanted = f"a whole number from {least} to {most}"
            raise argparse.ArgumentTypeError(f"{text!r} is not {wanted}")
        return int(text)

    return number


def parser() -> argparse.ArgumentParser:
    """The commands and their help."""
    layout = argparse.RawDescriptionHelpFormatter  # keeps the examples line by line
    top = argparse.ArgumentParser(
        prog="python -m trm_minimal",
        formatter_class=layout,
        description="Train, score and watch Tiny Recursive Models on Sudoku and mazes.",
        epilog=(
            "first steps:\n  doctor\n  solve 1.....4..3.....2\n  train sudoku_4x4\n\n"
            f"Each command has its own --help.\n\n{EXITS}"
        ),
    )

    def group(parent: argparse.ArgumentParser, metavar: str):
        """A place for commands; the parent alone shows its help."""

        def show(arguments) -> int:
            parent.print_help()
            return 0

        parent.set_defaults(function=show)
        return parent.add_subparsers(metavar=metavar)

    def add(group, name: str, function, text: str, *examples: str) -> argparse.ArgumentParser:
        words = {
            "help": text,
            "description": text,
            "epilog": "\n  ".join(["examples:", *examples]) if examples else None,
        }
        added = group.add_parser(name, formatter_class=layout, **words)
        added.set_defaults(function=function)
        return added

    def add_data_dir(command: argparse.ArgumentParser) -> None:
        above = "the folder above the recipe's set, for published sets"
        command.add_argument("--data-dir", type=Path, help=above)

    def add_steps(command: argparse.ArgumentParser) -> None:
        steps = "supervision steps (default: the recipe's)"
        command.add_argument("--N-sup", type=whole(1, 10_000), help=steps)

    def add_settings(command: argparse.ArgumentParser, least_batch: int) -> None:
        instead = "instead of the recipe's"
        command.add_argument("--device", choices=DEVICES, default="cpu")
        command.add_argument("--precision", choices=tuple(commands.PRECISIONS), help=instead)
        command.add_argument("--batch", type=whole(least_batch, 100_000), help=instead)
        command.add_argument("--threads", type=whole(1, 1024), help="CPU threads for torch")
        add_data_dir(command)

    every = group(top, "COMMAND")
    text = "check this machine and the shipped files, and train for two seconds"
    add(every, "doctor", commands.doctor_command, text)

    text = "list the recipes, or print one in full"
    command = add(every, "recipes", commands.recipes_command, text, "recipes sudoku_4x4")
    command.add_argument("recipe", nargs="?", help="a name from the list")

    text = "list, make or convert puzzles"
    family = every.add_parser("data", help=text, description="Puzzles as CSV files.")
    kinds = group(family, "WHAT")
    text = "the shipped sets, their counts, and whether their sha256 are right"
    add(kinds, "list", commands.data_list_command, text)

    text = "new puzzles, each with one solution, split without leaks"
    examples = (
        "data make sudoku new-folder --size 6",
        "data make maze new-folder --size 11 --min-path 20",
    )
    command = add(kinds, "make", commands.data_make_command, text, *examples)
    command.add_argument("family", choices=("sudoku", "maze"))
    text = "a new folder for train.csv, validation.csv and test.csv"
    command.add_argument("folder", type=Path, help=text)
    text = "Sudoku: 4, 6 or 9; mazes: odd, from 5 (default 9)"
    command.add_argument("--size", type=whole(1, 101), default=9, help=text)
    for split, count in (("train", 1000), ("validation", 100), ("test", 100)):
        text = f"how many (default {count})"
        command.add_argument(f"--{split}", type=whole(1), default=count, help=text)
    text = "Sudoku (default 4 8, 10 16 or 28 36)"
    command.add_argument("--givens", type=whole(0), nargs=2, metavar=("LEAST", "MOST"), help=text)
    text = "mazes: least steps from S to G (default 8)"
    command.add_argument("--min-path", type=whole(1), default=8, help=text)
    command.add_argument("--seed", type=whole(0), default=0)

    text = "write a CSV as the official builder's .npy folder"
    command = add(kinds, "build", commands.data_build_command, text)
    command.add_argument("csv", type=Path)
    command.add_argument("folder", type=Path, help="a new folder")
    command.add_argument("--split", choices=("train", "test"), default="train")

    examples = (
        "train sudoku_4x4 --seed 1",
        "train sudoku_4x4 --seed 1 --resume       (go on with a run that was stopped)",
        "train sudoku_extreme --data-dir FOLDER   (FOLDER holds sudoku-extreme-1k/train.csv)",
    )
    command = add(every, "train", commands.train_command, "train a recipe", *examples)
    command.add_argument("recipe", help="a name that `recipes` lists")
    text = "of weights and batches (default 0)"
    command.add_argument("--seed", type=whole(0), default=0, help=text)
    add_settings(command, least_batch=1)
    command.add_argument("--steps", type=whole(1), help="instead of the recipe's")
    text = "steps between validations, instead of the recipe's"
    command.add_argument("--eval-every", type=whole(1), help=text)
    text = "where to keep the run (default runs/RECIPE/DEVICE-SEED)"
    command.add_argument("--out", type=Path, help=text)
    text = "go on with the run in --out, bit for bit on a CPU"
    command.add_argument("--resume", action="store_true", help=text)
    text = "write data/runs/RECIPE/DEVICE-SEED; needs a clean tree"
    command.add_argument("--record", action="store_true", help=text)

    text = "time the training steps of a recipe on a device"
    examples = ("bench sudoku_4x4", "bench sudoku_extreme --device cuda --data-dir FOLDER")
    command = add(every, "bench", commands.bench_command, text, *examples)
    command.add_argument("recipe", help="a name that `recipes` lists")
    add_settings(command, least_batch=2)
    text = "how many to time (default 5)"
    command.add_argument("--steps", type=whole(1, 100_000), default=5, dest="timed", help=text)
    text = "leave out the table over depths n, T and two batches"
    command.add_argument("--brief", action="store_true", help=text)

    text = "score a checkpoint on puzzles it was not trained on"
    examples = (
        "evaluate data/checkpoints/sudoku_4x4.safetensors",
        "evaluate WEIGHTS --puzzles FILE.csv --json",
    )
    command = add(every, "evaluate", commands.evaluate_command, text, *examples)
    text = "weights.safetensors of a run, or one of data/checkpoints"
    command.add_argument("checkpoint", type=Path, help=text)
    text = "a CSV of the published format (default: the recipe's test set)"
    command.add_argument("--puzzles", type=Path, help=text)
    add_data_dir(command)
    command.add_argument("--limit", type=whole(1), help="the first so many puzzles only")
    add_steps(command)
    command.add_argument("--device", choices=DEVICES, default="cpu")
    precisions = tuple(commands.PRECISIONS)
    command.add_argument("--precision", choices=precisions, default="fp32", help="default fp32")
    text = "exact accuracy by the ratings of the CSV as well"
    command.add_argument("--by-rating", action="store_true", help=text)
    text = "print one JSON object and nothing else"
    command.add_argument("--json", action="store_true", help=text)

    text = "train and record what a sweep of variants still lacks"
    examples = ("sweep parity --jobs 2", "sweep parity --only 'post-norm@*'")
    command = add(every, "sweep", commands.sweep_command, text, *examples)
    command.add_argument("sweep", help=f"one of: {', '.join(registry.SWEEPS)}")
    command.add_argument("--only", default="*", help="a pattern for the names of variants")
    text = "runs at a time, of one thread each (default 1)"
    command.add_argument("--jobs", type=whole(1, 256), default=1, help=text)
    command.add_argument("--device", choices=DEVICES, default="cpu")

    text = "watch a net solve one puzzle, supervision step by step"
    examples = ("solve 1.....4..3.....2", "solve runs/maze_9x9/cpu-0/weights.safetensors maze.txt")
    command = add(every, "solve", commands.solve_command, text, *examples)
    text = "weights (default: the shipped ones for such boards)"
    command.add_argument("checkpoint", nargs="?", type=Path, help=text)
    text = "its cells row by row, or a text file of them, or a CSV, of which the first"
    command.add_argument("puzzle", help=text)
    add_steps(command)
    return top


def cure(error: Exception) -> str | None:
    """What to do when torch lacks memory or a compiler; None for any other error."""
    if type(error).__module__.startswith(("torch._dynamo", "torch._inductor")):
        return "the net cannot be compiled; mend the compiler, or take another recipe"
    out_of_memory = isinstance(error, (MemoryError, torch.OutOfMemoryError))
    if out_of_memory or "DefaultCPUAllocator" in str(error) or "out of memory" in str(error):
        return "too little memory; pass a smaller --batch, or ask for fewer steps"
    return None


def printable(text: str) -> str:
    """The text on one line, without anything that steers a terminal: names may come from
    elsewhere.
    """
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def main(words: list[str] | None = None) -> int:
    """Run one command; the exit code."""
    arguments = parser().parse_args(words)
    try:
        return arguments.function(arguments)
    except BrokenPipeError:  # no bad input: `program` sees to it
        raise
    except (BadInput, OSError) as error:
        print(f"error: {printable(str(error))}", file=sys.stderr)
        return 2
    except Diverged as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except (MemoryError, RuntimeError) as error:
        told = cure(error)
        if told is None:
            raise
        said = str(error).strip().partition("\n")[0] or type(error).__name__
        print(f"error: {told} ({said[:200]})", file=sys.stderr)
        return 2
    except KeyboardInterrupt as stop:
        print("; ".join(["stopped", *stop.args]), file=sys.stderr)
        return 130


def program() -> int:
    """`main` for a terminal: any name can be printed, and a reader that goes away is no error."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")
    try:
        try:
            return main()
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for the flush at the end
        return 141


if __name__ == "__main__":
    sys.exit(program())
