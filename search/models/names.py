"""Names of Keras that a study may use, written down so that a study file is read without importing Keras.

A test compares them with what the installed Keras provides.
"""

from __future__ import annotations

_ACTIVATIONS = (
    "celu elu exponential gelu hard_shrink hard_sigmoid hard_silu hard_swish hard_tanh leaky_relu linear "
    "log_sigmoid log_softmax mish relu relu6 selu sigmoid silu soft_shrink softmax softplus softsign "
    "sparse_plus sparse_sigmoid sparsemax squareplus swish tanh tanh_shrink"
)
ACTIVATIONS = tuple(_ACTIVATIONS.split())
"""Activations of hidden layers: all of `keras.activations` that keep the number of units and need no argument."""

SCALING_LAYERS = frozenset({"layers.Normalization", "layers.Rescaling", "layers.BatchNormalization"})
"""Layers with which a model that takes rows as they are begins."""

_LAYER_ARGUMENTS = (
    "activation alpha attention_axes axes axis beta_initializer bias_axes bias_initializer center cropping data_format "
    "depth_multiplier depthwise_initializer dilation_rate dropout embeddings_initializer epsilon equation factor "
    "fill_mode filters flash_attention gamma_initializer go_backwards groups head_dim height interpolation keepdims "
    "kernel_initializer kernel_size key_dim logit_soft_cap mask_zero max_value merge_mode momentum n negative_slope "
    "noise_shape num_heads num_key_value_heads num_query_heads output_dim output_padding padding "
    "pointwise_initializer pool_size power_iterations rate recurrent_activation recurrent_dropout "
    "recurrent_initializer renorm repeat reset_after return_sequences scale score_mode shared_axes size "
    "sliding_window stddev strides target_shape threshold trainable unit_forget_bias units use_bias use_gate "
    "use_scale value_dim variance width zero_output_for_mask"
)
LAYER_ARGUMENTS = frozenset(_LAYER_ARGUMENTS.split())
"""Arguments of layers that a study may search; which a layer has, its model tells. `repeat` is a study's own."""
