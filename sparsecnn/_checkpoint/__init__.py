"""Training runs on disk: what one has reached, so that it goes on after a kill; knows no training."""

from sparsecnn._checkpoint.every import parse_time
from sparsecnn._checkpoint.identity import Identity, digest, identify
from sparsecnn._checkpoint.run import Run, is_kept, open_run
from sparsecnn._checkpoint.saver import Saver

__all__ = ["Identity", "Run", "Saver", "digest", "identify", "is_kept", "open_run", "parse_time"]
