"""The saved readers, by name."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

_FOLDER = Path(__file__).parent
_READERS = ("drawings", "words")


def list_readers() -> list[str]:
    """List the names of the readers that the package ships.

    Readers are classifiers that are trained already, each of one kind of picture.

    Returns
    -------
    list of str
        For `load_reader`, in alphabetical order.

    See Also
    --------
    load_reader : Loads one of them, and says what each can do.

    Examples
    --------
    >>> from sparsecnn.pretrained import list_readers
    >>> list_readers()
    ['drawings', 'words']
    """
    return list(_READERS)


def load_reader(name: str) -> Pipeline:
    """Load a trained reader, which says whether the lines in an image are regular or shaky.

    The answers are about lines in a picture. They are not a diagnosis.

    Parameters
    ----------
    name : {"drawings", "words"}
        What the images show. "words": one word each, in handwriting or print. "drawings": a spiral, meander,
        wave, row of loops or cursive word each.

    Returns
    -------
    Pipeline
        A fitted pipeline of `CurveImageTransformer` and `SparseCurveCNNClassifier`, which takes what the
        former takes: image files of any size, margins and shade of paper, or arrays. Its classes are
        "regular" and "shaky". It is a copy of one's own.

    Raises
    ------
    ValueError
        If there is no reader of this name.
    TypeError
        If `name` is no str.

    See Also
    --------
    list_readers : Lists the names.
    sparsecnn.export.load : Loads a reader that you have trained and saved.

    Notes
    -----
    "words" was trained on 14,000 generated words in all fonts of `sparsecnn.datasets`, seed 1. On words of
    `benchmarks/other_curves.py`, of which it saw neither a font nor a word nor the kind of tremor, its
    accuracy is 99.23 % for 3,000 images of 64×64 pixels and 99.40 % for 1,500 files of all sizes. It reads
    one word of one to eight letters at a time, and answers whatever else a picture shows.

    "drawings" was trained on 5,000 generated drawings by 2,000 generated persons, seed 1. On 1,000 drawings
    of other generated persons its accuracy is 85.90 %. On real spirals it does not tell people with
    Parkinson's disease from others: of two public sets, it is right on 57.84 % of 102 and 47.50 % of 160
    drawings, with areas under the ROC curve of 0.72 and 0.75. Train on your own labelled drawings for that.

    Both files have half precision and hold 19,524 and 9,508 bytes. All settings, data and figures are in
    ``docs/user_guide/readers.md``, and ``benchmarks/train_readers.py`` prints them.

    Examples
    --------
    >>> from PIL import Image, ImageDraw
    >>> from sparsecnn.pretrained import load_reader
    >>> page = Image.new("L", (300, 160), "white")
    >>> ImageDraw.Draw(page).text((40, 40), "paper", fill="black", font_size=80)
    >>> load_reader("words").predict([page]).tolist()
    ['regular']
    """
    from sparsecnn.export import load

    return load(reader_path(name))


def reader_path(name: Any) -> Path:
    """Return the file of a reader.

    Parameters
    ----------
    name : str
        One of `list_readers`.

    Raises
    ------
    TypeError, ValueError
        If there is none of this name.
    """
    if not isinstance(name, str):
        raise TypeError(f"name must be a str, one of {list_readers()}, got {name!r}.")
    if name not in _READERS:
        close = get_close_matches(name.lower(), _READERS, n=1)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        raise ValueError(f"name must be one of {list_readers()}, got {name!r}.{hint}")
    return _FOLDER / f"{name}.safetensors"
