"""What autocast's cache of weights did to a recursion whose first rounds run without gradient
(torch up to 2.8).

A weight is cast to bfloat16 when it is first used, and the cache hands out that copy for the rest
of the region. Made under no_grad, the copy has no way back to the weight (pytorch issues 65766 and
112583). The record of an old torch in data/autocast was printed there by: python -m
trm_minimal.lab.studies.autocast
"""

import json
import sys
from dataclasses import replace
from unittest.mock import patch

import torch
from tqdm import tqdm

from trm_minimal.lab.recipes import sudoku_4x4
from trm_minimal.losses import answer_loss
from trm_minimal.state import TrainState, build_model
from trm_minimal.train import exact_on, train_step


def weights_without_gradient(T: int, cache_enabled: bool) -> tuple[int, int]:
    """(weights of the net that get no gradient, weights of the net) after one backward in bfloat16
    on the CPU.
    """
    recipe, task = sudoku_4x4(), sudoku_4x4().task()
    model = build_model(recipe, task.vocab_size, task.length, seed=0)
    inputs_BL, labels_BL = (tokens_NL[:8].long() for tokens_NL in task.train)
    with torch.autocast("cpu", torch.bfloat16, cache_enabled=cache_enabled):
        prediction = model(inputs_BL, *model.initial_states(inputs_BL), n=4, T=T)
    answer_loss(recipe.cross_entropy, prediction.logits, labels_BL).mean().backward()
    gradients = [weight.grad for weight in model.net.parameters()]
    return sum(gradient is None for gradient in gradients), len(gradients)


def trained(cache_enabled: bool, steps: int, seed: int) -> dict:
    """Loss at the start and the end of `steps` training steps of 4x4 Sudoku in bfloat16, and exact
    accuracy.
    """
    recipe = replace(sudoku_4x4(), precision=torch.bfloat16, steps=steps)
    task = recipe.task()
    state = TrainState(recipe, task, seed)
    with patch("torch.autocast", partial_autocast(cache_enabled)):
        losses = [float(train_step(recipe, state)[0]) for _ in tqdm(range(steps), unit="step")]
    exact = exact_on(recipe, state.model, task.validation)
    return {
        "seed": seed,
        "first_loss": losses[0],
        "last_loss": sum(losses[-10:]) / 10,
        "exact": exact,
    }


def partial_autocast(cache_enabled: bool):
    """torch.autocast with the cache as told, whatever the caller asks for."""
    original = torch.autocast

    def autocast(*arguments, **keywords):
        return original(*arguments, **keywords | {"cache_enabled": cache_enabled})

    return autocast


def record(steps: int = 300) -> dict:
    """Everything that the notebook shows of this torch."""
    return {
        "torch": torch.__version__,
        "python": sys.version.split()[0],
        "weights_without_gradient": {
            f"T={T}, cache {'on' if cache else 'off'}": weights_without_gradient(T, cache)
            for T in (1, 2, 3)
            for cache in (True, False)
        },
        "steps": steps,
        "trained": {
            f"cache {'on' if cache else 'off'}": [trained(cache, steps, seed) for seed in range(3)]
            for cache in (True, False)
        },
    }


if __name__ == "__main__":
    print(json.dumps(record(), indent=1))
