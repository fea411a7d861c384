"""What the classifier refuses, and that nothing is lost then."""

import runpy
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from classifiers import OwnNetwork, interrupted_after, own_network, small, state
from PIL import Image
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

import sparsecnn
from sparsecnn import CurveAugmentation, SparseCurveCNNClassifier
from sparsecnn.datasets import make_shaky_spirals
from sparsecnn.exceptions import TrainingInterruptedWarning
from sparsecnn.penalties import TransformedL1

FOLDER = Path(sparsecnn.__file__).parent


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"lam": -1e-4}, "'lam' parameter"),
        ({"beta": 0.0}, "'beta' parameter"),
        ({"penalty": "l2"}, r"penalty must be one of \['capped_l1'.*got 'l2'"),
        ({"penalty": "l_0"}, r"Did you mean 'l0'\?"),
        ({"penalty": 0}, "'penalty' parameter"),
        ({"penalty": TransformedL1(a=-1.0)}, "TransformedL1 needs a finite a > 0"),
        ({"penalized": "conv"}, "'penalized' parameter"),
        ({"solver": "lbfgs"}, "'solver' parameter"),
        ({"channels": (4, 4)}, r"channels must be three positive integers.*got \(4, 4\)"),
        ({"kernel_size": 4}, "kernel_size must be odd, got 4"),
        ({"image_shape": (16, 20)}, r"images of shape \(16, 16\), but image_shape=\(16, 20\)"),
        ({"image_shape": (16,)}, "two positive integers"),
        ({"image_shape": 16}, r"image_shape must be two positive integers \(height, width\), got 16"),
        ({"penalty": TransformedL1}, "got the class TransformedL1: call it"),
        ({"device": "tpu"}, "device='tpu' cannot be used"),
        ({"learning_rate_init": 1e30, "solver": "sgd"}, "training diverged. Lower learning_rate_init"),
    ],
)
def test_fit_refuses_bad_parameters(stripes, params, message):
    with pytest.raises(ValueError, match=message):
        small(**params).fit(*stripes)


def test_batch_larger_than_the_data_is_all_of_it(stripes):
    with pytest.warns(UserWarning, match="batch_size=500 is more than the 120 training images") as record:
        clipped = small(batch_size=500).fit(*stripes)
    assert record[0].filename == __file__
    assert torch.equal(state(clipped), state(small(batch_size=120).fit(*stripes)))


@pytest.mark.parametrize("scale", [255.0, 1 / 255])
def test_images_of_another_range_warn(stripes, scale):
    X, y = stripes
    fitted = small().fit(X / 255 if scale > 1 else X, y)
    other = X / (1 if scale > 1 else 255)
    with pytest.warns(
        UserWarning, match="pixels of X go up to .*, but those of the training images"
    ) as record:
        fitted.predict(other)
    assert record[0].filename == __file__


def test_images_a_few_times_darker_warn(stripes):
    X, y = stripes
    fitted = small(max_iter=1).fit(X, y)
    for factor in (8, 64):
        with pytest.warns(UserWarning, match="pixels of X go up to"):
            fitted.predict(X / factor)
    fitted.predict(X / 2)


def test_a_few_dim_drawings_do_not_warn():
    X, y = make_shaky_spirals(40, image_shape=(32, 32), return_X_y=True, random_state=0)
    fitted = small(max_iter=1).fit(X, y)
    for dim in (X[:1] // 6, X[:7] // 6, X[:1] / 6):
        fitted.predict(dim)
    for other in (X[:1] / 255, X[:7] // 32, X[:8] // 6, X[:1] * 5.0):
        with pytest.warns(UserWarning, match="pixels of X go up to .* give both the same range"):
            fitted.predict(other)


def test_images_of_the_other_polarity_warn():
    X, y = make_shaky_spirals(40, image_shape=(32, 32), return_X_y=True, random_state=0)
    with pytest.warns(UserWarning, match="The background of X is bright: its median pixel is 9"):
        inverted = small(max_iter=1).fit(255 - X, y)
    with pytest.warns(UserWarning, match="is not that of the training images"):
        inverted.predict(X)
    fitted = small(max_iter=1).fit(X, y)
    with pytest.warns(UserWarning, match="is not that of the training images") as record:
        fitted.predict(255 - X)
    assert record[0].filename == __file__


def test_flat_images_that_are_no_squares_warn():
    X, y = make_shaky_spirals(20, image_shape=(32, 64), return_X_y=True, random_state=0)
    X = np.asarray(X)
    with pytest.warns(UserWarning, match=r"2048 pixels in flat rows.*image_shape=\(height, width\), such as"):
        assert small(max_iter=1, batch_size="auto").fit(X, y).image_shape_ == (1, 2048)
    assert small(max_iter=1, batch_size="auto", image_shape=(32, 64)).fit(X, y).image_shape_ == (32, 64)
    waves = np.random.default_rng(0).normal(size=(20, 2048))
    assert small(max_iter=1, batch_size="auto").fit(waves, y).image_shape_ == (1, 2048)


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        (np.zeros(119), r"one label per image, shape \(120,\), got shape \(119,\)"),
        (np.zeros((120, 1)), r"got shape \(120, 1\)"),
        ([None, *"a" * 119], "groups must have a label for each image, got None for image 0"),
        ([0.0] * 119 + [np.nan], "got nan for image 119"),
    ],
)
def test_fit_refuses_bad_groups(stripes, groups, message):
    with pytest.raises(ValueError, match=message):
        small(early_stopping=True).fit(*stripes, groups=groups)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_fit_refuses_pixels_that_are_not_finite(stripes, value):
    X = stripes[0].astype(np.float32)
    X[3, 4, 5] = value
    with pytest.raises(ValueError, match=r"NaN|infinity"):
        small().fit(X, stripes[1])


