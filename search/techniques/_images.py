"""Techniques that change images: each row by numbers of its own, drawn anew in every training step."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from search.spec.catalogue import Domain
from search.techniques import noise
from search.techniques._base import InputTechnique, Value
from search.techniques._switch import only_if
from search.techniques.parts import Part

if TYPE_CHECKING:
    import tensorflow as tf

FILL = {"fill_mode": "constant", "fill_value": 0.0, "interpolation": "bilinear"}
"""What lies outside of an image is 0; Keras would mirror the image there, which suits photographs, not digits."""


class ImageTechnique(InputTechnique):
    """A technique for rows of shape (height, width) or (height, width, channels)."""

    off = 0.0
    general = False  # its stand-ins know one way to fill what is outside, one interpolation, and ranges about 0

    def wants(self, input_shape: tuple[int, ...]) -> str | None:
        """Images, when the rows cannot be that."""
        if len(input_shape) in (2, 3):
            return None
        return "images: rows of shape (height, width) or (height, width, channels)"

    def apply(self, input_shape: tuple[int, ...], value: Value) -> tuple[Part, ...]:
        """The layer, named after the technique; images without channels are given one for it."""
        layer = self.layer(value)
        if len(input_shape) == 3:
            return (layer,)
        before = Part("layers.Reshape", {"target_shape": (*input_shape, 1), "name": f"{self.name}_channel"})
        return before, layer, Part("layers.Reshape", {"target_shape": input_shape, "name": f"{self.name}_shape"})

    @abstractmethod
    def layer(self, value: Value) -> Part:
        """The Keras layer, for images with channels."""


def extent(high: float, meaning: str, source: str, *, high_open: bool = False) -> Domain:
    """The values of how far images are changed."""
    return Domain(
        kind="float",
        low=0.0,
        low_open=True,
        high=high,
        high_open=high_open,
        weak="low",
        meaning=meaning,
        source=source,
    )


def augmented(
    layer: Any, images: Any, extent: Any, n_draws: int, change: Callable[[tf.Tensor, list[tf.Tensor]], tf.Tensor]
) -> Any:
    """Images changed by the numbers that are drawn for each.

    Args:
        layer: The layer that does it, for its name.
        images: Shape (rows, height, width, channels).
        extent: How far images are changed: a scalar, of which 0 leaves them as they are.
        n_draws: Numbers drawn for each image.
        change: Takes images, float32, and each draw, shape (rows,), spread evenly over [-1, 1); gives images.
    """
    import tensorflow as tf

    key = noise.layer_noise(layer.name)

    def changed() -> Any:
        draws = 2 * noise.uniform(key, tf.stack([tf.shape(images)[0], n_draws])) - 1
        return tf.cast(change(tf.cast(images, tf.float32), tf.unstack(draws, n_draws, axis=1)), images.dtype)

    return only_if(extent > 0, changed, lambda: images)


def resampled(images: tf.Tensor, transform: list[tf.Tensor]) -> tf.Tensor:
    """Images whose value at (x, y) is that of the given ones at (a x + b y + c, d x + e y + f).

    What `keras.ops.image.affine_transform` does with bilinear interpolation and zeros outside; its operation has no
    kernel in XLA.

    Args:
        images: Shape (rows, height, width, channels), float32; all sizes but the rows' are known.
        transform: a, b, c, d, e, f: each of shape (rows,) or (), in pixels.
    """
    import tensorflow as tf

    height, width, channels = images.shape[1:]
    y, x = (
        tf.reshape(tf.cast(grid, tf.float32), (1, -1))
        for grid in tf.meshgrid(range(height), range(width), indexing="ij")
    )
    n_rows = tf.shape(images)[0]
    a, b, c, d, e, f = (tf.broadcast_to(tf.reshape(number, (-1, 1)), (n_rows, 1)) for number in transform)
    source_x, source_y = a * x + b * y + c, d * x + e * y + f
    left, top = tf.floor(source_x), tf.floor(source_y)
    pixels = tf.reshape(images, (-1, height * width, channels))

    def read(column: tf.Tensor, line: tf.Tensor) -> tf.Tensor:
        inside = (column >= 0) & (column <= width - 1) & (line >= 0) & (line <= height - 1)
        index = tf.where(inside, line * width + column, 0.0)
        values = tf.gather(pixels, tf.cast(index, tf.int32), batch_dims=1)
        return tf.where(inside[..., None], values, 0.0)

    to_right, to_bottom = (source_x - left)[..., None], (source_y - top)[..., None]
    upper = (1 - to_right) * read(left, top) + to_right * read(left + 1, top)
    lower = (1 - to_right) * read(left, top + 1) + to_right * read(left + 1, top + 1)
    return tf.reshape((1 - to_bottom) * upper + to_bottom * lower, (-1, height, width, channels))


def about_center(images: tf.Tensor, a: tf.Tensor, b: tf.Tensor, d: tf.Tensor, e: tf.Tensor) -> list[tf.Tensor]:
    """The transform for `resampled` that leaves the middle of the images where it is."""
    x, y = (images.shape[2] - 1) / 2, (images.shape[1] - 1) / 2
    return [a, b, x - x * a - y * b, d, e, y - x * d - y * e]
