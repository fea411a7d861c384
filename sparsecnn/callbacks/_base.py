"""What the callbacks of an estimator have in common."""

from __future__ import annotations

from typing import Any

from sparsecnn._estimator import SparseCurveCNN


class FitCallback:
    """A callback of the fit of one classifier or regressor, which may be part of a pipeline or a search."""

    def setup(self, estimator: Any, context: Any) -> None:
        """Prepare for a fit.

        `fit` calls this once, at its beginning, of every callback that was set.

        Parameters
        ----------
        estimator : SparseCurveCNNClassifier or SparseCurveCNNRegressor
            The estimator to be fitted.
        context : CallbackContext
            Of the fit.

        Raises
        ------
        TypeError
            If the callback was set on another estimator.

        See Also
        --------
        teardown : Its counterpart.

        Examples
        --------
        >>> from sklearn.linear_model import LogisticRegression
        >>> from sparsecnn.callbacks import TimeLimit
        >>> TimeLimit("10min").setup(LogisticRegression(), None)
        Traceback (most recent call last):
        ...
        TypeError: TimeLimit follows the fit of a SparseCurveCNNClassifier or Regressor: set it on one,...
        """
        if not isinstance(estimator, SparseCurveCNN):
            raise TypeError(
                f"{type(self).__name__} follows the fit of a SparseCurveCNNClassifier or Regressor: set "
                f"it on one, not on {type(estimator).__name__}."
            )

    def on_fit_task_begin(self, estimator: Any, context: Any) -> None:
        """Note that a fit, a phase or an epoch begins.

        `fit` calls this; a callback that has nothing to note leaves it as it is.

        Parameters
        ----------
        estimator : SparseCurveCNNClassifier or SparseCurveCNNRegressor
            The estimator in training.
        context : CallbackContext
            Of the task that begins.

        See Also
        --------
        on_fit_task_end : The same for the end, where training may be stopped.

        Examples
        --------
        >>> from sparsecnn import SparseCurveCNNClassifier
        >>> from sparsecnn.callbacks import StopWhen
        >>> never = StopWhen(lambda history: False)
        >>> never.on_fit_task_begin(SparseCurveCNNClassifier(), None)
        """

    def on_fit_task_end(self, estimator: Any, context: Any) -> bool:
        """Return whether the end of a fit, a phase or an epoch ends what it is part of.

        Parameters
        ----------
        estimator : SparseCurveCNNClassifier or SparseCurveCNNRegressor
            The estimator in training; its ``history_`` is that of the epochs so far.
        context : CallbackContext
            Of the task that ends.

        Returns
        -------
        stop : bool
            True ends the phase of an epoch, or the fit of a phase.
        """
        return False

    def teardown(self, estimator: Any, context: Any) -> None:
        """Forget a fit.

        `fit` calls this once, at its end, even if it fails, so that the callback can be set on another one.

        Parameters
        ----------
        estimator : SparseCurveCNNClassifier or SparseCurveCNNRegressor
            The estimator.
        context : CallbackContext
            Of the fit.

        See Also
        --------
        setup : Its counterpart.

        Examples
        --------
        >>> from sparsecnn import SparseCurveCNNClassifier
        >>> from sparsecnn.callbacks import StopWhen
        >>> never = StopWhen(lambda history: False)
        >>> never.teardown(SparseCurveCNNClassifier(), None)
        """
