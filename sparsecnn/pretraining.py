"""Learn tremor from generated drawings first, then go on with few real ones."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.pipeline import Pipeline

from sparsecnn._estimator import SparseCurveCNNClassifier
from sparsecnn.datasets import make_shaky_drawings
from sparsecnn.datasets._shaky_drawings import DRAWING_KINDS

__all__ = ["pretrain_on_drawings"]


def pretrain_on_drawings(
    reader: Pipeline,
    *,
    n_samples: int = 3000,
    kinds: str | Sequence[str] = DRAWING_KINDS,
    persons: int | Iterable[int] = 1000,
    severity: float | tuple[float, float] = (0.15, 1.0),
    page_shape: tuple[int, int] = (256, 256),
    classes: Sequence[Any] = (0, 1),
    random_state: int | np.random.RandomState | None = None,
    **params: Any,
) -> Pipeline:
    """Train a reader of drawings on generated ones, as a start for training on real ones.

    Parameters
    ----------
    reader : Pipeline
        Ends in a `SparseCurveCNNClassifier`; its other steps, such as `CurveImageTransformer`, turn pages
        into the classifier's images. It stays as it is.
    n_samples : int, default=3000
        Number of generated drawings.
    kinds, persons, severity
        What is drawn, by whom and how shakily: see :func:`~sparsecnn.datasets.make_shaky_drawings`.
    page_shape : tuple (height, width), default=(256, 256)
        Size of the generated pages; the kind of the scans that are to be read.
    classes : pair of labels, default=(0, 1)
        What to call regular and shaky drawings. Real labels that are to come later must sort the same way.
    random_state : int, RandomState instance or None, default=None
        Seed of the drawings. That of the training is the classifier's own.
    **params : dict
        Parameters of the classifier for this training only, such as ``max_iter=16``.

    Returns
    -------
    pretrained : Pipeline
        A fitted copy of `reader`. It predicts tremor from what it learnt of the generated drawings alone. Its
        classifier has the trained network as its parameter `module`, so that `fit` goes on from there, on
        this pipeline and on every clone of it: in a cross-validation each fold starts from the generated
        drawings only.

    Raises
    ------
    ValueError
        If `reader` does not end in a `SparseCurveCNNClassifier`, or `classes` are not two.

    Examples
    --------
    >>> from sklearn.pipeline import make_pipeline
    >>> from sparsecnn import CurveImageTransformer, SparseCurveCNNClassifier
    >>> from sparsecnn.pretraining import pretrain_on_drawings
    >>> reader = make_pipeline(
    ...     CurveImageTransformer((32, 32), unsteadiness=0.8),
    ...     SparseCurveCNNClassifier(max_iter=2, refine_iter=1, random_state=0),
    ... )
    >>> pretrained = pretrain_on_drawings(reader, n_samples=40, page_shape=(64, 64), random_state=0)
    >>> type(pretrained[-1].module).__name__
    'CurveCNN'
    """
    last = reader[-1] if isinstance(reader, Pipeline) else reader
    if not isinstance(reader, Pipeline) or not isinstance(last, SparseCurveCNNClassifier):
        raise ValueError(
            f"reader must be a Pipeline that ends in a SparseCurveCNNClassifier, got {reader!r}."
        )
    if len(set(classes)) != 2:
        raise ValueError(f"classes must be two labels, for regular and shaky drawings, got {classes!r}.")
    pages, shaky = make_shaky_drawings(
        n_samples,
        kinds=kinds,
        persons=persons,
        severity=severity,
        image_shape=page_shape,
        return_X_y=True,
        random_state=random_state,
    )
    pretrained = clone(reader)
    pretrained[-1].set_params(**params)
    pretrained.fit(pages.reshape(n_samples, *page_shape), np.asarray(classes)[shaky])
    after = clone(last).get_params(deep=False) | {"module": pretrained[-1].module_}
    pretrained[-1].set_params(**after)
    return pretrained
