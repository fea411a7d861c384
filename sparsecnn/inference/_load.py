"""From a saved file to an estimator without torch."""

from __future__ import annotations

import os
from typing import Any

from sparsecnn.exceptions import FileFormatError
from sparsecnn.inference._classifier import NumpyClassifier
from sparsecnn.inference._records import Saved, SavedPipeline, SavedRegressor, SavedScreening
from sparsecnn.inference._regressor import NumpyRegressor
from sparsecnn.inference._saved import read_saved
from sparsecnn.inference._screening import NumpyScreening


def load(path: str | os.PathLike[str]) -> NumpyClassifier | NumpyRegressor | NumpyScreening:
    """Return the classifier, regressor or screening of a saved file, which predicts with numpy alone.

    Neither torch nor scikit-learn is imported, and nothing in the file is executed.

    Parameters
    ----------
    path : path-like
        File that `sparsecnn.export.save` has written: of a classifier, a regressor, an ensemble, a
        screening, or a pipeline, of which the transformer is left out.

    Returns
    -------
    NumpyClassifier, NumpyRegressor or NumpyScreening
        It takes the images that the saved estimator takes. Behind a transformer, these are the images that
        it makes.

    Raises
    ------
    FileFormatError
        If it is no such file, damaged, or newer, or holds a network of the user's own, which numpy cannot
        compute.
    OSError
        If the file cannot be read.

    See Also
    --------
    sparsecnn.export.save : Writes the file.
    sparsecnn.export.load : Returns the estimator that was saved.

    Examples
    --------
    >>> import os, tempfile
    >>> from sparsecnn import SparseCurveCNNClassifier, export, inference
    >>> from sparsecnn.datasets import make_shaky_spirals
    >>> X, y = make_shaky_spirals(100, image_shape=(32, 32), return_X_y=True, random_state=0)
    >>> quick = SparseCurveCNNClassifier(channels=(4, 8, 8), max_iter=6, finetune_iter=2, random_state=0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     export.save(quick.fit(X, y), os.path.join(folder, "spirals.safetensors"))
    ...     without_torch = inference.load(os.path.join(folder, "spirals.safetensors"))
    >>> bool((without_torch.predict(X) == quick.predict(X)).mean() > 0.99)
    True
    """
    try:
        return make_predictor(read_saved(path))
    except FileFormatError:
        raise
    except ValueError as error:
        raise FileFormatError(f"{os.fspath(path)}: {error}") from None


def make_predictor(
    saved: Saved, transformer: dict[str, Any] | None = None
) -> NumpyClassifier | NumpyRegressor | NumpyScreening:
    """Return the classifier, regressor or screening of what a file holds.

    Parameters
    ----------
    saved : Saved
    transformer : dict, default=None
        Parameters of the transformer that makes its images.

    Raises
    ------
    ValueError
        If its network cannot be computed.
    """
    if isinstance(saved, SavedPipeline):
        transformer = {name: _plain(value) for name, value in saved.transformer.items()}
        found = {"ink": saved.fitted["ink_"]} if "ink_" in saved.fitted else {}  # where it was "auto"
        return make_predictor(saved.last, transformer | found)
    if isinstance(saved, SavedScreening):
        classifier: Any = make_predictor(saved.estimator, transformer)
        return NumpyScreening(saved, classifier)
    kind: Any = NumpyRegressor if isinstance(saved, SavedRegressor) else NumpyClassifier
    return kind(saved, transformer)


def _plain(value: Any) -> Any:
    """Return a parameter from JSON, where a list is told from a tuple, as a list in either case."""
    return value["list"] if isinstance(value, dict) and isinstance(value.get("list"), list) else value
