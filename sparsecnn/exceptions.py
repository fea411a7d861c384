"""Warning categories of sparsecnn, to filter or to turn into errors, and its exceptions."""

__all__ = [
    "DeadLayerWarning",
    "FileFormatError",
    "GroupLeakWarning",
    "ShiftWarning",
    "TrainingInterruptedWarning",
]


class DeadLayerWarning(UserWarning):
    """All penalised weights of a layer are zero, so its output does not depend on the image.

    Ask for fewer zeros: the message names the layer, and a λ or a target to try. Turn it into an error where
    a search should drop such candidates.

    See Also
    --------
    sparsecnn.SparseCurveCNNClassifier : Warns of it in `fit`.

    Examples
    --------
    >>> import warnings
    >>> from sparsecnn import SparseCurveCNNClassifier
    >>> from sparsecnn.datasets import make_shaky_spirals
    >>> from sparsecnn.exceptions import DeadLayerWarning
    >>> X, y = make_shaky_spirals(40, image_shape=(32, 32), return_X_y=True, random_state=0)
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("error", DeadLayerWarning)
    ...     try:
    ...         SparseCurveCNNClassifier(lam=10.0, max_iter=1, random_state=0).fit(X, y)
    ...     except DeadLayerWarning:
    ...         print("λ is too large")
    λ is too large
    """


class FileFormatError(ValueError):
    """A file is no saved estimator, damaged or newer; the message names the file and what is wrong.

    It is a `ValueError`. Nothing of such a file is used, not even the part that was read before the damage.

    See Also
    --------
    sparsecnn.export.load : Raises it.
    sparsecnn.inference.load : Raises it.

    Examples
    --------
    >>> import tempfile
    >>> from sparsecnn.exceptions import FileFormatError
    >>> from sparsecnn.export import load
    >>> with tempfile.NamedTemporaryFile(suffix=".safetensors") as file:
    ...     try:
    ...         load(file.name)
    ...     except FileFormatError as error:
    ...         print(str(error).partition(": ")[2])
    it is no file that sparsecnn.export.save has written.
    """


class GroupLeakWarning(UserWarning):
    """Images of one group, such as a person, are or may be in a training set and its test set.

    The scores of such folds are too good for new persons, since the network has seen other images by
    the same hand. Turn it into an error in evaluations that must not leak.

    See Also
    --------
    sparsecnn.SparseCurveCNNClassifierCV : Warns of it in `fit`.
    sparsecnn.model_selection.ScreeningClassifier : Warns of missing groups, too.
    sparsecnn.model_selection.validate_groups : Checks groups before a search.

    Examples
    --------
    >>> import warnings
    >>> from sklearn.model_selection import StratifiedKFold
    >>> from sparsecnn import SparseCurveCNNClassifierCV
    >>> from sparsecnn.datasets import make_shaky_spirals
    >>> from sparsecnn.exceptions import GroupLeakWarning
    >>> spirals = make_shaky_spirals(40, persons=4, image_shape=(32, 32), random_state=0)
    >>> X, y, persons = spirals.images, spirals.target, spirals.groups
    >>> folds = list(StratifiedKFold(2, shuffle=True, random_state=0).split(X, y))
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("error", GroupLeakWarning)
    ...     try:
    ...         SparseCurveCNNClassifierCV(cv=folds).fit(X, y, groups=persons)
    ...     except GroupLeakWarning:
    ...         print("use StratifiedGroupKFold")
    use StratifiedGroupKFold
    """


class ShiftWarning(UserWarning):
    """The images of new persons do not look like those that a classifier was fitted on.

    Other paper, pens, tasks or scanners are such shifts. Thresholds, probabilities and guarantees that were
    found on the persons of `fit` may not hold for the new ones. Turn it into an error where no answer is
    better than a wrong one.

    See Also
    --------
    sparsecnn.model_selection.ScreeningClassifier : Warns of it in `predict_persons`.

    Examples
    --------
    >>> import warnings
    >>> from sparsecnn import SparseCurveCNNClassifier
    >>> from sparsecnn.datasets import make_shaky_drawings, make_shaky_spirals
    >>> from sparsecnn.exceptions import ShiftWarning
    >>> from sparsecnn.model_selection import ScreeningClassifier
    >>> spirals = make_shaky_spirals(80, image_shape=(32, 32), random_state=0)
    >>> waves = make_shaky_drawings(40, drawings="wave", persons=10, image_shape=(32, 32), random_state=0)
    >>> quick = SparseCurveCNNClassifier(channels=(4, 8, 8), max_iter=6, finetune_iter=2, random_state=0)
    >>> screening = ScreeningClassifier(quick, cv=2)
    >>> screening = screening.fit(spirals.data, spirals.target, groups=spirals.groups)
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("error", ShiftWarning)
    ...     try:
    ...         screening.predict_persons(waves.data, waves.groups)
    ...     except ShiftWarning:
    ...         print("these are no spirals")
    these are no spirals
    """


class TrainingInterruptedWarning(UserWarning):
    """Training was interrupted from the keyboard, and the network of the last completed epoch is kept.

    So Ctrl+C ends a long fit early without losing it. Turn it into an error where a half-trained network is
    of no use.

    See Also
    --------
    sparsecnn.SparseCurveCNNClassifier : Warns of it in `fit`.

    Examples
    --------
    >>> import warnings
    >>> from sparsecnn import SparseCurveCNNClassifier
    >>> from sparsecnn.datasets import make_shaky_spirals
    >>> from sparsecnn.exceptions import TrainingInterruptedWarning
    >>> X, y = make_shaky_spirals(40, image_shape=(32, 32), return_X_y=True, random_state=0)
    >>> quick = SparseCurveCNNClassifier(channels=(4, 4, 4), max_iter=2, finetune_iter=1, random_state=0)
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     fitted = quick.fit(X, y)
    >>> any(issubclass(warning.category, TrainingInterruptedWarning) for warning in caught)
    False
    """
