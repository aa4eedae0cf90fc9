"""Ways to regularize: each technique is one file, one line in `TECHNIQUES`, and nothing else.

| module | what lives there |
|---|---|
| `parts` | `Part`: a Keras object yet to be made, as its path below `keras` and its arguments; `Slot`: an open one |
| `_base` | `Technique`, and `LayerTechnique` for those that change a layer |
| `_penalty` | how penalties on one kernel become one regularizer |
| `l1`, `l2` | penalties on the kernels |
| `dropout` | units left out at random while training |
| `patience` | early stopping |
| `noise` | random numbers that cost next to nothing inside a compiled program |
| `traced` | Keras objects whose arguments may be tensors |

A technique says what its parameter means and how a layer is changed; *which* layers, and the making of the Keras
model, is `search.models`. Early stopping itself is `search.training.stopping`. Keras is imported by functions of
`noise` and `traced` alone.
"""

from __future__ import annotations

from collections.abc import Mapping

from search.techniques._base import LayerTechnique, Technique
from search.techniques.dropout import Dropout
from search.techniques.l1 import L1
from search.techniques.l2 import L2
from search.techniques.parts import Part, Slot
from search.techniques.patience import Patience

TECHNIQUES: Mapping[str, Technique] = {technique.name: technique for technique in (L1(), L2(), Dropout(), Patience())}
"""Every technique by its name in [space], in the order in which they enter a layer."""

__all__ = ["TECHNIQUES", "LayerTechnique", "Part", "Slot", "Technique"]
