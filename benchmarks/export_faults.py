"""Saved files that are cut off, changed in one byte, or mutated: each is refused, or read within bounds.

A network is trained for a moment and saved. Then every shorter file, every file with one byte changed, and
``--mutations`` files with random changes are read by ``sparsecnn.export.load`` and by that of
``sparsecnn.inference``. Half of the mutated files have a digest that is right, as one who means harm would
write them: those may say something else, which is then read, but must not crash, hang, or take memory.

The table has the numbers of files, of those that were refused and read, the longest time that one took, and
the most memory beside the file.
"""

import argparse
import hashlib
import json
import tempfile
import time
import tracemalloc
import warnings
from pathlib import Path

import numpy as np

from sparsecnn import SparseCurveCNNClassifier, inference
from sparsecnn.datasets import make_shaky_spirals
from sparsecnn.exceptions import FileFormatError
from sparsecnn.export import compress, load, save

NO_DIGEST = b"0" * 64
SWAPPED = str.maketrans("\"'", "'\"")
VALUES = (0, 1, -1, 7, 2**31, 2**63, 10**30, 0.5, 1e308, "", "x", None, True, [], {}, [[]], [0] * 5, {"a": 1})


def signed(header, tensors):
    """Return the bytes of a file whose digest is right."""
    header["__metadata__"]["sha256"] = NO_DIGEST.decode()
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    start = len(text).to_bytes(8, "little")
    digest = hashlib.sha256(start + text + tensors).hexdigest().encode()
    return start + text.replace(NO_DIGEST, digest, 1) + tensors


def parts(data):
    length = int.from_bytes(data[:8], "little")
    return json.loads(data[8 : 8 + length]), data[8 + length :]


def with_bytes_changed(data, rng):
    changed = bytearray(data)
    for place in rng.integers(len(data), size=rng.integers(1, 6)):
        changed[place] = rng.integers(256)
    return bytes(changed)


def with_value_changed(value, rng):
    """Return JSON with one value, somewhere, changed or left out."""
    if not isinstance(value, (dict, list)) or not value or rng.random() < 0.2:
        return VALUES[rng.integers(len(VALUES))]
    items = dict(value) if isinstance(value, dict) else list(value)
    place = int(rng.integers(len(items)))
    key = list(items)[place] if isinstance(items, dict) else place
    if rng.random() < 0.15:
        del items[key]
    else:
        items[key] = with_value_changed(items[key], rng)
    return items


def mutated(data, rng):
    """Return a file with random changes, in half of all cases with a digest that is right."""
    kind = rng.integers(4)
    if kind == 0:
        return with_bytes_changed(data, rng)
    if kind == 1:
        start, end = sorted(rng.integers(len(data), size=2))
        return data[:start] + data[end:] if rng.random() < 0.5 else data[:end] + data[start:]
    header, tensors = parts(data)
    if kind == 2:
        return signed(header, with_bytes_changed(tensors, rng))
    entry = json.loads(header["__metadata__"]["estimator"].translate(SWAPPED))
    for _ in range(rng.integers(1, 4)):
        entry = with_value_changed(entry, rng)
    header["__metadata__"]["estimator"] = json.dumps(entry).translate(SWAPPED)
    return signed(header, tensors)


def cut(data):
    return (data[:length] for length in range(len(data)))


def with_one_byte_changed(data, rng):
    for place in range(len(data)):
        changed = bytearray(data)
        changed[place] ^= int(rng.integers(1, 256))
        yield bytes(changed)


def read_all(files, path):
    """Read files; return how many were refused and read, the longest time, and the most memory."""
    refused = read = 0
    longest = 0.0
    tracemalloc.start()
    for data in files:
        path.write_bytes(data)
        for reader in (load, inference.load):
            start = time.perf_counter()
            try:
                reader(path)
                read += 1
            except FileFormatError:
                refused += 1
            longest = max(longest, time.perf_counter() - start)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return refused, read, longest, most


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--mutations", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    X, y = make_shaky_spirals(100, image_shape=(32, 32), return_X_y=True, random_state=arguments.seed)
    classifier = SparseCurveCNNClassifier(
        channels=(4, 8, 8),
        penalized="all",
        target_sparsity=0.7,
        max_iter=4,
        finetune_iter=1,
        random_state=arguments.seed,
    ).fit(X, y)
    rng = np.random.default_rng(arguments.seed)
    print(f"{'files':28} {'bytes':>6} {'number':>7} {'refused':>8} {'read':>6} {'longest':>9} {'memory':>9}")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "file")
        for name, estimator in (("fitted", classifier), ("compressed", compress(classifier))):
            save(estimator, path)
            data = path.read_bytes()
            kinds = {
                "cut off": list(cut(data)),
                "one byte changed": list(with_one_byte_changed(data, rng)),
                "mutated": [mutated(data, rng) for _ in range(arguments.mutations // 2)],
            }
            for kind, files in kinds.items():
                refused, read, longest, most = read_all(files, path)
                print(
                    f"{name + ', ' + kind:28} {len(data):6} {len(files):7} {refused:8} {read:6} "
                    f"{longest * 1000:6.0f} ms {most / 1e6:6.1f} MB",
                    flush=True,
                )
                if read and kind != "mutated":
                    raise SystemExit(f"{read} files that were {kind} have been read.")
                if most > 10 * len(data) + 100e6:
                    raise SystemExit(f"{most:,} bytes of memory for a file of {len(data):,}.")


if __name__ == "__main__":
    main()
