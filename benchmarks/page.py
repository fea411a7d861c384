"""The page of a fitted network in headless Chromium: bytes, times, and how far its answers are from Python's.

Data: ``make_shaky_spirals``, few images and epochs, for it is the page that is measured; for the same reason
the eight members of the ensemble see the five views in turn. Opening is the time from the start of the
navigation until the page has found and answered its first line. A stroke is drawn by events of the mouse;
each answer counts the ink, the networks and all that is shown. What speaks for and against follows after the
answer. "With zeros" are the same loops over all weights, those of dead channels too. Medians of wall time:
the machine should do nothing else.
"""

import argparse
import base64
import io
import json
import shutil
import tempfile
from functools import partial
from pathlib import Path

import joblib
import numpy as np
from PIL import Image, ImageDraw
from sklearn.pipeline import make_pipeline

from sparsecnn import SparseCurveCNNClassifier, SparseCurveEnsemble
from sparsecnn.datasets import make_shaky_spirals
from sparsecnn.export import to_html
from sparsecnn.preprocessing import CurveImageTransformer

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
).split()
N_DRAWINGS, N_OPENINGS = 100, 9
WATCH = """() => {
    globalThis.answered = [];
    const plain = show;
    show = () => {
        const start = performance.now();
        plain();
        answered.push(performance.now() - start);
    };
}"""
KERNELS = """() => {
    const median = (run, inner) => {
        const all = Array.from({ length: 25 }, () => {
            const start = performance.now();
            for (let k = 0; k < inner; k++) run.forEach((network) => network(latest.pixels));
            return (performance.now() - start) / inner;
        });
        return all.sort((a, b) => a - b)[12];
    };
    const times = [median(networks(false), 20), median(networks(true), 5)];
    const kept = WebAssembly.Module;
    WebAssembly.Module = null;
    const plain = [false, true].map((dense) => MODEL.networks.map((network) => makeNetwork(network, dense)));
    WebAssembly.Module = kept;
    return [...times, median(plain[0], 5), median(plain[1], 1)];
}"""


REASONS = """() => {
    const start = performance.now();
    for (const work = explain(latest.pixels, 0); !work.next().done;);
    return performance.now() - start;
}"""


def fitted_network():
    """Return a pipeline with a network of 16, 64 and 64 filters, 95 % of its weights zero."""
    X, y = make_shaky_spirals(600, return_X_y=True, random_state=0)
    params = {"penalized": "all", "target_sparsity": 0.95, "channels": (16, 64, 64)}
    classifier = SparseCurveCNNClassifier(**params, max_iter=3, finetune_iter=2, random_state=0)
    classifier.fit(X, np.where(y, "shaky", "steady"))
    return make_pipeline(CurveImageTransformer(dtype="uint8"), classifier)


def fitted_ensemble(penalized):
    """Return the recipe for real drawings, 90 % of the `penalized` weights of each member zero."""
    spirals = make_shaky_spirals(160, random_state=0)
    views = ("ink", 1 / 76, 1 / 38, 1 / 19, 1 / 9.5)
    ensemble = SparseCurveEnsemble(cv=2, choice_iter=1, random_state=0)
    ensemble.set_params(estimator__penalized=penalized, estimator__sparsity_scope="layer")
    reader = make_pipeline(
        CurveImageTransformer((32, 32), unsteadiness=0.8, views=views, dtype="uint8"), ensemble
    )
    reader.fit([255 - page for page in spirals.images], np.where(spirals.target, "shaky", "steady"))
    ensemble.views_ = np.arange(len(ensemble.views_)) % len(views)
    return reader


READERS = {
    "network": fitted_network,
    "ensemble": partial(fitted_ensemble, "fc"),
    "sparse-ensemble": partial(fitted_ensemble, "all"),
}


def strokes(rng):
    """Return one or two spirals as points in units of the paper's width."""
    drawing = []
    for _ in range(rng.integers(1, 3)):
        angle = np.linspace(0.3, 2 * np.pi * rng.uniform(1, 4), 120)
        radii = rng.uniform(0.05, 0.4) * angle / angle[-1] + rng.uniform(0, 0.01) * np.sin(9 * angle)
        points = rng.uniform(0.3, 0.7, 2) + radii[:, None] * np.column_stack([np.cos(angle), np.sin(angle)])
        drawing.append(np.clip(points, 0.01, 0.99).tolist())
    return drawing


