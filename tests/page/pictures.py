"""Picture files of many kinds, for dropping on a page."""

import io

import numpy as np
from pages import draw_mark, draw_spiral
from PIL import Image, ImageDraw


def transparent_strokes(ink):
    """Return strokes of one colour on nothing, as a signature program saves them."""
    picture = Image.new("RGBA", (300, 240), (0, 0, 0, 0))
    line = ImageDraw.Draw(picture).line
    line([(40, 40), (250, 60), (200, 200), (60, 180), (150, 90)], fill=(*ink, 255), width=7)
    return picture.resize((150, 120), Image.Resampling.BOX)


def page_with_hole():
    """Return a page whose corner is cut out."""
    picture = draw_spiral(200, paper=210, ink=40).convert("RGBA")
    alpha = Image.new("L", picture.size, 255)
    ImageDraw.Draw(alpha).rectangle([0, 0, 90, 60], fill=0)
    picture.putalpha(alpha)
    return picture


def file_of(picture, kind="PNG", **options):
    """Return a picture as the bytes of a file."""
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def turned(number, kind="JPEG"):
    """Return a file of a mark on its side, with the orientation that turns it upright."""
    exif = Image.Exif()
    exif[0x0112] = number
    return file_of(draw_mark().convert("L"), kind, exif=exif, **{"quality": 95} if kind == "JPEG" else {})


def shaded_photograph(size=(640, 480)):
    """Return a coloured spiral in uneven light, with noise."""
    rng = np.random.default_rng(3)
    spiral = np.asarray(draw_spiral(480, tremor=2.0), float)[:, :, np.newaxis]
    pixels = np.pad(spiral, ((0, 0), (80, 80), (0, 0)), mode="edge") * (1.0, 0.93, 0.8)
    pixels = pixels * np.linspace(0.5, 1, 640)[:, np.newaxis] + rng.normal(0, 3, (480, 640, 1))
    picture = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
    return picture.resize(size, Image.Resampling.BICUBIC)


def palette_picture():
    return draw_spiral(220, paper=250, ink=10).quantize(16)


def files():
    """Return the name, bytes and exactness of each file: whether a browser decodes it to the same pixels."""
    deep = Image.fromarray(np.asarray(draw_spiral(160), np.uint16) * np.uint16(257))
    exact = {
        "gray.png": file_of(draw_spiral()),
        "small.png": file_of(draw_spiral(70, width=2)),
        "dark.png": file_of(draw_spiral(paper=20, ink=240)),
        "colour.png": file_of(shaded_photograph()),
        "palette.png": file_of(palette_picture()),
        "bits.png": file_of(draw_mark().point(lambda x: 255 * (x > 128)).convert("1")),
        "sixteen.png": file_of(deep),
        "turned.png": turned(6, "PNG"),
        "large.png": file_of(shaded_photograph((1900, 1425))),
        "black_on_nothing.png": file_of(transparent_strokes((0, 0, 0))),
        "white_on_nothing.png": file_of(transparent_strokes((255, 255, 255))),
        "page.bmp": file_of(draw_spiral(width=6), "BMP"),
        "page.gif": file_of(draw_mark(), "GIF"),
        "page.webp": file_of(draw_spiral(180).convert("RGB"), "WEBP", lossless=True),
    }
    close = {
        "blue_on_nothing.png": file_of(transparent_strokes((20, 60, 160))),
        "hole.png": file_of(page_with_hole()),
        "photograph.jpg": file_of(shaded_photograph(), "JPEG", quality=90),
        "gray.jpg": file_of(draw_spiral(paper=200), "JPEG", quality=85),
        **{f"turned_{number}.jpg": turned(number) for number in (2, 3, 5, 6, 8)},
    }
    return [(n, data, True) for n, data in exact.items()] + [(n, data, False) for n, data in close.items()]
