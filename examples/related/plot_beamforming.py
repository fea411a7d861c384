"""
A beamformer found by search
============================

An ultrasound array hears echoes from beside each line too. Networks between elements and their sum suppress
them, frequency by frequency (Luchies and Byram, IEEE TMI 2018). Convolutional ones found by search need far
fewer weights than fully connected ones; `sparsecnn.RVSM` takes away most of these.
One frequency after a plane wave, in two dimensions (mm): each of 64 lines is received by 65 of 128 elements
that are focused on it. Wanted are the echoes from within the main lobe. Networks learn from up to 48 points
a row; cysts of 5 mm in speckle, without noise of the electronics, are for choosing and testing.
"""

from itertools import pairwise, product

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
PITCH, WAVELENGTH, DEPTH = 0.298, 0.296, 70
ARRAY = PITCH * (np.arange(128) - 63.5)
LINES, APERTURE = ARRAY[32:96], ARRAY[:65] - ARRAY[32]
ROWS = DEPTH + 0.25 * (np.arange(40) - 19.5)
RADIUS = np.hypot(*np.meshgrid(LINES, ROWS - DEPTH))


def waves(x, z):
    return np.exp(2j * np.pi / WAVELENGTH * np.hypot(x, z))


def scene(rng, n, hole=0.0):
    """Return echoes heard and wanted, (2, 40 · 64, 2, 65), of n points a row."""
    rows = []
    for z in ROWS:
        x = rng.uniform(-19, 19, n)
        points = rng.normal(size=(n, 2)) @ [1, 1j] / np.sqrt(n)
        points[np.hypot(x, z - DEPTH) < hole] = 0
        lobe = abs(LINES[:, None] - x) < WAVELENGTH * DEPTH / (65 * PITCH)
        sums = np.vstack([points, points * lobe]) @ waves(x[:, None] - ARRAY, z)
        windows = np.lib.stride_tricks.sliding_window_view(sums, 65, axis=1)
        pair = np.stack([windows[0], windows[range(1, 65), range(64)]])
        rows.append(pair / waves(APERTURE, z))
    echoes = np.hstack(rows)
    return np.stack([echoes.real, echoes.imag], -2).astype(np.float32)


rng = np.random.default_rng(0)
points = np.hstack([scene(rng, n) for n in rng.integers(1, 49, SCENES)])
cysts = np.hstack([scene(rng, 400, hole=2.5) for _ in range(2 * CYSTS)])
validation, (test, _) = np.split(cysts, 2, axis=1)


# %%
# Networks are trained by RVSM, ever sparser over the first half of the steps, on a fixed support in the last
# third. They are judged by contrast and contrast-to-noise ratio (CNR) of anechoic cysts.
def contrasts(network, heard):
    with torch.no_grad():
        images = network(torch.from_numpy(heard)).sum(2).norm(dim=1).numpy()
    images = images.reshape(-1, *RADIUS.shape)
    hole, ring = images[:, RADIUS < 2], images[:, abs(RADIUS - 5) < 1.5]
    noise = np.sqrt(hole.var(1) + ring.var(1))
    hole, ring = hole.mean(1), ring.mean(1)
    return 20 * np.log10([ring / hole, abs(ring - hole) / noise])


class Beamformer(BaseEstimator):
    def __init__(self, kernel=None, width=128, sparsity=0.0, seed=0):
        self.kernel, self.width = kernel, width  # no kernel: fully connected
        self.sparsity, self.seed = sparsity, seed

    def fit(self, X, y):
        torch.manual_seed(self.seed)
        X, y = torch.from_numpy(X), torch.from_numpy(y)
        n, kernel = (2, self.kernel) if self.kernel else (130, 1)
        layers = [nn.Flatten(), nn.Unflatten(1, (n, -1))]
        for shape in pairwise((n, self.width, self.width, n)):
            conv = nn.Conv1d(*shape, kernel, padding="same", bias=False)
            layers += [conv, nn.ReLU()]
        layers[-1:] = nn.Flatten(), nn.Unflatten(1, (2, 65))
        self.network_ = nn.Sequential(*layers)
        weights = list(self.network_.parameters())
        adam = torch.optim.Adam(weights, lr=0.003)
        decay = torch.optim.lr_scheduler.CosineAnnealingLR(adam, STEPS)
        goal = {"target_sparsity": 0.0, "sparsity_scope": "layer"}
        rvsm = RVSM(adam, weights, "l0", **goal)
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


# %%
# Of twelve tried on other cysts, the best dense network of at most a thirtieth of the fully connected weights
# and the best sparse one of at most a hundredth are taken, each from three more seeds. Beside them are
# delay-and-sum, the plain sum, and a sum weighted by Hann's window.
settings = {"kernel": [7, 11, 15, 21], "width": [4, 8, 12, 16]}
settings["sparsity"] = [0, 0.6, 0.8, 0.9]
folds = PredefinedSplit(np.repeat([-1, 0], [SCENES * 2560, CYSTS * 2560]))
how = {"scoring": scores, "refit": False, "cv": folds, "random_state": 0}
search = RandomizedSearchCV(Beamformer(), settings, n_iter=12, **how)
found = search.fit(*np.hstack([points, validation])).cv_results_
weights, cnr = found["mean_test_weights"], found["mean_test_cnr"]
full, dense = 3 * 128**2 + 4 * 128, found["param_sparsity"] == 0
allowed = weights <= np.where(dense, full / 30, full / 100)
chosen = {"fully connected": {}}
for name, kind in {"convolutional": dense, "RVSM": ~dense}.items():
    best = np.where(allowed & kind, cnr, -np.inf).argmax()
    chosen[name] = found["params"][best]
hann, sizes = torch.hann_window(67, periodic=False)[1:-1], {}
networks = {"sum": [nn.Identity()], "Hann sum": [lambda heard: heard * hann]}
for name, setting in chosen.items():
    fits = [Beamformer(**setting, seed=1 + i) for i in range(SEEDS)]
    networks[name] = [fit.fit(*points).network_ for fit in fits]
    sizes[name] = fits[0].n_weights_

# %%
# Bars are intervals of 95 %, over cysts, of the gain over the plain sum. A tenth of the weights of the small
# network do as well as all of them, and every network is ahead of the sum. Two things speak against them: the
# fully connected network still makes the hole darkest, by several dB of contrast; and Hann's window, without
# any network, has the highest CNR, at the price of a main lobe twice as wide. This is a simulation, of one
# frequency: no phantom was measured.
plain = contrasts(nn.Identity(), validation[0])[1].mean()
plt.semilogx(weights, cnr - plain, "o", color="0.7", label="tried, other cysts")
measured = {}
for name, alike in networks.items():
    measured[name] = np.mean([contrasts(one, test) for one in alike], axis=0)
    print(f"{name:20}{sizes.get(name, 0):6} weights, contrast", end=" ")
    print("{:.1f} dB, CNR {:.2f} dB".format(*measured[name].mean(1)))
for name, rival in [*product(sizes, ["sum"]), ("RVSM", "fully connected")]:
    gain = measured[name][1] - measured[rival][1]
    ends = ttest_1samp(gain, 0).confidence_interval()
    print("{} from {}: CNR {:+.2f} to {:+.2f} dB".format(name, rival, *ends))
    if rival == "sum":
        plt.plot(2 * [sizes[name]], ends, linewidth=5, label=name)
gain = (measured["Hann sum"] - measured["sum"])[1].mean()
plt.axhline(gain, color="0.3", linestyle=":", label="Hann sum")
plt.xlabel("nonzero weights")
plt.ylabel("CNR above that of the sum (dB)")
plt.legend()
