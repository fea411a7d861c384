"""Within a computation torch and numpy are as in a new process; what the caller switched is put back."""

import contextlib

import numpy as np
import pytest
import torch

from sparsecnn._compute import clean_torch_state


@contextlib.contextmanager
def default_dtype(dtype):
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


def state():
    return torch.get_default_dtype(), torch.is_grad_enabled(), torch.is_inference_mode_enabled(), np.geterr()


SWITCHED = {
    "float64": lambda: default_dtype(torch.float64),
    "bfloat16": lambda: default_dtype(torch.bfloat16),
    "no_grad": torch.no_grad,
    "inference_mode": torch.inference_mode,
    "errstate": lambda: np.errstate(all="raise"),
}


@pytest.mark.parametrize("switched", SWITCHED.values(), ids=SWITCHED.keys())
def test_state_is_that_of_a_new_process_and_put_back(switched):
    with switched():
        found = state()
        with clean_torch_state():
            assert state()[:3] == (torch.float32, True, False)
            with pytest.warns(RuntimeWarning):
                np.float64(1) / np.float64(0)
        assert state() == found
        with pytest.raises(KeyError), clean_torch_state():
            raise KeyError
        assert state() == found
