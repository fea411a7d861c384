"""From sparse to small and fast: words of unseen fonts, before and after dead channels are taken out.

Data: ``make_shaky_words``, as in ``words.py``: 8,000 images to train on and 10,000 to test on, which share
neither font nor word. Every network is trained by one call of `fit`, compressed, saved with weights of 8 bits
and read back, and measured in torch and, where they are installed (packages onnx, onnxscript and
onnxruntime), in onnxruntime. Times are of one thread, interleaved with those of the dense network; the table
has how many times faster it is. Bytes are those of the file; of the dense network, those of its state as
torch saves it. Settings were chosen on the splits of seeds 11 and 12.

``--slimming`` instead shows the scales of batch normalisation at work: test accuracy of the weights w in
training and of the cut network u, before any fine-tuning, with 70 % of the channels removed.
"""

import argparse
import io
import json
import statistics
import tempfile
import time
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch
from words import split_words

from sparsecnn import SparseCurveCNNClassifier
from sparsecnn._compute import seeded_torch
from sparsecnn._estimator import check_training_data
from sparsecnn._training import checked_ramp, make_plan, make_trainer
from sparsecnn.export import compress, load, save
from sparsecnn.inspection import NetworkReport

CHANNELS = (16, 64, 64)
# Of networks whose channels are cut; once these are gone, an epoch takes a fraction of the time.
LONG = {"penalized": "all", "solver": "adam", "max_iter": 48, "finetune_iter": 96}
NETWORKS = {
    "dense": {"penalty": None, "solver": "adam", "max_iter": 24, "finetune_iter": 8},
    # A quarter of the channels is left in each layer, multiples of 8 behind the first: less than a tenth of
    # the multiply-adds of the dense network.
    "groups": {"penalty": "group_l0", "channels": (20, 64, 96), "target_macs": 0.0678, **LONG},
    # Less than a fortieth of the bytes of the dense network.
    "groups and elements": {
        "penalty": "sparse_group_l0",
        "target_macs": 0.2,
        "target_sparsity": 0.948,
        **LONG,
    },
    # Each alone at about the bytes of both together.
    "few groups": {"penalty": "group_l0", "target_macs": 0.042, **LONG},
    "elements": {"penalty": "l0", "target_sparsity": 0.96, **LONG},
}
SLIMMING = ("group_l0", "group_l1", "group_tl1")
BATCHES = {1: 200, 256: 8}  # sizes and how often each is timed


def runs_in_torch(module):
    """Return a function that computes the scores of a batch of arrays."""

    @torch.inference_mode()
    def run(x):
        return module(torch.from_numpy(x))

    return run


