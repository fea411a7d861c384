"""
A network of your own
=====================

``module`` takes any torch network from images to scores. Training, sparsity and search are then the same as
for the network of the package.
"""

# %%
# This one has a residual block and global pooling, so that it takes images of any size.
import matplotlib.pyplot as plt
from torch import nn

from sparsecnn import SparseCurveCNNClassifier
from sparsecnn.datasets import make_shaky_spirals
from sparsecnn.inspection import NetworkReport


class Residual(nn.Module):
    """Add a block of two convolutions to its input."""

    def __init__(self, channels):
        super().__init__()
        self.block = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels),
        )

    def forward(self, x):
        return nn.functional.relu(x + self.block(x))


def make_network():
    return nn.Sequential(
        nn.Conv2d(1, 16, 5, stride=2, padding=2, bias=False),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        Residual(16),
        nn.MaxPool2d(2),
        Residual(16),
        nn.AdaptiveAvgPool2d(2),
        nn.Flatten(),
        nn.Linear(64, 2),
    )


# %%
# 300 generated spirals by 40 persons to train on (seed 0), 200 by 40 others to test on (seed 1). A function
# that returns a network is called at every fit, with ``random_state`` as the seed of its weights.
train = make_shaky_spirals(300, image_shape=(32, 32), random_state=0)
test = make_shaky_spirals(
    200, image_shape=(32, 32), persons=range(40, 80), random_state=1
)
accuracy = {}
for sparsity in (0.0, 0.8, 0.95):
    classifier = SparseCurveCNNClassifier(
        module=make_network,
        penalized="all",
        target_sparsity=sparsity,
        max_iter=16,
        finetune_iter=8,
        random_state=0,
    ).fit(train.data, train.target)
    accuracy[sparsity] = classifier.score(test.data, test.target)
    print(
        f"{classifier.sparsity_:.0%} zeros: accuracy {accuracy[sparsity]:.1%} on unseen persons"
    )

# %%
# One λ for all layers leaves each the weights that it needs, at 95 % zeros:
names = list(classifier.layer_sparsity_)
left = [100 * (1 - zeros) for zeros in classifier.layer_sparsity_.values()]
figure, ax = plt.subplots(figsize=(7.5, 3.6), layout="constrained")
bars = ax.barh(names, left, color="#0072b2")
ax.bar_label(bars, fmt="%.1f %%", padding=3)
ax.margins(x=0.12)
ax.set(xlabel="weights left (%)", ylabel="layer")
ax.invert_yaxis()

# %%
# The report counts weights and multiply-adds of any network. Which channels are dead it knows of chains of
# layers only, and says so.
NetworkReport.from_estimator(classifier)
