"""Which scale of unsteadiness shows a tremor in generated drawings, and which one cross-validation chooses.

For each kind of drawing two sets of 28 persons to train on, about 100 drawings each, and 240 drawings of 120
strangers to test on. The scale is chosen as in ``real_drawings.py``, by the log loss on persons held back.
"""

import argparse

import numpy as np
from real_drawings import SCALES, choose_scale, draw_scales, make_network, scale_chosen, take_part
from sklearn.metrics import accuracy_score, roc_auc_score

from sparsecnn import CurveImageTransformer
from sparsecnn.datasets import make_shaky_drawings
from sparsecnn.datasets._shaky_drawings import DRAWING_KINDS

# Pages, and images of as many pixels as 32 x 32 in their aspect.
SETS = {
    "spiral": ("spiral", (256, 256), (32, 32)),
    "wave": ("wave", (148, 444), (16, 56)),
    "meander": ("meander", (148, 444), (16, 56)),
    "all kinds": (DRAWING_KINDS, (192, 344), (24, 40)),
}
TRAINING = range(28), range(28, 56)
STRANGERS = range(1000, 1120)


def measure(y, probability):
    """Return the AUC and the accuracy."""
    return roc_auc_score(y, probability), accuracy_score(y, probability > 0.5)


def compare(images, image_shape, seed):
    """Return the figures on strangers of each scale, of their mean and of ink, and the scale chosen."""
    (train, X), (test, X_test) = images
    figures, probabilities = {}, []
    for part, scale in enumerate(SCALES):
        network = make_network(image_shape, seed).fit(take_part(X, part), train.target)
        probabilities.append(network.predict_proba(take_part(X_test, part))[:, 1])
        figures[f"1/{1 / scale:g}"] = measure(test.target, probabilities[-1])
    figures["mean of all scales"] = measure(test.target, np.mean(probabilities, axis=0))
    ink = CurveImageTransformer(image_shape, dtype="uint8")
    network = make_network(image_shape, seed).fit(ink.fit_transform(train.images), train.target)
    figures["ink"] = measure(test.target, network.predict_proba(ink.transform(test.images))[:, 1])
    quick = make_network(image_shape, seed, max_iter=12, refine_iter=4)
    chosen = scale_chosen(choose_scale(quick).fit(X, train.target, groups=train.groups).estimator_)
    return figures, f"1/{1 / SCALES[chosen]:g}"


def draw_set(scales, kinds, page_shape, n_samples, persons, random_state):
    """Return generated drawings, and their images at all scales."""
    drawings = make_shaky_drawings(
        n_samples, kinds=kinds, image_shape=page_shape, persons=persons, random_state=random_state
    )
    return drawings, scales.fit_transform(drawings.images)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    for name, (kinds, page_shape, image_shape) in SETS.items():
        scales, results, chosen = draw_scales(image_shape), [], []
        strangers = draw_set(scales, kinds, page_shape, 240, STRANGERS, 3)
        for i, persons in enumerate(TRAINING, start=1):
            train = draw_set(scales, kinds, page_shape, 100, persons, i)
            figures, choice = compare((train, strangers), image_shape, seed)
            results.append(figures)
            chosen.append(choice)
        for what in results[0]:
            auc, accuracy = np.mean([figures[what] for figures in results], axis=0)
            print(f"{name:10} {what:20} AUC {auc:.3f}  accuracy {accuracy:.1%}", flush=True)
        print(f"{name:10} chosen: {' and '.join(chosen)}", flush=True)


if __name__ == "__main__":
    main()
