"""
A beamformer found by search
============================

An ultrasound array hears echoes from beside each line too. Networks between elements and their sum suppress
them, frequency by frequency (Luchies and Byram, IEEE TMI 2018). Convolutional ones found by search need far
fewer weights than fully connected ones; `sparsecnn.RVSM` takes away most of these.
"""

# %%
# One frequency after a plane wave, in two dimensions (mm): each of 64 lines is received by 65 of 128 elements
# that are focused on it. Wanted are the echoes from within the main lobe. Networks learn from up to 48 points
# a row; cysts of 5 mm in speckle, without noise of the electronics, are for choosing and testing.
from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
import torch
from scipy.stats import ttest_1samp
from sklearn.base import BaseEstimator
from sklearn.model_selection import PredefinedSplit, RandomizedSearchCV
from torch import nn

from sparsecnn import RVSM

SCENES = 24
CYSTS = 20
SEEDS = 3
STEPS = 1200
ZEROS = [0, 0.6, 0.8, 0.9]
PITCH, WAVELENGTH, DEPTH = 0.298, 0.296, 70
ARRAY = PITCH * (np.arange(128) - 63.5)
LINES, APERTURE = ARRAY[32:96], ARRAY[:65] - ARRAY[32]
ROWS = DEPTH + 0.25 * (np.arange(40) - 19.5)
LOBE = WAVELENGTH * DEPTH / (65 * PITCH)
RADIUS = np.hypot(*np.meshgrid(LINES, ROWS - DEPTH))
HOLE, RING = RADIUS < 2, abs(RADIUS - 5) < 1.5


def waves(x, z):
    return np.exp(2j * np.pi / WAVELENGTH * np.hypot(x, z))


def parts(echoes):
    return np.stack([echoes.real, echoes.imag], -2).astype(np.float32)


def scene(rng, n, hole=0.0):
    """Return echoes heard and wanted, (2, 40 · 64, 2, 65), of n points a row."""
    rows = []
    for z in ROWS:
        x = rng.uniform(-19, 19, n)
        points = rng.normal(size=(n, 2)) @ [1, 1j] / np.sqrt(n)
        points[np.hypot(x, z - DEPTH) < hole] = 0
        wanted = points * (abs(LINES[:, None] - x) < LOBE)
        sums = np.vstack([points, wanted]) @ waves(x[:, None] - ARRAY, z)
        windows = np.lib.stride_tricks.sliding_window_view(sums, 65, axis=1)
        pair = np.stack([windows[0], windows[range(1, 65), range(64)]])
        rows.append(pair / waves(APERTURE, z))
    return parts(np.hstack(rows))


rng = np.random.default_rng(0)
points = np.hstack([scene(rng, n) for n in rng.integers(1, 49, SCENES)])
cysts = np.hstack([scene(rng, 400, hole=2.5) for _ in range(2 * CYSTS)])
validation, (test, _) = np.split(cysts, 2, axis=1)


# %%
# The search is scikit-learn's. Its estimator trains a network by RVSM, ever sparser over the first half of
# the steps, on a fixed support in the last third. The score is the contrast-to-noise ratio (CNR) of anechoic
# cysts, none of which is among those reported.
def brightness(network, heard):
    with torch.no_grad():
        return network(torch.from_numpy(heard)).sum(2).norm(dim=1).numpy()


def contrasts(network, heard):
    """Return contrast and CNR of each cyst in dB."""
    images = brightness(network, heard).reshape(-1, *RADIUS.shape)
    hole, ring = images[:, HOLE], images[:, RING]
    noise = np.sqrt(hole.var(1) + ring.var(1))
    hole, ring = hole.mean(1), ring.mean(1)
    return 20 * np.log10([ring / hole, abs(ring - hole) / noise])


class Beamformer(BaseEstimator):
    """Fully connected if `kernel` is None."""

    def __init__(self, kernel=None, width=128, sparsity=0.0, seed=0):
        self.kernel, self.width = kernel, width
        self.sparsity, self.seed = sparsity, seed

    def fit(self, X, y):
        torch.manual_seed(self.seed)
        X, y = torch.from_numpy(X), torch.from_numpy(y)
        n, kernel = (2, self.kernel) if self.kernel else (130, 1)
        layers = [nn.Flatten(), nn.Unflatten(1, (n, -1))]
        sizes = (n, self.width, self.width, n)
        for shape in pairwise(sizes):
            conv = nn.Conv1d(*shape, kernel, padding="same", bias=False)
            layers += [conv, nn.ReLU()]
        layers[-1:] = nn.Flatten(), nn.Unflatten(1, (2, 65))
        self.network_ = nn.Sequential(*layers)
        weights = list(self.network_.parameters())
        adam = torch.optim.Adam(weights, lr=0.003)
        decay = torch.optim.lr_scheduler.CosineAnnealingLR(adam, STEPS)
        rvsm = RVSM(
            adam, weights, "l0", target_sparsity=0.0, sparsity_scope="layer"
        )
        for step in range(STEPS):
            left = max(0, 1 - 2 * step / STEPS)
            rvsm.target_sparsity = self.sparsity * (1 - left**3)
            if step == 2 * STEPS // 3:
                rvsm.finalize()
                rvsm.fix_support()
            batch = torch.randint(len(X), (128,))
            rvsm.zero_grad()
            (self.network_(X[batch]) - y[batch]).square().mean().backward()
            rvsm.step()
            decay.step()
        self.n_weights_ = sum(int(w.count_nonzero()) for w in weights)
        return self


