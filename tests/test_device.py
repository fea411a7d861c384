"""Devices by name, and the precision in which they compute."""

import sys
from pathlib import Path

import pytest
import torch

from sparsecnn._compute import autocast_for, resolve_device

CPU = torch.device("cpu")
ONES = torch.ones(2, 2)


def test_auto_device_is_cuda_where_there_is_one():
    assert resolve_device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")


@pytest.mark.parametrize("device", ["gpu", "cuda:99", "xla"])
def test_device_that_is_not_here_is_named(device):
    with pytest.raises(ValueError, match=f"device='{device}' cannot be used on this machine: "):
        resolve_device(device)


@pytest.mark.parametrize(("precision", "dtype"), [("float32", torch.float32), ("bf16", torch.bfloat16)])
def test_network_computes_in_the_precision_that_is_asked_for(precision, dtype):
    with autocast_for(precision, CPU)():
        assert (ONES @ ONES).dtype == dtype


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc to see what the processor can do")
def test_auto_precision_is_bf16_only_where_the_processor_computes_it():
    with autocast_for("auto", CPU)():
        dtype = (ONES @ ONES).dtype
    native = "avx512_bf16" in Path("/proc/cpuinfo").read_text(encoding="utf-8")
    assert dtype == torch.float32 or native
