"""Speed compared with skorch and with PyTorch loops written by hand.

All have the same network, images, epochs and batch size, and take turns in every round; the figures are
medians over the rounds. skorch and the plain loop apply ReLU before pooling, as textbooks do, in torch's
default layout; the best loop pools before ReLU, has channels last and a fused Adam. Peak memory is that of a
separate process, without its imports. Runs with one thread vary least:
``OMP_NUM_THREADS=1 python benchmarks/speed.py``.
"""

import argparse
import contextlib
import itertools
import statistics
import subprocess
import sys
import time
import warnings
from importlib.util import find_spec

import numpy as np
import torch
from joblib import parallel_config
from lenet_mnist import LeNet5
from scale import Growth
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from skorch import NeuralNetClassifier
from torch import nn
from torch.nn.functional import cross_entropy, max_pool2d, relu

from sparsecnn import SparseCurveCNNClassifier
from sparsecnn._network import CurveCNN
from sparsecnn.datasets import make_shaky_words

BATCH, LEARNING_RATE, CLASSES = 64, 0.001, 10
BACKENDS = ("loky", "threading", "multiprocessing", "dask")


class PlainCNN(nn.Module):
    """The (8, 16, 32) network in its textbook form: ReLU, then pooling."""

    def __init__(self):
        super().__init__()
        for i, (n_in, n_out) in enumerate([(1, 8), (8, 16), (16, 32)]):
            self.add_module(f"conv{i}", nn.Conv2d(n_in, n_out, 3, padding=1))
        self.fc = nn.Linear(32 * 8 * 8, CLASSES)

    def forward(self, x):
        for i in range(3):
            x = max_pool2d(relu(getattr(self, f"conv{i}")(x)), 2)
        return self.fc(x.flatten(1))


class PlainLeNet5(LeNet5):
    """LeNet-5 in its textbook form: ReLU, then pooling."""

    def forward(self, x):
        x = max_pool2d(relu(self.conv1(x)), 2)
        x = max_pool2d(relu(self.conv2(x)), 2)
        return self.fc2(relu(self.fc1(x.flatten(1))))


def make_curve_cnn():
    """Return the same network with pooling before ReLU."""
    return CurveCNN((64, 64), CLASSES, (8, 16, 32), 3, batch_norm=False)


# By name: side and number of the images, textbook module, fast module, parameters of sparsecnn.
NETWORKS = {
    "plain (8, 16, 32), 64x64": (
        64,
        1000,
        PlainCNN,
        make_curve_cnn,
        {"channels": (8, 16, 32), "batch_norm": False},
    ),
    "LeNet-5, 28x28": (28, 2000, PlainLeNet5, LeNet5, {"module": LeNet5, "penalized": "all"}),
}


class Skorch:
    """A skorch classifier as in the tutorial of skorch."""

    def __init__(self, network):
        self.module = NETWORKS[network][2]

    def fit(self, X, y, epochs):
        self.net = NeuralNetClassifier(
            self.module,
            criterion=nn.CrossEntropyLoss,
            optimizer=torch.optim.Adam,
            lr=LEARNING_RATE,
            batch_size=BATCH,
            max_epochs=epochs,
            iterator_train__shuffle=True,
            train_split=None,
            verbose=0,
        )
        self.net.fit(X[:, None].astype(np.float32) / 255, y)

    def predict(self, X):
        return self.net.predict(X[:, None].astype(np.float32) / 255)


class Loop:
    """A training loop written by hand: plain, or as fast as we can write it."""

    def __init__(self, network, best=False, bf16=False):
        self.module, self.best, self.bf16 = NETWORKS[network][3 if best else 2], best, bf16

    def fit(self, X, y, epochs):
        layout = torch.channels_last if self.best else torch.contiguous_format
        self.net = self.module().to(memory_format=layout)
        optimizer = torch.optim.Adam(self.net.parameters(), lr=LEARNING_RATE, fused=self.best)
        X, y = self._tensor(X), torch.from_numpy(y)
        for _ in range(epochs):
            for rows in torch.randperm(len(X)).split(BATCH):
                optimizer.zero_grad()
                cross_entropy(self._scores(X[rows]), y[rows]).backward()
                optimizer.step()

    @torch.no_grad()
    def predict(self, X):
        return torch.cat([self._scores(part).argmax(1) for part in self._tensor(X).split(128)]).numpy()

    def _tensor(self, X):
        X = torch.from_numpy(X)[:, None]
        return X if self.best else X.float() / 255

    def _scores(self, x):
        x = x.float().div_(255) if self.best else x
        with torch.autocast("cpu", torch.bfloat16, enabled=self.bf16):
            return self.net(x).float()


