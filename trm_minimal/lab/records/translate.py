"""What a record calls a part, and what it is called today. Files on disk stay as they were written.

A recipe in a record is JSON (`recipes.describe`): a function stands there by the dotted name it had
then. Replayed losses and weights scored anew prove that today's name is of the same part.
"""

from trm_minimal.lab.recipes import Recipe, describe

LAB, PARTS = "trm_minimal.lab", "trm_minimal.lab.parts"
DEEP = "trm_minimal.recursion.deep_recursion"

# A module as recorded -> the one that has its parts today.
MOVED = {f"{LAB}.{name}": f"{PARTS}.{name}" for name in ("blocks", "speed")}
MOVED |= {f"{LAB}.through_time": f"{PARTS}.through_time", f"{LAB}.latents": f"{PARTS}.rounds"}
MOVED |= {f"{LAB}.stability": f"{LAB}.studies.stability"}

# A part as recorded -> what `describe` says of it today.
RENAMED = {
    "trm_minimal.schedules._stage": "trm_minimal.schedules.staged_depth",
    "trm_minimal.schedules._draw": "trm_minimal.schedules.drawn_depth",
    f"{LAB}.optimizers.MuonAdamW": f"{PARTS}.optimizers.muon_adamw",
    "trm_minimal.layers.GridRotary": f"{PARTS}.positions.GridRotary",
    "trm_minimal.layers.Unrotated": "trm_minimal.layers.NoRotation",
    # What carries gradient, and how many states and nets there are, is a round.
    f"{LAB}.gradients.one_step_recursion": {"call": DEEP, "one_round": f"{PARTS}.rounds.one_step"},
    f"{LAB}.latents.single_latent": {"call": DEEP, "one_round": f"{PARTS}.rounds.single_z"},
    f"{LAB}.latents.several_latents": {"call": DEEP, "one_round": f"{PARTS}.rounds.several_z"},
    f"{LAB}.latents.two_net_recursion": {"call": DEEP, "one_round": f"{PARTS}.rounds.two_nets"},
}

RENAMED |= {
    f"trm_minimal.tasks.{family}.none": f"trm_minimal.tasks.{family}.no_symmetries"
    for family in ("maze", "sudoku")
}

# A field and its value as recorded -> the fields that say the same today.
REPLACED = {
    ("update", f"{LAB}.continue_loss.train_step_with_continue"): {
        "update": "trm_minimal.train.train_step",
        "loss": f"{PARTS}.losses.continue_loss",
    }
}


def value_today(value):
    """A value of a recorded recipe in the words of today."""
    if isinstance(value, dict):
        return {key: value_today(item) for key, item in value.items()}
    if isinstance(value, list):
        return [value_today(item) for item in value]
    if not isinstance(value, str):
        return value
    if value in RENAMED:
        return RENAMED[value]
    module, _, part = value.rpartition(".")
    return f"{MOVED.get(module, module)}.{part}" if module else value


def as_today(recipe: dict) -> dict:
    """A recorded recipe in the words of today.

    A field that it lacks came later: its default does what was done before (the replayed losses
    prove it).
    """
    found = describe(Recipe())
    for field, value in recipe.items():
        known = REPLACED.get((field, value)) if isinstance(value, str) else None
        found |= known or {field: value_today(value)}
    return found


def changed_fields(recipe: dict, today: dict) -> list[str]:
    """The fields, by name, in which a recorded recipe differs from `today`."""
    then = as_today(recipe)
    return sorted(key for key in today.keys() | then.keys() if today.get(key) != then.get(key))
