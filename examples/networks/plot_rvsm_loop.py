"""
RVSM in a plain torch loop
==========================

Who has a training loop already needs no estimator: `sparsecnn.RVSM` wraps any torch optimizer, and two lines
make the network sparse at the end.
"""

# %%
# An ordinary network and ordinary batches of 600 generated spirals (seed 0); 200 by other persons (seed 1)
# are for testing.
import matplotlib.pyplot as plt
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from sparsecnn import RVSM
from sparsecnn.datasets import make_shaky_spirals


def tensors(spirals):
    return torch.from_numpy(spirals.images)[:, None] / 255, torch.from_numpy(
        spirals.target
    )


X, y = tensors(make_shaky_spirals(600, image_shape=(32, 32), random_state=0))
X_test, y_test = tensors(
    make_shaky_spirals(
        200, image_shape=(32, 32), persons=range(40, 80), random_state=1
    )
)

torch.manual_seed(0)
network = nn.Sequential(
    *(
        nn.Conv2d(1, 8, 3, padding=1),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.MaxPool2d(2),
    ),
    *(
        nn.Conv2d(8, 16, 3, padding=1),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        nn.MaxPool2d(2),
    ),
    *(nn.Flatten(), nn.Linear(16 * 8 * 8, 2)),
)

# %%
# Wrapped are the base optimizer and the weights to make sparse, here all of convolutions and of the fully
# connected layer. Schedulers take either of the two optimizers.
weights = [
    layer.weight
    for layer in network
    if isinstance(layer, (nn.Conv2d, nn.Linear))
]
adam = torch.optim.Adam(network.parameters(), lr=0.003)
optimizer = RVSM(adam, weights, "l0", beta=1.0, target_sparsity=0.0)

TRAIN, FINETUNE, SPARSITY = 24, 12, 0.9
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(adam, TRAIN + FINETUNE)
history = {"loss": [], "sparse loss": [], "zeros": []}

# %%
# The loop is the usual one. The sparsity grows over the first half of training; then ``finalize`` writes the
# sparse weights into the network, and ``fix_support`` holds the zeros while the other weights are fine-tuned.
for epoch in range(TRAIN + FINETUNE):
    if epoch < TRAIN:
        progress = min(1, (epoch + 1) / (TRAIN / 2))
        optimizer.target_sparsity = SPARSITY * (1 - (1 - progress) ** 3)
    if epoch == TRAIN:
        optimizer.finalize()
        optimizer.fix_support()
    total = 0.0
    for batch in torch.randperm(len(X)).split(32):
        optimizer.zero_grad()
        images = X[batch].rot90(
            int(torch.randint(4, ())), dims=(2, 3)
        )  # spirals may be turned
        loss = cross_entropy(network(images), y[batch])
        loss.backward()
        optimizer.step()
        total += loss.item() * len(batch)
    scheduler.step()
    history["loss"].append(total / len(X))
    history["zeros"].append(100 * optimizer.unit_sparsity())
    with optimizer.sparse_weights(), torch.no_grad():
        history["sparse loss"].append(cross_entropy(network(X), y).item())

network.eval()
with torch.no_grad():
    accuracy = (network(X_test).argmax(1) == y_test).float().mean()
zeros = sum((weight == 0).sum() for weight in weights) / sum(
    weight.numel() for weight in weights
)
print(f"weights that are exactly zero: {zeros:.1%}")
print(f"accuracy on unseen persons: {accuracy:.1%}")

# %%
# ``sparse_weights`` puts u into the network for a moment, here to measure its loss. It is above that of w
# while zeros are made, and falls in fine-tuning, where both are the same network.
figure, (left, right) = plt.subplots(
    1, 2, figsize=(10, 3.4), sharex=True, layout="constrained"
)
epochs = range(1, TRAIN + FINETUNE + 1)
left.plot(
    epochs, history["loss"], color="#0072b2", label="of w, within the epoch"
)
left.plot(
    epochs,
    history["sparse loss"],
    color="#d55e00",
    linestyle="--",
    label="of u, after the epoch",
)
left.set(ylabel="training loss (nats)", ylim=(0, None))
right.plot(epochs, history["zeros"], color="#0072b2")
right.set(ylabel="zeros of u (%)", ylim=(0, 100))
for ax in (left, right):
    ax.axvspan(
        TRAIN + 0.5, TRAIN + FINETUNE + 0.5, color="0.9", label="fine-tuning"
    )
    ax.set(xlabel="epoch")
    ax.grid(alpha=0.3)
left.legend()