class Ours:
    """sparsecnn without augmentation, since the others have none."""

    def __init__(self, network, **params):
        self.params = {"augment": False, "batch_size": BATCH, "learning_rate_init": LEARNING_RATE}
        self.params |= {"solver": "adam"} | NETWORKS[network][4] | params

    def fit(self, X, y, epochs):
        split = {"max_iter": epochs - 1, "finetune_iter": 1}
        self.net = SparseCurveCNNClassifier(**self.params, **split, random_state=0).fit(X, y)

    def predict(self, X):
        return self.net.predict(X)


CONTENDERS = {
    "skorch": Skorch,
    "plain loop": Loop,
    "best loop": lambda network: Loop(network, best=True),
    "best loop, bf16": lambda network: Loop(network, best=True, bf16=True),
    "sparsecnn": Ours,
    "sparsecnn, dense": lambda network: Ours(network, penalty=None),
    "sparsecnn, bf16": lambda network: Ours(network, precision="bf16"),
}


def make_images(n_images, side):
    """Return uint8 noise and labels: speed does not depend on the content."""
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (n_images, side, side), dtype=np.uint8), rng.integers(0, CLASSES, n_images)


def clock(function, *arguments):
    """Return the seconds that a call takes."""
    start = time.perf_counter()
    function(*arguments)
    return time.perf_counter() - start


def compare(network, rounds, epochs, with_memory):
    """Print fit and predict throughput of all contenders, and their peak memory."""
    side, n_images, *_ = NETWORKS[network]
    X, y = make_images(n_images, side)
    fit_times: dict = {name: [] for name in CONTENDERS}
    predict_times: dict = {name: [] for name in CONTENDERS}
    for _ in range(rounds):
        for name, make in CONTENDERS.items():
            contender = make(network)
            fit_times[name].append(clock(contender.fit, X, y, epochs))
            predict_times[name].append(min(clock(contender.predict, X) for _ in range(2)))
    fit = {name: n_images * epochs / statistics.median(times) for name, times in fit_times.items()}
    predict = {name: n_images / statistics.median(times) for name, times in predict_times.items()}
    print(f"\n{network}: {n_images} images, {epochs} epochs, batches of {BATCH}, {rounds} rounds")
    print(f"{'':18} {'fit, images/s':>14} {'ratio':>6} {'predict, images/s':>18} {'ratio':>6} {'peak MB':>8}")
    for name in CONTENDERS:
        ratios = fit[name] / fit["skorch"], predict[name] / predict["skorch"]
        print(
            f"{name:18} {fit[name]:>14,.0f} {ratios[0]:>6.2f} {predict[name]:>18,.0f} {ratios[1]:>6.2f} "
            f"{peak_memory(network, name) if with_memory else np.nan:>8.0f}",
            flush=True,
        )


def peak_memory(network, name):
    """Return the megabytes by which a fit and a prediction make a separate process grow."""
    run = [sys.executable, __file__, "--memory-of", network, name]
    return float(subprocess.run(run, capture_output=True, text=True, check=True).stdout)


def print_memory(network, name):
    side, n_images, *_ = NETWORKS[network]
    X, y = make_images(n_images, side)
    contender = CONTENDERS[name](network)
    with Growth() as growth:
        contender.fit(X, y, 2)
        contender.predict(X)
    print(growth.megabytes)


def measure_latency(repeats=200):
    """Print the time for one image, by the network alone and through predict_proba."""
    X, y = make_shaky_words(128, return_X_y=True, random_state=0)
    X = X.reshape(-1, 64, 64)
    classifier = SparseCurveCNNClassifier(max_iter=1, finetune_iter=0, random_state=0).fit(X, y)
    x = torch.from_numpy(X[:1, None]).float() / 255
    module, alone, whole = classifier.module_, [], []
    with torch.no_grad():
        for _ in range(repeats):
            alone.append(clock(module, x))
            whole.append(clock(classifier.predict_proba, X[:1]))
    alone, whole = (1000 * statistics.median(times) for times in (alone, whole))
    print(f"\nOne generated word of 64x64, default network: module_ {alone:.2f} ms,")
    print(f"predict_proba {whole:.2f} ms, {whole / alone:.2f} times as long")


