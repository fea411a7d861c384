"""Draw the proximal map of every penalty of single weights.

Training by variable splitting thresholds each weight w to ``prox(w)``. All maps are drawn at the step that
zeroes weights up to 0.02. Where a curve runs along the diagonal, weights stay unchanged; where it lies below,
they are shrunk, which biases the network.
"""

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import torch

from sparsecnn.penalties import PENALTIES, lam_for_sparsity

THRESHOLD = 0.02
PICTURE = "thresholds.png"


def main() -> None:
    w = torch.linspace(-0.1, 0.1, 2001, dtype=torch.float64)
    single = {name: penalty for name, penalty in PENALTIES.items() if "group" not in name}
    figure, axes = plt.subplots(3, 3, figsize=(9, 9), sharex=True, sharey=True, layout="constrained")
    for ax, (name, penalty) in zip(axes.flat, sorted(single.items()), strict=True):
        # Of two weights, the step zeroes the smaller.
        step = lam_for_sparsity(penalty(), torch.tensor([THRESHOLD, 0.1]), beta=1.0, sparsity=0.5)
        ax.plot(w, w, color="0.7", linewidth=1, linestyle="--")
        ax.plot(w, penalty().prox(w, step), linewidth=1.5)
        ax.set_title(f'"{name}", {penalty()}', fontsize=9)
        ax.grid(alpha=0.3)
        print(f"{name:12} zero up to {THRESHOLD} at lam / beta = {step:.3g}")
    figure.supxlabel("weight w")
    figure.supylabel("prox(w)")
    figure.savefig(PICTURE, dpi=110)


if __name__ == "__main__":
    main()