def files(rng):
    """Return the bytes of twenty files, by kind: four each of five kinds."""
    found = {}
    for number in range(4):
        size = int(rng.integers(150, 900))
        paper, ink = (int(level) for level in (rng.integers(190, 256), rng.integers(0, 90)))
        page = Image.new("L", (4 * size, 3 * size), paper)
        for stroke in strokes(rng):
            line = [(4 * size * x, 3 * size * y) for x, y in stroke]
            ImageDraw.Draw(page).line(line, fill=ink, width=size // 15, joint="curve")
        page = page.resize((size, 3 * size // 4), Image.Resampling.BOX)
        nothing = Image.new("RGBA", page.size, (0, 0, 0, 0))
        share = 255 / (paper - ink)
        nothing.putalpha(page.point(lambda level, paper=paper, share=share: max(0, share * (paper - level))))
        exif = Image.Exif()
        exif[0x0112] = (3, 6, 8, 5)[number]
        kinds = {
            "PNG": (page, "PNG", {}),
            "dark paper": (page.point(lambda level: 255 - level), "PNG", {}),
            "palette": (page.quantize(16), "PNG", {}),
            "transparent": (nothing, "PNG", {}),
            "turned JPEG": (page.convert("RGB"), "JPEG", {"exif": exif, "quality": 90}),
        }
        for kind, (image, name, options) in kinds.items():
            buffer = io.BytesIO()
            image.save(buffer, name, **options)
            found.setdefault(kind, []).append(buffer.getvalue())
    return found


def opened(browser, path):
    """Return the page, and how many milliseconds it took to its first answer."""
    page = browser.new_page(viewport={"width": 1000, "height": 900})
    page.goto(path.as_uri())
    marks = "performance.getEntriesByName('ready')"
    while not page.evaluate(f"{marks}.length"):
        page.wait_for_timeout(5)
    return page, page.evaluate(f"{marks}[0].startTime")


def draw(page, points):
    """Draw a stroke with the mouse."""
    box = page.locator("#drawing").bounding_box()
    for number, (x, y) in enumerate(points):
        page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["width"])
        if number == 0:
            page.mouse.down()
    page.mouse.up()


def gap_of_drawing(page, pipeline, drawing):
    """Return the largest difference of a probability, for strokes."""
    page.evaluate(f"steps = {json.dumps(drawing)}; redraw()")
    url = page.evaluate("paper.toDataURL()")
    return gap(page, pipeline, base64.b64decode(url.partition(",")[2]))


def gap_of_file(page, pipeline, data):
    """Return the largest difference of a probability, for the bytes of a file."""
    page.evaluate("(data) => take([new File([bytesOf(data)], 'file')])", base64.b64encode(data).decode())
    assert page.evaluate("!!picture()"), page.inner_text("#error")
    return gap(page, pipeline, data)


def gap(page, pipeline, data):
    shown = page.evaluate("Array.from(latest.probabilities)")
    return float(np.abs(pipeline.predict_proba([data])[0] - shown).max())


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--reader", choices=READERS, default="network", help="what to make a page of")
    parser.add_argument(
        "--estimator", type=Path, help="joblib file to read instead of a fit, or to write after one"
    )
    arguments = parser.parse_args()
    keeping = arguments.estimator
    pipeline = joblib.load(keeping) if keeping and keeping.exists() else READERS[arguments.reader]()
    if keeping and not keeping.exists():
        joblib.dump(pipeline, keeping)
    executable = next(filter(None, map(shutil.which, BROWSERS)), None)
    if executable is None:
        raise SystemExit("This benchmark needs an installed chromium.")
    from playwright.sync_api import sync_playwright

    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        path = Path(folder, "page.html")
        to_html(pipeline, path)
        browser = playwright.chromium.launch(executable_path=executable, args=FLAGS)
        openings = []
        for _ in range(N_OPENINGS):
            page, milliseconds = opened(browser, path)
            openings.append(milliseconds)
        print(page.inner_text("#weights") or f"{path.stat().st_size:,} bytes")
        print(f"file                 {path.stat().st_size:>8,} bytes")
        print(f"first answer         {np.median(openings):>8.0f} ms after opening")
        page.evaluate(WATCH)
        for _ in range(3):
            draw(page, strokes(rng)[0])
        answers = page.evaluate("answered")
        print(f"answer of a stroke   {np.median(answers):>8.1f} ms, median of {len(answers)}")
        print(f"for and against      {np.median([page.evaluate(REASONS) for _ in range(9)]):>8.0f} ms")
        sparse, dense, plain, plain_dense = page.evaluate(KERNELS)
        print(f"network, WebAssembly {sparse:>8.2f} ms, {dense:.2f} with zeros: {dense / sparse:.1f} times")
        ratio = plain_dense / plain
        print(f"network, JavaScript  {plain:>8.2f} ms, {plain_dense:.2f} with zeros: {ratio:.1f} times")
        gaps = [gap_of_drawing(page, pipeline, strokes(rng)) for _ in range(N_DRAWINGS)]
        print(f"{len(gaps):>3} drawings: probabilities differ by at most {max(gaps):.0e}")
        for kind, datas in files(rng).items():
            gaps = [gap_of_file(page, pipeline, data) for data in datas]
            print(f"{len(gaps):>3} files, {kind}: at most {max(gaps):.0e}")
        browser.close()


if __name__ == "__main__":
    main()
