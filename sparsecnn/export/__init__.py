"""Smaller forms of fitted networks."""

from sparsecnn.export._compress import compress

__all__ = ["compress"]
