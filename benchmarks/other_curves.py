"""Curve images from another source than the generators of the package, with the default settings.

Data: words from the vector outlines of the fonts that matplotlib ships, filled or traced, small and large,
on or off centre, on clean or grainy paper. A tremor shifts the outline along its normal: a modulated sine,
smooth noise or jerks. 4,000 images to train on, 2,000 to test on, which share neither font family nor word.

With ``--fonts 20 --words 28``, the same of the fonts of the package, two thirds of which are handwriting: so
many fonts and words to train on, drawn by the seed, and all others to test on.
"""

import atexit
import functools
import tempfile
from pathlib import Path

import matplotlib
import numpy as np
from fontTools.ttLib import TTFont
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import TextPath
from PIL import Image, ImageChops, ImageDraw
from sklearn.utils import Bunch
from words import compare

import sparsecnn.datasets

SIDE = 64
OVERSAMPLING = 4
FOLDER = Path(matplotlib.get_data_path(), "fonts", "ttf")
PACKAGE_FONTS = Path(sparsecnn.datasets.__file__).parent / "fonts"
UNPACKED = tempfile.TemporaryDirectory()
atexit.register(UNPACKED.cleanup)
TRAIN_FONTS = """DejaVuSans DejaVuSans-Bold DejaVuSans-Oblique DejaVuSans-BoldOblique DejaVuSansMono
    DejaVuSansMono-Bold DejaVuSansMono-Oblique STIXGeneral STIXGeneralBol cmr10 cmtt10""".split()
TEST_FONTS = "DejaVuSerif DejaVuSerif-Bold DejaVuSerif-Italic DejaVuSerif-BoldItalic cmss10 cmb10".split()
WORDS = """after angle bakery beacon birch blanket border breeze bronze button cactus camera carpet cellar
    cherry cobalt copper cotton crater cricket dagger daisy dragon dune eagle engine falcon feather fiddle
    flute fossil galaxy garlic ginger goblet granite gravel hammer harbor hazel helmet honey indigo ivory
    jacket jasmine jungle kettle ladder lagoon lantern lemon linen magnet maple marble meadow nectar nickel
    oyster paddle pebble pepper pigeon pillow planet plum quartz rabbit raven ribbon saddle salmon shadow
    silver sketch spider squash sulfur tablet thunder timber turnip tulip velvet
    violin walnut willow zinc""".split()


@functools.cache
def font_file(font):
    """Return the file of a font of matplotlib, or of the package, unpacked, as matplotlib reads it."""
    path = FOLDER / f"{font}.ttf"
    if not path.exists():
        path = Path(UNPACKED.name, f"{font}.ttf")
        with TTFont(PACKAGE_FONTS / f"{font}.woff") as packed:
            packed.flavor = None
            packed.save(path)
    return path


def outlines(word, font):
    """Return the closed outlines of a word, and its size, in points."""
    path = TextPath((0, 0), word, size=100, prop=FontProperties(fname=font_file(font)))
    polygons = [polygon * (1, -1) for polygon in path.to_polygons()]
    points = np.vstack(polygons)
    centre, size = (points.min(0) + points.max(0)) / 2, np.ptp(points, axis=0)
    return [polygon - centre for polygon in polygons], size


def resample(polygon, spacing=0.4):
    """Return points at even distances along an outline, and those distances."""
    distance = np.r_[0, np.cumsum(np.hypot(*np.diff(polygon, axis=0).T))]
    along = np.linspace(0, distance[-1], max(8, int(distance[-1] / spacing)), endpoint=False)
    return np.column_stack([np.interp(along, distance, axis) for axis in polygon.T]), along


def tremor(along, kind, wavelength, rng):
    """Return the displacement along an outline, of about unit amplitude."""
    if kind == "sine":
        phase = 2 * np.pi * along / wavelength + rng.uniform(0, 2 * np.pi)
        return np.sin(phase) * (1 + 0.5 * np.sin(phase / 4))
    knots = np.arange(0, along[-1] + 2 * wavelength, wavelength / (2 if kind == "smooth" else 3))
    heights = rng.normal(size=len(knots))
    if kind == "jerky":
        return np.interp(along, knots, heights)
    weights = np.cos(np.clip((along[:, None] - knots) / wavelength, -0.5, 0.5) * np.pi) ** 2
    return 1.3 * weights @ heights


def shake(outline, along, strength, rng, kind, wavelength):
    """Return the outline shifted along its normal."""
    tangent = np.roll(outline, -1, axis=0) - np.roll(outline, 1, axis=0)
    normal = tangent[:, ::-1] * (-1, 1) / (np.hypot(*tangent.T)[:, None] + 1e-9)
    return outline + strength * tremor(along, kind, wavelength, rng)[:, None] * normal


