"""The scikit-learn classifier that is an ensemble."""

from __future__ import annotations

from collections.abc import Iterable
from numbers import Integral
from typing import Any, ClassVar, Self

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, _fit_context, clone
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions

from sparsecnn._compute import n_processes
from sparsecnn._ensemble.choice import Sample, choose_views, fit_network, folds_of, likelihoods, log_losses
from sparsecnn._ensemble.prediction import MeanPrediction
from sparsecnn._ensemble.recipe import recipe_network, shortened
from sparsecnn._estimator import (
    FEATURES,
    SparseCurveCNNClassifier,
    all_or_nothing,
    check_images,
)


class SparseCurveEnsemble(MeanPrediction, ClassifierMixin, MetaEstimatorMixin, BaseEstimator):
    """Classify drawings by the mean of sparse networks that each see one view of the image.

    A view is a channel of the image: the ink, or its unsteadiness at one scale. Which view each network sees
    is chosen by cross-validation within the training set. It is for tens to hundreds of drawings, where a
    single network varies much with its seed, and where the best view depends on persons and pens.

    Parameters
    ----------
    estimator : SparseCurveCNNClassifier, default=None
        Network to train, whose parameters a grid reaches as ``estimator__penalty``. None is one of
        ``channels=(16, 32, 32)``, ``augment=CurveAugmentation(flip=True)``, ``batch_size=64``,
        ``class_weight="balanced"``, ``solver="adam"``, ``max_iter=24`` and ``finetune_iter=8``. Its
        `image_shape`, `in_channels` and `random_state` are not used, and a `batch_size` above the number of
        images is that number. If it has a `module`, as after
        :func:`~sparsecnn.pretraining.pretrain_on_drawings`, all members start from its weights.
    n_members : int, default=8
        Number of networks whose probabilities are averaged.
    cv : int, splitter or iterable of splits, default=3
        Folds on which views are compared; unused for images of one channel. An integer gives stratified
        folds; if groups are passed to `fit`, no group is in two of them.
    choice_iter : int or "auto", default="auto"
        The `max_iter` of the networks that are trained on these folds; `finetune_iter`, if both are numbers,
        is changed in the same proportion, rounded up. "auto" is half of the `max_iter` of `estimator`,
        rounded up, or "auto" if that is.
    in_channels : int, default=None
        Number of channels of an image. None is that which X shows, else 1.
    image_shape : tuple of two ints, default=None
        (height, width) of an image. None infers it from X as `SparseCurveCNNClassifier` does.
    n_jobs : int, default=None
        Number of networks to train at a time. None is 1 unless in a ``joblib.parallel_config`` context; -1
        is all cores.
    random_state : int, RandomState or None, default=None
        Seed of the seeds of all networks. An integer gives the same ensemble every time on one machine.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Class labels.
    members_ : list of SparseCurveCNNClassifier
        The fitted networks, for images of one channel.
    views_ : ndarray of int of shape (n_members,)
        The channel that each member sees, in the order in which they were chosen.
    view_losses_ : ndarray of shape (n_channels,) or None
        Log loss of each view alone on the images held back; None for images of one channel.
    in_channels_ : int
        Number of channels of an image.
    image_shape_ : tuple of two ints
        (height, width) of an image.
    n_features_in_ : int
        Pixels of an image, of all channels together.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Column names; defined only if X has them.

    See Also
    --------
    SparseCurveCNNClassifier : One network, which sees all channels.
    sparsecnn.CurveImageTransformer : Makes the views of image files.
    sparsecnn.export.save : Writes the ensemble to one file.
    sparsecnn.export.to_html : Writes a page on which the ensemble answers while one draws.
    sparsecnn.inspection.integrated_gradients : What each pixel adds to the mean score.
    sparsecnn.inspection.NetworkReport : Counts weights, multiply-adds and bytes of each member.

    Notes
    -----
    On every fold, a network is trained on each view. Then the members' views are chosen one by one: each is
    the view that minimises the log loss of the mean so far on the images held back [1]_. If one view is best,
    all members get it; if views complement each other, they share the members. That takes
    ``n_channels * cv`` short trainings besides those of the members.

    Groups, such as persons, stay together in the folds, so that the views are those that hold for strangers.
    `view_losses_` made the choice: an honest figure comes from persons who took no part in `fit`.

    References
    ----------
    .. [1] R. Caruana, A. Niculescu-Mizil, G. Crew and A. Ksikes, "Ensemble selection from libraries of
       models", ICML 2004.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsecnn import SparseCurveCNNClassifier, SparseCurveEnsemble
    >>> from sparsecnn.datasets import make_shaky_spirals
    >>> spirals = make_shaky_spirals(60, image_shape=(32, 32), random_state=0)
    >>> noise = np.random.default_rng(0).integers(256, size=spirals.images.shape, dtype=np.uint8)
    >>> X = np.stack([noise, spirals.images], axis=1)  # two channels, of which one shows the spirals
    >>> quick = SparseCurveCNNClassifier(channels=(4, 8, 8), max_iter=6, finetune_iter=2)
    >>> ensemble = SparseCurveEnsemble(quick, n_members=2, cv=2, choice_iter=6, random_state=0)
    >>> ensemble.fit(X, spirals.target, groups=spirals.groups).views_.tolist()
    [1, 1]
    """

    _parameter_constraints: ClassVar[dict] = {
        "estimator": [SparseCurveCNNClassifier, None],
        "n_members": [Interval(Integral, 1, None, closed="left")],
        "cv": [Interval(Integral, 2, None, closed="left"), HasMethods(["split", "get_n_splits"]), Iterable],
        "choice_iter": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
        "in_channels": "no_validation",  # has a check of its own
        "image_shape": "no_validation",  # has a check of its own
        "n_jobs": [Integral, None],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        estimator: SparseCurveCNNClassifier | None = None,
        *,
        n_members: int = 8,
        cv: Any = 3,
        choice_iter: int | str = "auto",
        in_channels: int | None = None,
        image_shape: tuple[int, int] | None = None,
        n_jobs: int | None = None,
        random_state: int | np.random.RandomState | None = None,
    ):
        self.estimator = estimator
        self.n_members = n_members
        self.cv = cv
        self.choice_iter = choice_iter
        self.in_channels = in_channels
        self.image_shape = image_shape
        self.n_jobs = n_jobs
        self.random_state = random_state

    def set_params(self, **params: Any) -> Self:
        """Set parameters of the ensemble, and of its network as ``estimator__penalty``.

        A grid of scikit-learn does this for every candidate. If `estimator` is None, it becomes the network
        that None stands for, with the values given.

        Parameters
        ----------
        **params : dict
            Values by name.

        Returns
        -------
        SparseCurveEnsemble
            The ensemble itself.

        Raises
        ------
        ValueError
            If there is no such parameter.

        See Also
        --------
        sklearn.base.BaseEstimator.get_params : The present values.

        Examples
        --------
        >>> from sparsecnn import SparseCurveEnsemble
        >>> SparseCurveEnsemble().set_params(estimator__target_sparsity=0.95).estimator.target_sparsity
        0.95
        """
        nested = any(name.startswith("estimator__") for name in params)
        if nested and params.get("estimator", self.estimator) is None:
            params["estimator"] = recipe_network()
        return super().set_params(**params)

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        groups: ArrayLike | None = None,
    ) -> Self:
        """Choose the view of each member, and train the members on all images.

        Images of one channel leave nothing to choose: the members then differ in their seeds only.

        Parameters
        ----------
        X : array-like of shape (n, channels, height, width), (n, height, width) or (n, pixels)
            Images, ink bright on black; in rows, pixels are in the order channel, row, column. ``uint8`` is
            kept as such until a batch is made.
        y : array-like of shape (n,)
            Labels of any type.
        sample_weight : array-like of shape (n,), default=None
            Weight of each image in training and in the log loss of the choice. Images of weight 0 are left
            out of both.
        groups : array-like of shape (n,), default=None
            Person, font or other source of each image, which folds keep together.

        Returns
        -------
        SparseCurveEnsemble
            The ensemble itself.

        Raises
        ------
        ValueError
            If a parameter or the data is unusable, if a class has fewer groups (without groups, images) than
            `cv`, if training diverges, or in one of several processes of a distributed training. The ensemble
            is then as before.

        Warns
        -----
        GroupLeakWarning
            If `cv` is a splitter that has a group on both sides.
        DeadLayerWarning
            If all penalised weights of a layer of a network became zero.

        See Also
        --------
        predict_proba : The mean over the members.

        Examples
        --------
        >>> from sparsecnn import SparseCurveCNNClassifier, SparseCurveEnsemble
        >>> from sparsecnn.datasets import make_shaky_spirals
        >>> X, y = make_shaky_spirals(40, image_shape=(32, 32), return_X_y=True, random_state=0)
        >>> quick = SparseCurveCNNClassifier(channels=(4, 4, 4), max_iter=2, finetune_iter=1)
        >>> len(SparseCurveEnsemble(quick, n_members=2, random_state=0).fit(X, y).members_)
        2
        """
        if n_processes() > 1:
            raise ValueError("SparseCurveEnsemble trains in one process: its choice needs all images.")
        with all_or_nothing(self) as draft:
            draft._fit(X, y, sample_weight, groups)
        return self

    def _fit(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None, groups: ArrayLike | None
    ) -> None:
        """Set the fitted attributes."""
        rng = check_random_state(self.random_state)
        network = recipe_network() if self.estimator is None else clone(self.estimator)
        network._validate_params()
        views, sample = self._views_and_sample(network, X, y, sample_weight, groups)
        network.set_params(image_shape=self.image_shape_, in_channels=1)
        choice_seed, *seeds = rng.randint(2**31 - 1, size=1 + self.n_members).tolist()
        self._choose(network.set_params(random_state=choice_seed), views, sample)
        self.members_ = Parallel(n_jobs=self.n_jobs)(
            delayed(fit_network)(clone(network).set_params(random_state=seed), views[view], sample)
            for view, seed in zip(self.views_, seeds, strict=True)
        )

    def _views_and_sample(
        self,
        network: SparseCurveCNNClassifier,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None,
        groups: ArrayLike | None,
    ) -> tuple[list[np.ndarray], Sample]:
        """Return the images of each view and what is known of them, without images of weight 0."""
        whole: Any = clone(network).set_params(
            class_weight=None, image_shape=self.image_shape, in_channels=self.in_channels
        )
        images, targets, names = check_images(whole, X, y, sample_weight, groups)
        features = {name: value for name, value in vars(whole).items() if name in FEATURES}
        self.__dict__.pop("feature_names_in_", None)  # of a fit before
        self.__dict__.update(
            features | targets.attributes, image_shape_=images.image_shape, in_channels_=images.in_channels
        )
        pixels = images.X if images.rows is None else images.X[images.rows]
        views = np.split(np.asarray(pixels), images.in_channels, axis=1)
        n_left_out = len(images.X) - len(pixels)
        return views, Sample(self.classes_[images.y], images.weight, names, n_left_out)

    def _choose(self, network: SparseCurveCNNClassifier, views: list[np.ndarray], sample: Sample) -> None:
        """Set the view of each member, and the log loss of each view."""
        if len(views) == 1:
            self.views_, self.view_losses_ = np.zeros(self.n_members, int), None
            return
        folds = folds_of(self.cv, views[0], sample)
        short = shortened(network, self.choice_iter)
        likelihood = likelihoods(short, views, sample, folds, self.n_jobs)
        weight = sample[np.concatenate([test for _, test in folds])].weight
        self.views_ = choose_views(likelihood, self.n_members, weight)
        self.view_losses_ = log_losses(likelihood, weight)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags
