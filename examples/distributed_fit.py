"""Fit one classifier in several processes, each with its shard of the images, on one machine or several.

Start it with torchrun, here with two processes on one machine::

    torchrun --nproc-per-node 2 examples/distributed_fit.py

On several machines, torchrun also takes ``--nnodes`` and ``--rdzv-endpoint``. With GPUs, start one process
per GPU.
"""

import argparse
import os
from datetime import timedelta

import torch
from torch import distributed

from sparsecnn import SparseCurveCNNClassifier
from sparsecnn.datasets import list_fonts, make_shaky_words


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=2000)
    parser.add_argument("--epochs", type=int, default=8)
    arguments = parser.parse_args()

    on_gpu = torch.cuda.is_available()
    if on_gpu:
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    # If a process hangs, the others end after the timeout.
    distributed.init_process_group(
        "nccl" if on_gpu else "gloo", timeout=timedelta(seconds=60)
    )
    rank, size = distributed.get_rank(), distributed.get_world_size()

    # Each process makes its own shard only. No two shards share a font.
    fonts = list_fonts()[rank::size]
    shard = make_shaky_words(
        arguments.images // size, fonts=fonts, random_state=rank
    )

    classifier = SparseCurveCNNClassifier(
        max_iter=arguments.epochs, finetune_iter=2, random_state=0
    )
    classifier.fit(shard.data, shard.target)

    # Every process now has the same network.
    if rank == 0:
        test = make_shaky_words(500, random_state=1000)
        accuracy = classifier.score(test.data, test.target)
        print(
            f"{size} processes, {arguments.images} images: accuracy {accuracy:.1%} on 500 others,"
        )
        print(
            f"{classifier.sparsity_:.1%} of the fully connected weights are zero"
        )
    distributed.destroy_process_group()


if __name__ == "__main__":
    main()
