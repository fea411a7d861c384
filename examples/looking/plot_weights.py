"""
Where the zeros are
===================

A sparse network can be read: each filter that is left, and each place of the image that the fully connected
layer still reads.
"""

# %%
# 240 generated spirals (seed 0). All layers are penalised together, by one λ, so that training itself decides
# how many weights each layer keeps.
from sparsecnn import SparseCurveCNNClassifier
from sparsecnn.datasets import make_shaky_spirals
from sparsecnn.inspection import WeightsDisplay

spirals = make_shaky_spirals(240, image_shape=(32, 32), random_state=0)
classifier = SparseCurveCNNClassifier(
    channels=(8, 16, 16),
    penalized="all",
    target_sparsity=0.9,
    max_iter=24,
    finetune_iter=12,
    random_state=0,
).fit(spirals.data, spirals.target_names[spirals.target])
for layer, zeros in classifier.layer_sparsity_.items():
    print(
        f"{layer:10} {zeros:.1%} zeros, λ = {classifier.layer_lam_[layer]:.3g}"
    )

# %%
# Filters
# -------
#
# The first convolution has one filter for each channel that it writes. Exact zeros are grey.
WeightsDisplay.from_estimator(classifier, layer="conv1")

# %%
# The second has one for each pair of a channel read and a channel written, and most of them are empty.
WeightsDisplay.from_estimator(classifier, layer="conv2")

# %%
# The fully connected layer
# -------------------------
#
# For each class, one small image for each channel of the last convolution: the places of the picture that
# this channel is read at. Most channels are read at few places, some nowhere.
WeightsDisplay.from_estimator(classifier)
