"""Drawn pages for the tests of preprocessing."""

import io

import numpy as np
from PIL import Image, ImageDraw

from sparsecnn.preprocessing import CurveImageTransformer


def draw_spiral(size=256, *, paper=235, ink=60, width=4, tremor=0.0, turns=3, radius=0.4, center=(0.5, 0.5)):
    """Draw at four times the size and shrink, so that strokes are smooth like scanned ones."""
    large = 4 * size
    page = Image.new("L", (large, large), paper)
    angle = np.linspace(0.5, 2 * np.pi * turns, 6000)
    radii = radius * large * angle / angle[-1] + 4 * tremor * np.sin(60 * angle)
    x, y = center[0] * large + radii * np.cos(angle), center[1] * large + radii * np.sin(angle)
    ImageDraw.Draw(page).line(list(zip(x, y, strict=True)), fill=ink, width=4 * width, joint="curve")
    return page.resize((size, size), Image.Resampling.BOX)


def draw_mark(size=(200, 160)):
    """Draw a lopsided mark that no flip or rotation maps to itself."""
    page = Image.new("L", size, 230)
    ImageDraw.Draw(page).line([(50, 40), (150, 40), (150, 120), (110, 120)], fill=30, width=6)
    return page


def encode(image, format="PNG", **options):
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def transform_one(source, **params):
    transformer = CurveImageTransformer(**params)
    return transformer.transform([source]).reshape(transformer.image_shape)


def similarity(image, other):
    return np.corrcoef(image.ravel(), other.ravel())[0, 1]


def bounds(ink, threshold=0.2):
    rows, columns = (
        np.flatnonzero((ink > threshold).any(axis=1)),
        np.flatnonzero((ink > threshold).any(axis=0)),
    )
    return rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
