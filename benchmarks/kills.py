"""Training runs killed at random moments, and started again until they are done; what checkpoints cost.

Every process is killed (SIGKILL) at a random moment after its imports, unless it is done by then. The next
one goes on from the checkpoint, is killed in turn, and so on. Of a fit over two processes ("ranks"), one is
killed, and the other must end by itself. Whatever a run that is done has come to must be, bit for bit, what
an undisturbed run comes to; then the next run begins. Lost work is that of batches that were trained again.
What checkpoints take is measured within one default fit, so that other work on the machine slows both.
"""

import argparse
import hashlib
import json
import mmap
import os
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from datetime import timedelta
from pathlib import Path

import numpy as np
import torch
from torch import distributed

from sparsecnn import SparseCurveCNNClassifier, SparseCurveCNNClassifierCV
from sparsecnn._checkpoint import run as run_module
from sparsecnn._network import CurveCNN
from sparsecnn.datasets import make_shaky_spirals
from sparsecnn.model_selection import sparsity_path

N_IMAGES, BATCH = 128, 4
TIMEOUT = 300  # seconds, for processes that wait for each other
X, Y = make_shaky_spirals(N_IMAGES, image_shape=(32, 32), return_X_y=True, random_state=0)
JOBS = ("fit", "path", "CV", "ranks")


class Counting(CurveCNN):
    """The curve CNN, which counts the batches that it trains on, in a file that outlives the process."""

    counter = None

    def __init__(self):
        super().__init__((32, 32), 2, (4, 8, 8), 3)

    def forward(self, x):
        if self.counter is not None and self.training and torch.is_grad_enabled():
            n_trained = int.from_bytes(self.counter[:], "little") + 1
            self.counter[:] = n_trained.to_bytes(8, "little")
        return super().forward(x)


def train(job, folder, X, Y):
    """Run a job, with its checkpoint in `folder` unless that is None, and return all that it comes to."""
    classifier = SparseCurveCNNClassifier(
        module=Counting, max_iter=6, finetune_iter=2, batch_size=BATCH, random_state=0
    )
    checkpoint = folder and os.path.join(folder, job)
    if job in ("fit", "ranks"):
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


def start(job, folder, n_threads, counter):
    """Return the processes that run a job, one or two, and have come so far that they begin."""
    threads = {"OMP_NUM_THREADS": str(n_threads), "OMP_WAIT_POLICY": "passive"}
    meeting, ranks = f"{counter}-{time.monotonic_ns()}", (0, 1) if job == "ranks" else (0,)
    processes = [
        subprocess.Popen(
            [sys.executable, __file__, "--run", job, folder, counter, meeting, str(rank)],
            env=os.environ | threads,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL if job == "ranks" else None,  # where one says that the other is lost
            text=True,
        )
        for rank in ranks
    ]
    assert [process.stdout.readline() for process in processes] == ["begins\n"] * len(ranks)
    return processes


def run(job, folder, counter, meeting, rank):
    """Run a job as a process of its own, or with another one."""
    shard = slice(None)
    if job == "ranks":
        distributed.init_process_group(
            "gloo", f"file://{meeting}", rank=int(rank), world_size=2, timeout=timedelta(seconds=TIMEOUT)
        )
        shard = slice(int(rank), None, 2)
    if rank == "0":
        with open(counter, "r+b") as file:
            Counting.counter = mmap.mmap(file.fileno(), 8)
    warnings.simplefilter("ignore")
    print("begins", flush=True)
    print(train(job, folder or None, X[shard], Y[shard]), flush=True)


def outcomes(processes):
    """Wait for processes, and return what those that are done have come to."""
    return {process.communicate(timeout=2 * TIMEOUT)[0] for process in processes} - {""}


def undisturbed(job, n_threads):
    """Return what a run comes to that nobody kills, its seconds, and its batches."""
    with tempfile.TemporaryDirectory() as folder:
        counter = Path(folder, "counter")
        counter.write_bytes(bytes(8))
        processes = start(job, "", n_threads, counter)
        begun = time.monotonic()
        found = outcomes(processes)
        return found, time.monotonic() - begun, int.from_bytes(counter.read_bytes(), "little")


def kill_often(job, n_threads, n_kills, rng):
    """Kill a job so many times, and return a row of the table."""
    expected, seconds, n_batches = undisturbed(job, n_threads)
    done = same = killed = failed = lost = 0
    while killed < n_kills:
        with tempfile.TemporaryDirectory() as folder:
            counter = Path(folder, "counter")
            counter.write_bytes(bytes(8))
            died = True
            while died:
                processes = start(job, folder, n_threads, counter)
                if killed < n_kills:
                    time.sleep(rng.uniform(0, seconds))
                    processes[rng.integers(len(processes))].kill()
                found = outcomes(processes)
                died = not found and -signal.SIGKILL in [process.returncode for process in processes]
                killed += died
            lost += int.from_bytes(counter.read_bytes(), "little") - n_batches
        done, same, failed = done + bool(found), same + (found == expected), failed + (not found)
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
    parser.add_argument("--run", nargs=5, help=argparse.SUPPRESS)  # one process, with what `run` takes
    args = parser.parse_args()
    if args.run:
        run(*args.run)
        return
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
