"""Importing this imports all that a run needs, TensorFlow too, and starts none of it: such a process can be forked.

What only some studies need (pandas and scikit-learn, for tables) their workers import themselves.
"""

import gc

import search.dispatch.tasks  # noqa: F401  # for its own sake
from search.techniques.private import keras_extras_hidden
from search.training import import_tensorflow

with keras_extras_hidden():
    import_tensorflow()
gc.collect()
gc.freeze()  # what is never looked at by the garbage collector is never copied either
