"""One safe file of a fitted estimator."""

from __future__ import annotations

import io
import os
from typing import Any

import sparsecnn
from sparsecnn._files import check_target, write_whole
from sparsecnn.export._compress import compress
from sparsecnn.export._encode import encode
from sparsecnn.export._rebuild import rebuild
from sparsecnn.inference import (
    ArrayWriter,
    NumpyClassifier,
    NumpyRegressor,
    NumpyScreening,
    Saved,
    SavedEnsemble,
    SavedPipeline,
    SavedScreening,
    decode,
    make_predictor,
    pack,
    unpack,
)

DTYPES = ("float32", "float16", "int8")
# The oldest version of the format that has each.
OTHERS, SCREENINGS = 2, 3


def save(estimator: Any, path: str | os.PathLike[str], *, dtype: str = "float32") -> None:
    """Write a fitted estimator to one small file, which holds no code.

    The file is for sharing and keeping: other versions of Python, torch and scikit-learn read it, and who
    opens it runs no code of yours.

    Parameters
    ----------
    estimator : SparseCurveCNNClassifier, SparseCurveCNNRegressor, search, Pipeline, ensemble or screening
        A fitted classifier or regressor, also one that `compress` made; a search, of which the best estimator
        is saved; a pipeline of `CurveImageTransformer` and one of these; or an ensemble of classifiers: a
        `SparseCurveEnsemble`, a ``VotingClassifier(voting="soft")``, a `BaggingClassifier` that gives every
        classifier all pixels, or a list of classifiers for the same classes; or a `ScreeningClassifier` of
        one of these classifiers, also as the last step of a pipeline. It is not modified.
    path : path-like
        File to write, by custom ``*.safetensors``. An old one is replaced in one step, once the new one is
        complete.
    dtype : {"float32", "float16", "int8"}, default="float32"
        How the weights of layers are stored: as they are, also where they are of double precision; rounded to
        half precision; or rounded to multiples, from -127 to 127, of one step for each filter, the largest
        magnitude of its weights / 127. Biases and batch normalisation stay as they are.

    Raises
    ------
    TypeError
        If `estimator` is of another kind, or a step of the pipeline or a member of the ensemble is.
    NotFittedError
        If it is not fitted.
    ValueError
        If something of it cannot be stored, which is named: a penalty of your own, a `RandomState`, the
        splitter of an ensemble or a screening, weights too large for float16, labels or names of persons
        other than texts, numbers and truth values.
    OSError
        If the file cannot be written. The old one is then as before.

    See Also
    --------
    load : Reads the file.
    sparsecnn.inference.load : Reads it without torch, to predict.

    Notes
    -----
    The file is in the format safetensors, which any reader for it opens. Layers with many zeros are stored as
    the values and the Golomb–Rice coded gaps between them, and binary or ternary ones as signs and one
    magnitude for each filter. Everything else is text in the file's metadata, JSON with single quotation
    marks in place of double ones: parameters other than the defaults, classes or the scale of targets, image
    shape; and a SHA-256
    over the whole file, taken with zeros in its own place.

    Left out are the training curves (``history_``, ``loss_curve_``, ``validation_scores_``) and the state
    between two calls of `partial_fit`. Of a network of your own only the numbers are stored, unless it is a
    `torch.nn.Sequential` of layers that `compress` knows; its initial weights, the parameter `module`, are
    then left out too, and the network itself takes their place. Of a network that was trained further after
    :func:`~sparsecnn.pretraining.pretrain_on_drawings`, the start is left out: a clone of what is loaded is
    trained from scratch.

    Of a screening, the file holds the names, labels and probabilities of the persons held back and, unless
    its `shift_level` is None, up to 8 images of each, of 500 persons at most, as its network sees them: mind
    who may have them. Its unfitted `estimator` becomes a clone of its fitted one.

    Examples
    --------
    >>> import os, tempfile
    >>> from sparsecnn import SparseCurveCNNClassifier
    >>> from sparsecnn.datasets import make_shaky_spirals
    >>> from sparsecnn.export import load, save
    >>> X, y = make_shaky_spirals(100, image_shape=(32, 32), return_X_y=True, random_state=0)
    >>> quick = SparseCurveCNNClassifier(channels=(4, 8, 8), max_iter=6, finetune_iter=2, random_state=0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(quick.fit(X, y), os.path.join(folder, "spirals.safetensors"))
    ...     loaded = load(os.path.join(folder, "spirals.safetensors"))
    >>> bool((loaded.predict_proba(X) == quick.predict_proba(X)).all())
    True
    """
    check_target(path)
    write_whole(path, to_bytes(estimator, dtype))


