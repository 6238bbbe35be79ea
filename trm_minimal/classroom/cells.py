"""Exercises as text: the cells of a notebook, unsolved or solved, and the page for instructors."""

from trm_minimal.classroom.desk import all_exercises, exercise, solution_source
from trm_minimal.classroom.exercise import Choice, Code, Exercise
from trm_minimal.classroom.watched import Refused


def box(task: Exercise) -> str:
    """The statement as Markdown."""
    options = (
        [f"- **{letter}**: {claim}" for letter, claim in task.options.items()]
        if isinstance(task, Choice)
        else []
    )
    parts = [
        f"### Exercise {task.number} · {task.kind.capitalize()}: {task.title}",
        (
            f"*About {task.minutes} minutes, difficulty {task.difficulty} of 3.*"
            f" {task.statement.strip()}"
        ),
        "\n".join(options),
        f'Stuck? `hint("{task.number}")`, then `solution("{task.number}")`.',
    ]
    return "\n\n".join(filter(None, parts))


def notebook_cells(number: str, solved: bool = False) -> list[tuple[str, str]]:
    """(kind, source) of each cell of an exercise: its statement, the stub or the solution, the
    check.
    """
    task = exercise(number)
    answer = solution_source(task) if solved else task.stub_source()
    check = f'{task.name} = check("{number}", {task.name})'
    return [("markdown", box(task)), ("exercise", answer), ("check", check)]


def message_of(task: Code, answer) -> str:
    """What `check` says to a wrong answer."""
    try:
        task.examine(answer)
    except Refused as mistake:
        return str(mistake)
    raise AssertionError(f"exercise {task.number} accepts {answer.__name__}, which is wrong")


def instructor_page() -> str:
    """Every exercise with its solution, its hints, and the mistakes that it names, as Markdown."""
    parts = ["# For instructors: every exercise, its solution and the mistakes it names"]
    for number, task in all_exercises().items():
        parts += [box(task), f"**Solution**\n\n```python\n{solution_source(task)}\n```"]
        if isinstance(task, Code):
            mistakes = {wrong.__name__: message_of(task, wrong) for wrong in task.wrong}
        else:
            mistakes = task.verdicts
        parts.append(
            "**What it answers**\n\n"
            + "\n".join(f"- `{name}`: {said}" for name, said in mistakes.items())
        )
        parts.append(
            f"**Hints of {number}**\n\n"
            + "\n".join(f"{i}. {text}" for i, text in enumerate(task.hints, 1))
        )
    return "\n\n".join(parts) + "\n"
