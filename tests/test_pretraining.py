"""Learning from generated drawings before real ones."""

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import make_pipeline

from sparsecnn import CurveImageTransformer, SparseCurveCNNClassifier
from sparsecnn.datasets import make_shaky_drawings
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
        (lambda reader: reader[-1], {}, "reader must be a Pipeline that ends in a SparseCurveCNNClassifier"),
        (lambda reader: reader[:1], {}, "reader must be a Pipeline that ends in a SparseCurveCNNClassifier"),
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


def test_pretraining_on_forms_reads_the_pen_alone(reader):
    forms = clone(reader).set_params(curveimagetransformer__ink="pen")
    pretrained = pretrain_on_drawings(
        forms,
        n_samples=20,
        page_shape=(96, 96),
        hands="recorded",
        guide="black",
        pen=["blue", "red"],
        paper="framed",
        capture="scan",
        random_state=0,
    )
    gray = make_shaky_drawings(2, image_shape=(96, 96), random_state=0).images
    with pytest.raises(ValueError, match="needs colours"):
        pretrained.predict(list(gray))
    with pytest.raises(ValueError, match="pen must be one or several of"):
        pretrain_on_drawings(forms, n_samples=4, pen="green")
