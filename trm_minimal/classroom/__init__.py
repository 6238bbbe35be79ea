"""Exercises that check themselves: `check`, `hint`, `solution`, `progress`, `yours`."""

from trm_minimal.classroom.desk import check, hint, progress, solution, yours

__all__ = ["check", "hint", "progress", "solution", "yours"]
