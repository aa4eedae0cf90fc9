"""Importing this imports all that a run needs, TensorFlow too, and starts none of it: such a process can be forked."""

import gc

import search.training.worker_session  # noqa: F401  # for its own sake
from search.data import import_encoders
from search.training.session import import_tensorflow

import_tensorflow()
import_encoders()
gc.collect()
gc.freeze()  # what is never looked at by the garbage collector is never copied either
