"""Files of saved estimators with something changed, and checks of what is read, for the tests."""

import hashlib
import json

import numpy as np
import torch

# The description has single quotation marks in place of double ones.
SWAPPED = str.maketrans("\"'", "'\"")


def split(data):
    """Return header and tensors of a file."""
    length = int.from_bytes(data[:8], "little")
    return json.loads(data[8 : 8 + length]), data[8 + length :]


def join(header, tensors):
    """Return the bytes of a file with a digest that is right."""
    header["__metadata__"]["sha256"] = "0" * 64
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    start = len(text).to_bytes(8, "little")
    digest = hashlib.sha256(start + text + tensors).hexdigest()
    return start + text.replace(b"0" * 64, digest.encode(), 1) + tensors


def description(data):
    """Return what JSON says of the estimator in a file."""
    return json.loads(split(data)[0]["__metadata__"]["estimator"].translate(SWAPPED))


def with_description(data, entry):
    """Return a file that says something else of its estimator, with a digest that is right."""
    header, tensors = split(data)
    header["__metadata__"]["estimator"] = json.dumps(entry).translate(SWAPPED)
    return join(header, tensors)


def assert_same_network(one, other):
    """Check that two networks hold the same bits in the same order."""
    pairs = zip(one.named_parameters(), other.named_parameters(), strict=True)
    buffers = zip(one.named_buffers(), other.named_buffers(), strict=True)
    for (name, a), (other_name, b) in (*pairs, *buffers):
        assert name == other_name
        assert a.dtype == b.dtype, name
        assert a.stride() == b.stride(), name
        assert torch.equal(a, b), name
        assert torch.equal(torch.signbit(a), torch.signbit(b)), name
    assert type(one) is type(other)
    assert one.training == other.training


def assert_same_params(one, other):
    """Check that two estimators have equal parameters, of the same types."""
    params, others = one.get_params(), other.get_params()
    assert params.keys() == others.keys()
    for name, value in params.items():
        assert type(value) is type(others[name]), name
        objects = hasattr(value, "get_params") or isinstance(value, torch.nn.Module) or name == "estimators"
        if not objects:
            assert np.array_equal(value, others[name]), name
