"""What only TensorFlow knows of this machine, told by a process of its own: `python -m search.training.devices`.

It prints one line of JSON. A TensorFlow that cannot be imported, or that ends its process, ends no other one.
"""

from __future__ import annotations

import json
import sys
from typing import Any


def describe_tensorflow() -> dict[str, Any]:
    """Versions as imported, the GPUs it can use, what it was built for, and whether a compiled program computes."""
    from search.training.session import import_tensorflow

    import_tensorflow()
    import keras
    import tensorflow as tf

    build = tf.sysconfig.get_build_info()
    told = {
        "tensorflow": tf.__version__,
        "keras": keras.__version__,
        "gpus": [_gpu_name(device) for device in tf.config.list_physical_devices("GPU")],
        "cuda": build.get("cuda_version") if build.get("is_cuda_build") else None,
    }
    ones = tf.ones((8, 8))
    product = tf.function(lambda: tf.reduce_sum(ones @ ones), autograph=False, jit_compile=True)()
    return {**told, "computes": float(product) == 8.0**3}


def _gpu_name(device: Any) -> str:
    import tensorflow as tf

    return str(tf.config.experimental.get_device_details(device).get("device_name") or device.name)


if __name__ == "__main__":
    sys.stdout.write(json.dumps(describe_tensorflow()) + "\n")
