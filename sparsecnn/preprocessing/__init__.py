"""Images of curves, from files or memory, made alike: bright ink on black, cropped, centred, one size."""

from sparsecnn.preprocessing._page_shape import shape_of_pages
from sparsecnn.preprocessing._transformer import CurveImageTransformer

__all__ = ["CurveImageTransformer", "shape_of_pages"]
