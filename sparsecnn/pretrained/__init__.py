"""Readers that are ready to use: trained, with the package, and small."""

from sparsecnn.pretrained._readers import list_readers, load_reader
from sparsecnn.pretrained._readers import reader_path as reader_path

__all__ = ["list_readers", "load_reader"]
