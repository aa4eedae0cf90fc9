"""Names of Keras and TensorFlow that are not public and that we lean on all the same: each is used here alone.

Read in Keras 3.15 and TensorFlow 2.21; `tests/techniques/test_private.py` says so when one of them goes or changes.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import random
import sys
import threading
from collections.abc import Callable, Collection, Iterator, MutableMapping
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    import keras
    import tensorflow as tf

LayerClass = TypeVar("LayerClass", bound=type)

OPERATION_MODULES = ("keras.ops", "keras.src.ops")
_OF_PRIVATE_MODULES = "keras.src"
"""Where a model's file says that an operation comes from: Keras 3.15 writes the private module of some."""


_EXTRAS = ("pandas", "sklearn")


@contextlib.contextmanager
def keras_extras_hidden() -> Iterator[None]:
    """Let Keras be imported without packages that it takes along where they are installed.

    `keras.src.wrappers` and `keras.src.trainers.data_adapters` of Keras 3.15 import scikit-learn and pandas, for
    wrappers and data that no worker has to do with; that is a third of the import. A module that is None cannot be
    imported. Afterwards both can, and Keras goes without.
    """
    hidden = [name for name in _EXTRAS if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]  # typeshed has no None there
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]


def is_private(module: str) -> bool:
    """Whether a module is one of Keras that no program is to import by name."""
    return module.startswith(_OF_PRIVATE_MODULES)


def flattened_layers(model: keras.Model) -> list[keras.Layer]:
    """The model and all layers below it, those that wrappers hold too.

    `Layer._flatten_layers` of Keras 3.15. The public `Model.layers` does not reach into wrappers.
    """
    return list(model._flatten_layers())


def loss_arguments(loss: keras.losses.Loss) -> dict[str, Any]:
    """What a loss of Keras' own was made with, beside what all losses take.

    `LossFunctionWrapper._fn_kwargs` of Keras 3.15, whose `get_config` leaves it out for `Huber`.
    """
    return dict(loss._fn_kwargs)


@contextlib.contextmanager
def seeds_drawn_from(generator: random.Random) -> Iterator[None]:
    """Let Keras draw the seeds of initializers and random layers from a generator of ours.

    `keras.src.random.seed_generator.python_random` of Keras 3.15, which is Python's `random` module: its global
    generator, from which every thread may draw. Keras has no public way to be given another.
    """
    from keras.src.random import seed_generator

    shared = seed_generator.python_random
    seed_generator.python_random = generator
    try:
        yield
    finally:
        seed_generator.python_random = shared


def set_random_seed(seed: int) -> Callable[[], bool]:
    """What `keras.utils.set_random_seed` does, but that TensorFlow keeps the kernels that it has made.

    It forgets them, for those of stateful random operations go on where they were. With them go those of compiled
    programs: the next run of each takes a fifth of a second to make them anew, hundreds of times what it trains.
    Keras' own layers and initializers draw with stateless operations alone.

    `GLOBAL_RANDOM_SEED` and `GLOBAL_SEED_GENERATOR` of `keras.src.backend.common.global_state`, and
    `tensorflow.python.eager.context.context()._seed` and `._rng` of TensorFlow 2.21, from which each stateful operation
    that is told no seed takes one.

    Returns:
        Whether a stateful operation has taken a seed since: its kernel may be one that was used before.
    """
    import numpy as np
    from keras.src.backend.common import global_state
    from keras.src.random import seed_generator
    from keras.src.utils import rng_utils
    from tensorflow.python.eager import context

    global_state.set_global_attribute(rng_utils.GLOBAL_RANDOM_SEED, seed)
    global_state.set_global_attribute(seed_generator.GLOBAL_SEED_GENERATOR, None)
    random.seed(seed)
    np.random.seed(seed)
    eager = context.context()
    eager._seed, eager._rng = seed, random.Random(seed)
    untouched = eager._rng.getstate()
    return lambda: bool(eager._rng.getstate() != untouched)


