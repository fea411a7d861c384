"""What the callbacks of a classifier have in common."""

from __future__ import annotations

from typing import Any

from sparsecnn._estimator import SparseCurveCNNClassifier


class ClassifierCallback:
    """A callback of the fit of one classifier, which may be part of a pipeline or a search."""

    def setup(self, estimator: Any, context: Any) -> None:
        """Prepare for a fit; `fit` calls this once, at its beginning.

        Parameters
        ----------
        estimator : SparseCurveCNNClassifier
            The classifier to be fitted.
        context : CallbackContext
            Of the fit.

        Raises
        ------
        TypeError
            If the callback was set on another estimator.
        """
        if not isinstance(estimator, SparseCurveCNNClassifier):
            raise TypeError(
                f"{type(self).__name__} follows the fit of a SparseCurveCNNClassifier: set it on that, not "
                f"on {type(estimator).__name__}."
            )

    def on_fit_task_begin(self, estimator: Any, context: Any) -> None:
        """Note that a fit, a phase or an epoch begins.

        Parameters
        ----------
        estimator : SparseCurveCNNClassifier
            The classifier in training.
        context : CallbackContext
            Of the task that begins.
        """

    def on_fit_task_end(self, estimator: Any, context: Any) -> bool:
        """Return whether the end of a fit, a phase or an epoch ends what it is part of.

        Parameters
        ----------
        estimator : SparseCurveCNNClassifier
            The classifier in training; its ``history_`` is that of the epochs so far.
        context : CallbackContext
            Of the task that ends.

        Returns
        -------
        stop : bool
            True ends the phase of an epoch, or the fit of a phase.
        """
        return False

    def teardown(self, estimator: Any, context: Any) -> None:
        """Forget a fit; `fit` calls this once, at its end, even if it fails.

        Parameters
        ----------
        estimator : SparseCurveCNNClassifier
            The classifier.
        context : CallbackContext
            Of the fit.
        """
