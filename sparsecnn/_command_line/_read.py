"""Read files with a saved reader, without torch, and write its page."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from sparsecnn._command_line._files import expand_folders
from sparsecnn._command_line._output import JsonLines, Table, complain
from sparsecnn.pretrained import load_reader, reader_path

if TYPE_CHECKING:
    import numpy as np

    from sparsecnn.inference import NumpyClassifier
    from sparsecnn.preprocessing import CurveImageTransformer

AT_ONCE = 64  # files that are held in memory
NOTES = {
    "words": "Draw or drop one word of up to 8 letters: the answer is about its line. It is not a diagnosis.",
    "drawings": "Draw or drop a spiral, wave or loops: the answer is about the line. It is not a diagnosis.",
}


def read_files(names: Sequence[str], reader: str, model: str | None, as_json: bool) -> int:
    """Print the answer for each file, and return how many files or folders could not be read.

    Parameters
    ----------
    names : sequence of str
        Files and folders.
    reader : str
        Name of a reader of the package.
    model : str or None
        File of another reader, which replaces it.
    as_json : bool
        Whether to print JSON and not a table.

    Raises
    ------
    ValueError, OSError
        If `model` cannot be read, or is not of a pipeline that reads files.
    """
    from sparsecnn._image_shape import image_extensions

    transformer, classifier = load_model(os.fspath(reader_path(reader)) if model is None else model)
    failures = Failures()
    files = expand_folders(names, image_extensions(), failures.add)
    out = JsonLines(classifier.classes_) if as_json else Table(files, classifier.classes_)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of damaged metadata, and of blank pages, which are failures here
        for read, images in _in_chunks(files, transformer, failures):
            out.print(read, classifier.predict_proba(images))
    return failures.n


def write_page(path: str, reader: str, model: str | None) -> None:
    """Write the page of a reader.

    Parameters
    ----------
    path : str
        File to write.
    reader, model
        As `read_files` takes them.

    Raises
    ------
    ValueError, TypeError, OSError
        If the page cannot be written, or `model` not be read or shown.
    """
    from sparsecnn.export import load, to_html

    if model is None:
        to_html(load_reader(reader), path, title=f"Is it shaky? Reader of {reader}", note=NOTES[reader])
    else:
        to_html(load(model), path)


def load_model(path: str) -> tuple[CurveImageTransformer, NumpyClassifier]:
    """Return the two steps of a saved pipeline.

    Parameters
    ----------
    path : str
        File.

    Raises
    ------
    ValueError
        If it is damaged, of a classifier without a transformer, or of a regressor.
    OSError
        If it cannot be read.
    """
    from sparsecnn.inference import NumpyClassifier, load
    from sparsecnn.preprocessing import CurveImageTransformer

    classifier = load(path)
    if not isinstance(classifier, NumpyClassifier):
        raise ValueError(f"{path}: it holds a regressor, which names no class: use sparsecnn.inference.load.")
    if classifier.transformer_ is None:
        raise ValueError(
            f"{path}: it holds a classifier alone, and how to make its images from files is unknown. Save a "
            "pipeline of a CurveImageTransformer and the classifier."
        )
    return CurveImageTransformer(**classifier.transformer_), classifier


class Failures:
    """Complains of files and counts them."""

    def __init__(self) -> None:
        self.n = 0

    def add(self, name: str, reason: str) -> None:
        """Complain of one file.

        Parameters
        ----------
        name : str
            The file.
        reason : str
            Why it was not read.
        """
        self.n += 1
        complain(reason, name)


def _in_chunks(
    files: Sequence[str], transformer: CurveImageTransformer, failures: Failures
) -> Iterator[tuple[list[str], np.ndarray]]:
    """Yield the names and the images of some files at a time."""
    import numpy as np

    for start in range(0, len(files), AT_ONCE):
        read, images = [], []
        for name in files[start : start + AT_ONCE]:
            image = _read_image(name, transformer, failures)
            if image is not None:
                read.append(name)
                images.append(image)
        if read:
            yield read, np.concatenate(images)


def _read_image(name: str, transformer: CurveImageTransformer, failures: Failures) -> np.ndarray | None:
    """Return the image that the transformer makes of a file, or None after a complaint."""
    try:
        image = transformer.transform([name])
    except Exception as error:  # of whatever kind, the other files are read
        reason = str(error) or type(error).__name__
        failures.add(name, reason.removeprefix(f"1 of 1 images cannot be read:\n  [0] {name}: "))
        return None
    if not image.any():
        failures.add(name, "no ink found: a blank page")
        return None
    return image
