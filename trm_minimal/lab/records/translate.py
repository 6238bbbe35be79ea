"""What a record calls a part, and what it is called today. Files on disk stay as they were written.

A recipe in a record is JSON (`recipes.describe`): a function stands there by the dotted name it had
then. Replayed losses and weights scored anew prove that a new name is the same part.
"""

MOVED = {  # a module as recorded -> the module that has its parts today
    f"trm_minimal.lab.{name}": f"trm_minimal.lab.parts.{name}"
    for name in ("blocks", "continue_loss", "gradients", "latents", "optimizers", "speed")
}
MOVED |= {
    "trm_minimal.lab.through_time": "trm_minimal.lab.parts.through_time",
    "trm_minimal.lab.stability": "trm_minimal.lab.studies.stability",
}


def name_today(name: str) -> str:
    """The dotted name of today for one that a record holds."""
    module, _, part = name.rpartition(".")
    return f"{MOVED.get(module, module)}.{part}" if module else name


def as_today(value):
    """A recorded recipe, or any value in one, in the words of today."""
    if isinstance(value, dict):
        return {key: as_today(item) for key, item in value.items()}
    if isinstance(value, list):
        return [as_today(item) for item in value]
    return name_today(value) if isinstance(value, str) else value
