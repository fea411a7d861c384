"""Damaged, foreign, newer and malicious files of estimators."""

import contextlib
import json
import os
import pickle
import tracemalloc

import numpy as np
import pytest
from classifiers import quick
from conftest import make_stripes
from saved import description, join, split, with_description

from sparsecnn import inference
from sparsecnn.exceptions import FileFormatError
from sparsecnn.export import compress, load
from sparsecnn.export._save import from_bytes, to_bytes

X, Y = make_stripes(60, random_state=0)


@pytest.fixture(scope="module")
def data():
    """The bytes of a small network, with sparse and whole layers."""
    return to_bytes(quick(penalized="all", channels=(2, 3, 4)).fit(X, Y))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "network.safetensors"


def refused(path, data, reason=""):
    """Check that both readers refuse a file with an error that names it."""
    path.write_bytes(data)
    for read in (load, inference.load):
        with pytest.raises(FileFormatError, match=reason) as caught:
            read(path)
        assert str(path) in str(caught.value)


def test_every_cut_and_every_changed_byte_is_refused(data):
    for length in range(len(data)):
        with pytest.raises(FileFormatError):
            from_bytes(data[:length])
    for place in range(len(data)):
        for change in (0x01, 0x20, 0x80, 0xFF):
            changed = bytearray(data)
            changed[place] ^= change
            with pytest.raises(FileFormatError):
                from_bytes(bytes(changed))
    with pytest.raises(FileFormatError, match="bytes follow them"):
        from_bytes(data + b"\0")


def test_files_of_other_kinds_are_refused(path, tmp_path, data):
    refused(path, b"", "no file that sparsecnn.export.save has written")
    refused(path, pickle.dumps(quick()), "no file that")
    refused(path, data[:100], "cut off")
    refused(path, (2**62).to_bytes(8, "little") + data[8:], "no file that")
    refused(path, b"\x89PNG\r\n\x1a\n" + data, "no file that")
    header, tensors = split(data)
    del header["__metadata__"]["format"]
    refused(path, join(header, tensors), "safetensors file that sparsecnn.export.save has not written")
    with pytest.raises(IsADirectoryError, match="folder"):
        load(tmp_path)
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "none")
    with pytest.raises(TypeError, match="path must be"):
        load(3)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(FileFormatError, match="no regular file"):
        load(tmp_path / "pipe")


def test_newer_versions_say_so(path, data):
    header, tensors = split(data)
    header["__metadata__"] |= {"version": "4", "package": "9.0"}
    header["more"] = {"dtype": "I4", "shape": [3], "data_offsets": [0, 2]}
    refused(path, join(header, tensors), "has the version 4, but .* reads up to 3: .* by sparsecnn 9.0")
    header["__metadata__"] |= {"version": "x"}
    refused(path, join(header, tensors), "version 'x'")


CHANGES = {
    "other tensor": (lambda h: h.update(more=h["bits"]), "must be numbers, halves, bytes, bits"),
    "shape": (lambda h: h["numbers"].update(shape=[1, 2]), "'numbers' must have one axis"),
    "negative": (lambda h: h["numbers"].update(shape=[-1]), "'numbers' must have one axis"),
    "truth": (lambda h: h["numbers"].update(shape=[True]), "'numbers' must have one axis"),
    "huge": (lambda h: h["numbers"].update(shape=[2**60]), "must lie from byte"),
    "dtype": (lambda h: h["numbers"].update(dtype="I32"), "'numbers' must be one of F64, F32"),
    "hole": (lambda h: h["bits"]["data_offsets"].__setitem__(0, 0), "'bits' must lie from byte"),
    "no metadata": (lambda h: h.update(__metadata__=[]), "no file that"),
    "other metadata": (lambda h: h["__metadata__"].update(more=""), "metadata must be texts named"),
    "number": (lambda h: h["__metadata__"].update(package=1), "metadata must be texts named"),
    "text": (lambda h: h["__metadata__"].update(estimator="{"), "its description is no proper JSON"),
    "NaN": (lambda h: h["__metadata__"].update(estimator="{'classes': NaN}"), "NaN is no number"),
    "infinity": (lambda h: h["__metadata__"].update(estimator="[1e999]"), "1e999 is too large"),
    "digits": (lambda h: h["__metadata__"].update(estimator="1" * 5000), "no proper JSON"),
    "twice": (lambda h: h["__metadata__"].update(estimator="{'a': 1, 'a': 2}"), "a key is there twice"),
    "nested": (lambda h: h["__metadata__"].update(estimator="[" * 100_000), "no proper JSON"),
}