@pytest.mark.parametrize(
    ("X", "y", "message"),
    [
        (
            ["a.png", "b.png"],
            [0, 1],
            "its images are of type str; CurveImageTransformer",
        ),
        ([Path("a.png"), Path("b.png")], [0, 1], "type PosixPath|type WindowsPath"),
        ([Image.new("L", (8, 8)), Image.new("L", (9, 8))], [0, 1], "type Image"),
        (np.zeros((2, 8, 8, 3)), [0, 1], r"got \(2, 8, 8, 3\), .* give np\.moveaxis"),
        (np.zeros((4, 16, 16)), [1, 1, 1, 1], "at least two classes, but it has one class"),
        (np.zeros((4, 16, 16)), [0, 1, 1], "inconsistent numbers of samples"),
        (np.zeros((4, 5, 16)), [0, 1, 0, 1], r"shape \(5, 16\) are too small for three poolings"),
        (np.zeros((4, 16, 16)), [0.5, 1.2, 0.1, 3.3], "Unknown label type"),
        (np.zeros((0, 256)), [], "0 sample"),
    ],
    ids=[
        "files",
        "paths",
        "opened images",
        "channels",
        "one class",
        "lengths",
        "too small",
        "regression",
        "empty",
    ],
)
def test_fit_refuses_bad_data(X, y, message):
    with pytest.raises(ValueError, match=message):
        small(batch_size="auto").fit(X, y)


def test_early_stopping_refuses_too_few_images():
    with pytest.raises(ValueError, match="at least 2 images of every class, got 1"):
        small(early_stopping=True, batch_size="auto").fit(np.zeros((5, 16, 16)), [0, 0, 0, 0, 1])


def test_early_stopping_refuses_too_large_a_fraction(stripes):
    with pytest.raises(ValueError, match=r"validation_fraction=0.99 of 120 images leaves too few"):
        small(early_stopping=True, validation_fraction=0.99).fit(*stripes)


@pytest.mark.parametrize("weights", [{"across": 0.0, "down": 0.0}, {"across": -1.0, "down": 1.0}])
def test_class_weight_must_leave_something_to_learn(stripes, weights):
    with pytest.raises(ValueError, match=r"class_weight must be (finite and at least 0|above 0)"):
        small(class_weight=weights).fit(*stripes)


def test_early_stopping_refuses_one_group_in_a_class(stripes):
    X, y = stripes
    with pytest.raises(ValueError, match="at least 2 groups in every class, got 1"):
        small(early_stopping=True).fit(X, y, groups=y)


def test_predict_names_both_shapes(stripes):
    classifier = small(max_iter=1).fit(*stripes)
    with pytest.raises(ValueError, match=r"images of shape \(20, 16\).*fitted on images of shape \(16, 16\)"):
        classifier.predict(np.zeros((2, 20, 16)))
    with pytest.raises(ValueError, match="X has 100 features, but SparseCurveCNNClassifier is expecting 256"):
        classifier.predict(np.zeros((2, 100)))


def test_failed_fit_leaves_the_fitted_estimator_as_it_was(stripes):
    X, y = stripes
    classifier = small(solver="sgd").fit(X, y)
    before = dict(vars(classifier))
    classifier.learning_rate_init = 1e30
    with pytest.raises(ValueError, match="diverged"):
        classifier.fit(X[:, :8, :8], y)
    assert vars(classifier) == before | {"learning_rate_init": 1e30}


def test_interrupted_fit_keeps_the_last_finished_epoch(stripes):
    X, y = stripes
    classifier = small(module=interrupted_after(4 * 7 + 2), max_iter=20)
    with pytest.warns(TrainingInterruptedWarning, match=r"after 7 of 22 epochs; .* has .*% zeros") as record:
        classifier.fit(X, y)
    assert record[0].filename == __file__
    assert classifier.n_iter_ == 7
    assert {len(values) for values in classifier.history_.values()} == {7}
    assert classifier.lam_ == classifier.history_["lam"][-1]
    assert classifier.predict(X).shape == y.shape


