"""How the generators return their images."""

from typing import Any

import numpy as np
from sklearn.utils import Bunch

TARGET_NAMES = ("regular", "shaky")


def pack(
    images: np.ndarray, target: np.ndarray, return_X_y: bool, **attributes: Any
) -> Bunch | tuple[np.ndarray, np.ndarray]:
    """Return images and classes as a Bunch with further `attributes`, or as ``(data, target)``."""
    data = images.reshape(len(images), -1)
    if return_X_y:
        return data, target
    names = np.array(TARGET_NAMES)
    return Bunch(data=data, images=images, target=target, target_names=names, **attributes)
