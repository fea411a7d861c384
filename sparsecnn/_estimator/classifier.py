"""The scikit-learn classifier."""

from __future__ import annotations

from typing import Self

from numpy.typing import ArrayLike
from sklearn.base import ClassifierMixin, _fit_context

from sparsecnn._estimator.base import SparseCurveCNN
from sparsecnn._estimator.parameters import ClassifierParameters
from sparsecnn._estimator.prediction import PredictionMixin
from sparsecnn._estimator.targets import ClassTargets


class SparseCurveCNNClassifier(PredictionMixin, ClassifierMixin, SparseCurveCNN, ClassifierParameters):
    """Classify curve images with a convolutional network trained to be sparse.

    There are two ways to set how sparse the network becomes:

    * by λ, as the paper does: give `lam` a number, together with `penalty` and `beta`;
    * by sparsity: leave ``lam="auto"`` and give `target_sparsity`, the fraction of zero weights.

    The network has three convolutions, each with max pooling, and one fully connected layer. Training by
    relaxed variable splitting (RVSM) sets weights to exactly zero; `predict` uses that sparse network.

    Parameters
    ----------
    penalty : str, penalty object or None, default="l0"
        Penalty P on the weights: "l0", "l_half", "lp", "l1", "tl1", "l1_minus_l2", "scad", "mcp", "log_sum"
        or "capped_l1"; "exclusive" or "combined_exclusive", whose weights compete; "hoyer" or "nuclear",
        which need `lam`. "group_l0" and the like, and "l1_inf", are penalties of groups: with
        ``penalized="all"`` they remove whole channels, by the scales of batch normalisation or else by the
        filters; with "fc", the pixels of a channel in the fully connected layer. "sparse_group_l0" and the
        like are of weights and groups. An object of `sparsecnn.penalties`, such as
        ``TransformedL1(a=0.002)``, has parameters that a grid reaches as ``penalty__a``. None trains a dense
        network.
    lam : float or "auto", default="auto"
        The weight λ of the penalty, at least 0. A larger λ gives more zeros: under ℓ0, weights of magnitude
        up to ``√(2·lam/beta)`` become zero. λ grows from 0 to this value over the first half of `max_iter`.
        With "auto", λ is recomputed from the weights so that `target_sparsity` is met; the final value is
        `lam_`.
    beta : float, default=1.0
        The strength β of the pull of the weights towards their sparse copy, above 0. With a given `lam`, β
        also sets the threshold, through λ/β. With ``lam="auto"`` it is the strength of the pull only: the
        sparsity stays `target_sparsity`.
    target_sparsity : float, default=0.9
        Fraction of the penalised weights to set to zero, from 0 (dense) to below 1; used only while
        ``lam="auto"``. At least as many weights as classes must survive. The fraction grows along a cubic
        curve over the first half of `max_iter` and then stays constant. For penalties of groups it is the
        fraction of each layer's channels, of which at least one survives.
    target_macs : float, default=None
        Fraction of the multiply-adds to keep, above 0 to 1, by removing channels; for penalties of groups,
        with ``penalized="all"`` and ``lam="auto"``. With "group_l0" and the like it replaces
        `target_sparsity`; with "sparse_group_l0" and the like, that holds besides, for single weights.
    sparsity_scope : {"auto", "global", "layer"}, default="auto"
        Whether `target_sparsity` holds for all penalised weights together, by one λ, or for each layer.
        "auto" is "layer" for penalties of groups, since layers' norms cannot be compared, else "global".
    penalized : {"fc", "all", "hidden"}, default="fc"
        Weights to make sparse: those of the last fully connected layer that the network registers, of every
        convolution and fully connected layer, or of every such layer but the first and the last.
    channels : tuple of three ints, default=(32, 32, 64)
        Number of filters of each convolution. If the first has room for all principal components of patches
        of the training images with both signs, 18 filters of 3×3 pixels, it begins with them; everything else
        begins at random. Patches of several channels reach over all, and the largest components are taken.
    kernel_size : int, default=3
        Side of the filters, in pixels; odd, and less than twice the longer side of the image.
    batch_norm : bool, default=True
        Whether to normalise the output of each convolution over the batch.
    activation : {"relu", "binary"} or BinaryActivation, default="relu"
        What follows. "binary" is `BinaryActivation`: 1 where the normalised output is above 0, else 0.
    module : torch.nn.Module or callable returning one, default=None
        A network of your own, from images of shape (n, in_channels, height, width) to scores of shape
        (n, n_classes). A module is copied, and training starts from its weights; a class or function is
        called without arguments at every fit. `channels`, `kernel_size`, `batch_norm` and `activation` are
        then unused.
    solver : {"muon", "adam", "sgd"}, default="muon"
        Base optimizer of RVSM. "muon" is Muon [2]_ for the filters of all convolutions but the first and
        Adam for everything else; it needs about a third of the epochs of "adam". "sgd" has a Nesterov
        momentum of 0.9.
    weight_decay : float, default=0.0001
        Strength of the L2 term ``(weight_decay/2)·‖w‖²`` of all layer weights in the loss. Filters that Muon
        trains are instead multiplied by ``1 - 2.5·rate`` at each step, with the learning rate of that step.
    learning_rate_init : float, default=0.003
        Initial learning rate. It falls to 0 along half a cosine.
    batch_size : int or "auto", default="auto"
        Images in a batch, at most all of them. "auto" is ``n_images / 15`` rounded down to a power of 2, at
        least 8 and at most 64; for curves in one row it is 64.
    max_iter : int or "auto", default="auto"
        Number of epochs of splitting. "auto" is that of 560 steps, from 6 for many images to 18 for few, each
        times ``max(1, -log10(fraction of all weights kept)) ** (4/3)``.
    finetune_iter : int or "auto", default="auto"
        Number of epochs of fine-tuning after splitting, with all zeros held at zero. "auto" is
        ``max_iter * max(2, -log10(fraction of all weights kept)) / 3``, rounded down, at least 1.
    augment : bool, CurveAugmentation or "auto", default="auto"
        Whether to change training images at random, and how much. True is ``CurveAugmentation()``. "auto" is
        ``CurveAugmentation(strength=1 / max(1, -log10(fraction of all weights kept)))``. Curves in one row
        are never changed.
    early_stopping : bool, default=False
        Whether to hold back `validation_fraction` of the training images and keep the network with the best
        accuracy on them, among those since λ reached its final value. Each phase ends after
        `n_iter_no_change` epochs without improvement.
    validation_fraction : float, default=0.1
        Fraction of the training images to hold back for early stopping, between 0 and 1. The split is
        stratified; groups passed to `fit` stay on one side.
    n_iter_no_change : int, default=10
        Number of epochs without improvement by `tol` after which early stopping ends a phase.
    tol : float, default=1e-4
        Smallest improvement of the validation accuracy that counts.
    class_weight : dict, "balanced" or None, default=None
        Weight of each class in the loss. "balanced" is ``n_images / (n_classes * images of the class)``.
    warm_start : bool, default=False
        Whether `fit` continues from the fitted network, with λ starting at `lam_`.
    image_shape : tuple of two ints, default=None
        (height, width) of the images in flat X. None takes it from 3-D X, from column names "pixel_{row}_
        {column}", else from a square of at least 8×8, else takes curves in one row.
    in_channels : int, default=None
        Number of channels of an image: views of one drawing, or colours. Rows of flat X hold one after
        another. None takes it from 4-D X, from column names "{view}_pixel_{row}_{column}", from the output of
        `CurveImageTransformer` or of a `FeatureUnion` of several, else is 1.
    device : str or torch.device, default="auto"
        Device of the computation. "auto" is CUDA if available, else the CPU.
    precision : {"float32", "bf16", "auto"}, default="float32"
        Precision of the network's arithmetic. "auto" is bf16 if the device computes it natively. Curves in
        one row that come as float64 are computed in float64 under "float32".
    random_state : int, RandomState instance or None, default=None
        Seed of the initial weights, shuffling, the inner split and augmentation. The same seed gives the same
        weights on one machine with as many threads.
    verbose : int, default=0
        1 shows a progress bar, 2 prints a line for every epoch.
    checkpoint : path-like, default=None
        File that keeps what `fit` has reached, by custom ``*.safetensors``, so that a killed fit goes on
        where it was, bit for bit; a finished one gives its network at once. In an existing folder, every fit
        with other data or parameters has a file of its own, as a search needs it. None keeps nothing.
    checkpoint_every : float or str, default=1
        Epochs between two checkpoints, such as 0.1 within long epochs, or a time such as "30s" or "10min".
    resume : {"auto", True, False}, default="auto"
        Whether `fit` goes on from the checkpoint: "auto" if there is one, True only if there is one. False
        begins anew, and replaces it. The checkpoint of other data or parameters is refused.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Class labels.
    n_features_in_ : int
        Number of pixels of an image, in all channels.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Column names; defined only if X had them.
    image_shape_ : tuple of two ints
        (height, width) of an image.
    in_channels_ : int
        Number of channels of an image.
    module_ : torch.nn.Module
        The sparse network, with exact zeros. It maps pixels divided by `pixel_scale_` to scores.
    pixel_scale_ : float
        255 for ``uint8``, else the largest magnitude in the images trained on; the same for all channels.
    n_iter_ : int
        Number of epochs run; every call of `partial_fit` counts as one.
    loss_curve_ : list of float
        Training loss of each epoch, without the L2 term.
    validation_scores_ : list of float or None
        Validation accuracy of each epoch; None without early stopping.
    best_validation_score_ : float or None
        Validation accuracy of the network kept; None without early stopping.
    history_ : dict of str to list of float
        For each epoch: "loss" (cross-entropy) of the weights w that train, "sparse_loss" of the sparse
        network u on the last batches of the epoch, "validation_score" (NaN without early stopping),
        "sparsity", "lagrangian", "distance" (‖w - u‖), "lam", and "finetuning" (1 in fine-tuning, else 0).
    lam_ : float
        Final λ; with ``sparsity_scope="layer"`` the largest of all layers.
    layer_lam_ : dict of str to float
        Final λ of every penalised layer.
    sparsity_ : float
        Fraction of the `penalized` weights that are exactly zero.
    layer_sparsity_ : dict of str to float
        Fraction of zeros of every convolution and fully connected layer.
    n_nonzero_ : int
        Number of `penalized` weights that are not zero.
    batch_size_ : int
        Images in a batch.
    finetune_iter_ : int
        Planned epochs of fine-tuning.
    augment_ : CurveAugmentation or None
        Augmentation of the training images.

    See Also
    --------
    sparsecnn.RVSM : The same training for any torch network.
    sparsecnn.CurveImageTransformer : From image files to X.
    sparsecnn.callbacks : To follow or end `fit`, by ``set_callbacks`` with scikit-learn 1.9.
    sparsecnn.export.compress : The fitted classifier without its dead channels.

    Notes
    -----
    RVSM [1]_ minimises ``f(w) + λ P(u) + (β/2)‖w - u‖²`` over the weights w and a sparse copy u of the
    penalised ones. The sparse network is u: all predictions and reports are those of u.

    References
    ----------
    .. [1] F. Xue and J. Xin, "Learning Sparse Neural Networks via ℓ0 and Tℓ1 by a Relaxed Variable
       Splitting Method with Application to Multi-scale Curve Classification", arXiv:1902.07419.
    .. [2] K. Jordan, "Muon: An optimizer for hidden layers in neural networks", 2024.

    Examples
    --------
    >>> from sparsecnn import SparseCurveCNNClassifier
    >>> from sparsecnn.datasets import make_shaky_spirals
    >>> X, y = make_shaky_spirals(200, image_shape=(32, 32), return_X_y=True, random_state=0)
    >>> quick = SparseCurveCNNClassifier(channels=(4, 8, 8), max_iter=6, random_state=0)
    >>> by_sparsity = quick.set_params(target_sparsity=0.8).fit(X, y)
    >>> round(by_sparsity.sparsity_, 2)
    0.8
    >>> by_lam = quick.set_params(penalty="tl1", lam=1e-4, beta=1.0).fit(X, y)
    >>> by_lam.predict(X[:3]).shape, 0 < by_lam.sparsity_ < 1
    ((3,), True)
    """

    _targets = ClassTargets

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        groups: ArrayLike | None = None,
    ) -> Self:
        """Train the sparse network.

        λ, or the fraction of zeros, grows over the first half of `max_iter`. Fine-tuning of nonzero weights
        comes last, with new statistics of batch normalisation. With a `checkpoint`, a killed fit goes on
        where it was.

        Parameters
        ----------
        X : array-like of shape (n, pixels), (n, height, width) or (n, channels, height, width)
            Images, ink bright on black. ``uint8`` is kept as such until a batch is made.
        y : array-like of shape (n,)
            Labels of any type.
        sample_weight : array-like of shape (n,), default=None
            Weight of each image in the loss and in batch normalisation. Images of weight 0 are left out.
        groups : array-like of shape (n,), default=None
            Person, font or other source of each image. With `early_stopping`, no group is on both sides of
            the inner split.

        Returns
        -------
        SparseCurveCNNClassifier
            The estimator itself.

        Raises
        ------
        ValueError
            If a parameter or the data is unusable, the checkpoint is of other data or parameters, or training
            diverges. The estimator is then as before.
        FileFormatError
            If the checkpoint is damaged, or no checkpoint.
        OSError
            If the checkpoint cannot be written, or another process trains with it.

        Warns
        -----
        DeadLayerWarning
            If all penalised weights of a layer became zero.
        ConvergenceWarning
            If the sparse network fits the training images much worse than the weights before the cut.
        TrainingInterruptedWarning
            If training was interrupted from the keyboard; the last finished epoch's network is kept. Within
            a search or an ensemble the interrupt is raised instead.

        See Also
        --------
        partial_fit : For data that arrives in chunks.
        sparsecnn.inspection.TrainingCurveDisplay : Draws what happened in each epoch.

        Examples
        --------
        >>> from sparsecnn import SparseCurveCNNClassifier
        >>> from sparsecnn.datasets import make_shaky_spirals
        >>> X, y = make_shaky_spirals(40, image_shape=(32, 32), return_X_y=True, random_state=0)
        >>> quick = SparseCurveCNNClassifier(channels=(4, 4, 4), max_iter=2, finetune_iter=1, random_state=0)
        >>> quick.fit(X, y).n_iter_, round(quick.sparsity_, 1)
        (3, 0.9)
        """
        return self._fit(X, y, sample_weight, groups)

    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        classes: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        n_total: int | None = None,
    ) -> Self:
        """Train once on every image of X, for data that arrives in chunks.

        An epoch, of which λ takes half of `max_iter` to grow, is `n_total` images: each call advances by
        ``len(X) / n_total`` epochs. The learning rate is constant and there is no fine-tuning. Parameters may
        change between two calls; if the penalty or the solver does, training continues from the sparse
        network.

        Parameters
        ----------
        X : array-like of shape (n, pixels), (n, height, width) or (n, channels, height, width)
            Images, ink bright on black.
        y : array-like of shape (n,)
            Labels of any type.
        classes : array-like of shape (n_classes,), default=None
            All classes that will ever come. Needed at the first call only, where None means those of y.
        sample_weight : array-like of shape (n,), default=None
            Weight of each image in the loss, not scaled. λ means what it means to `fit` if they are 1 on
            average.
        n_total : int, default=None
            Number of images in one pass over all data. None takes each call as a whole pass.

        Returns
        -------
        SparseCurveCNNClassifier
            The estimator itself.

        Raises
        ------
        ValueError
            If a parameter or the data is unusable, the classes differ from those of the first call, or
            training diverges. The estimator is then as before.

        See Also
        --------
        fit : Trains on all images at once, and fine-tunes.

        Examples
        --------
        >>> from sparsecnn import SparseCurveCNNClassifier
        >>> from sparsecnn.datasets import make_shaky_spirals
        >>> classifier = SparseCurveCNNClassifier(channels=(4, 4, 4), random_state=0)
        >>> for chunk in range(4):
        ...     X, y = make_shaky_spirals(20, image_shape=(32, 32), return_X_y=True, random_state=chunk)
        ...     classifier = classifier.partial_fit(X, y, classes=[0, 1], n_total=80)
        >>> classifier.n_iter_  # each call counts, whatever its share of an epoch
        4
        """
        if self.class_weight == "balanced":
            raise ValueError("class_weight='balanced' needs all images at once: give partial_fit a dict.")
        return self._partial_fit(X, y, sample_weight, n_total, classes)