@contextlib.contextmanager
def draws_keyed(next_key: Callable[[], tf.Tensor], begun_anew: Collection[int]) -> Iterator[None]:
    """Let what is traced inside draw at random by keys, and not from states that go on from one run to the next.

    `keras.src.random.seed_generator.SeedGenerator.next` of Keras 3.15, which `keras.random` asks where it is told no
    whole number; the functions of `tensorflow.python.ops.gen_random_ops` of TensorFlow 2.21 that keep a state, by which
    `tf.random`, `tf.nn` and `tf.image` draw; and `rng_read_and_skip` of `gen_stateful_random_ops`, by which a
    `tf.random.Generator` does. A `tf.function` is traced anew each time that it is called inside: the one that it keeps
    would hold on to the key of another trace. `_clone` of
    `tensorflow.python.eager.polymorphic_function.polymorphic_function.Function` makes one that was never called.

    Args:
        next_key: Asked once a draw: shape (2,), int32, not negative.
        begun_anew: `id` of the states that each run begins with; generators of these draw on their own.
    """
    from keras.src.random import seed_generator
    from tensorflow.python.eager.polymorphic_function.polymorphic_function import Function
    from tensorflow.python.ops import gen_random_ops, gen_stateful_random_ops

    own_next, own_call = seed_generator.SeedGenerator.next, Function.__call__

    def keyed_next(self: Any, ordered: bool = True) -> Any:
        return own_next(self, ordered) if id(self.state) in begun_anew else next_key()

    def call_anew(self: Any, *arguments: Any, **named: Any) -> Any:
        return own_call(self._clone(None), *arguments, **named)

    replaced = [(seed_generator.SeedGenerator, "next", keyed_next), (Function, "__call__", call_anew)]
    replaced += [(gen_random_ops, name, function) for name, function in _stateless_draws(next_key).items()]
    replaced.append((gen_stateful_random_ops, "rng_read_and_skip", lambda *_, **__: _as_generator_state(next_key())))
    own = [getattr(holder, name) for holder, name, _ in replaced]
    for holder, name, function in replaced:
        setattr(holder, name, function)
    try:
        yield
    finally:
        for (holder, name, _), function in zip(replaced, own, strict=True):
            setattr(holder, name, function)


def _stateless_draws(next_key: Callable[[], tf.Tensor]) -> dict[str, Callable[..., Any]]:
    """By the names of TensorFlow's operations that keep a state those that draw the same by a key."""
    import tensorflow as tf

    def of_each(draw: Callable[..., Any], name: str) -> Callable[..., Any]:
        """Of distributions: for each of their parameters `shape` numbers, whose axes come first."""

        def drawn(shape: Any, parameter: Any, dtype: Any = None, **_: Any) -> Any:
            whole = tf.concat([shape, tf.shape(parameter, tf.as_dtype(shape.dtype))], 0)
            return draw(whole, next_key(), dtype=dtype or parameter.dtype, **{name: parameter})

        return drawn

    random = tf.random
    return {
        "random_standard_normal": lambda shape, dtype, **_: random.stateless_normal(shape, next_key(), dtype=dtype),
        "truncated_normal": lambda shape, dtype, **_: random.stateless_truncated_normal(shape, next_key(), dtype=dtype),
        "random_uniform": lambda shape, dtype, **_: random.stateless_uniform(shape, next_key(), dtype=dtype),
        "random_uniform_int": lambda shape, minval, maxval, **_: random.stateless_uniform(
            shape, next_key(), minval, maxval, dtype=minval.dtype
        ),
        "parameterized_truncated_normal": lambda shape, means, stdevs, minvals, maxvals, **_: (
            random.stateless_parameterized_truncated_normal(shape, next_key(), means, stdevs, minvals, maxvals)
        ),
        "random_gamma": of_each(random.stateless_gamma, "alpha"),
        "random_poisson_v2": of_each(random.stateless_poisson, "lam"),
        "random_shuffle": lambda value, **_: random.experimental.stateless_shuffle(value, next_key()),
        "multinomial": lambda logits, num_samples, output_dtype=tf.int64, **_: random.stateless_categorical(
            logits, num_samples, next_key(), dtype=output_dtype
        ),
    }


def _as_generator_state(key: tf.Tensor) -> tf.Tensor:
    """A counter and a key of 64 bits as generators have them behind one another; shape (3,), int64."""
    import tensorflow as tf

    word = tf.bitcast(key, tf.int64)
    return tf.stack([tf.zeros_like(word), word, word])


@contextlib.contextmanager
def python_draws_seeded() -> Iterator[None]:
    """Let the global generators of NumPy and of Python begin at the same place; afterwards they are where they were."""
    import numpy as np

    of_numpy, of_python = np.random.get_state(), random.getstate()
    np.random.seed(0)
    random.seed(0)
    try:
        yield
    finally:
        np.random.set_state(of_numpy)
        random.setstate(of_python)


