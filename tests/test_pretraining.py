"""Learning from generated drawings before real ones."""

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import Pipeline, make_pipeline

from sparsecnn import CurveImageTransformer, SparseCurveCNNClassifier, SparseCurveEnsemble, inference
from sparsecnn.datasets import make_shaky_drawings
from sparsecnn.export import load, save
from sparsecnn.penalties import L0
from sparsecnn.pretraining import pretrain_on_drawings

CHANNELS = (4, 8, 8)


@pytest.fixture(scope="module")
def reader():
    classifier = SparseCurveCNNClassifier(
        L0(), channels=CHANNELS, max_iter=1, finetune_iter=0, random_state=0
    )
    return make_pipeline(CurveImageTransformer((32, 32), unsteadiness=0.8), classifier)


@pytest.fixture(scope="module")
def pretrained(reader):
    return pretrain_on_drawings(
        reader,
        n_samples=240,
        drawings=["spiral", "wave"],
        page_shape=(96, 96),
        severity=1.0,
        classes=("calm", "shaky"),
        random_state=0,
        max_iter=12,
        finetune_iter=4,
    )


def test_pretrained_reader_reads_strangers_of_another_kind(pretrained):
    loops = make_shaky_drawings(
        300, drawings="loops", image_shape=(96, 96), persons=range(2000, 2100), severity=1.0, random_state=1
    )
    assert pretrained.classes_.tolist() == ["calm", "shaky"]
    assert roc_auc_score(loops.target, pretrained.predict_proba(loops.images)[:, 1]) > 0.75


def test_pretraining_leaves_the_reader_alone(reader, pretrained):
    assert not hasattr(reader[-1], "module_")
    assert reader[-1].module is None
    assert pretrained[-1].max_iter == 1
    assert pretrained[-1].penalty is not reader[-1].penalty


def test_clone_of_a_pretrained_reader_starts_from_its_network(pretrained):
    start = clone(pretrained)
    weights = start[-1].module.state_dict()
    expected = pretrained[-1].module_.state_dict()
    assert all(torch.equal(weights[name], expected[name]) for name in expected)


def test_pretrained_reader_goes_on_in_cross_validation(pretrained):
    drawings = make_shaky_drawings(
        40, drawings="spiral", image_shape=(96, 96), persons=range(3000, 3010), severity=1.0, random_state=2
    )
    careful = clone(pretrained).set_params(sparsecurvecnnclassifier__learning_rate_init=1e-5)
    before = {name: w.clone() for name, w in careful[-1].module.state_dict().items()}
    predicted = cross_val_predict(careful, drawings.images, drawings.target, cv=2)
    assert np.mean(predicted == drawings.target) > 0.65
    assert all(torch.equal(before[name], w) for name, w in careful[-1].module.state_dict().items())


@pytest.mark.parametrize(
    ("make", "options", "message"),
    [
        (
            lambda reader: reader[-1],
            {},
            "must be a Pipeline that ends in a SparseCurveCNNClassifier or",
        ),
        (
            lambda reader: reader[:1],
            {},
            "must be a Pipeline that ends in a SparseCurveCNNClassifier or",
        ),
        (lambda reader: reader, {"classes": ["shaky"]}, "classes must be two different labels"),
        (lambda reader: reader, {"classes": [1, 1]}, "classes must be two different labels"),
        (lambda reader: reader, {"classes": "ab"}, "classes must be two different labels"),
        (
            lambda reader: reader,
            {"classes": [0, "shaky"]},
            "classes must be .* of one type",
        ),
        (lambda reader: reader, {"page_shape": (16, 64)}, r"page_shape must be at least \(32, 32\)"),
    ],
)
def test_pretraining_refuses_what_it_cannot_use(reader, make, options, message):
    with pytest.raises(ValueError, match=message):
        pretrain_on_drawings(make(reader), **options)


@pytest.fixture(scope="module")
def views():
    transformer = CurveImageTransformer((32, 32), unsteadiness=0.8, views=("ink", 1 / 38), dtype="uint8")
    network = SparseCurveCNNClassifier(channels=CHANNELS, batch_size=64, max_iter=1, finetune_iter=1)
    return make_pipeline(transformer, SparseCurveEnsemble(network, n_members=3, cv=2, random_state=0))


@pytest.fixture(scope="module")
def pretrained_views(views):
    options = {"n_samples": 240, "drawings": "spiral", "page_shape": (96, 96), "severity": 1.0}
    return pretrain_on_drawings(views, **options, random_state=0, max_iter=12, finetune_iter=4)


@pytest.fixture(scope="module")
def strangers():
    return make_shaky_drawings(
        60, drawings="spiral", image_shape=(96, 96), persons=range(3000, 3020), severity=1.0, random_state=2
    )


def test_pretrained_ensemble_is_one_network_that_saw_every_view(views, pretrained_views, strangers):
    made = make_shaky_drawings(
        240, drawings="spiral", image_shape=(96, 96), persons=1000, severity=1.0, random_state=0
    )
    X = clone(views[0]).fit_transform(made.images)
    ensemble = pretrained_views[-1]
    seed = np.random.RandomState(0).randint(2**31 - 1, size=1)[0]
    network = clone(views[-1].estimator).set_params(
        image_shape=(32, 32), in_channels=1, max_iter=12, finetune_iter=4, random_state=seed
    )
    network.fit(np.concatenate(np.split(X, 2, axis=1)), np.tile(made.target, 2))
    expected = [network.predict_proba(x) for x in np.split(views[0].fit_transform(strangers.images), 2, 1)]
    assert ensemble.views_.tolist() == [0, 1, 0]
    np.testing.assert_allclose(
        pretrained_views.predict_proba(strangers.images), (2 * expected[0] + expected[1]) / 3, atol=1e-6
    )
    assert roc_auc_score(strangers.target, expected[1][:, 1]) > 0.75


