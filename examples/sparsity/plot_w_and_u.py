"""
w and u along training
======================

Relaxed variable splitting keeps two copies of the weights: w, which the optimizer moves, and u, which is
sparse. This example follows both, first where the truth is known, then in a small network.
"""

# %%
# A problem with known truth
# --------------------------
#
# Of forty weights of a linear model, eight made the data; the others should become zero. The data are random
# numbers from seed 0.
import matplotlib.pyplot as plt
import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy, mse_loss

from sparsecnn import RVSM
from sparsecnn.datasets import make_shaky_spirals

random = torch.Generator().manual_seed(0)
truth = torch.zeros(40)
truth[:8] = torch.tensor([1.0, -0.9, 0.8, -0.7, 0.6, -0.5, 0.4, -0.3])
X = torch.randn(100, 40, generator=random)
y = X @ truth[:, None] + 0.3 * torch.randn(100, 1, generator=random)

# %%
# Every step maps w to ``u = prox(w)``, which under ℓ0 keeps weights above the threshold √(2λ/β) and zeroes
# the others. Then w descends the loss f plus the pull β(w − u). With steps below 2/(β + L), where L is the
# largest curvature of f, the Lagrangian f(w) + λP(u) + (β/2)‖w − u‖² decreases at every step.
lam, beta = 0.02, 1.0
curvature = 2 * torch.linalg.eigvalsh(X.T @ X / len(X)).max().item()
model = nn.Linear(40, 1, bias=False)
nn.init.zeros_(model.weight)
descent = torch.optim.SGD(model.parameters(), lr=0.2 / (beta + curvature))
optimizer = RVSM(descent, [model.weight], "l0", lam=lam, beta=beta)

w, u, lagrangian = [], [], []
for _ in range(200):
    optimizer.zero_grad()
    mse_loss(model(X), y).backward()
    optimizer.step()
    w.append(model.weight.detach().flatten().numpy().copy())
    u.append(optimizer.u[0].flatten().numpy().copy())
    lagrangian.append(optimizer.lagrangian(mse_loss(model(X), y).item()))

print(
    f"nonzero weights of u: {np.flatnonzero(u[-1]).tolist()}, of the truth: {list(range(8))}"
)
print(
    f"the Lagrangian decreased at every step: {(np.diff(lagrangian) <= 1e-6).all()}"
)

# %%
# A weight of u stays at exactly zero until its w leaves the grey band; then u jumps to w, and the pull ends.
# Weights that the data do not need stay within the band, held back by the pull towards zero.
threshold = np.sqrt(2 * lam / beta)
figure, axes = plt.subplots(1, 3, figsize=(11, 3.6), layout="constrained")
for ax, values, name in zip(axes, (w, u), ("w", "u"), strict=False):
    ax.axhspan(-threshold, threshold, color="0.88")
    ax.plot(np.array(values)[:, 8:], color="0.5", linewidth=0.8)
    ax.plot(np.array(values)[:, :8], color="#0072b2", linewidth=1.5)
    ax.set(
        title=f"{name}, blue where the truth is not 0",
        xlabel="step",
        ylabel=name,
        ylim=(-1.1, 1.1),
    )
axes[2].plot(lagrangian, color="#d55e00")
axes[2].set(
    title="Lagrangian",
    xlabel="step",
    ylabel="f(w) + λP(u) + (β/2)‖w − u‖²",
    ylim=(0, None),
)
axes[2].grid(alpha=0.3)

# %%
# The same in a network
# ---------------------
#
# Here the fully connected layer of a small network is split, while it learns to tell 240 shaky from regular
# spirals (seed 0). λ grows to its final value, so the threshold rises, and u loses more and more weights.
spirals = make_shaky_spirals(240, image_shape=(32, 32), random_state=0)
images = torch.from_numpy(spirals.images)[:, None] / 255
labels = torch.from_numpy(spirals.target)

torch.manual_seed(0)
network = nn.Sequential(
    *(
        nn.Conv2d(1, 8, 3, padding=1),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.MaxPool2d(4),
    ),
    *(
        nn.Conv2d(8, 16, 3, padding=1),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        nn.MaxPool2d(2),
    ),
    *(nn.Flatten(), nn.Linear(16 * 4 * 4, 2)),
)
optimizer = RVSM(
    torch.optim.Adam(network.parameters(), lr=0.003),
    [network[-1].weight],
    "l0",
    lam=0.0,
)
seen = {}
for epoch in range(1, 19):
    optimizer.lam = 1.5e-3 * min(1, epoch / 12) ** 2
    for batch in torch.randperm(len(images)).split(32):
        optimizer.zero_grad()
        cross_entropy(network(images[batch]), labels[batch]).backward()
        optimizer.step()
    seen[epoch] = [
        part.detach().flatten().clone()
        for part in (network[-1].weight, optimizer.u[0])
    ]

# %%
# Each point is one weight: w across, u up. On the diagonal both are equal; on the horizontal line u is zero.
figure, axes = plt.subplots(
    1, 3, figsize=(11, 3.8), sharex=True, sharey=True, layout="constrained"
)
for ax, epoch in zip(axes, (4, 8, 18), strict=True):
    w, u = seen[epoch]
    ax.axline((0, 0), slope=1, color="0.7", linewidth=1, linestyle="--")
    ax.scatter(w, u, s=12, color="#0072b2", alpha=0.5, edgecolors="none")
    ax.set(
        title=f"after epoch {epoch}: {(u == 0).float().mean():.0%} zeros in u",
        xlabel="w",
    )
    ax.grid(alpha=0.3)
axes[0].set_ylabel("u")