def test_fit_interrupted_in_its_first_epoch_is_no_fit(stripes):
    classifier = small(module=interrupted_after(2))
    with pytest.raises(KeyboardInterrupt):
        classifier.fit(*stripes)
    assert not hasattr(classifier, "module_")
    assert not hasattr(classifier, "classes_")


def test_interrupt_stops_a_search_and_keeps_a_pipeline(stripes):
    module = interrupted_after(4 * 7 + 2)
    search = GridSearchCV(small(module=module), {"lam": [0.0, 1e-4, 1e-3]}, cv=2)
    with pytest.raises(KeyboardInterrupt):
        search.fit(*stripes)
    assert module.n_trained == 4 * 7 + 3
    with pytest.warns(TrainingInterruptedWarning, match="network kept"):
        make_pipeline("passthrough", small(module=interrupted_after(30))).fit(*stripes)


@pytest.mark.parametrize("rate", [3.0, 1e2, 1e3, 1e4])
@pytest.mark.parametrize("seed", range(3))
def test_diverged_network_is_never_returned(stripes, rate, seed):
    X, y = stripes
    classifier = small(solver="sgd", learning_rate_init=rate, random_state=seed, max_iter=3)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            classifier.fit(X, y)
    except ValueError as error:
        assert "diverged" in str(error)  # noqa: PT017
        assert not hasattr(classifier, "module_")
    else:
        assert np.isfinite(classifier.predict_proba(X)).all()


def test_network_that_overflows_refuses_to_predict(stripes):
    classifier = small(max_iter=1).fit(*stripes)
    with torch.no_grad():
        classifier.module_.fc.bias.fill_(float("nan"))
    with pytest.raises(ValueError, match="scores are NaN or infinite for images 0 to 119"):
        classifier.predict(stripes[0])


def test_own_module_with_nan_weights_is_named(stripes):
    module = own_network()
    with torch.no_grad():
        module.out.bias[0] = float("nan")
    with pytest.raises(ValueError, match=r"module must have finite weights, but out.bias holds NaN"):
        small(module=module).fit(*stripes)


@pytest.mark.parametrize("value", [np.nan, np.inf, "x"])
def test_class_weight_must_be_finite(stripes, value):
    with pytest.raises(ValueError, match=r"class_weight must be finite .* got .* 'down'"):
        small(class_weight={"across": 1.0, "down": value}).fit(*stripes)


def test_sample_weight_that_overflows_is_named(stripes):
    with pytest.raises(ValueError, match="sample_weight must have a finite sum"):
        small().fit(*stripes, sample_weight=np.full(120, 1e308))


@pytest.mark.parametrize(("owner", "nested"), [("penalty", "a"), ("augment", "flip")])
def test_parameters_of_a_name_are_refused(owner, nested):
    with pytest.raises(
        ValueError, match=f"{owner}__{nested} needs an object that has the parameter '{nested}'"
    ):
        SparseCurveCNNClassifier("tl1").set_params(**{f"{owner}__{nested}": 1})


def test_one_image_is_not_taken_for_many(stripes):
    classifier = small(max_iter=1).fit(*stripes)
    with pytest.raises(ValueError, match=r"X is one image of shape \(16, 16\).*X\[np.newaxis\]"):
        classifier.predict(stripes[0][0])


@pytest.mark.parametrize(
    "augmentation", [CurveAugmentation(2.0), CurveAugmentation("a"), CurveAugmentation(flip=3)]
)
def test_fit_refuses_bad_augmentations(stripes, augmentation):
    with pytest.raises(ValueError, match=r"augment: (strength|flip) must be"):
        small(augment=augmentation).fit(*stripes)


def test_fit_sets_nothing_before_it_is_done(stripes):
    seen = []

    class Watching(OwnNetwork):
        def forward(self, x):
            seen.append([name for name in vars(classifier) if name.endswith("_")])
            return super().forward(x)

    classifier = small(module=Watching)
    classifier.fit(*stripes)
    assert set(map(tuple, seen)) == {()}


def test_sparse_network_that_lost_its_accuracy_warns(stripes):
    with pytest.warns(ConvergenceWarning, match="ask for fewer zeros") as record:
        small(lam="auto", penalty="l1", max_iter=16, target_sparsity=0.95, finetune_iter=0).fit(*stripes)
    assert record[0].filename == __file__


def test_scikit_learn_without_callbacks_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.callback", None)
    older = runpy.run_path(FOLDER / "_estimator" / "callbacks.py")["CallbackSupportMixin"]
    with pytest.raises(ImportError, match=r"set_callbacks needs scikit-learn 1\.9 or newer, but"):
        older().set_callbacks()
