"""
A quantum convolutional classifier with fewer gates
===================================================

A gate that turns by an angle of 0 is no gate: `sparsecnn.RVSM` on the angles of a circuit removes gates. The
circuit is after the quantum convolutional classifiers of Jeng et al. (Entropy 2024, 26, 461), simulated by
PennyLane, without their overlapping windows and further qubits for features.
"""

# %%
# An 8 × 8 digit is a state of six qubits: even ones count rows, odd ones columns, the last two of them tell
# neighbours apart. Gates join these two first, then coarser ones, like layers of convolutions. The first two,
# which count halves of the picture, are measured: four outcomes, for the digits 0 to 3.
import matplotlib.pyplot as plt
import numpy as np
import pennylane as qml
import torch
from scipy.stats import ttest_1samp
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from torch.nn.functional import nll_loss

from sparsecnn import RVSM

SEEDS = 5
STEPS = 240
NOISE = 0.03
TURNS = [(gate, [q]) for q in range(6) for gate in (qml.RY, qml.RZ, qml.RY)]
PAIRS = [(4, 5), (2, 4), (3, 5), (2, 3), (0, 2), (1, 3), (0, 1)]
JOINS = [(gate, pair) for pair in PAIRS for gate in (qml.IsingXX, qml.IsingZZ)]
GATES = 2 * (TURNS + JOINS)

X, y = load_digits(n_class=4, return_X_y=True)
X = X.reshape(-1, *6 * [2]).transpose(0, 1, 4, 2, 5, 3, 6).reshape(-1, 64)
X /= np.linalg.norm(X, axis=1, keepdims=True)
split = train_test_split(X, y, test_size=0.4, stratify=y, random_state=0)
X, X_test, y, y_test = map(torch.from_numpy, split)


def gates(angles):
    """Return the gates that turn at all."""
    turned = zip(GATES, angles, strict=True)
    return [(gate, angle, wires) for (gate, wires), angle in turned if angle]


@qml.qnode(qml.device("default.qubit", wires=6), diff_method="backprop")
def circuit(angles, states=None):
    if states is not None:
        qml.StatePrep(states, wires=range(6))
    for gate, angle, wires in gates(angles):
        gate(angle, wires=wires)
    return qml.state()


def outcomes(angles, images):
    """Return their probabilities; circuits are linear, so one for each pixel will do."""
    states = images.cdouble() @ circuit(angles, torch.eye(64).double())
    return states.abs().square().reshape(-1, 4, 16).sum(2)


# %%
# Half of the gates go, in one of three ways. RVSM makes ever more angles zero. Pruning by magnitude sets the
# smallest to zero at once. A random half is never there. All take the same number of steps, the last of them
# on the gates that are left. Rates, β and when to prune are the best of eight settings of either way of
# pruning, on a third of the training digits and from other seeds.
RATE_AND_PRUNING = {
    "dense": (0.1, 1.0),
    "magnitude": (0.3, 0.75),
    "RVSM": (0.1, 0.67),
    "random": (0.1, 0.0),
}


def train(way, seed):
    generator = torch.Generator().manual_seed(seed)
    start = 0.1 * torch.randn(64, generator=generator).double()
    if way == "random":
        start[torch.randperm(64, generator=generator)[:32]] = 0
    angles = torch.nn.Parameter(start)
    rate, share = RATE_AND_PRUNING[way]
    pruning = round(share * STEPS)
    adam = torch.optim.Adam([angles], rate)
    decay = torch.optim.lr_scheduler.CosineAnnealingLR(adam, STEPS)
    rvsm = RVSM(adam, [angles], "l0", beta=0.03, target_sparsity=0.0)
    for step in range(STEPS):
        if way == "RVSM" and step < pruning:
            left = max(0, 1 - step / pruning / 0.7)
            rvsm.target_sparsity = 0.5 * (1 - left**3)
        if step == pruning:
            rvsm.target_sparsity = 0.5
            rvsm.finalize()
            rvsm.fix_support()
        rvsm.zero_grad()
        nll_loss(outcomes(angles, X).log(), y).backward()
        rvsm.step()
        decay.step()
    return angles.detach()