@pytest.mark.parametrize(("change", "reason"), CHANGES.values(), ids=CHANGES)
def test_headers_with_a_right_digest_are_checked(change, reason, path, data):
    header, tensors = split(data)
    change(header)
    if isinstance(header["__metadata__"], list):
        text = json.dumps(header).encode()
        refused(path, len(text).to_bytes(8, "little") + text + tensors, reason)
    else:
        refused(path, join(header, tensors), reason)


ENTRIES = {
    ("more",): (1, "unknown entry 'more'"),
    ("classes",): (["a"], "its classes are"),
    ("classes", 0): (None, "its classes are"),
    ("classes_dtype",): ("<U2000000", "cannot be held"),
    ("classes_dtype", ""): ("V8", "of the dtype V8"),
    ("image_shape",): ([16], "image shape"),
    ("image_shape", 0): (2**40, "pixels, more than"),
    ("image_shape", 1): (8, "."),
    ("pixels", 0): (0, "scale 0"),
    ("pixels", 2): ("dark", "pixel scale, largest"),
    ("fitted",): ([1, 2, 3], "n_iter_, lam_"),
    ("further",): ({"history_": {}}, "unknown entry 'history_'"),
    ("features",): (["a"], "names of 1 columns"),
    ("network", "codes", 0): ([2**40, 0], "no code of"),
    ("network", "codes", 1): ([1, 40], "no code of"),
    ("network", "codes", 2): ({}, "no code of"),
    ("network", "codes"): ([], "no code of"),
    ("network", "dtype"): ("float128", "computes in"),
    ("network", "batches"): ([[1, 1.0]] * 2, "2 batch normalisations, expected 3"),
    ("network", "batches", 0): ([-1, 0], "no number of batches"),
    ("network", "curve_cnn", "channels"): ([2, 3], "channels"),
    ("network", "curve_cnn", "channels", 2): (2**16, "too few"),
    ("network", "curve_cnn", "kernel_size"): (2, "kernel_size"),
    ("network", "curve_cnn", "activation"): (["binary", "x"], "proxy=x"),
    ("network", "curve_cnn", "batch_norm"): (1, "batch_norm"),
    ("network", "compressed"): ([], "one network"),
}


@pytest.mark.parametrize(("place", "change"), ENTRIES.items(), ids=map(str, ENTRIES))
def test_descriptions_with_a_right_digest_are_checked(place, change, path, data):
    entry = inner = description(data)
    *names, last = [name for name in place if name != ""]
    for name in names:
        inner = inner[name]
    inner[last], reason = change
    path.write_bytes(with_description(data, entry))
    with pytest.raises(FileFormatError, match=reason):
        load(path)


PARAMS = {
    "lam": (-1, "'lam' parameter"),
    "kernel": (3, "no parameter 'kernel'"),
    "module": (None, "no parameter 'module'"),
    "penalty": ({"os.system": {}}, "is no parameter"),
    "augment": ({"CurveAugmentation": {"x": 1}}, "is no parameter"),
    "class_weight": ({"dict": [[{"list": []}, 1]]}, "is no parameter"),
    "channels": ({"array": ["O8", [1]]}, "is no parameter"),
    "device": ({"device": "nowhere"}, "is no parameter"),
    "beta": ({"scalar": ["<f8", ["x"]]}, "is no parameter"),
    "tol": ({"list": [1], "more": 1}, "is no parameter"),
}


@pytest.mark.parametrize(("name", "change"), PARAMS.items(), ids=PARAMS)
def test_parameters_with_a_right_digest_are_checked(name, change, path, data):
    entry = description(data)
    entry["params"][name], reason = change
    path.write_bytes(with_description(data, entry))
    with pytest.raises(FileFormatError, match=reason):
        load(path)


LAYERS = {
    "kind": (["a", "os"], "no layer"),
    "name": (["a.b", "relu"], "no layer"),
    "method": (["forward", "relu"], "cannot be called 'forward'"),
    "same name": (["fc", "relu"], "two of its layers have one name"),
    "option": (["a", "relu", {"alpha": 1}], "has alpha=1"),
    "padding": (["a", "max_pool", {"padding": 10**9}], "has padding="),
    "windows": (["a", "adaptive_avg_pool", {"output_size": 2**16}], "more windows than are computed"),
    "no size": (["a", "max_pool"], "lacks kernel_size"),
    "stride": (["a", "max_pool", {"stride": 0}], "has stride=0"),
    "eps": (["a", "batch_norm2d", {"shape": [1], "eps": -1}], "has eps=-1"),
    "no weights": (["a", "conv2d"], "weights of the shape None"),
    "empty": (["a", "conv2d", {"shape": [0, 1, 3, 3]}], "has no weights"),
    "bias": (["a", "linear", {"shape": [1, 1], "bias": 0}], "has bias=0"),
}


