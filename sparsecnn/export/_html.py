"""One page that answers live, in a file of its own."""

from __future__ import annotations

import base64
import html
import json
import math
import os
import re
import zlib
from importlib import resources
from typing import Any

from sparsecnn._estimator import fitted_classifier, flat_steps
from sparsecnn._files import check_target, write_whole
from sparsecnn._network import make_chain
from sparsecnn.export._page_network import count_weights, page_network
from sparsecnn.export._plain import plain_layers
from sparsecnn.preprocessing import CurveImageTransformer

MOST_CLASSES = 1000
LONGEST_SIDE = 512  # pixels of an image; more would not be answered live
DRAWN_SIDE = 384  # pixels of the paper on the page
BRIGHT = 0.5  # median of training images from which on they are dark ink on bright paper
SCRIPTS = ("ink.js", "desk.js", "pictures.js", "network.js", "page.js")


def to_html(
    estimator: Any, path: str | os.PathLike[str], *, title: str | None = None, note: str | None = None
) -> None:
    """Write a page on which a fitted network answers while one draws.

    The page is one file that works without a server and sends nothing: its content security policy forbids
    the network. A person draws, or chooses, drops, pastes or photographs a picture. The page finds the ink as
    `CurveImageTransformer` does, and shows it with the probability of each class, what speaks for and against
    the most probable one, and how fast the network is with and without its zeros.

    Parameters
    ----------
    estimator : Pipeline, SparseCurveCNNClassifier or search
        Fitted. A pipeline of a `CurveImageTransformer` and a classifier, also a compressed one; or a
        classifier alone, which is given ink as ``CurveImageTransformer(classifier.image_shape_)`` draws it,
        in the range of the training images; or a search for either, of which the best estimator is taken.
    path : path-like
        File to write or to replace, such as ``"reader.html"``.
    title : str, default=None
        Title of the page; None is "What does the network see?".
    note : str, default=None
        Text below the title, such as "This is not a diagnosis."; None shows none.

    Raises
    ------
    TypeError
        If `estimator` is of another kind, such as an ensemble or a pipeline with other steps, or if `path`,
        `title` or `note` is of another type.
    NotFittedError
        If `estimator` is not fitted.
    ValueError
        If its network has layers that a page does not compute, weights that are not finite, or more than
        1,000 classes, or if its images are curves of one row, have several channels, a bright background,
        more than 512 pixels a side, or another shape than the transformer gives, or if the transformer shows
        ink of some colour or `views`.
    OSError
        If `path` cannot be written. The file that is there stays as it was.

    See Also
    --------
    compress : A smaller network with the same scores; `to_html` leaves dead channels out by itself.

    Notes
    -----
    Probabilities are those of ``predict_proba`` but for rounding, for drawings and for pictures that a
    browser decodes to the same pixels. It gives pixels of JPEG files up to two levels of 255 differently, and
    those of colours that are partly transparent up to a tenth of a level; numbers of 16 bits have 8; JPEG
    files of more than 32 times the image's side are reduced by averages, not by decoding fewer frequencies.

    What speaks for and against is found by erasing ink: the colour of a pixel is the mean change in the lead
    of the most probable class, its score minus the mean score of the others, over square patches that cover
    the pixel. A patch is an eighth of the image's longer side.

    The network runs as WebAssembly, or as plain JavaScript where that is missing, over nonzero weights only.
    Browsers need `DecompressionStream`, which all have since 2023.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from sklearn.pipeline import make_pipeline
    >>> from sparsecnn import SparseCurveCNNClassifier
    >>> from sparsecnn.datasets import make_shaky_spirals
    >>> from sparsecnn.export import to_html
    >>> from sparsecnn.preprocessing import CurveImageTransformer
    >>> X, y = make_shaky_spirals(60, image_shape=(32, 32), return_X_y=True, random_state=0)
    >>> classifier = SparseCurveCNNClassifier(channels=(4, 4, 4), max_iter=3, random_state=0).fit(X, y)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     to_html(classifier, Path(folder, "reader.html"), title="Is this spiral shaky?")
    ...     Path(folder, "reader.html").stat().st_size < 40_000
    True
    """
    for name, text in {"title": title, "note": note}.items():
        if not isinstance(text, (str, type(None))):
            raise TypeError(f"{name} must be a str or None, got {text!r}.")
    transformer, classifier = _steps(estimator)
    check_target(path)
    model = _describe(transformer, classifier)
    write_whole(path, _page(model, title or "What does the network see?", note))


def _steps(estimator: Any) -> tuple[CurveImageTransformer | None, Any]:
    """Return the transformer, if there is one, and the classifier of a fitted estimator."""
    classifier = fitted_classifier(estimator)
    *earlier, _ = flat_steps(estimator)
    if earlier and [type(step) for step in earlier] != [CurveImageTransformer]:
        names = ", ".join(type(step).__name__ for step in [*earlier, classifier])
        raise TypeError(
            f"A page can hold a pipeline of a CurveImageTransformer and a classifier, got one of {names}."
        )
    return (earlier[0] if earlier else None), classifier


