"""Pretrain on generated drawings, to fine-tune on few real ones."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.pipeline import Pipeline

from sparsecnn._ensemble import SparseCurveEnsemble, fit_common_network
from sparsecnn._estimator import SparseCurveCNNClassifier
from sparsecnn._image_shape import check_image_shape
from sparsecnn.datasets import DRAWING_KINDS, make_shaky_drawings

__all__ = ["pretrain_on_drawings"]


def pretrain_on_drawings(
    reader: Pipeline,
    *,
    n_samples: int = 3000,
    drawings: str | Sequence[str] = DRAWING_KINDS,
    persons: int | Iterable[int] = 1000,
    severity: float | tuple[float, float] = (0.15, 1.0),
    hands: str = "synthetic",
    guide: str | Sequence[str] = "none",
    pen: str | Sequence[str] | None = None,
    paper: str | Sequence[str] = "plain",
    capture: str | Sequence[str] = "clean",
    page_shape: tuple[int, int] = (256, 256),
    classes: Sequence[Any] = (0, 1),
    random_state: int | np.random.RandomState | None = None,
    **params: Any,
) -> Pipeline:
    """Train a pipeline on generated drawings, as a start for training on real ones.

    Where real drawings are few, the network then starts from filters that know lines and tremor already.

    Parameters
    ----------
    reader : Pipeline
        Ends in a `SparseCurveCNNClassifier` or `SparseCurveEnsemble`; its other steps, such as
        `CurveImageTransformer`, convert pages to images. It is not modified.
    n_samples : int, default=3000
        Number of generated drawings.
    drawings : str or list of str, default=("spiral", "meander", "wave", "loops", "word")
        Kinds of drawing, see :func:`~sparsecnn.datasets.make_shaky_drawings`.
    persons : int or iterable of int, default=1000
        Numbers of the persons who draw, see :func:`~sparsecnn.datasets.make_shaky_drawings`. The default
        persons of that function, 0 to 39, are among these 1000: test on others, such as
        ``persons=range(1000, 1040)``.
    severity : float or (low, high), default=(0.15, 1.0)
        Severity of the tremor, see :func:`~sparsecnn.datasets.make_shaky_drawings`.
    hands : {"synthetic", "recorded"}, default="synthetic"
        Where the styles of persons come from, see :func:`~sparsecnn.datasets.make_shaky_drawings`.
    guide : {"none", "black", "gray"} or list of these, default="none"
        Printed line that the persons trace.
    pen : {"blue", "black", "red", "pencil"} or list of these, default=None
        Colour of the pen; None for pages in gray. A reader with ``ink="pen"`` needs one in colour.
    paper : {"plain", "lined", "squared", "framed"} or list of these, default="plain"
        Rulings or a frame on the paper.
    capture : {"clean", "scan", "phone"} or list of these, default="clean"
        How the pages become pictures.
    page_shape : tuple (height, width), default=(256, 256)
        Size of the generated pages in pixels, each at least 32; similar to that of the real pages.
    classes : pair of labels, default=(0, 1)
        Labels of regular and of shaky drawings, in this order. Real labels must sort in the same order.
    random_state : int, RandomState instance or None, default=None
        Seed of the drawings; the training uses the `random_state` of the classifier.
    **params : dict
        Parameters of the classifier, of an ensemble those of its `estimator`, for this training only, such as
        ``max_iter=16``.

    Returns
    -------
    Pipeline
        A copy of `reader`, fitted to the generated drawings only. The trained network is the parameter
        `module` of its classifier: `fit` of this pipeline and of its clones starts from these weights, so
        that each fold of a cross-validation starts from the generated drawings only. For an ensemble, one
        network is trained on all views of the drawings; it is the `module` of the ensemble's `estimator`, and
        until the next fit it is every member.

    Raises
    ------
    TypeError, ValueError
        If `reader` ends in something else, `classes` are not two different labels, or an argument of the
        drawings is of the wrong type or out of its range.

    See Also
    --------
    sparsecnn.datasets.make_shaky_drawings : Generate the drawings.

    Examples
    --------
    >>> from sklearn.pipeline import make_pipeline
    >>> from sparsecnn import CurveImageTransformer, SparseCurveCNNClassifier
    >>> from sparsecnn.pretraining import pretrain_on_drawings
    >>> reader = make_pipeline(
    ...     CurveImageTransformer((32, 32), unsteadiness=0.8),
    ...     SparseCurveCNNClassifier(max_iter=2, finetune_iter=1, random_state=0),
    ... )
    >>> pretrained = pretrain_on_drawings(reader, n_samples=40, page_shape=(64, 64), random_state=0)
    >>> type(pretrained[-1].module).__name__
    'CurveCNN'
    """
    last = reader.steps[-1][1] if isinstance(reader, Pipeline) and reader.steps else None
    if not isinstance(last, (SparseCurveCNNClassifier, SparseCurveEnsemble)):
        raise ValueError(
            "reader must be a Pipeline that ends in a SparseCurveCNNClassifier or SparseCurveEnsemble, "
            f"got {reader!r}."
        )
    labels = _check_classes(classes)
    shape = check_image_shape(page_shape, "page_shape", smallest=32)
    generated: Any = make_shaky_drawings(
        n_samples,
        drawings=drawings,
        persons=persons,
        severity=severity,
        hands=hands,
        guide=guide,
        pen=pen,
        paper=paper,
        capture=capture,
        image_shape=shape,
        random_state=random_state,
    )
    pages, y = generated.images, labels[generated.target]
    pretrained = clone(reader)
    earlier, name = pretrained[:-1], pretrained.steps[-1][0]
    images = earlier.fit_transform(pages, y) if earlier.steps else pages
    pretrained.steps = [*earlier.steps, (name, _pretrain(last, images, y, params))]
    return pretrained


def _pretrain(
    last: SparseCurveCNNClassifier | SparseCurveEnsemble, X: np.ndarray, y: np.ndarray, params: dict[str, Any]
) -> Any:
    """Return a copy of a classifier or ensemble, fitted to X, whose next fit starts from what was trained."""
    if isinstance(last, SparseCurveEnsemble):
        return fit_common_network(last, X, y, **params)
    fitted = clone(last).set_params(**params).fit(X, y)
    return fitted.set_params(**clone(last).get_params(deep=False) | {"module": fitted.module_})


def _check_classes(classes: Any) -> np.ndarray:
    """Return two different labels as an array that keeps them as they are."""
    listed = list(classes) if np.iterable(classes) and not isinstance(classes, (str, bytes)) else []
    scalars = len(listed) == 2 and not any(np.ndim(label) for label in listed)
    if not scalars or listed[0] == listed[1] or np.asarray(listed).tolist() != listed:
        raise ValueError(
            "classes must be two different labels of one type, of regular and of shaky drawings, "
            f"got {classes!r}."
        )
    return np.asarray(listed)
