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

from sparsecnn._ensemble import SparseCurveEnsemble
from sparsecnn._estimator import fitted_classifier, flat_steps
from sparsecnn._files import check_target, write_whole
from sparsecnn._network import make_chain
from sparsecnn.export._page_network import count_weights, page_network
from sparsecnn.export._page_views import INK, view_figures, views_caption
from sparsecnn.export._plain import plain_layers
from sparsecnn.preprocessing import CurveImageTransformer

MOST_CLASSES = 1000
LONGEST_SIDE = 512  # pixels of an image; more would not be answered live
DRAWN_SIDE = 384  # pixels of the paper on the page
BRIGHT = 0.5  # median of training images from which on they are dark ink on bright paper
SCRIPTS = ("ink.js", "desk.js", "pictures.js", "views.js", "network.js", "page.js")


def to_html(
    estimator: Any, path: str | os.PathLike[str], *, title: str | None = None, note: str | None = None
) -> None:
    """Write a page on which a fitted network, or an ensemble, answers while one draws.

    The page is one file that works without a server and sends nothing: its content security policy forbids
    the network. A person draws, or chooses, drops, pastes or photographs a picture. The page finds the ink as
    `CurveImageTransformer` does, and shows all views that a network sees with the probability of each class,
    what speaks for and against the most probable one, and how fast the networks are with and without their
    zeros.

    Parameters
    ----------
    estimator : Pipeline, SparseCurveCNNClassifier, SparseCurveEnsemble or search
        Fitted. A pipeline of a `CurveImageTransformer`, with or without `views`, and a classifier or an
        ensemble, also a compressed one; or either alone, for images of one channel, which is given ink as
        ``CurveImageTransformer(classifier.image_shape_)`` draws it, in the range of the training images; or a
        search for one of these, of which the best estimator is taken.
    path : path-like
        File to write or to replace, such as ``"reader.html"``.
    title : str, default=None
        Title of the page; None is "What does the network see?".
    note : str, default=None
        Text below the title, such as "This is not a diagnosis."; None shows none.

    Raises
    ------
    TypeError
        If `estimator` is of another kind, such as a regressor or a pipeline with other steps, or if `path`,
        `title` or `note` is of another type.
    NotFittedError
        If `estimator` is not fitted.
    ValueError
        If a network has layers that a page does not compute, weights that are not finite, no path from the
        image to a score, or more than 1,000 classes, or if its images are curves of one row, have a bright
        background, more than 512 pixels a side, another shape or number of channels than the transformer
        gives, or several channels without a transformer, or if the transformer shows ink of some colour.
    OSError
        If `path` cannot be written. The file that is there stays as it was.

    See Also
    --------
    compress : A smaller network with the same scores; `to_html` leaves dead channels out by itself.
    SparseCurveEnsemble.predict_proba : What the page of an ensemble shows: the mean over the members.

    Notes
    -----
    Probabilities are those of ``predict_proba`` but for rounding, for drawings and for pictures that a
    browser decodes to the same pixels. It gives pixels of JPEG files up to two levels of 255 differently, and
    those of colours that are partly transparent up to a tenth of a level; numbers of 16 bits have 8; JPEG
    files of more than 32 times the image's side are reduced by averages, not by decoding fewer frequencies.

    What speaks for and against is found by erasing ink, from all views at once: the colour of a pixel is the
    mean change in the lead of the most probable class, its score minus the mean score of the others, over
    square patches that cover the pixel. A patch is an eighth of the image's longer side. The lead of an
    ensemble is the mean over its members.

    Networks run as WebAssembly, or as plain JavaScript where that is missing, over nonzero weights only.
    Weights that are counted are those of all layers and all members. Views that no member of an ensemble sees
    are neither computed nor shown. Browsers need `DecompressionStream`, which all have since 2023.

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
    """Return the transformer, if there is one, and the classifier or ensemble of a fitted estimator."""
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
    networks = _networks(classifier)
    _check(classifier)
    scales = [float(network.pixel_scale_) for network, _ in networks]
    if transformer is None:
        _check_alone(classifier, networks)
        dtype = "uint8" if set(scales) == {255} else "float32"
        transformer = CurveImageTransformer(shape, dtype=dtype)
        scales = scales if dtype == "uint8" else [1.0] * len(scales)
    drawing = transformer._drawing()
    _check_drawing(drawing, classifier)
    seen = sorted({channel for _, channels in networks for channel in channels})
    parts = [
        {"first": seen.index(channels[0]), "scale": scale} | part
        for (_, channels), scale, part in zip(networks, scales, _describe_networks(networks), strict=True)
    ]
    nonzero, total = (sum(counts) for counts in zip(*map(count_weights, parts), strict=True))
    return {
        "classes": [str(label) for label in classifier.classes_.tolist()],
        "shape": {"h": shape[0], "w": shape[1]},
        "views": [drawing.views[channel] for channel in seen],
        "networks": parts,
        "bytes": drawing.dtype == "uint8",
        "polarity": drawing.polarity,
        "crop": bool(drawing.crop),
        "margin": float(drawing.margin),
        "unsteadiness": float(drawing.unsteadiness),
        "side": DRAWN_SIDE,
        "nonzero": nonzero,
        "total": total,
        "kernel": base64.b64encode(_part("kernel.wasm")).decode(),
    }


def _networks(classifier: Any) -> list[tuple[Any, list[int]]]:
    """Return the classifier, or the members of an ensemble, each with the channels that it sees."""
    if isinstance(classifier, SparseCurveEnsemble):
        pairs = zip(classifier.members_, classifier.views_.tolist(), strict=True)
        return [(member, [view]) for member, view in pairs]
    return [(classifier, list(range(classifier.in_channels_)))]


def _describe_networks(networks: list[tuple[Any, list[int]]]) -> list[dict[str, Any]]:
    """Return the stages and numbers of each network, or raise ValueError, which names the member."""
    parts = []
    for i, (network, _) in enumerate(networks):
        try:
            parts.append(_describe_network(network))
        except ValueError as error:
            if len(networks) == 1:
                raise
            raise ValueError(f"members_[{i}]: {error}") from error
    return parts


def _describe_network(classifier: Any) -> dict[str, Any]:
    """Return the stages of a network and its numbers, or raise ValueError."""
    shape = classifier.image_shape_
    widths = make_chain(classifier.module_, shape).widths
    network, numbers = page_network(plain_layers(classifier), (classifier.in_channels_, *shape), widths)
    return network | {"data": base64.b64encode(numbers).decode()}


def _check(classifier: Any) -> None:
    """Raise ValueError for what a page cannot hold, whatever the networks are."""
    shape = classifier.image_shape_
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


def _check_alone(classifier: Any, networks: list[tuple[Any, list[int]]]) -> None:
    """Raise ValueError unless a classifier without a transformer takes bright ink of one channel."""
    if classifier.in_channels_ > 1:
        raise ValueError(
            f"The classifier was fitted on images of {classifier.in_channels_} channels, which a page can "
            "draw only with the CurveImageTransformer whose views they are: give the pipeline of both. For "
            "other images use to_onnx, or save and load."
        )
    background = max(network._background for network, _ in networks)
    if background > BRIGHT:
        raise ValueError(
            "A page gives the network bright ink on black, but the classifier was fitted on images with a "
            f"bright background: their median is {background:.0%} of the range."
        )


def _check_drawing(drawing: Any, classifier: Any) -> None:
    """Raise ValueError unless a transformer draws what a page can draw, as the classifier takes it."""
    shape, n_channels = classifier.image_shape_, classifier.in_channels_
    if drawing.image_shape != shape:
        raise ValueError(
            f"The classifier was fitted on images of shape {shape}, but the transformer's image_shape is "
            f"{drawing.image_shape}."
        )
    if len(drawing.views) != n_channels:
        views = ", ".join(map(str, drawing.views))
        raise ValueError(
            f"The classifier was fitted on images of {n_channels} channels, but the transformer draws "
            f"{len(drawing.views)}: {views}."
        )
    if drawing.ink != "all":
        raise ValueError(f"A page shows ink of all colours, but the transformer has ink={drawing.ink!r}.")


def _page(model: dict[str, Any], title: str, note: str | None) -> bytes:
    """Return the page as bytes."""
    views, seeing = model["views"], [network["first"] for network in model["networks"]]
    weighed = ["unsteadiness.js"] if set(views) != {INK} else []
    script = "\n".join(_squeeze(_part(name).decode()) for name in [*weighed, *SCRIPTS])
    compressor = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    packed = compressor.compress(script.encode()) + compressor.flush()
    parts = {
        "title": html.escape(title),
        "seen": view_figures(views, seeing),
        "caption": views_caption(views, len(seeing)),
        "layout": "views several" if len(views) > 1 else "views",
        "note": "" if note is None else f'<p class="note">{html.escape(note)}</p>',
        "style": _squeeze_style(_part("style.css").decode()),
        "script": base64.b64encode(packed).decode(),
    }
    template = _squeeze(_part("template.html").decode())
    data = sum(3 * len(network["data"]) / 4 for network in model["networks"])
    size = sum(len(text) for text in (template, *parts.values(), _json(model)))
    kilobytes = f"{data / 1000:.1f} kB of a page of {math.ceil(size / 1000)} kB"
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


def _squeeze_style(text: str) -> str:
    """Return a style sheet without what separates nothing."""
    tight = re.sub(r"\s*([{};,])\s*|(?<=:)\s", r"\1", _squeeze(text))
    return tight.replace(";}", "}")


def _part(name: str) -> bytes:
    return resources.files("sparsecnn.export").joinpath("page", name).read_bytes()
