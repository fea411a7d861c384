"""
Thresholds of all penalties
===========================

Training by variable splitting sets each weight w to ``prox(w)``, the proximal map of the penalty. Its form
says what the penalty does: which weights become zero, and what becomes of the others.
"""

# %%
# All maps are drawn at the λ that zeroes weights up to 0.02. Where a curve runs along the diagonal, weights
# stay unchanged; where it lies below, they are shrunk, which biases the network. ℓ0 jumps and leaves large
# weights alone; ℓ1 shrinks all of them; the others lie between these two.
import matplotlib.pyplot as plt

from sparsecnn.inspection import ThresholdDisplay
from sparsecnn.penalties import PENALTIES, TransformedL1

names = [
    "l0",
    "l_half",
    "l1",
    "tl1",
    "l1_minus_l2",
    "scad",
    "mcp",
    "log_sum",
    "capped_l1",
]
figure, axes = plt.subplots(
    3, 3, figsize=(9, 9), sharex=True, sharey=True, layout="constrained"
)
for ax, name in zip(axes.flat, names, strict=True):
    display = ThresholdDisplay.from_penalty(name, threshold=0.02, ax=ax)
    print(f"{name:12} zero up to 0.02 at λ/β = {display.steps[name]:.3g}")
    ax.set_title(f"{PENALTIES[name]()}", fontsize=10)
    ax.label_outer()

# %%
# The parameter of a penalty
# --------------------------
#
# Transformed ℓ1 has a parameter a, between ℓ0 for small a and ℓ1 for large a.
ThresholdDisplay.from_penalty(
    {f"a = {a:g}": TransformedL1(a) for a in (0.001, 0.02, 0.1, 10.0)},
    threshold=0.02,
)
