"""What a fitted ensemble predicts, and how sparse it is."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import logsumexp
from sklearn.utils.validation import check_is_fitted

from sparsecnn._estimator import SparseCurveCNNClassifier, valid_pixels
from sparsecnn._network import zero_fraction


class MeanPrediction:
    """The predictions of an ensemble: those of the mean probability of its members."""

    classes_: np.ndarray
    in_channels_: int
    members_: list[SparseCurveCNNClassifier]
    views_: np.ndarray

    def members_and_images(self, X: ArrayLike) -> list[tuple[SparseCurveCNNClassifier, np.ndarray]]:
        """Return each member with the view of X that it sees.

        For what the ensemble does not offer itself, such as the spread of its members' probabilities.

        Parameters
        ----------
        X : array-like of shape (n, channels, height, width), (n, height, width) or (n, pixels)
            Images, as `fit` takes them.

        Returns
        -------
        list of pairs
            Of a `SparseCurveCNNClassifier` and an ndarray of shape (n, height * width).

        See Also
        --------
        predict_proba : The mean of what they predict.

        Examples
        --------
        >>> from sparsecnn import SparseCurveCNNClassifier, SparseCurveEnsemble
        >>> from sparsecnn.datasets import make_shaky_spirals
        >>> X, y = make_shaky_spirals(40, image_shape=(32, 32), return_X_y=True, random_state=0)
        >>> quick = SparseCurveCNNClassifier(channels=(4, 4, 4), max_iter=2, finetune_iter=1)
        >>> ensemble = SparseCurveEnsemble(quick, n_members=2, random_state=0).fit(X, y)
        >>> [member.predict(images).shape for member, images in ensemble.members_and_images(X)]
        [(40,), (40,)]
        """
        check_is_fitted(self)
        views = np.split(valid_pixels(self, X), self.in_channels_, axis=1)
        return [(member, views[view]) for member, view in zip(self.members_, self.views_, strict=True)]

    def predict_proba(self, X: ArrayLike) -> np.ndarray:
        """Return the probability of each class: the mean over the members.

        Where the members do not agree, it is nearer to even odds than theirs.

        Parameters
        ----------
        X : array-like of shape (n, channels, height, width), (n, height, width) or (n, pixels)
            Images, as `fit` takes them.

        Returns
        -------
        ndarray of shape (n, n_classes)
            Sums to 1 for each image; columns are in the order of `classes_`.

        See Also
        --------
        predict : The most probable class.

        Examples
        --------
        >>> from sparsecnn import SparseCurveCNNClassifier, SparseCurveEnsemble
        >>> from sparsecnn.datasets import make_shaky_spirals
        >>> X, y = make_shaky_spirals(40, image_shape=(32, 32), return_X_y=True, random_state=0)
        >>> quick = SparseCurveCNNClassifier(channels=(4, 4, 4), max_iter=2, finetune_iter=1)
        >>> SparseCurveEnsemble(quick, n_members=2, random_state=0).fit(X, y).predict_proba(X).shape
        (40, 2)
        """
        return np.mean([net.predict_proba(images) for net, images in self.members_and_images(X)], axis=0)

    def predict_log_proba(self, X: ArrayLike) -> np.ndarray:
        """Return the logarithm of `predict_proba`.

        It stays finite where a probability is rounded to 0.

        Parameters
        ----------
        X : array-like of shape (n, channels, height, width), (n, height, width) or (n, pixels)
            Images, as `fit` takes them.

        Returns
        -------
        ndarray of shape (n, n_classes)
            Columns are in the order of `classes_`.

        See Also
        --------
        predict_proba : The probabilities themselves.

        Examples
        --------
        >>> from sparsecnn import SparseCurveCNNClassifier, SparseCurveEnsemble
        >>> from sparsecnn.datasets import make_shaky_spirals
        >>> X, y = make_shaky_spirals(40, image_shape=(32, 32), return_X_y=True, random_state=0)
        >>> quick = SparseCurveCNNClassifier(channels=(4, 4, 4), max_iter=2, finetune_iter=1)
        >>> SparseCurveEnsemble(quick, n_members=2, random_state=0).fit(X, y).predict_log_proba(X).shape
        (40, 2)
        """
        each = [net.predict_log_proba(images) for net, images in self.members_and_images(X)]
        return logsumexp(each, axis=0, b=np.float32(1 / len(each)))

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Return the class of each image with the highest mean probability.

        For how sure the ensemble is, call `predict_proba`.

        Parameters
        ----------
        X : array-like of shape (n, channels, height, width), (n, height, width) or (n, pixels)
            Images, as `fit` takes them.

        Returns
        -------
        ndarray of shape (n,)
            Labels of `classes_`.

        See Also
        --------
        predict_proba : The probabilities behind it.

        Examples
        --------
        >>> from sparsecnn import SparseCurveCNNClassifier, SparseCurveEnsemble
        >>> from sparsecnn.datasets import make_shaky_spirals
        >>> X, y = make_shaky_spirals(40, image_shape=(32, 32), return_X_y=True, random_state=0)
        >>> quick = SparseCurveCNNClassifier(channels=(4, 4, 4), max_iter=2, finetune_iter=1)
        >>> SparseCurveEnsemble(quick, n_members=2, random_state=0).fit(X, y).predict(X).shape
        (40,)
        """
        best = self.predict_proba(X).argmax(axis=1)
        return self.classes_[best]

    @property
    def sparsity_(self) -> float:
        """Fraction of the `penalized` weights of all members that are exactly zero.

        That of each is ``members_[i].sparsity_``.

        See Also
        --------
        n_nonzero_ : The number of weights that are left.

        Examples
        --------
        >>> from sparsecnn import SparseCurveCNNClassifier, SparseCurveEnsemble
        >>> from sparsecnn.datasets import make_shaky_spirals
        >>> X, y = make_shaky_spirals(40, image_shape=(32, 32), return_X_y=True, random_state=0)
        >>> quick = SparseCurveCNNClassifier(channels=(4, 4, 4), max_iter=2, finetune_iter=1)
        >>> round(SparseCurveEnsemble(quick, n_members=2, random_state=0).fit(X, y).sparsity_, 1)
        0.9
        """
        check_is_fitted(self)
        return zero_fraction([weight for member in self.members_ for weight in member._penalized_weights()])

    @property
    def n_nonzero_(self) -> int:
        """Number of `penalized` weights of all members that are not zero.

        Layers that are not `penalized` are dense.

        See Also
        --------
        sparsity_ : The same as a fraction.

        Examples
        --------
        >>> from sparsecnn import SparseCurveCNNClassifier, SparseCurveEnsemble
        >>> from sparsecnn.datasets import make_shaky_spirals
        >>> X, y = make_shaky_spirals(40, image_shape=(32, 32), return_X_y=True, random_state=0)
        >>> quick = SparseCurveCNNClassifier(channels=(4, 4, 4), max_iter=2, finetune_iter=1)
        >>> ensemble = SparseCurveEnsemble(quick, n_members=2, random_state=0).fit(X, y)
        >>> ensemble.n_nonzero_ == sum(member.n_nonzero_ for member in ensemble.members_)
        True
        """
        check_is_fitted(self)
        return sum(member.n_nonzero_ for member in self.members_)