# %%
# Noise is simulated exactly: each outcome is carried back through the circuit, past a depolarising channel at
# every qubit of every gate, to an observable of the pixels.
@qml.qnode(qml.device("default.mixed", wires=6))
def carried_back(angles, outcome):
    measured = np.diag(np.repeat(np.eye(4)[outcome], 16)) / 16
    qml.QubitDensityMatrix(measured, wires=range(6))
    for gate, angle, wires in reversed(gates(angles)):
        for wire in wires:
            qml.DepolarizingChannel(NOISE, wires=wire)
        gate(-angle, wires=wires)
    return qml.density_matrix(range(6))


def measures(angles):
    """Return accuracy, accuracy with noise, cross-entropy, gates, depth."""
    clean = outcomes(angles, X_test)
    observables = [carried_back(angles.numpy(), k).real for k in range(4)]
    noisy = np.einsum("ni,kij,nj->nk", X_test, observables, X_test)
    return (
        100 * (clean.argmax(1) == y_test).double().mean().item(),
        100 * np.mean(noisy.argmax(1) == y_test.numpy()),
        nll_loss(clean.log(), y_test).item(),
        len(gates(angles)),
        qml.specs(circuit)(angles)["resources"].depth,
    )


circuits, rows = {}, {}
for way in RATE_AND_PRUNING:
    circuits[way] = [train(way, seed) for seed in range(SEEDS)]
    rows[way] = np.array([measures(angles) for angles in circuits[way]]).T
    print(
        "{:10} {:.1f} %, with noise {:.1f} %, cross-entropy {:.2f},"
        " {:.0f} angles = gates, depth {:.1f}".format(way, *rows[way].mean(1))
    )
for other in ("dense", "magnitude"):
    for i, kind in enumerate(("exact", "noisy")):
        gain = rows["RVSM"][i] - rows[other][i]
        low, high = ttest_1samp(gain, 0).confidence_interval()
        print(f"RVSM from {other}, {kind}: {gain.mean():+.1f} points", end=" ")
        print(f"({low:+.1f} to {high:+.1f})")
pixels = LogisticRegression(max_iter=1000).fit(X, y)
pixels = 100 * pixels.score(X_test, y_test)
print(f"logistic regression on pixels, 260 weights: {pixels:.1f} %")

# %%
# Points are starts, lines their means. Exactly computed, half of the gates cost RVSM a few points, not more
# than they cost pruning by magnitude; between these two, five starts do not decide. With noise at each gate,
# the dense circuit loses most and is no longer ahead. None comes near a linear model of the pixels.
figure, ax = plt.subplots(figsize=(7.5, 3.8), layout="constrained")
for i, (label, color) in enumerate(
    {"exact": "#0072b2", f"{NOISE:.0%} depolarising noise": "#d55e00"}.items()
):
    places = np.arange(len(rows))[:, None] + 0.16 * i - 0.08
    values = np.array([row[i] for row in rows.values()])
    spread = np.linspace(-0.04, 0.04, SEEDS)
    ax.plot(
        (places + spread).ravel(),
        values.ravel(),
        "o",
        color=color,
        alpha=0.6,
        label=label,
    )
    ax.plot(places, values.mean(1), "_", color=color, markersize=22)
ax.axhline(
    pixels, color="0.4", linestyle=":", label="logistic regression on pixels"
)
ax.set_xticks(
    range(len(rows)),
    [f"{way}, {row[3].mean():.0f} gates" for way, row in rows.items()],
)
ax.set_ylabel("accuracy on test digits (%)")
ax.legend()

# %%
# The circuit of the first seed, from digits on the left to outcomes of the first two qubits on the right.
figure, _ = qml.draw_mpl(circuit, decimals=None)(circuits["RVSM"][0])
