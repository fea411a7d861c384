"""Ensembles of views as ONNX files, in floats and in 8 bits."""

import numpy as np
import onnx
import pytest
from classifiers import quick
from conftest import make_stripes
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler
from test_ensemble_export import ROWS, STRIPES, X, Y, tiny
from test_onnx import run

from sparsecnn.export import compress, to_onnx


@pytest.fixture(scope="module")
def ensemble():
    """An ensemble of which a member sees each channel."""
    fitted = tiny(n_members=2).fit(X, Y)
    fitted.views_ = np.array([1, 0])
    return fitted


@pytest.fixture(scope="module", params=["like", "unlike"])
def images_and_ensemble(request, ensemble):
    """Images of two channels of like or unlike ranges, and an ensemble whose members were fitted on them."""
    if request.param == "like":
        return ROWS, ensemble
    images = (ROWS / 255 * np.repeat([1, 1000.0], 256)).astype(np.float32)
    fitted = tiny(n_members=2, in_channels=2).fit(images, Y)
    fitted.views_ = ensemble.views_
    fitted.members_ = [
        clone(member).fit(images[:, 256 * view : 256 * (view + 1)], Y)
        for member, view in zip(fitted.members_, fitted.views_, strict=True)
    ]
    return images, fitted


def test_file_averages_the_probabilities(tmp_path, images_and_ensemble):
    images, fitted = images_and_ensemble
    to_onnx(fitted, tmp_path / "ensemble.onnx")
    for rows in (images, images[:1]):
        label, probabilities = run(tmp_path / "ensemble.onnx", rows)
        np.testing.assert_allclose(probabilities, fitted.predict_proba(rows), atol=1e-5)
        assert label.tolist() == fitted.predict(rows).tolist()
    facts = {entry.key: entry.value for entry in onnx.load(tmp_path / "ensemble.onnx").metadata_props}
    assert facts["in_channels"] == "2"


def test_skl2onnx_converts_an_ensemble_behind_a_scaler(tmp_path):
    pytest.importorskip("skl2onnx")
    rows = ROWS.astype(np.float32)
    pipeline = make_pipeline(MaxAbsScaler(), tiny(in_channels=2, n_members=2)).fit(rows, Y)
    to_onnx(pipeline, tmp_path / "pipeline.onnx")
    found = run(tmp_path / "pipeline.onnx", rows)[1]
    np.testing.assert_allclose(found, pipeline.predict_proba(rows), atol=1e-5)


def test_int8_averages_what_files_of_the_members_give_in_int8(tmp_path, images_and_ensemble):
    images, fitted = images_and_ensemble
    to_onnx(fitted, tmp_path / "whole.onnx", quantize="int8", calibration=images)
    each = []
    for member, channel in fitted.members_and_images(images):
        to_onnx(member, tmp_path / "member.onnx", quantize="int8", calibration=channel)
        each.append(run(tmp_path / "member.onnx", channel)[1])
    label, probabilities = run(tmp_path / "whole.onnx", images)
    np.testing.assert_allclose(probabilities, np.mean(each, axis=0), atol=1e-6)
    assert label.tolist() == fitted.classes_[probabilities.argmax(1)].tolist()


def test_int8_gives_nearly_the_same_answers_for_unseen_images_in_a_smaller_file(tmp_path):
    stripes, y = make_stripes(200, random_state=1)
    seen = np.stack([stripes, stripes[:, ::-1]], axis=1)
    network = quick(max_iter=8, channels=(8, 32, 32), random_state=None)
    fitted = tiny(estimator=network, n_members=2).fit(seen, y)
    fitted.views_ = np.array([1, 0])
    stripes = make_stripes(300, random_state=2)[0]
    unseen = np.stack([stripes, stripes[:, ::-1]], axis=1)
    to_onnx(compress(fitted), tmp_path / "float.onnx")
    to_onnx(compress(fitted), tmp_path / "int8.onnx", quantize="int8", calibration=seen[:100])
    label, probabilities = run(tmp_path / "int8.onnx", unseen)
    assert np.mean(label == fitted.predict(unseen)) >= 0.97
    assert np.abs(probabilities - fitted.predict_proba(unseen)).mean() < 0.02
    assert 1.5 * (tmp_path / "int8.onnx").stat().st_size < (tmp_path / "float.onnx").stat().st_size


@pytest.mark.parametrize(
    ("calibration", "message"),
    [
        (None, "needs calibration"),
        (X[:31], "at least 32 images, got 31"),
        (STRIPES, "calibration must hold images as predict takes them"),
        (np.where(X, np.nan, 0.0), "calibration must hold images .*NaN"),
        (X / 2, "whole numbers from 0 to 255"),
    ],
)
def test_wrong_calibration_is_refused(ensemble, tmp_path, calibration, message):
    with pytest.raises(ValueError, match=message):
        to_onnx(ensemble, tmp_path / "a.onnx", quantize="int8", calibration=calibration)
    assert not list(tmp_path.iterdir())


def test_calibration_images_unlike_those_of_the_fit_warn(ensemble, tmp_path):
    with pytest.warns(UserWarning, match="pixels of X go up to 31"):
        to_onnx(ensemble, tmp_path / "a.onnx", quantize="int8", calibration=X // 8)
