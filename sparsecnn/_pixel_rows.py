"""Flat images that know their channels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np


class Channel(NamedTuple):
    """A channel of an image: its (height, width), and the name of the view it shows if that is known."""

    image_shape: tuple[int, int]
    view: str | None = None


class PixelRows(np.ndarray):
    """Flat images that keep their layout, so that a pipeline is given it once.

    Side by side, in a `FeatureUnion`, those of images of one shape become the channels of one image. One
    below the other, they keep their channels if all have the same. What makes a plain array of them loses
    the channels.

    Attributes
    ----------
    channels : tuple of Channel
        In the order of columns; empty if they are not known.
    """

    channels: tuple[Channel, ...]

    @classmethod
    def of(cls, images: np.ndarray, views: Sequence[str] | None = None) -> PixelRows:
        """Return images of shape (n, height, width) or (n, channels, height, width) as rows of pixels.

        `views` has the name of each channel.
        """
        rows = images.reshape(len(images), math.prod(images.shape[1:])).view(cls)
        shape, n_channels = images.shape[-2:], images.shape[1] if images.ndim == 4 else 1
        names: Sequence[str | None] = views or [None] * n_channels
        rows.channels = tuple(Channel((shape[0], shape[1]), name) for name in names)
        return rows

    def known_channels(self) -> tuple[Channel, ...]:
        """Return the channels, or none where this array no longer consists of them."""
        # Selected columns or a single row are not images.
        is_rows = self.ndim == 2 and self.shape[1] == _count_pixels(self.channels)
        return self.channels if is_rows else ()

    def __array_finalize__(self, source: Any) -> None:
        channels = getattr(source, "channels", ())
        # Other axes are no rows of these images, even after they are put into rows again.
        self.channels = channels if self.shape[-1:] == (_count_pixels(channels),) else ()

    def __array_wrap__(self, array: Any, context: Any = None, return_scalar: bool = False) -> Any:
        return array[()] if array.ndim == 0 else super().__array_wrap__(array, context)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        result: Any = super().__array_function__(function, types, args, kwargs)
        return _joined(result, *args, **kwargs) if function is np.concatenate else result

    def __reduce__(self) -> Any:
        # A plain array within, which joblib shares among processes instead of copying it.
        return _restore, (self.view(np.ndarray), self.channels)

    def __setstate__(self, state: Any) -> None:
        # Of versions that were pickled with their layout at the end: a shape, or that and the channels.
        array, (shape, n_channels) = state[:5], (*state[5:], 1)[:2]
        super().__setstate__(array)
        self.channels = (Channel(shape),) * n_channels if shape else ()


def _count_pixels(channels: Sequence[Channel]) -> int:
    return sum(math.prod(channel.image_shape) for channel in channels)


def _restore(rows: np.ndarray, channels: tuple[Channel, ...]) -> PixelRows:
    """Return the rows that were pickled."""
    restored = rows.view(PixelRows)
    restored.channels = channels
    return restored


def _joined(result: np.ndarray, parts: Any, axis: Any = 0, *_: Any, **__: Any) -> np.ndarray:
    """Return `PixelRows` that were put side by side, or one below the other, with the channels they have."""
    each = [part.known_channels() if isinstance(part, PixelRows) else () for part in parts]
    if result.ndim != 2 or axis is None or not all(each):
        return result
    beside = axis in (1, -1)
    if not beside and any(channels != each[0] for channels in each):
        return result
    rows = result.view(PixelRows)
    rows.channels = tuple(channel for channels in each for channel in channels) if beside else each[0]
    return rows