def test_pretrained_ensemble_starts_from_its_network(views, pretrained_views, strangers):
    start = clone(pretrained_views)
    weights, expected = start[-1].estimator.module.state_dict(), pretrained_views[-1].members_[0].module_
    assert all(torch.equal(weights[name], value) for name, value in expected.state_dict().items())
    assert views[-1].estimator.module is None
    assert start[-1].estimator.max_iter == 1
    careful = start.set_params(sparsecurveensemble__estimator__learning_rate_init=1e-5)
    careful.fit(strangers.images, strangers.target, sparsecurveensemble__groups=strangers.groups)
    assert careful.score(strangers.images, strangers.target) > 0.8


@pytest.mark.parametrize("kind", ["classifier", "ensemble"])
def test_pretrained_reader_is_saved_before_and_after_its_next_fit(request, kind, strangers, tmp_path):
    start = request.getfixturevalue("pretrained" if kind == "classifier" else "pretrained_views")
    tuned = clone(start).fit(strangers.images, strangers.target)
    for reader in (start, tuned):
        save(reader, tmp_path / "reader.safetensors")
        again = load(tmp_path / "reader.safetensors")
        expected = reader.predict_proba(strangers.images)
        np.testing.assert_array_equal(again.predict_proba(strangers.images), expected)
        without_torch = inference.load(tmp_path / "reader.safetensors")
        np.testing.assert_allclose(
            without_torch.predict_proba(reader[0].transform(strangers.images)), expected, atol=1e-5
        )


@pytest.mark.parametrize("kind", ["classifier", "ensemble"])
def test_clone_of_a_loaded_reader_does_not_start_from_weights_that_saw_its_training_images(
    request, kind, strangers, tmp_path
):
    start = request.getfixturevalue("pretrained" if kind == "classifier" else "pretrained_views")
    save(clone(start).fit(strangers.images, strangers.target), tmp_path / "tuned.safetensors")
    last = clone(load(tmp_path / "tuned.safetensors"))[-1]
    assert (last if kind == "classifier" else last.estimator).module is None


@pytest.mark.parametrize("change", ["activation", "dilation", "norm"])
def test_changed_curve_network_is_not_saved_as_one_of_the_package(pretrained, strangers, tmp_path, change):
    network = clone(pretrained)[-1].module
    if change == "activation":
        network.activation1 = torch.nn.GELU()
    elif change == "dilation":
        network.conv2.dilation, network.conv2.padding = (2, 2), (2, 2)
    else:
        network.norm3 = torch.nn.GroupNorm(2, CHANNELS[2])
    X = pretrained[0].transform(strangers.images)
    changed = SparseCurveCNNClassifier(module=network, max_iter=1, finetune_iter=0).fit(X, strangers.target)
    save(changed, tmp_path / "changed.safetensors")
    with pytest.raises(ValueError, match="module"):
        load(tmp_path / "changed.safetensors")
    again = load(tmp_path / "changed.safetensors", module=network)
    np.testing.assert_array_equal(again.predict_proba(X), changed.predict_proba(X))


def test_saved_start_of_an_ensemble_is_that_of_the_next_fit(pretrained_views, strangers, tmp_path):
    save(pretrained_views, tmp_path / "start.safetensors")
    tuned = [
        clone(start).fit(strangers.images, strangers.target)
        for start in (pretrained_views, load(tmp_path / "start.safetensors"))
    ]
    expected, found = (reader.predict_proba(strangers.images) for reader in tuned)
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_pretraining_refuses_parameters_of_an_ensemble_that_it_cannot_use(views):
    none = clone(views).set_params(sparsecurveensemble__n_members=0)
    with pytest.raises(ValueError, match="'n_members' parameter"):
        pretrain_on_drawings(none, n_samples=4, page_shape=(64, 64))
    one = make_pipeline(SparseCurveEnsemble(views[-1].estimator, in_channels=2))
    with pytest.raises(ValueError, match="in_channels=2"):
        pretrain_on_drawings(one, n_samples=4, page_shape=(64, 64))


def test_pretraining_fits_the_steps_of_a_pipeline_with_a_memory(reader, tmp_path):
    remembered = Pipeline(clone(reader).steps, memory=str(tmp_path))
    pretrained = pretrain_on_drawings(
        remembered.set_params(curveimagetransformer__ink="auto"), n_samples=8, page_shape=(96, 96)
    )
    assert pretrained[0].ink_ == "all"


def test_pretraining_on_forms_reads_the_pen_alone(reader):
    forms = clone(reader).set_params(curveimagetransformer__ink="pen")
    pretrained = pretrain_on_drawings(
        forms,
        n_samples=20,
        page_shape=(128, 128),
        hands="recorded",
        guide="black",
        pen=["blue", "red"],
        paper="framed",
        capture="clean",
        random_state=0,
    )
    gray = make_shaky_drawings(2, image_shape=(96, 96), random_state=0).images
    with pytest.raises(ValueError, match="needs colours"):
        pretrained.predict(list(gray))
    with pytest.raises(ValueError, match="pen must be one or several of"):
        pretrain_on_drawings(forms, n_samples=4, pen="green")
