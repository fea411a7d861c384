"""One fit over several processes, each with its shard of the images: on one machine, or on many.

Start it with torch's own launcher, here with two processes on one machine::

    torchrun --nproc-per-node 2 examples/distributed_fit.py

On several machines, torchrun takes ``--nnodes`` and ``--rdzv-endpoint`` besides. With GPUs, one process for
each of them computes there.
"""

import argparse
import os
from datetime import timedelta

import torch
from torch import distributed

from sparsecnn import SparseCurveCNNClassifier
from sparsecnn.datasets import load_fonts, make_shaky_words


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=2000)
    parser.add_argument("--epochs", type=int, default=8)
    arguments = parser.parse_args()

    on_gpu = torch.cuda.is_available()
    if on_gpu:
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    # A process that hangs, rather than ends, is given up after the timeout.
    distributed.init_process_group("nccl" if on_gpu else "gloo", timeout=timedelta(seconds=60))
    rank, size = distributed.get_rank(), distributed.get_world_size()

    # Each process needs its shard only. Fonts of one shard are in no other.
    fonts = load_fonts()[rank::size]
    shard = make_shaky_words(arguments.images // size, fonts=fonts, random_state=rank)

    classifier = SparseCurveCNNClassifier(max_iter=arguments.epochs, refine_iter=2, random_state=0)
    classifier.fit(shard.data, shard.target)

    # From here on every process has the same network.
    if rank == 0:
        test = make_shaky_words(500, random_state=1000)
        accuracy = classifier.score(test.data, test.target)
        print(f"{size} processes, {arguments.images} images: accuracy {accuracy:.1%} on others,")
        print(f"{classifier.sparsity_:.1%} of the fully connected weights are zero")
    distributed.destroy_process_group()


if __name__ == "__main__":
    main()
