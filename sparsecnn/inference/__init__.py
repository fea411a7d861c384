"""Predictions of saved networks with numpy alone."""

from sparsecnn.inference._build import LayerSpec as LayerSpec
from sparsecnn.inference._build import build_layers as build_layers
from sparsecnn.inference._layers import Layer

__all__ = ["Layer"]