def _describe(transformer: CurveImageTransformer | None, classifier: Any) -> dict[str, Any]:
    """Return all that the page needs to know, or raise ValueError."""
    shape = classifier.image_shape_
    scale = float(classifier.pixel_scale_)
    _check(transformer, classifier)
    if transformer is None:
        dtype = "uint8" if scale == 255 else "float32"
        scale = scale if dtype == "uint8" else 1.0
        transformer = CurveImageTransformer(shape, dtype=dtype)
    layers = plain_layers(classifier)
    network, numbers = page_network(layers, shape, make_chain(classifier.module_, shape).widths)
    nonzero, total = count_weights(network)
    return network | {
        "classes": [str(label) for label in classifier.classes_.tolist()],
        "shape": {"h": shape[0], "w": shape[1]},
        "bytes": transformer.dtype == "uint8",
        "scale": scale,
        "polarity": transformer.polarity,
        "crop": bool(transformer.crop),
        "margin": float(transformer.margin),
        "unsteadiness": float(transformer.unsteadiness),
        "unsteadinessScale": float(transformer.unsteadiness_scale),
        "side": DRAWN_SIDE,
        "nonzero": nonzero,
        "total": total,
        "data": base64.b64encode(numbers).decode(),
        "kernel": base64.b64encode(_part("kernel.wasm")).decode(),
    }


def _check(transformer: CurveImageTransformer | None, classifier: Any) -> None:
    """Raise ValueError for what a page cannot hold, whatever the network is."""
    shape = classifier.image_shape_
    if transformer is not None and tuple(transformer.image_shape) != shape:
        raise ValueError(
            f"The classifier was fitted on images of shape {shape}, but the transformer's image_shape is "
            f"{tuple(transformer.image_shape)}."
        )
    if classifier.in_channels_ > 1:
        raise ValueError(
            "A page draws images of one channel, but the classifier was fitted on images of "
            f"{classifier.in_channels_}. Use to_onnx, or save and load."
        )
    ink = getattr(transformer, "ink_", getattr(transformer, "ink", "all"))
    if ink != "all":
        raise ValueError(f"A page shows ink of all colours, but the transformer has ink={ink!r}.")
    if transformer is not None and transformer.views is not None:
        raise ValueError(
            f"A page draws one view, but the transformer has views={transformer.views!r}: set views=None, "
            "and unsteadiness and unsteadiness_scale as they were for the one view."
        )
    if len(classifier.classes_) > MOST_CLASSES:
        raise ValueError(
            f"A page shows at most {MOST_CLASSES:,} classes, but the classifier has "
            f"{len(classifier.classes_):,}. Use to_onnx, or save and load."
        )
    if min(shape) == 1:
        raise ValueError(f"A page draws images, but the classifier was fitted on curves, of shape {shape}.")
    if max(shape) > LONGEST_SIDE:
        raise ValueError(
            f"A page takes images of at most {LONGEST_SIDE} pixels a side, but the classifier was fitted on "
            f"images of shape {shape}."
        )
    if transformer is None and classifier._background > BRIGHT:
        raise ValueError(
            "A page gives the network bright ink on black, but the classifier was fitted on images with a "
            f"bright background: their median is {classifier._background:.0%} of the range."
        )


def _page(model: dict[str, Any], title: str, note: str | None) -> bytes:
    """Return the page as bytes."""
    weighed = [name for name in ("unsteadiness.js",) if model["unsteadiness"]]
    script = "\n".join(_squeeze(_part(name).decode()) for name in [*weighed, *SCRIPTS])
    compressor = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    packed = compressor.compress(script.encode()) + compressor.flush()
    parts = {
        "title": html.escape(title),
        "note": "" if note is None else f'<p class="note">{html.escape(note)}</p>',
        "style": _squeeze(_part("style.css").decode()),
        "script": base64.b64encode(packed).decode(),
    }
    template = _squeeze(_part("template.html").decode())
    data = 3 * len(model["data"]) / 4
    size = data + sum(len(text) for text in (template, *parts.values(), json.dumps(model)))
    kilobytes = f"{data / 1000:.1f} kB of a page of {math.ceil((size - data) / 1000)} kB"
    parts["model"] = _json(model | {"kilobytes": kilobytes})
    page = re.sub(r"\{\{(\w+)\}\}", lambda match: parts[match[1]], template)
    return page.encode("utf-8", "xmlcharrefreplace")


def _json(model: dict[str, Any]) -> str:
    """Return JSON that is safe inside of a script element, whatever the names of classes are."""
    text = json.dumps(model, separators=(",", ":"), allow_nan=False)
    return text.replace("<", r"\u003c").replace(">", r"\u003e").replace("&", r"\u0026")


def _squeeze(text: str) -> str:
    """Return code without indentation, blank lines and lines of comments."""
    lines = (line.strip() for line in text.splitlines())
    return "\n".join(line for line in lines if line and not line.startswith("//"))


def _part(name: str) -> bytes:
    return resources.files("sparsecnn.export").joinpath("page", name).read_bytes()
