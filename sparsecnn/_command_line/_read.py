"""Read files with a saved reader, without torch, and write its page."""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sparsecnn._command_line._answers import Kind, judge
from sparsecnn._command_line._files import expand_folders
from sparsecnn._command_line._output import JsonLines, Table, complain
from sparsecnn.exceptions import ShiftWarning
from sparsecnn.pretrained import load_reader, reader_path

if TYPE_CHECKING:
    import numpy as np

    from sparsecnn.inference import NumpyClassifier, NumpyScreening
    from sparsecnn.preprocessing import CurveImageTransformer

AT_ONCE = 64  # files that are held in memory
NOTES = {
    "words": "Draw or drop one word of up to 8 letters: the answer is about its line. It is not a diagnosis.",
    "drawings": "Draw or drop a spiral, wave or loops: the answer is about the line. It is not a diagnosis.",
}


def read_files(
    names: Sequence[str], reader: str, model: str | None, as_json: bool, group_pattern: str | None = None
) -> int:
    """Print the answer for each file or person, and return how many files or folders could not be read.

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
    group_pattern : str, default=None
        Regular expression of the person in the name of a file, who then gets one answer.

    Raises
    ------
    ValueError, OSError
        If `model` cannot be read, or is not of a pipeline that reads files, or `group_pattern` is no regular
        expression.
    """
    from sparsecnn._image_shape import image_extensions
    from sparsecnn.datasets import compile_pattern

    pattern = compile_pattern(group_pattern)
    transformer, classifier = load_model(os.fspath(reader_path(reader)) if model is None else model)
    failures = Failures()
    files = expand_folders(names, image_extensions(), failures.add)
    persons = None if pattern is None else _persons(files, pattern, failures)
    kind = Kind.of(classifier, "file" if persons is None else "person")
    rows = files if persons is None else list(persons.values())
    out = JsonLines(kind) if as_json else Table(rows, kind)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("ignore")  # of damaged metadata, and of blank pages, which are failures here
        warnings.simplefilter("always", ShiftWarning)
        if persons is None:
            for read, images in _in_chunks(files, transformer, failures):
                out.print(judge(classifier, images, read))
        else:
            for read, images in _merged(_in_chunks(list(persons), transformer, failures)):
                out.print(judge(classifier, images, [persons[name] for name in read], by_person=True))
    for warning in caught:
        complain(str(warning.message))
    return failures.n


def _persons(files: Sequence[str], pattern: re.Pattern[str], failures: Failures) -> dict[str, str]:
    """Return the person of each file, after a complaint of those whose names have none."""
    from sparsecnn.datasets import person_in_name

    persons = {}
    for file in files:
        try:
            persons[file] = person_in_name(Path(file), pattern)
        except ValueError as error:
            failures.add(file, str(error))
    folders: dict[str, set[Path]] = {}
    for file, person in persons.items():
        folders.setdefault(person, set()).add(Path(file).parent)
    for person in sorted(person for person, found in folders.items() if len(found) > 1):
        complain(
            f"has files in {len(folders[person])} folders, which are taken as those of one person", person
        )
    return persons


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


def load_model(path: str) -> tuple[CurveImageTransformer, NumpyClassifier | NumpyScreening]:
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
    from sparsecnn.inference import NumpyRegressor, load
    from sparsecnn.preprocessing import CurveImageTransformer

    classifier = load(path)
    if isinstance(classifier, NumpyRegressor):
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


def _merged(chunks: Iterable[tuple[list[str], np.ndarray]]) -> Iterator[tuple[list[str], np.ndarray]]:
    """Yield all chunks as one, if there are any."""
    import numpy as np

    names, images = [], []
    for read, some in chunks:
        names += read
        images.append(some)
    if images:
        yield names, np.concatenate(images)


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
