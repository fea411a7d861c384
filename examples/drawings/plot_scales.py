"""
Tremor of several scales
========================

Shaky lines may shake slowly or fast, or at several scales at once. Does a network that was trained on tremor
of one scale recognise *multi-scale* curves, and the other way round? This is asked here of generated words.
"""

# %%
# Two kinds of training words (seed 0): their tremor is a single wave, of a frequency from 2 to 10 cycles per
# letter, or three octaves of it at once. The test words (seed 1) are of other fonts and are other words.
import matplotlib.pyplot as plt
import numpy as np

from sparsecnn import SparseCurveCNNClassifier
from sparsecnn.datasets import list_fonts, list_words, make_shaky_words

short = [word for word in list_words() if len(word) <= 4]
train_on = {
    "image_shape": (56, 56),
    "fonts": list_fonts()[::2],
    "words": short[::2],
}
test_on = {
    "image_shape": (56, 56),
    "fonts": list_fonts()[1::2],
    "words": short[1::2],
}

train = {
    scales: make_shaky_words(
        1200, scales=scales, frequency=(2, 10), random_state=0, **train_on
    )
    for scales in (1, 3)
}
networks = {
    scales: SparseCurveCNNClassifier(
        channels=(12, 24, 24),
        precision="auto",
        max_iter=12,
        finetune_iter=4,
        random_state=0,
    ).fit(words.images, words.target)
    for scales, words in train.items()
}

# %%
# What is asked: the same word with slow tremor, on the left, to fast tremor, of one scale and of three.
frequencies = [2, 3, 4, 6, 8]
tests = {
    (scales, frequency): make_shaky_words(
        240, scales=scales, frequency=frequency, random_state=1, **test_on
    )
    for scales in (1, 3)
    for frequency in frequencies
}
figure, axes = plt.subplots(
    2, len(frequencies), figsize=(9, 3.9), layout="constrained"
)
for ax, ((scales, frequency), words) in zip(
    axes.flat, tests.items(), strict=True
):
    ax.imshow(
        255 - words.images[np.flatnonzero(words.target == 1)[5]],
        cmap="gray",
        vmin=0,
        vmax=255,
    )
    ax.set(xticks=[], yticks=[])
    if scales == 1:
        ax.set_title(f"{frequency} cycles per letter", fontsize=10)
for row, name in zip(axes, ("one scale", "three scales"), strict=True):
    row[0].set_ylabel(name)

# %%
# Slow tremor is hard to tell from the slow waviness that every hand has, and easier where its octaves come
# along.
figure, axes = plt.subplots(
    1, 2, figsize=(10, 4), sharey=True, layout="constrained"
)
for ax, tested, name in zip(
    axes, (1, 3), ("one scale", "three scales"), strict=True
):
    for trained, colour, marker in ((1, "#0072b2", "o"), (3, "#d55e00", "^")):
        accuracies = [
            networks[trained].score(
                tests[tested, frequency].images, tests[tested, frequency].target
            )
            for frequency in frequencies
        ]
        label = f"trained on {'one scale' if trained == 1 else 'three scales'}"
        ax.plot(
            frequencies,
            100 * np.array(accuracies),
            color=colour,
            marker=marker,
            label=label,
        )
        print(
            f"{label}, tested on {name}: {np.mean(accuracies):.1%} right on other fonts and words"
        )
    ax.set(
        title=f"tested on {name}",
        xlabel="slowest tremor of the test words (cycles per letter)",
    )
    ax.set_xticks(frequencies)
    ax.grid(alpha=0.3)
axes[0].set(ylabel="accuracy on other fonts and words (%)", ylim=(45, 100))
axes[0].legend(loc="lower right")