def call_in_fixed_order(model: keras.Model) -> None:
    """Let Functional models call their layers in an order that does not change with what techniques put between them.

    Keras calls those first that are furthest from the output, and a layer more, on or off, makes that further. But the
    noise of a shared layer, and averages that it moves, depend on which of its uses comes first.

    `keras.src.ops.function._build_map` and `Function._nodes_by_depth` of Keras 3.15, by which a Function runs.
    """
    import keras
    from keras.src.ops.function import _build_map

    for each in flattened_layers(model):
        if isinstance(each, keras.Function):
            nodes, _ = _build_map(each.inputs, each.outputs)  # branch by branch, in the order of what takes from them
            each._nodes_by_depth = {-place: [node] for place, node in enumerate(nodes)}


def dropped_channels_shape(layer: keras.layers.Layer, inputs: tf.Tensor) -> Any:
    """The shape of a SpatialDropout's mask: `_get_noise_shape` of Keras 3.15, which knows where the channels are."""
    return layer._get_noise_shape(inputs)


def alpha_noise_shape(layer: keras.layers.AlphaDropout, inputs: tf.Tensor) -> Any:
    """The shape of an AlphaDropout's mask, sizes known where they can be: `_get_concrete_noise_shape` of Keras 3.15."""
    return layer._get_concrete_noise_shape(inputs, layer.noise_shape)


def with_moments(change: Callable[[Any], Any]) -> Callable[[LayerClass], LayerClass]:
    """Decorates a subclass of `keras.layers.BatchNormalization`, whose mean and variance then go through a function.

    `BatchNormalization._moments(inputs, mask)` of Keras 3.15, which its `call` asks for them.
    """

    def decorate(layer_class: LayerClass) -> LayerClass:
        taken: Any = layer_class._moments  # type: ignore[attr-defined]  # Keras' own, see above

        def _moments(self: Any, inputs: Any, mask: Any) -> Any:
            return change(taken(self, inputs, mask))

        layer_class._moments = _moments  # type: ignore[attr-defined]  # likewise
        return layer_class

    return decorate


@contextlib.contextmanager
def conditions_decided_by(decide: Callable[[Any, Callable[[], Any], Callable[[], Any]], Any]) -> Iterator[None]:
    """Let a function of ours take the place of `keras.ops.cond`, as losses of hinges call it.

    `keras.src.backend.core.cond` of Keras 3.15, to which that goes.
    """
    from keras.src.backend import core

    own = core.cond
    core.cond = decide
    try:
        yield
    finally:
        core.cond = own


def let_scopes_hold_updates(optimizer: keras.Optimizer) -> None:
    """Let an optimizer assign through Keras' variables, so that a `keras.StatelessScope` holds what it assigns.

    With TensorFlow, Keras 3.15 has its optimizers assign to the `tf.Variable` below, for `tf.distribute`: a scope knows
    nothing of that. What they do with other backends, methods of `keras.src.optimizers.base_optimizer.BaseOptimizer`
    by these names, goes through Keras' variables. `_var_key` asks a variable's value for an identity that a tensor does
    not have; it is that of `Variable._value`.

    Args:
        optimizer: Built or not; its class becomes a subclass of its own.
    """
    own = type(optimizer)
    # Behind its own methods and before those of the backend: Nadam has a `_backend_update_step` that calls the latter.
    optimizer.__class__ = type(own.__name__, (own, _scoped_optimizer()), {})


@functools.cache
def _scoped_optimizer() -> type:
    import keras
    import tensorflow as tf
    from keras.src.optimizers.base_optimizer import BaseOptimizer

    plain: Any = BaseOptimizer

    class ScopedOptimizer(keras.optimizers.Optimizer):
        _apply_weight_decay = plain._apply_weight_decay
        _backend_update_step = plain._backend_update_step

        def _var_key(self, variable: Any) -> Any:
            return variable._value._unique_id

        # The gradient of an embedding is sparse, and what is computed with it: `scatter_add` adds up what is for one
        # row, as the conversion to a tensor does.

        def assign(self, variable: Any, value: Any) -> None:
            if isinstance(value, tf.IndexedSlices):
                value = tf.tensor_scatter_nd_update(variable.value, value.indices[:, None], value.values)
            variable.assign(tf.cast(value, variable.dtype))

        def assign_add(self, variable: Any, value: Any) -> None:
            variable.assign(variable + tf.cast(tf.convert_to_tensor(value), variable.dtype))

        def assign_sub(self, variable: Any, value: Any) -> None:
            variable.assign(variable - tf.cast(tf.convert_to_tensor(value), variable.dtype))

    return ScopedOptimizer


