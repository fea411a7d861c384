"""What a network that saw generated drawings alone makes of real ones, by its training pages and hands.

Each network is trained on 3,000 drawings by the generated persons 0 to 999, for 16 epochs. It is measured on
400 drawings of each kind by the generated persons 5,000 to 5,599, and on real sets below the folder that
SPARSECNN_DATA names: `newhandpd`, spirals traced on forms, of which ``ink="pen"`` shows the pen alone, and
`dysgraphia/words`, at most eight words of each child. `spirals` must be asked for by name: settings are
chosen on the other sets.
"""

import argparse

import numpy as np
from drawing_recipes import make_network
from real_data import SETS, read_set, take
from sklearn.metrics import roc_auc_score

from sparsecnn import CurveImageTransformer
from sparsecnn.datasets import DRAWING_KINDS, make_shaky_drawings
from sparsecnn.model_selection import average_by_group

SHAPE = 32, 32
N_TRAINING, N_MEASURED = 3000, 400
PERSONS, STRANGERS = range(1000), range(5000, 5600)
ALL_KINDS = (*DRAWING_KINDS, "characters")
COPIES = ["clean", "scan", "phone"]
SYNTHETIC = {"drawings": DRAWING_KINDS}
RECORDED = {"drawings": ALL_KINDS, "hands": "recorded"}
COPIED = {"drawings": DRAWING_KINDS, "capture": COPIES}
FORMS = {
    "drawings": DRAWING_KINDS,
    "guide": ["none", "black", "gray"],
    "pen": ["blue", "red"],
    "capture": COPIES,
}
RECORDED_FORMS = RECORDED | FORMS | {"drawings": ALL_KINDS}
# By name, the pages that a network is trained on, in equal parts.
PAGES = {
    "synthetic hands": [SYNTHETIC],
    "recorded hands": [RECORDED],
    "scans and photographs": [COPIED],
    "forms": [FORMS],
    "all of these": [SYNTHETIC, RECORDED, COPIED, FORMS, RECORDED_FORMS],
}
STRANGE = {
    "synthetic hands": SYNTHETIC,
    "recorded hands": RECORDED,
    "forms": RECORDED_FORMS | {"guide": ["black", "gray"]},
}
MOST_WORDS = 8  # of a child


def view(pages, ink, scale):
    """Return the unsteadiness of the lines of pages."""
    transformer = CurveImageTransformer(
        SHAPE, unsteadiness=0.8, unsteadiness_scale=scale, ink=ink, dtype="uint8"
    )
    return transformer.transform(pages)


def draw_generated(n, persons, seed, scale, options):
    """Return views of generated pages, and their classes; of colour pages, of the pen alone."""
    made = make_shaky_drawings(n, image_shape=(256, 256), persons=persons, random_state=seed, **options)
    return view(list(made.images), "pen" if "pen" in options else "all", scale), made.target


def draw_real(name, scale):
    """Return views of a real set, which are of the sought class, and the persons."""
    drawings = read_set(name)
    if name == "dysgraphia":
        rng, groups = np.random.default_rng(0), drawings.groups
        words = [rng.permutation(np.flatnonzero(groups == child)) for child in np.unique(groups)]
        drawings = take(drawings, np.sort(np.concatenate([some[:MOST_WORDS] for some in words])))
    return view(drawings.files, SETS[name].ink, scale), drawings.target, drawings.groups


def measure(network, measured):
    """Return the AUC of the drawings of each set, and of the persons of real ones."""
    figures = {}
    for name, (X, y, *groups) in measured.items():
        probability = network.predict_proba(X)[:, 1]
        figures[name] = roc_auc_score(y, probability)
        if groups:
            persons = average_by_group(probability, groups[0], y)
            figures[f"{name}, persons"] = roc_auc_score(persons.target, persons.proba)
    return figures


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pages", nargs="+", choices=list(PAGES), default=list(PAGES))
    parser.add_argument("--sets", nargs="*", choices=list(SETS), default=["newhandpd", "dysgraphia"])
    parser.add_argument("--scale", type=float, default=1 / 38, help="of the unsteadiness")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], help="of the networks")
    arguments = parser.parse_args()
    measured = {name: draw_real(name, arguments.scale) for name in arguments.sets}
    measured |= {
        f"generated: {name}": draw_generated(N_MEASURED, STRANGERS, 100 + i, arguments.scale, options)
        for i, (name, options) in enumerate(STRANGE.items())
    }
    for name in arguments.pages:
        n = N_TRAINING // len(PAGES[name])
        parts = [draw_generated(n, PERSONS, i, arguments.scale, o) for i, o in enumerate(PAGES[name])]
        X, y = (np.concatenate(column) for column in zip(*parts, strict=True))
        found = []
        for seed in arguments.seeds:
            network = make_network(SHAPE, seed, "float32", max_iter=12, finetune_iter=4).fit(X, y)
            found.append(measure(network, measured))
        print(f"{name}: {len(X)} drawings, scale 1/{1 / arguments.scale:.0f}")
        for what in found[0]:
            values = [figures[what] for figures in found]
            print(f"  {what:28} {np.mean(values):.3f} ({', '.join(f'{v:.3f}' for v in values)})", flush=True)


if __name__ == "__main__":
    main()