def write(word, font, shaky, rng):
    """Return the outlines of one image, in pixels."""
    polygons, size = outlines(word, font)
    scale = min(rng.uniform(34, 60) / size[0], 44 / size[1])
    angle, slant = np.deg2rad(rng.uniform(-8, 8)), rng.uniform(-0.3, 0.2)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) @ [[1, slant], [0, 1]]
    waves = [(rng.uniform(0.3, 1.2), rng.uniform(30, 80), *rng.uniform(0, 2 * np.pi, 2)) for _ in range(2)]
    strength = rng.uniform(0.8, 1.6) * max(1, scale * size[1] / 22)
    wavelength = rng.uniform(4.5, 9) * max(1, scale * size[1] / 26)
    kind = rng.choice(["sine", "smooth", "jerky"])
    drawn = []
    for polygon in polygons:
        outline, along = resample(scale * polygon @ turn.T)
        for height, length, phase, direction in waves:  # both classes: no hand draws a straight line
            wave = 2 * np.pi * (outline @ [np.cos(direction), np.sin(direction)]) / length + phase
            outline = outline + height * np.column_stack([np.sin(wave), np.cos(1.1 * wave)])
        drawn.append(shake(outline, along, strength, rng, kind, wavelength) if shaky else outline)
    points = np.vstack(drawn)
    room = np.maximum(SIDE - 2 - np.ptp(points, axis=0), 0)
    corner = 1 + rng.uniform(0, 1, 2) * room
    return [outline - points.min(0) + corner for outline in drawn]


def write_any(words, fonts, shaky, rng):
    """Return the outlines of the beginning of one of the words in one of the fonts."""
    word = rng.choice(words)[: rng.integers(2, 8)]
    word = rng.choice([word, word, word.capitalize(), word.upper()])
    return write(word, rng.choice(fonts), shaky, rng)


def draw(outlines, rng):
    """Return the outlines as an image of uint8, filled or traced."""
    traced, pen = rng.random() < 0.4, rng.uniform(1.0, 1.8)
    ink = fill_or_trace(outlines, (SIDE, SIDE), pen if traced else None) * rng.uniform(0.55, 1.0)
    return np.clip(ink + rng.normal(0, rng.uniform(0, 6), ink.shape), 0, 255).astype(np.uint8)


def fill_or_trace(outlines, size, pen):
    """Return the ink of outlines, from 0 to 255: filled, or traced by a pen of so many pixels."""
    page = Image.new("1", tuple(OVERSAMPLING * side for side in size))
    for outline in outlines:
        points = [tuple(point) for point in outline * OVERSAMPLING]
        glyph = Image.new("1", page.size)
        if pen:
            ImageDraw.Draw(glyph).line([*points, points[0]], fill=1, width=int(OVERSAMPLING * pen))
            page = ImageChops.logical_or(page, glyph)
        else:
            ImageDraw.Draw(glyph).polygon(points, fill=1)
            page = ImageChops.logical_xor(page, glyph)  # an outline inside another cuts a hole
    return np.asarray(page.convert("L").resize(tuple(size), Image.Resampling.BOX))


def make_other_curves(n_images, fonts, words, seed):
    """Return a Bunch of data (n, 4096) and target: 0 regular, 1 shaky."""
    rng = np.random.default_rng(seed)
    target = rng.permutation(np.arange(n_images) % 2)
    images = []
    for shaky in target:
        images.append(draw(write_any(words, fonts, shaky, rng), rng))
    return Bunch(data=np.reshape(images, (n_images, -1)), target=target)


def make_split(seed, fonts=None, words=None, n_train=4000, n_test=2000):
    """Return training and test images that share neither font family nor word.

    With `fonts`, so many fonts of the package to train on and all its others to test on; else those above.
    With `words`, so many to train on; else half of them.
    """
    train_fonts, test_fonts = TRAIN_FONTS, TEST_FONTS
    if fonts is not None:
        shuffled = np.random.default_rng(seed).permutation(sparsecnn.datasets.list_fonts())
        train_fonts, test_fonts = shuffled[:fonts], shuffled[fonts:]
    shuffled_words = np.random.default_rng(seed).permutation(WORDS)
    n_words = words or len(WORDS) // 2
    train = make_other_curves(n_train, train_fonts, shuffled_words[:n_words], [seed, 0])
    return train, make_other_curves(n_test, test_fonts, shuffled_words[n_words:], [seed, 1])


if __name__ == "__main__":
    compare(
        make_split,
        __doc__,
        fonts="train on so many fonts of the package, and test on its others",
        words="train on so many words",
    )
