"""Fitted estimators in smaller forms, and in files for other places."""

from sparsecnn.export._compress import compress
from sparsecnn.export._html import to_html
from sparsecnn.export._load import load
from sparsecnn.export._onnx import to_onnx
from sparsecnn.export._onnx_sklearn import register_skl2onnx
from sparsecnn.export._save import save, to_numpy

__all__ = ["compress", "load", "register_skl2onnx", "save", "to_html", "to_numpy", "to_onnx"]
