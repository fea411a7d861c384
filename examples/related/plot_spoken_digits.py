"""
Spoken digits: few channels, then bits
======================================

Keyword spotting after Lyu and Sheen (arXiv:1909.05623): a penalty of groups removes channels, the rest is
trained on, and its weights are made binary. Each network is judged by a speaker whom it never heard.
The Free Spoken Digit Dataset (CC BY-SA 4.0) has 3,000 recordings by six speakers. They become pictures: 40
bands from 60 to 3,900 Hz, the middle 32 frames, and 60 dB as 255; from the folder that ``SPARSECNN_DATA``
names, or of a clone of github.com/Jakobovski/free-spoken-digit-dataset in the present folder.
"""

import os
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from scipy.io import wavfile
from scipy.ndimage import shift
from sklearn.linear_model import LogisticRegression
from torch import nn

from sparsecnn import SparseCurveCNNClassifier
from sparsecnn.binarization import binarize, stored_bytes
from sparsecnn.export import compress
from sparsecnn.inspection import NetworkReport

SPEAKER, SEED = "theo", 0


def log_mel(path):
    sound = np.pad(wavfile.read(path)[1] / 2**15, (0, 256))
    frames = np.lib.stride_tricks.sliding_window_view(sound, 256)[::256]
    power = np.abs(np.fft.rfft(frames * np.hanning(256))) ** 2
    mel = np.linspace(np.log1p(60 / 700), np.log1p(3900 / 700), 42)
    corners, hertz = 700 * np.expm1(mel), np.fft.rfftfreq(256, 1 / 8000)
    bands = [np.interp(hertz, corners[k : k + 3], (0, 1, 0)) for k in range(40)]
    level = 10 * np.log10(np.array(bands) @ power.T + 1e-10)
    image = (255 + 255 / 60 * (level - level.max())).clip(0, 255)
    start = 32 - (33 - image.shape[1]) // 2
    return np.pad(image, ((0, 0), (32, 32)))[:, start:][:, :32].astype(np.uint8)


if folder := os.environ.get("SPARSECNN_DATA"):
    file = np.load(f"{folder}/family/spoken_digits.npz")
    X, y, speaker = file["X"], file["y"], file["speaker"]
else:
    paths = sorted(Path("free-spoken-digit-dataset/recordings").glob("*.wav"))
    X = np.stack([log_mel(path) for path in paths])
    y, speaker = np.array([path.stem.split("_")[:2] for path in paths]).T

# %%
# Voices are higher or lower, and words come sooner or later: four shifted copies of each clip stand for that.
test = speaker == SPEAKER
moves = [(0, 0), (2, 2), (2, -2), (-2, 2), (-2, -2)]
X_train = np.concatenate([shift(X[~test], (0, *m), order=0) for m in moves])
y_train = np.tile(y[~test], len(moves))


def network(width=64):
    return nn.Sequential(
        *(nn.Conv2d(1, width, 5, stride=2, padding=2), nn.MaxPool2d((1, 2))),
        *(nn.BatchNorm2d(width), nn.ReLU()),
        *(nn.Conv2d(width, width, 3, padding=1), nn.MaxPool2d((4, 2))),
        *(nn.BatchNorm2d(width), nn.ReLU()),
        *(nn.Flatten(), nn.Linear(20 * width, 10)),
    )


def fit(penalty, module=network, **params):
    classifier = SparseCurveCNNClassifier(penalty, penalized="all", **params)
    classifier.set_params(max_iter=3, finetune_iter=3, augment=False)
    classifier.set_params(module=module, random_state=SEED)
    return classifier.fit(X_train, y_train)


# %%
# Half of the channels of each convolution are to go. The hard rival is a narrow network that was never wider;
# another keeps as many weights, wherever they are. All learn for six epochs; the binary network starts from
# the pruned one, and learns for six more; its first and last layers stay real.
dense, pruned = fit(None), fit("group_l0", target_sparsity=0.5)
few = compress(pruned)
report = NetworkReport.from_estimator
left = report(few).totals.n_weights / report(pruned).totals.n_weights
networks = {
    "dense": compress(dense),
    "half of the channels": few,
    "the same, binary": binarize(pruned, X_train, y_train),
    "narrow from the start": compress(fit(None, lambda: network(32))),
    "single weights": fit("l0", target_sparsity=1 - left),
}
table = {}
for name, model in networks.items():
    stored = min(stored_bytes(model), report(model).totals.sparse_bytes)
    accuracy = 100 * model.score(X[test], y[test])
    table[name] = {"accuracy (%)": accuracy, "stored (kB)": stored / 1000}
linear = LogisticRegression(C=0.01, max_iter=1000)
linear.fit(X_train.reshape(-1, 1280) / 255, y_train)
accuracy = 100 * linear.score(X[test].reshape(-1, 1280) / 255, y[test])
table["logistic regression"] = {"accuracy (%)": accuracy}
for name, row in table.items():
    print(f"{name:22}", *(f"{key} {value:8.2f}" for key, value in row.items()))

# %%
# Removal pays in time too. ``compress`` folds batch normalisation, which alone is worth little.
ways = {"as trained": dense, "compressed": networks["dense"], "half": few}
for name, model in ways.items():
    times = report(model).measure_latency(batch_sizes=(1, 64)).latency_
    print(f"{name:10} one clip {times[1]:.3f} ms, 64 clips {times[64]:.2f} ms")
axes = plt.subplots(1, 2, figsize=(8, 3), sharey=True, layout="tight")[1]
for ax, column in zip(axes, table["dense"], strict=True):
    ax.plot([row.get(column) for row in table.values()], list(table), "o")
    ax.set(xlabel=column, ylim=(len(table) - 0.5, -0.5))
# sphinx_gallery_thumbnail_path = "related/spoken_digits.png"

# %%
# Means and standard deviations over six speakers (:doc:`tables </related>`): half of the channels costs 0.9
# points. Where a page is made without the files, the code above is not run.
#
# .. image:: /related/spoken_digits.png
#    :alt: Accuracy and stored bytes of six classifiers