@pytest.mark.parametrize(("layer", "reason"), LAYERS.values(), ids=LAYERS)
def test_layers_with_a_right_digest_are_checked(layer, reason, path):
    data = to_bytes(compress(quick(penalized="all").fit(X, Y)))
    entry = description(data)
    entry["network"]["compressed"].insert(1, layer)
    path.write_bytes(with_description(data, entry))
    with pytest.raises(FileFormatError, match=reason):
        load(path)


def some_json(value, rng):
    """Return JSON with one value somewhere changed, dropped or repeated."""
    if isinstance(value, (dict, list)) and value and rng.random() < 0.8:
        items = dict(value) if isinstance(value, dict) else list(value)
        key = (
            list(items)[rng.integers(len(items))]
            if isinstance(items, dict)
            else int(rng.integers(len(items)))
        )
        if rng.random() < 0.15:
            del items[key]
        else:
            items[key] = some_json(items[key], rng)
        return items
    choices = [
        0,
        1,
        -1,
        7,
        2**31,
        2**63,
        10**30,
        0.5,
        1e308,
        "",
        "x",
        None,
        True,
        [],
        {},
        [[]],
        [0] * 5,
        {"a": 1},
    ]
    return choices[rng.integers(len(choices))]


def mutated(data, rng):
    """Return a file with random changes, in half of all cases with a digest that is right."""
    kind = rng.integers(4)
    if kind == 0:
        changed = bytearray(data)
        for place in rng.integers(len(data), size=rng.integers(1, 5)):
            changed[place] = rng.integers(256)
        return bytes(changed)
    if kind == 1:
        start, end = sorted(rng.integers(len(data), size=2))
        return data[:start] + data[end:] if rng.random() < 0.5 else data[:end] + data[start:]
    header, tensors = split(data)
    if kind == 2:
        return with_description(data, some_json(description(data), rng))
    tensors = bytearray(tensors)
    for place in rng.integers(len(tensors), size=rng.integers(1, 5)):
        tensors[place] = rng.integers(256)
    return join(header, bytes(tensors))


def peak_while_reading(path, files):
    """Return the most bytes that reading some files takes, and how many are read rather than refused."""
    n_read = 0
    tracemalloc.start()
    try:
        for changed in files:
            path.write_bytes(changed)
            for read in (load, inference.load):
                with contextlib.suppress(FileFormatError):
                    read(path)
                    n_read += 1
        return tracemalloc.get_traced_memory()[1], n_read
    finally:
        tracemalloc.stop()


@pytest.mark.slow
@pytest.mark.parametrize("compressed", [False, True])
def test_mutated_files_are_refused_or_read_within_memory(compressed, path):
    classifier = quick(penalized="all", channels=(2, 3, 4)).fit(X, Y)
    data = to_bytes(compress(classifier) if compressed else classifier)
    rng = np.random.default_rng(0)
    peak, n_read = peak_while_reading(path, (mutated(data, rng) for _ in range(1500)))
    assert peak < 10 * len(data) + 100e6
    assert n_read < 2 * 1500  # those with a right digest that say something else, but nothing wrong


def test_large_arrays_of_small_files_are_refused_before_they_are_made(path, data):
    entry = description(data)
    shapes = {"channels": [1, 1, 2000]}, {"channels": [2000, 2000, 1]}, {"kernel_size": 2**15 + 1}
    files = []
    for shape in shapes:
        entry["network"]["curve_cnn"] |= shape
        for code in ([0, 0], []):
            entry["network"]["codes"] = [code] * 4
            files.append(with_description(data, entry))
    entry = description(data) | {"image_shape": [4096, 4096]}
    files += [with_description(data, entry | {"features": True})]
    peak, n_read = peak_while_reading(path, files)
    assert peak < 100e6
    assert n_read == 0


@pytest.mark.slow
def test_description_within_the_limit_takes_bounded_memory(path, data):
    for text in (
        "[" + "[]," * 300_000 + "0]",
        "[" * 900 + "]" * 900,
        json.dumps({str(i): [] for i in range(90_000)}),
    ):
        header, tensors = split(data)
        header["__metadata__"]["estimator"] = text
        path.write_bytes(join(header, tensors))
        peak, n_read = peak_while_reading(path, [path.read_bytes()])
        assert peak < 100e6
        assert n_read == 0
    header["__metadata__"]["estimator"] = " " * 2**20
    refused(path, join(header, tensors), "no file that")
