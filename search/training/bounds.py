"""How much a worker keeps from run to run, each kind on its own: a worker that grows much is started anew."""

from __future__ import annotations

_MIB = 2**20

PREPARED_ROWS_BYTES = 256 * _MIB
"""Rows of folds as they are trained on, in NumPy."""

FOLD_TENSORS_BYTES = 256 * _MIB
"""The same rows as tensors, filled up to the capacity of programs."""

FEATURES_BYTES = 256 * _MIB
"""What frozen fronts make of all rows of a study, in NumPy."""

INITIAL_WEIGHTS_BYTES = 64 * _MIB
"""Initial weights by model and seed, in NumPy; and as much again as tensors."""

ORDERS_BYTES = 64 * _MIB
"""Orders of rows by seed; those of one run keep a quarter of it at most."""

ORDER_TENSORS_BYTES = 32 * _MIB
"""The same as tensors."""

STAGES_BYTES = 64 * _MIB
"""Outcomes of the stages of paths, weights included."""

PROGRAMS = 8
"""Programs of each engine: of the architectures trained last."""

CALIBRATIONS = 256
"""Architectures whose engine was chosen."""
