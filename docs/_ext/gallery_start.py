"""The state in which each example of the gallery starts."""

import random

import numpy as np
import torch


def same_start(gallery_conf, fname):
    """Reset the global random numbers and the number of threads, so that no example depends on the others."""
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002
    torch.manual_seed(0)
    torch.set_num_threads(1)