def tracing_count(function: Any) -> int:
    """How often a `tf.function` was traced: `experimental_get_tracing_count` of TensorFlow 2.21."""
    return int(function.experimental_get_tracing_count())


@contextlib.contextmanager
def functions_numbered_from(first: int) -> Iterator[None]:
    """Let the names of functions that are traced inside end in numbers from `first` on, whatever was traced before.

    TensorFlow numbers everything that it makes in a process with one counter, and the names of functions go into what
    XLA is given, so that two processes seldom give it the same program.

    `tensorflow.python.framework.ops.uid` of TensorFlow 2.21. Its own numbers go on where they were.

    Args:
        first: Far beyond those numbers, and so far from those of other functions that no two meet.
    """
    from tensorflow.python.framework import ops

    own, numbers = ops.uid, itertools.count(first)
    ops.uid = lambda: next(numbers)
    try:
        yield
    finally:
        ops.uid = own


def registered_gradients() -> MutableMapping[str, Any]:
    """The gradients that TensorFlow knows by name, which can be taken out.

    `tensorflow.python.framework.ops.gradient_registry._registry` of TensorFlow 2.21: each traced function with a
    custom gradient leaves one, `CustomGradient-<number>`, and nothing public takes it out again.
    """
    from tensorflow.python.framework import ops

    registered: MutableMapping[str, Any] = ops.gradient_registry._registry
    return registered


@contextlib.contextmanager
def keras_state_kept() -> Iterator[None]:
    """Set the caller's state of Keras aside: a new one is used, by this thread and by all others.

    `keras.src.backend.common.global_state` of Keras 3.15: dtype policy, counters behind layer names, the seed of
    `keras.random`, which `clear_session` replaces for every thread; `keras.src.saving.object_registration`: registered
    classes.
    """
    from keras.src.backend.common import global_state
    from keras.src.saving import object_registration

    registries = (object_registration.GLOBAL_CUSTOM_OBJECTS, object_registration.GLOBAL_CUSTOM_NAMES)
    registered = [dict(registry) for registry in registries]
    tracker, settings = global_state.GLOBAL_STATE_TRACKER, global_state.GLOBAL_SETTINGS_TRACKER
    global_state.GLOBAL_STATE_TRACKER = threading.local()
    global_state.GLOBAL_SETTINGS_TRACKER = threading.local()
    try:
        yield
    finally:
        global_state.GLOBAL_STATE_TRACKER, global_state.GLOBAL_SETTINGS_TRACKER = tracker, settings
        for registry, before in zip(registries, registered, strict=True):
            registry.clear()
            registry.update(before)


@contextlib.contextmanager
def tensorflow_seed_kept() -> Iterator[None]:
    """Leave TensorFlow's global seed, and the numbers that were drawn from it, as they are.

    `tensorflow.python.eager.context.context()._seed` and `._rng` of TensorFlow 2.21, which `tf.random.set_seed` sets.
    """
    from tensorflow.python.eager import context

    eager = context.context()
    seed, generator = eager._seed, getattr(eager, "_rng", None)
    state = None if generator is None else generator.getstate()
    try:
        yield
    finally:
        eager._seed = seed
        if generator is not None:
            generator.setstate(state)
            eager._rng = generator
        elif hasattr(eager, "_rng"):
            del eager._rng


@contextlib.contextmanager
def determinism_kept() -> Iterator[None]:
    """Leave deterministic operations off where they were.

    `tensorflow.python.framework.config.disable_op_determinism` of TensorFlow 2.21; nothing public switches them off.
    """
    from tensorflow.python.framework import config

    before = config.is_op_determinism_enabled()
    try:
        yield
    finally:
        if not before:
            config.disable_op_determinism()


def graph_options() -> dict[str, Any]:
    """What was said of TensorFlow's graph optimizer, by option; what is taken out is unsaid again.

    `tensorflow.python.eager.context.context()._optimizer_experimental_options` of TensorFlow 2.21, behind
    `tf.config.optimizer.set_experimental_options`, which has no way to leave an option unsaid again.
    """
    from tensorflow.python.eager import context

    options: dict[str, Any] = context.context()._optimizer_experimental_options
    return options
