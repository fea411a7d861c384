"""How the generators return their images."""

from typing import Any

import numpy as np
from sklearn.utils import Bunch

from sparsecnn._pixel_rows import PixelRows

TARGET_NAMES = ("regular", "shaky")


def pack(
    images: np.ndarray, target: np.ndarray, return_X_y: bool, **attributes: Any
) -> Bunch | tuple[np.ndarray, np.ndarray]:
    """Return images and classes as a Bunch with further `attributes`, or as ``(data, target)``.

    Images may have colours as their last axis; in `data`, colours are the channels that estimators take.
    """
    in_colour = images.ndim == 4
    channels = np.ascontiguousarray(np.moveaxis(images, -1, 1)) if in_colour else images
    data = PixelRows.of(channels)
    if return_X_y:
        return data, target
    pictures = np.moveaxis(channels, 1, -1) if in_colour else images
    names = np.array(TARGET_NAMES)
    return Bunch(data=data, images=pictures, target=target, target_names=names, **attributes)