def to_bytes(estimator: Any, dtype: str = "float32") -> bytes:
    """Return what `save` writes, of which it is certain that `load` reads it.

    Parameters
    ----------
    estimator, dtype
        As `save` takes them.
    """
    if dtype not in DTYPES:
        raise ValueError(f"dtype must be one of {', '.join(map(repr, DTYPES))}, got {dtype!r}.")
    writer = ArrayWriter(dtype)
    entry = encode(estimator, writer)
    is_screening = "screening" in entry or "screening" in entry.get("last", {})
    version = SCREENINGS if is_screening else OTHERS
    data = pack(entry, writer.tensors(), sparsecnn.__version__, version=version)
    try:
        saved = from_bytes(data)
        if not _has_own_network(saved):
            rebuild(saved)
    except ValueError as error:
        raise ValueError(f"The estimator cannot be stored in a file: {error}") from None
    return data


def from_bytes(data: bytes) -> Saved:
    """Return what the bytes of a file say of an estimator.

    Parameters
    ----------
    data : bytes
    """
    return decode(unpack(io.BytesIO(data), len(data), "the estimator"))


def to_numpy(estimator: Any) -> NumpyClassifier | NumpyRegressor | NumpyScreening:
    """Return a classifier, regressor or screening that predicts with numpy alone.

    Its predictions need neither torch nor scikit-learn. To have it in another process, `save` the estimator
    and read the file there.

    Parameters
    ----------
    estimator : SparseCurveCNNClassifier, SparseCurveCNNRegressor, search, Pipeline, ensemble or screening
        Fitted, as `save` takes it. Of a pipeline, the transformer is left out. It is not modified.

    Returns
    -------
    NumpyClassifier, NumpyRegressor or NumpyScreening
        Its predictions are those of `estimator`, but for rounding.

    Raises
    ------
    TypeError
        If `estimator` is of another kind.
    NotFittedError
        If it is not fitted.
    ValueError
        If it cannot be stored in a file, or its network is no chain of layers.

    See Also
    --------
    sparsecnn.inference.load : Makes the same of a saved file, without torch.

    Examples
    --------
    >>> from sparsecnn import SparseCurveCNNClassifier
    >>> from sparsecnn.datasets import make_shaky_spirals
    >>> from sparsecnn.export import to_numpy
    >>> X, y = make_shaky_spirals(100, image_shape=(32, 32), return_X_y=True, random_state=0)
    >>> quick = SparseCurveCNNClassifier(channels=(4, 8, 8), max_iter=6, finetune_iter=2, random_state=0)
    >>> to_numpy(quick.fit(X, y))
    NumpyClassifier(2 classes, images of shape (32, 32))
    """
    saved = from_bytes(to_bytes(estimator))
    if _has_own_network(saved):
        saved = from_bytes(to_bytes(compress(estimator)))
    return make_predictor(saved)


def _has_own_network(saved: Saved) -> bool:
    if isinstance(saved, SavedScreening):
        return _has_own_network(saved.estimator)
    if isinstance(saved, SavedPipeline):
        return _has_own_network(saved.last)
    members = saved.members if isinstance(saved, SavedEnsemble) else [saved]
    return any(member.network.kind == "own" for member in members)
