"""How sparse and binary weights are coded, and how few bytes they take."""

import math
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparsecnn import SparseCurveCNNClassifier
from sparsecnn.export._save import to_bytes
from sparsecnn.inference import _arrays, _rice
from sparsecnn.inference._arrays import ArrayReader, ArrayWriter


@pytest.mark.parametrize("n", [0, 1, 2, 7, 8, 9, 1000, 100_000])
@pytest.mark.parametrize("density", [0.0, 0.001, 0.01, 0.05, 0.3, 0.7, 1.0])
def test_positions_are_decoded_as_they_were_coded(n, density):
    positions = np.flatnonzero(np.random.default_rng(n).random(n) < density)
    b, code = _rice.encode_positions(positions)
    followed = np.frombuffer(code + b"\xff\xa5", np.uint8)
    blocks = list(_rice.decode_positions(followed, len(positions), b, n))
    decoded = np.concatenate([block for block, _ in blocks] or [np.zeros(0, int)])
    np.testing.assert_array_equal(decoded, positions)
    assert not blocks or blocks[-1][1] == len(code)


def bits_one_by_one(positions, b):
    """Return the code of positions as text of ones and zeros, written without numpy."""
    gaps = [place - before - 1 for before, place in zip([-1, *positions], positions, strict=False)]
    low = "".join(format(gap % 2**b, f"0{b}b") if b else "" for gap in gaps)
    unary = "".join("0" * (gap >> b) + "1" for gap in gaps)
    return [part + "0" * (-len(part) % 8) for part in (low, unary)]


@given(st.sets(st.integers(0, 300)))
@settings(max_examples=100, deadline=None)
def test_code_is_the_shortest_of_those_written_one_by_one(positions):
    positions = sorted(positions)
    b, code = _rice.encode_positions(np.array(positions, dtype=np.int64))
    assert "".join(format(byte, "08b") for byte in code) == "".join(bits_one_by_one(positions, b))
    least = min(sum(map(len, bits_one_by_one(positions, other))) for other in range(12))
    assert 8 * len(code) <= least + 8


@given(st.binary(max_size=40), st.integers(0, 60), st.integers(0, 31), st.integers(0, 500))
@settings(max_examples=300, deadline=None)
def test_any_bytes_are_positions_in_order_or_refused(code, k, b, n):
    try:
        blocks = [block for block, _ in _rice.decode_positions(np.frombuffer(code, np.uint8), k, b, n)]
    except ValueError:
        return
    positions = np.concatenate([*blocks, np.zeros(0, int)])
    assert len(positions) == k
    assert (np.diff(positions) > 0).all()
    assert not k or 0 <= positions[0] <= positions[-1] < n


def choices_in_bytes(n, k):
    """Return log2 of the ways to choose k of n places, in bytes."""
    return (math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)) / math.log(2) / 8


# How much more than the least positions may take, by the fraction of places that they are.
DENSITIES = {0.001: 1.01, 0.01: 1.01, 0.03: 1.04, 0.05: 1.015, 0.3: 1.02}


@pytest.mark.parametrize(("density", "most"), DENSITIES.items())
def test_positions_take_hardly_more_than_they_must(density, most):
    n = 400_000
    positions = np.flatnonzero(np.random.default_rng(0).random(n) < density)
    _, code = _rice.encode_positions(positions)
    assert len(code) <= most * choices_in_bytes(n, len(positions))


