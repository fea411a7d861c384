"""Training runs killed at random moments, and started again until they are done; what checkpoints cost.

Every process is killed (SIGKILL) after a random time, unless it is done by then. The next one goes on from
the checkpoint, is killed in turn, and so on. Whatever a run that is done has come to must be, bit for bit,
what an undisturbed run comes to; then the next run begins. Lost work is that of batches that were trained
again. Time that checkpoints take is measured within one default fit, so that other work on the machine
changes both.
"""

import argparse
import hashlib
import json
import mmap
import os
import signal
import sys
import tempfile
import time
import traceback
import warnings
from pathlib import Path

import numpy as np
import torch
import torch._dynamo  # by the first optimizer otherwise, in every process anew

from sparsecnn import SparseCurveCNNClassifier, SparseCurveCNNClassifierCV
from sparsecnn._checkpoint import run as run_module
from sparsecnn._compute import threads
from sparsecnn._network import CurveCNN
from sparsecnn.datasets import make_shaky_spirals
from sparsecnn.model_selection import sparsity_path

N_IMAGES, BATCH = 128, 4
X, Y = make_shaky_spirals(N_IMAGES, image_shape=(32, 32), return_X_y=True, random_state=0)
JOBS = ("fit", "path", "CV")
n_trained = mmap.mmap(-1, 8)  # batches, counted across processes


class Counting(CurveCNN):
    """The curve CNN, which counts the batches that it trains on."""

    def __init__(self):
        super().__init__((32, 32), 2, (4, 8, 8), 3)

    def forward(self, x):
        if self.training and torch.is_grad_enabled():
            n_trained[:] = (int.from_bytes(n_trained[:], "little") + 1).to_bytes(8, "little")
        return super().forward(x)


def train(job, folder):
    """Run a job, with its checkpoint in `folder` unless that is None, and return all that it comes to."""
    classifier = SparseCurveCNNClassifier(
        module=Counting, max_iter=6, finetune_iter=2, batch_size=BATCH, random_state=0
    )
    checkpoint = folder and os.path.join(folder, job)
    if job == "fit":
        fitted = [classifier.set_params(checkpoint=checkpoint, checkpoint_every=0.5).fit(X, Y)]
    elif job == "path":
        points = [0.5, 0.8, 0.9]
        fitted = sparsity_path(X, Y, estimator=classifier, sparsities=points, checkpoint=checkpoint)
    else:
        search = SparseCurveCNNClassifierCV(classifier.set_params(max_iter=2), sparsities=[0.5, 0.9], cv=2)
        fitted = [search.set_params(checkpoint=checkpoint).fit(X, Y).best_estimator_]
    found = hashlib.sha256()
    for one in fitted:
        for value in one.module_.state_dict().values():
            found.update(value.numpy().tobytes())
        found.update(json.dumps([one.history_, one.lam_]).encode())
    return found.hexdigest()


def start(job, folder, n_threads):
    """Start a process that runs a job, and return its number and what its outcome comes through."""
    read, write = os.pipe()
    pid = os.fork()
    if pid:
        os.close(write)
        return pid, read
    try:
        threads._forked = False  # this process has not computed: its threads are all new
        torch.set_num_threads(n_threads)
        warnings.simplefilter("ignore")
        os.write(write, train(job, folder).encode())
    except BaseException:
        traceback.print_exc()
    os._exit(0)


def outcome(pid, read):
    """Return what a process has written at its end, if anything, and whether it was killed."""
    with os.fdopen(read, "rb") as pipe:
        found = pipe.read().decode()
    _, status = os.waitpid(pid, 0)
    return found, os.WIFSIGNALED(status)


def kill_often(job, n_threads, n_kills, rng):
    """Kill a job so many times, and return a row of the table."""
    n_trained[:] = bytes(8)
    begun = time.monotonic()
    expected, _ = outcome(*start(job, None, n_threads))
    seconds, n_batches = time.monotonic() - begun, int.from_bytes(n_trained[:], "little")
    done = same = killed = failed = lost = 0
    while killed < n_kills:
        n_trained[:] = bytes(8)
        with tempfile.TemporaryDirectory() as folder:
            died = True
            while died:
                pid, read = start(job, folder, n_threads)
                if killed < n_kills:
                    time.sleep(rng.uniform(0, seconds))
                    os.kill(pid, signal.SIGKILL)
                found, died = outcome(pid, read)
                killed += died
        done, same, failed = done + bool(found), same + (found == expected), failed + (not found)
        lost += int.from_bytes(n_trained[:], "little") - n_batches
    epochs = lost / max(1, killed) / (N_IMAGES // BATCH)
    return [job, n_threads, killed, done, same, failed, f"{epochs:.2f}"]


def cost():
    """Return what writing takes in a default fit, what the fit takes, in seconds, and number and bytes."""
    X, y = make_shaky_spirals(1000, return_X_y=True, random_state=0)
    written = []
    original = run_module.KeptRun._write

    def timed(*args):
        begun = time.process_time(), time.perf_counter()
        original(*args)
        written.append((time.process_time() - begun[0], time.perf_counter() - begun[1]))

    run_module.KeptRun._write = timed
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "fit.safetensors")
        begun = time.process_time(), time.perf_counter()
        SparseCurveCNNClassifier(random_state=0, checkpoint=path).fit(X, y)
        whole = time.process_time() - begun[0], time.perf_counter() - begun[1]
        size = path.stat().st_size
    return np.sum(written, axis=0), whole, len(written), size


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--parts", nargs="+", choices=("kills", "cost"), default=["kills", "cost"])
    parser.add_argument("--jobs", nargs="+", choices=JOBS, default=JOBS)
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--kills", type=int, default=34, help="for each job and number of threads")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    n_bad = 0
    if "kills" in args.parts:
        rng = np.random.default_rng(args.seed)
        print("| job | threads | kills | runs done | of them bit for bit | failed | epochs lost by a kill |")
        print("|---|---|---|---|---|---|---|")
        for job in args.jobs:
            for n_threads in args.threads:
                row = kill_often(job, n_threads, args.kills, rng)
                n_bad += row[3] - row[4] + row[5]
                print("|", " | ".join(str(value) for value in row), "|", flush=True)
    if "cost" in args.parts:
        written, whole, n_writes, size = cost()
        print(f"\n{n_writes} checkpoints of {size / 1e6:.2f} MB in a default fit of 1,000 images of 64x64:")
        print(f"{written[0] / whole[0]:.2%} of its processor time, {written[1] / whole[1]:.2%} of its time")
    sys.exit(n_bad > 0)


if __name__ == "__main__":
    main()
