"""Images of curves as bright ink on black, and what pen tablets record as images or features."""

from sparsecnn.preprocessing._form_remover import PrintedFormRemover
from sparsecnn.preprocessing._pages import read_page as read_page
from sparsecnn.preprocessing._suggest_image_shape import suggest_image_shape
from sparsecnn.preprocessing._tablet import TabletTransformer
from sparsecnn.preprocessing._transformer import SEEN_IN_FIT as SEEN_IN_FIT
from sparsecnn.preprocessing._transformer import CurveImageTransformer

__all__ = ["CurveImageTransformer", "PrintedFormRemover", "TabletTransformer", "suggest_image_shape"]
