"""Fields of tremor, and blur."""

import numpy as np
import pytest

from sparsecnn.datasets._paper import blur
from sparsecnn.datasets._tremor import TREMORS, tremor_field, wave_field


def test_wave_field_is_the_sum_of_its_waves():
    rng = np.random.default_rng(0)
    vectors, weights, phases = rng.normal(size=(2, 3, 2)), rng.normal(size=(2, 3, 1)), rng.normal(size=(2, 3))
    y, x = np.indices((5, 7))
    angle = vectors[:, :, 0, None, None] * x + vectors[:, :, 1, None, None] * y + phases[..., None, None]
    expected = (weights[..., None] * np.sin(angle)).sum(axis=1)
    np.testing.assert_allclose(wave_field(vectors, weights, phases, (5, 7))[:, 0], expected, atol=1e-5)


def field_of(kind, scales=1, length=8.0, amplitude=2.0, n=64):
    kinds = np.full(n, TREMORS.index(kind))
    lengths = np.full(n, length)
    return tremor_field(np.random.default_rng(0), np.full(n, amplitude), lengths, scales, kinds, (64, 64))


@pytest.mark.parametrize("kind", TREMORS)
def test_tremor_has_the_power_of_its_amplitude(kind):
    assert field_of(kind).var() == pytest.approx(2.0**2 / 2, rel=0.15)


@pytest.mark.parametrize("kind", ["sinusoidal", "noise"])
def test_tremor_lies_in_its_band(kind):
    # One octave about 8 cycles across 64 pixels, and what its waxing and waning adds on both sides.
    assert band_power(field_of(kind), 4, 16) > 0.95


def test_more_scales_add_higher_frequencies():
    coarse, fine = (band_power(field_of("noise", scales, length=16.0), 6, 32) for scales in (1, 3))
    assert fine > coarse + 0.1


def band_power(field, low, high):
    """Part of the power of `field` that lies between `low` and `high` cycles across the image."""
    window = np.hanning(64)[:, None] * np.hanning(64)
    power = (np.abs(np.fft.fft2(field * window)) ** 2).sum(axis=(0, 1))
    cycles = np.fft.fftfreq(64, 1 / 64)
    radius = np.hypot(cycles[:, None], cycles)
    return power[(radius >= low) & (radius < high)].sum() / power.sum()


def test_blur_keeps_the_ink_and_spreads_it():
    dot = np.zeros((2, 21, 31), dtype=np.float32)
    dot[:, 10, 15] = 1
    blurred = blur(dot, np.array([1.0, 2.0]))
    np.testing.assert_allclose(blurred.sum(axis=(1, 2)), 1, rtol=1e-3)
    spread = (blurred * (np.arange(31) - 15) ** 2).sum(axis=(1, 2))
    np.testing.assert_allclose(spread, [1.0, 4.0], rtol=0.02)