def scores(beamformer, X, y):
    cnr = contrasts(beamformer.network_, X)[1].mean()
    return {"cnr": cnr, "weights": beamformer.n_weights_}


search = RandomizedSearchCV(
    Beamformer(),
    {"kernel": [7, 11, 15, 21], "width": [4, 8, 12, 16], "sparsity": ZEROS},
    n_iter=12,
    scoring=scores,
    cv=PredefinedSplit(np.repeat([-1, 0], [SCENES * 2560, CYSTS * 2560])),
    refit=False,
    random_state=0,
)
found = search.fit(*np.hstack([points, validation])).cv_results_
weights, cnr = found["mean_test_weights"], found["mean_test_cnr"]


# %%
# Taken are the best dense network of at most a thirtieth of the fully connected weights, and the best sparse
# one of at most a hundredth, each trained from three more seeds. Beside them are delay-and-sum, which is the
# plain sum, and a sum weighted by Hann's window. Intervals are of 95 %, over cysts.
def best(allowed):
    return found["params"][max(np.flatnonzero(allowed), key=cnr.item)]


FULL = 3 * 128**2 + 4 * 128
dense = found["param_sparsity"] == 0
chosen = {
    "fully connected": {},
    "convolutional": best(dense & (weights <= FULL / 30)),
    "convolutional, RVSM": best(~dense & (weights <= FULL / 100)),
}
hann = torch.hann_window(67, periodic=False)[1:-1]
networks = {"sum": [nn.Identity()], "Hann sum": [lambda heard: heard * hann]}
sizes = dict.fromkeys(networks, 0)
for name, setting in chosen.items():
    fits = [
        Beamformer(**setting, seed=i).fit(*points) for i in range(1, 1 + SEEDS)
    ]
    networks[name] = [fit.network_ for fit in fits]
    sizes[name] = fits[0].n_weights_
    print(f"{name}: {setting}")

ratios, gains = {}, {}
for name, alike in networks.items():
    both = np.mean([contrasts(one, test) for one in alike], axis=0)
    ratios[name] = both[1]
    print(f"{name:20}{sizes[name]:6} weights, contrast", end=" ")
    print("{:.1f} dB, CNR {:.2f} dB".format(*both.mean(1)))
    for other in {"sum", "fully connected"} & ratios.keys() - {name}:
        gain = both[1] - ratios[other]
        gains[name, other] = (
            *ttest_1samp(gain, 0).confidence_interval(),
            gain.mean(),
        )
        print(
            "{:+12.2f} to {:+.2f}, mean {:+.2f} dB from".format(
                *gains[name, other]
            ),
            other,
        )

# %%
# Bars are the intervals. A tenth of the weights of the small network do as well as all of them, and every
# network is ahead of the plain sum. Two things speak against them: the fully connected network still makes
# the hole darkest, by several dB of contrast; and Hann's window, without any network, has the highest CNR, at
# the price of a main lobe twice as wide. No phantom was measured: this is a simulation, of one frequency.
shown = ("sum", "fully connected", "convolutional, RVSM")
figure, axes = plt.subplot_mosaic(
    [["cnr", name] for name in shown],
    width_ratios=(3, 2),
    figsize=(10, 5),
    layout="constrained",
)
ax = axes.pop("cnr")
plain = contrasts(nn.Identity(), validation[0])[1].mean()
ax.semilogx(weights, cnr - plain, "o", color="0.6", label="tried, other cysts")
for name, color in zip(chosen, ("#0072b2", "#009e73", "#d55e00"), strict=True):
    low, high, _ = gains[name, "sum"]
    ax.plot(
        2 * [sizes[name]], (low, high), color=color, linewidth=5, label=name
    )
ax.axhline(
    gains["Hann sum", "sum"][2], color="0.3", linestyle=":", label="Hann sum"
)
ax.axhline(0, color="0.3", linewidth=1)
ax.set(xlabel="nonzero weights", ylabel="CNR above that of the sum (dB)")
ax.legend(loc="lower right")
for name, ax in axes.items():
    image = brightness(networks[name][0], test[:2560]).reshape(RADIUS.shape)
    decibels = 20 * np.log10(image / image.max())
    ax.imshow(decibels, "gray", vmin=-50, extent=(-9.5, 9.5, 75, 65))
    ax.set(title=name, ylabel="depth (mm)")
ax.set_xlabel("mm")
