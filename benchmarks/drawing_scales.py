"""Which view shows a tremor in generated drawings, and which ones cross-validation chooses.

For each kind of drawing there are two training sets of 100 drawings by 28 persons each, and a test set of 240
drawings by 120 strangers. Views are chosen as in ``real_drawings.py``, by the log loss on persons held back.
"""

import argparse
from collections import Counter

import numpy as np
from drawing_recipes import VIEWS, draw_views, make_network, make_recipe, name_of_view
from sklearn.metrics import accuracy_score, roc_auc_score

from sparsecnn.datasets import DRAWING_KINDS, make_shaky_drawings

# Drawings, shape of the pages, shape of the images (about 32 x 32 pixels).
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
    """Return the figures on strangers of each view, of their mean and of the recipe, and the views chosen."""
    (train, X), (test, X_test) = images
    views, views_test = (np.split(np.asarray(rows), len(VIEWS), axis=1) for rows in (X, X_test))
    probabilities = {}
    for view, shown, shown_test in zip(VIEWS, views, views_test, strict=True):
        network = make_network(image_shape, seed).fit(shown, train.target)
        probabilities[name_of_view(view)] = network.predict_proba(shown_test)[:, 1]
    probabilities["mean of all views"] = np.mean(list(probabilities.values()), axis=0)
    recipe = make_recipe(seed).fit(X, train.target, groups=train.groups)
    probabilities["views chosen"] = recipe.predict_proba(X_test)[:, 1]
    chosen = [name_of_view(VIEWS[view]) for view in recipe.views_]
    return {name: measure(test.target, p) for name, p in probabilities.items()}, chosen


def draw_set(transformer, drawings, page_shape, n_samples, persons, random_state):
    """Return generated drawings, and their images in all views."""
    drawn = make_shaky_drawings(
        n_samples, drawings=drawings, image_shape=page_shape, persons=persons, random_state=random_state
    )
    return drawn, transformer.fit_transform(drawn.images)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--sets", nargs="+", choices=list(SETS), default=list(SETS))
    arguments = parser.parse_args()
    for name in arguments.sets:
        drawings, page_shape, image_shape = SETS[name]
        transformer, results, chosen = draw_views(image_shape), [], Counter()
        strangers = draw_set(transformer, drawings, page_shape, 240, STRANGERS, 3)
        for i, persons in enumerate(TRAINING, start=1):
            train = draw_set(transformer, drawings, page_shape, 100, persons, i)
            figures, choice = compare((train, strangers), image_shape, arguments.seed)
            results.append(figures)
            chosen.update(choice)
        for what in results[0]:
            auc, accuracy = np.mean([figures[what] for figures in results], axis=0)
            print(f"{name:10} {what:20} AUC {auc:.3f}  accuracy {accuracy:.1%}", flush=True)
        print(f"{name:10} views of the networks: {dict(chosen)}", flush=True)


if __name__ == "__main__":
    main()
