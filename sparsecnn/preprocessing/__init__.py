"""Images of curves, from files or memory, as bright ink on black: cropped, centred, of one size."""

from sparsecnn.preprocessing._pages import read_page as read_page
from sparsecnn.preprocessing._suggest_image_shape import suggest_image_shape
from sparsecnn.preprocessing._transformer import CurveImageTransformer

__all__ = ["CurveImageTransformer", "suggest_image_shape"]