@pytest.mark.parametrize("sparsity", [0.95, 0.99])
def test_files_take_hardly_more_than_they_must(sparsity):
    images = np.random.default_rng(0).integers(256, size=(64, 64, 64), dtype=np.uint8)
    classifier = SparseCurveCNNClassifier(
        penalized="all", target_sparsity=sparsity, max_iter=1, finetune_iter=0, random_state=0, batch_size=32
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        classifier.fit(images, np.array(["regular", "shaky"] * 32))
    state = classifier.module_.state_dict()
    weights = [w for w in state.values() if w.ndim > 1]
    places = [(w.numel(), int(w.count_nonzero())) for w in weights]
    others = sum(w.numel() for w in state.values() if w.ndim == 1)
    floor = sum(choices_in_bytes(n, k) for n, k in places) + 4 * (sum(k for _, k in places) + others)
    assert 1 - sum(k for _, k in places) / sum(n for n, _ in places) >= sparsity - 0.001
    header = 700  # in bytes: names, parameters, shapes
    assert len(to_bytes(classifier)) <= 1.03 * floor + header


@given(
    st.lists(st.sampled_from([0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 3.0]), min_size=1, max_size=60),
    st.integers(1, 6),
    st.sampled_from(["float32", "float16"]),
    st.sampled_from([np.float32, np.float64]),
)
@settings(max_examples=300, deadline=None)
def test_any_weights_are_read_as_they_were_written(values, n_rows, stored, dtype):
    weight = np.array((values * n_rows)[: len(values) // n_rows * n_rows or n_rows], dtype).reshape(
        n_rows, -1
    )
    writer = ArrayWriter(stored)
    weights = [weight, np.full_like(weight, 2), weight[::-1]]
    codes = [writer.add_weight(one) for one in weights]
    reader = ArrayReader(writer.tensors(), 100)
    for code, expected in zip(codes, weights, strict=True):
        found = reader.take_weight(weight.shape, code, dtype)
        assert found.tobytes() == np.ascontiguousarray(expected).tobytes()
    reader.finish()


@given(
    st.lists(st.sampled_from([0, 1, 3, 200]), min_size=1, max_size=60),
    st.integers(1, 60),
    st.sampled_from(["float32", "float16", "int8"]),
    st.sampled_from(["uint8", "float32", "float64", "int64", ">f4"]),
)
@settings(max_examples=200, deadline=None)
def test_numbers_are_exact_whatever_weights_are_rounded_to(values, n_zeros, stored, dtype):
    array = np.array(values + [0] * n_zeros, dtype)
    if array.dtype.kind == "f":
        array = np.concatenate([array / 3, -array[::-1]])  # with negative zeros
    writer = ArrayWriter(stored)
    codes = [writer.add_exact(one) for one in (array, array[:1], array[::-1])]
    assert codes[1] in ([], [0, 0])
    reader = ArrayReader(writer.tensors(), 100)
    for one, code in zip((array, array[:1], array[::-1]), codes, strict=True):
        found = reader.take_exact(one.shape, code, one.dtype.name)
        np.testing.assert_array_equal(found, one)
        np.testing.assert_array_equal(np.signbit(found), np.signbit(one))
    reader.finish()


def test_large_numbers_are_written_so_that_they_are_read(monkeypatch):
    monkeypatch.setattr(_arrays, "SMALL", 1000)
    array = np.zeros((50, 100), np.float32)
    array[::50] = 1
    writer = ArrayWriter()
    assert writer.add_exact(array) == []  # 5,000 numbers of 1,000 bytes would be taken for a bomb
    reader = ArrayReader(writer.tensors(), 4 * array.size)
    np.testing.assert_array_equal(reader.take_exact(array.shape, [], "float32"), array)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("density", [0.0, 0.02, 0.3, 1.0])
def test_weights_of_8_bits_are_the_nearest_multiples_of_a_step(density, dtype):
    rng = np.random.default_rng(0)
    weight = rng.standard_normal((6, 5, 7)).astype(dtype) * 10.0 ** np.arange(-3, 3).reshape(6, 1, 1)
    weight = (weight * (rng.random(weight.shape) < density)).astype(dtype)
    weight[2] = 0
    writer = ArrayWriter("int8")
    code = writer.add_weight(weight)
    reader = ArrayReader(writer.tensors(), 100)
    found = reader.take_weight(weight.shape, code, dtype)
    reader.finish()
    steps = np.abs(weight).max((1, 2), keepdims=True) / 127
    assert found.dtype == dtype
    assert not found[weight == 0].any()
    assert (np.abs(found - weight) <= steps * (0.5 + 1e-5)).all()
    multiples = found / np.where(steps, steps, 1)
    np.testing.assert_allclose(multiples, np.rint(multiples), atol=1e-4)
    if density == 0.3:
        assert code[2] == 2


def test_ternary_weights_of_8_bits_keep_their_zeros():
    weight = np.where(np.arange(600).reshape(4, 150) % 150 < 3, 0, 0.5).astype(np.float32)
    writer = ArrayWriter("int8")
    code = writer.add_weight(weight)
    np.testing.assert_allclose(ArrayReader(writer.tensors(), 100).take_weight((4, 150), code, "f4"), weight)


def test_binary_weights_take_a_bit_each():
    rng = np.random.default_rng(0)
    signs = rng.choice([-1.0, 1.0], (64, 64, 3, 3)).astype(np.float32) * rng.random((64, 1, 1, 1), np.float32)
    writer = ArrayWriter()
    assert writer.add_weight(signs) == [signs.size, 0, 1]
    assert sum(tensor.nbytes for tensor in writer.tensors().values()) == signs.size / 8 + 64 * 4
    signs[rng.random(signs.shape) < 0.5] = 0
    writer = ArrayWriter()
    assert writer.add_weight(signs)[2] == 1
    assert sum(tensor.nbytes for tensor in writer.tensors().values()) < 1.6 * signs.size / 8 + 64 * 4
