"""The Tiny Recursive Model (arXiv 2510.04871), small enough to read in one sitting.

| paper               | here                                | official code                   |
|---------------------|-------------------------------------|---------------------------------|
| x                   | x = model.input_embedding(inputs)   | input_embeddings                |
| y, the answer       | y                                   | z_H                             |
| z, the latent       | z                                   | z_L                             |
| net                 | model.net, a TinyNet                | L_level                         |
| n                   | n, in Depth(n, T)                   | L_cycles                        |
| T                   | T, in Depth(n, T)                   | H_cycles                        |
| N_sup               | N_sup                               | halt_max_steps                  |
| latent_recursion    | recursion.latent_recursion          | inline, twice                   |
| deep_recursion      | recursion.deep_recursion            | Inner.forward                   |
| deep supervision    | model.deep_supervision; train.train | the training loop and its carry |
| output_head, Q_head | model.output_head, model.q_head     | lm_head, q_head                 |
| y_init, z_init      | model.init_y, model.init_z          | H_init, L_init                  |
| EMA                 | ema.EMA                             | EMAHelper                       |

Read recursion.py first: it is the paper's Figure 3. Then model.py, halting.py and train.py.
"""

from trm_minimal.errors import BadInput, Diverged
from trm_minimal.model import Prediction, TinyRecursiveModel, count_parameters
from trm_minimal.recursion import deep_recursion, latent_recursion
from trm_minimal.schedules import Depth

__all__ = [
    "BadInput",
    "Depth",
    "Diverged",
    "Prediction",
    "TinyRecursiveModel",
    "count_parameters",
    "deep_recursion",
    "latent_recursion",
]