def measure_rvsm():
    """Print the share of RVSM in the time of an iteration: its step without that of the base optimizer."""
    print(f"\n{'RVSM':28} {'penalty':8} {'share of an iteration':>22} {'on a fixed support':>19}")
    cases = {"default network, 64x64": (64, {}), "LeNet-5, all weights": (28, NETWORKS["LeNet-5, 28x28"][4])}
    for name, (side, params) in cases.items():
        X, y = make_images(640, side)
        for penalty in ("l0", "tl1"):
            shares = [_rvsm_share(X, y, penalty, params, finetune) for finetune in (False, True)]
            print(f"{name:28} {penalty:8} {shares[0]:>22.1%} {shares[1]:>19.1%}", flush=True)


def _rvsm_share(X, y, penalty, params, finetune):
    """Return the share in one profiled fit: splitting alone, or with fine-tuning."""
    classifier = SparseCurveCNNClassifier(
        penalty,
        batch_size=BATCH,
        max_iter=4,
        finetune_iter=4 if finetune else 0,
        random_state=0,
        **params,
    )
    classifier.fit(X[:64], y[:64])
    with torch.profiler.profile() as profile:
        begin = time.perf_counter()
        classifier.fit(X, y)
        seconds = time.perf_counter() - begin
    total = {event.key: event.cpu_time_total / 1e6 for event in profile.key_averages()}
    return (total["Optimizer.step#RVSM.step"] - total["Optimizer.step#Adam.step"]) / seconds


def measure_search(n_images=400):
    """Print the time of a search of 8 candidates and 3 folds, in one process and on every backend.

    The processes of loky and Dask have imported torch before the clock starts.
    """
    X, y = make_images(n_images, 64)
    n_threads = torch.get_num_threads()
    estimator = SparseCurveCNNClassifier(
        channels=(8, 16, 32), batch_size=BATCH, max_iter=4, finetune_iter=1, augment=False, random_state=0
    )
    grid = {"lam": list(np.geomspace(1e-7, 1e-5, 8))}
    folds = list(StratifiedKFold(3).split(X, y))
    print(f"\nGridSearchCV, 8 candidates, 3 folds, {n_images} images of 64x64")

    def run(n_jobs, grid=grid):
        GridSearchCV(estimator, grid, cv=folds, n_jobs=n_jobs, refit=False).fit(X, y)

    torch.set_num_threads(1)
    alone = clock(run, 1)
    print(f"{'n_jobs=1, 1 thread':32} {alone:>6.1f} s")
    torch.set_num_threads(n_threads)
    print(f"{f'n_jobs=1, {n_threads} threads':32} {clock(run, 1):>6.1f} s")
    for backend in BACKENDS:
        if backend == "dask" and find_spec("distributed") is None:
            print(f'{"n_jobs=2, dask":32} skipped: pip install "sparsecnn[scale]"')
            continue
        with on_backend(backend, [X, y, *itertools.chain(*folds)]):
            run(2, {"lam": [1e-6] * 4})  # enough fits to reach both processes
            seconds = clock(run, 2)
        print(
            f"{f'n_jobs=2, {backend}':32} {seconds:>6.1f} s, {alone / seconds:.2f} times as fast", flush=True
        )


@contextlib.contextmanager
def on_backend(backend, shared):
    """Run the searches of a ``with`` block on a backend of joblib; Dask gets a cluster of two workers."""
    if backend != "dask":
        with parallel_config(backend=backend):
            yield
        return
    from distributed import Client, LocalCluster

    cluster = LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None)
    with cluster, Client(cluster) as client:
        client.amm.stop()  # the memory manager would drop all copies of scattered data but one
        with parallel_config(backend="dask", scatter=shared):
            yield


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=4, help="at least 2; the last fine-tunes")
    parser.add_argument("--parts", nargs="+", default=["networks", "memory", "latency", "rvsm", "search"])
    parser.add_argument("--memory-of", nargs=2, metavar=("NETWORK", "CONTENDER"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.epochs < 2:
        parser.error(f"--epochs must be at least 2, got {arguments.epochs}.")
    warnings.simplefilter("ignore")
    if arguments.memory_of:
        print_memory(*arguments.memory_of)
        return
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads")
    if "networks" in arguments.parts:
        for network in NETWORKS:
            compare(network, arguments.rounds, arguments.epochs, "memory" in arguments.parts)
    parts = {"latency": measure_latency, "rvsm": measure_rvsm, "search": measure_search}
    for part, measure in parts.items():
        if part in arguments.parts:
            measure()


if __name__ == "__main__":
    main()