def runs_in_onnxruntime(module, image_shape):
    """Return the same in onnxruntime, or None where that is not installed."""
    try:
        import onnxruntime
    except ImportError:
        return None
    x = torch.rand(3, 1, *image_shape)
    shapes = ({0: torch.export.Dim("batch")},)
    program = torch.onnx.export(module, (x,), dynamo=True, dynamic_shapes=shapes, verbose=False)
    file = io.BytesIO()
    program.save(file)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(file.getvalue(), options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda x: session.run(None, {name: x})


def median_seconds(functions, x, n_repeats):
    """Return the processor time that each function takes for `x`, all measured in turn."""
    seconds = [[] for _ in functions]
    for i in range(n_repeats + 2):
        for function, measured in zip(functions, seconds, strict=True):
            start = time.process_time()
            function(x)
            if i >= 2:  # after a warm-up
                measured.append(time.process_time() - start)
    return [statistics.median(measured) for measured in seconds]


def times_faster(dense, others, x, n_repeats):
    """Return how many times faster than `dense` each of `others` is."""
    first, *rest = median_seconds([dense, *others], x, n_repeats)
    return [first / other for other in rest]


def speed(classifiers):
    """Return for each classifier how many times faster it is than the first, by engine and batch size."""
    columns = {}
    shape = classifiers[0].image_shape_
    for engine, make in {
        "torch": runs_in_torch,
        "onnxruntime": lambda module: runs_in_onnxruntime(module, shape),
    }.items():
        functions = [make(classifier.module_) for classifier in classifiers]
        for size, n_repeats in BATCHES.items():
            x = np.random.default_rng(0).random((size, 1, *shape), dtype=np.float32)
            known = functions[0] is not None
            columns[engine, size] = times_faster(functions[0], functions[1:], x, n_repeats) if known else None
    return columns


def train(seed, names, precision, keep_row):
    """Train the networks of one seed, print a row for each, and hand it to `keep_row`."""
    (X, y), (X_test, y_test) = ((part.data, part.target) for part in split_words(seed, n_test=10_000))
    compressed = []
    for name in names:
        start = time.perf_counter()
        params = {"channels": CHANNELS, "precision": precision, "random_state": seed} | NETWORKS[name]
        fitted = SparseCurveCNNClassifier(**params).fit(X, y)
        fitted.set_params(precision="float32")  # bf16 would round both networks differently
        seconds = time.perf_counter() - start
        small = fitted if name == "dense" else compress(fitted)
        compressed.append(small)
        rounded, n_bytes = through_file(small)
        row = {
            "name": name,
            "seed": seed,
            "accuracy": fitted.score(X_test, y_test),
            "compressed": small.score(X_test, y_test),
            "int8": rounded.score(X_test, y_test),
            "channels": [int(n) for n in small.channels],
            "macs": NetworkReport.from_estimator(small).totals.macs,
            "bytes": state_dict_bytes(small) if name == "dense" else n_bytes,
            "seconds": seconds,
        }
        keep_row(row)
        print_row(row)
    if names[0] == "dense" and len(names) > 1:
        print_speed(names, speed(compressed))


def through_file(classifier):
    """Return a classifier as it comes back from its file of 8-bit weights, and the bytes of that file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "network.safetensors")
        save(classifier, path, dtype="int8")
        return load(path), path.stat().st_size


def state_dict_bytes(classifier):
    """Return the bytes of the whole network as torch saves it."""
    file = io.BytesIO()
    torch.save(classifier.module_.state_dict(), file)
    return file.getbuffer().nbytes


def print_row(row):
    print(
        f"{row['name']:>20} {row['seed']:>4} {row['accuracy']:>9.2%} {row['compressed']:>10.2%} "
        f"{row['int8']:>8.2%} {'-'.join(map(str, row['channels'])):>10} {row['macs']:>11,} "
        f"{row['bytes']:>8,} {row['seconds']:>7.0f}",
        flush=True,
    )


def print_speed(names, columns):
    print(f"\n{'times faster than dense':>24}" + "".join(f"{e + ' ' + str(n):>17}" for e, n in columns))
    for i, name in enumerate(names[1:]):
        cells = ("not installed" if ratios is None else f"{ratios[i]:.1f}" for ratios in columns.values())
        print(f"{name:>24}" + "".join(f"{cell:>17}" for cell in cells))
    print(flush=True)


def print_means(rows, names):
    """Print mean and standard deviation of the accuracy of each network, and how much smaller it is."""
    print(f"{'network':>20} {'accuracy, int8':>17} {'fewer multiply-adds':>20} {'fewer bytes':>12}")
    mean = {
        name: {key: np.mean([row[key] for row in rows if row["name"] == name]) for key in ("macs", "bytes")}
        for name in names
    }
    for name in names:
        accuracy = [row["int8"] for row in rows if row["name"] == name]
        macs, size = (mean["dense"][key] / mean[name][key] for key in ("macs", "bytes"))
        spread = f"{np.mean(accuracy):.2%} ± {np.std(accuracy):.2%}"
        print(f"{name:>20} {spread:>17} {macs:>20.1f} {size:>12.1f}")


def measured_rows(path):
    """Return the rows of earlier runs, if there is a file of them."""
    if path is None or not Path(path).exists():
        return []
    return [json.loads(line) for line in Path(path).read_text().splitlines()]


def add_row(row, path):
    """Append a row to the file of rows, if there is to be one."""
    if path is not None:
        with Path(path).open("a") as file:
            file.write(json.dumps(row) + "\n")


def plot(rows, path):
    """Draw accuracy against bytes and multiply-adds, a point for each seed and a marker for each network."""
    figure, axes = plt.subplots(1, 2, figsize=(9, 4), sharey=True, layout="constrained")
    for name, marker in zip(dict.fromkeys(row["name"] for row in rows), "osD^vP", strict=False):
        mine = [row for row in rows if row["name"] == name]
        for ax, key in zip(axes, ("bytes", "macs"), strict=True):
            ax.plot(
                [row[key] for row in mine],
                [100 * row["int8"] for row in mine],
                marker,
                label=name,
                alpha=0.8,
            )
    for ax, label in zip(axes, ("bytes of the file", "multiply-adds for one image"), strict=True):
        ax.set(xscale="log", xlabel=label)
        ax.grid(alpha=0.3)
    axes[0].set_ylabel("accuracy on unseen fonts and words (%)")
    axes[1].legend()
    figure.savefig(path, dpi=120)


def slim(seed, penalty, precision):
    """Print the accuracy of w and u after the last epoch of splitting, with 70 % of the channels removed."""
    train_words, test_words = split_words(seed)
    params = SparseCurveCNNClassifier(
        penalty,
        penalized="all",
        target_sparsity=0.7,
        channels=CHANNELS,
        solver="adam",
        max_iter=24,
        finetune_iter=8,
        precision=precision,
        random_state=seed,
    )
    data = check_training_data(params, train_words.data, train_words.target)
    trainer = make_trainer(params, data.images, data.targets.objective, np.random.RandomState(seed))
    ramp = checked_ramp(params, trainer)
    plan = make_plan(params, data.images, trainer.module, ramp)
    for _ in range(plan.max_iter):
        trainer.train_epoch(data.images, plan)
    classes = np.unique(train_words.target)
    pixels = torch.from_numpy(test_words.data).view(-1, 1, *data.images.image_shape).float()
    pixels /= data.images.pixel_scale

    def accuracy():
        trainer.update_norms(data.images, plan)
        trainer.module.eval()
        with torch.inference_mode():
            best = torch.cat([trainer.module(x).argmax(1) for x in pixels.split(500)])
        return np.mean(classes[best.numpy()] == test_words.target)

    w = accuracy()
    with trainer.optimizer.sparse_weights():
        u = accuracy()
    print(f"{penalty:>12} {seed:>4} {w:>9.2%} {u:>9.2%}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--networks", nargs="+", choices=list(NETWORKS), default=list(NETWORKS))
    parser.add_argument("--precision", default="auto", choices=["float32", "bf16", "auto"])
    parser.add_argument(
        "--slimming", action="store_true", help="show w and u with 70 %% of the channels removed"
    )
    parser.add_argument(
        "--rows", metavar="FILE", help="keep rows here; networks that it has are not trained again"
    )
    parser.add_argument("--plot", metavar="FILE", help="draw the table into this file")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    if arguments.slimming:
        print(f"{'penalty':>12} {'seed':>4} {'w':>9} {'u':>9}")
        for seed in arguments.seeds:
            for penalty in SLIMMING:
                with seeded_torch(seed, torch.device("cpu")):
                    slim(seed, penalty, arguments.precision)
        return
    header = f"{'network':>20} {'seed':>4} {'accuracy':>9} {'compressed':>10} {'int8':>8} {'channels':>10}"
    print(f"{header} {'mult.-adds':>11} {'bytes':>8} {'seconds':>7}")
    names = ["dense", *(name for name in arguments.networks if name != "dense")]
    rows = measured_rows(arguments.rows)

    def keep_row(row):
        rows.append(row)
        add_row(row, arguments.rows)

    for seed in arguments.seeds:
        known = {row["name"]: row for row in rows if row["seed"] == seed}
        for row in known.values():
            print_row(row)
        missing = [name for name in names if name not in known]
        if missing:
            train(seed, missing, arguments.precision, keep_row)
    rows = [row for row in rows if row["seed"] in arguments.seeds and row["name"] in names]
    print_means(rows, names)
    if arguments.plot:
        plot(rows, arguments.plot)


if __name__ == "__main__":
    main()
