"""Ensembles in reports and displays: their counts are those of the members, their drawings the means."""

import re
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from classifiers import quick
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from test_ensemble_export import STRIPES, X, Y, tiny
from test_onnx import Residual

from sparsecnn.binarization import binarize, stored_bytes
from sparsecnn.export import compress
from sparsecnn.inspection import (
    AttributionDisplay,
    NetworkReport,
    TrainingCurveDisplay,
    WeightsDisplay,
    integrated_gradients,
)
from sparsecnn.model_selection import SparsityPath

SUMMED = ("n_weights", "n_nonzero", "macs", "living_macs", "nonzero_macs", "bytes", "sparse_bytes")
SUMMED += ("other_macs", "other_bytes")


@pytest.fixture(scope="module")
def ensemble():
    """An ensemble of which a member sees each channel."""
    fitted = tiny().fit(X, Y)
    fitted.views_ = np.array([1, 0, 1])
    return fitted


@pytest.fixture(scope="module")
def one_channel():
    return tiny(n_members=2).fit(STRIPES, Y)


@pytest.fixture
def report(ensemble):
    return NetworkReport.from_estimator(ensemble)


@pytest.mark.parametrize("make", [lambda fitted: fitted, compress], ids=["as_fitted", "compressed"])
def test_report_counts_what_reports_on_the_members_count(ensemble, make):
    fitted = make(ensemble)
    report = NetworkReport.from_estimator(fitted)
    alone = [NetworkReport.from_estimator(member) for member in fitted.members_]
    assert [member.layers for member in report.members] == [member.layers for member in alone]
    assert report.layers == [layer for member in alone for layer in member.layers]
    for name in SUMMED:
        assert getattr(report.totals, name) == sum(getattr(member.totals, name) for member in alone)
    assert report.totals.n_nonzero == fitted.n_nonzero_
    assert report.totals.sparsity == pytest.approx(fitted.sparsity_)
    assert report.views == [1, 0, 1]
    assert report.image_shape == (16, 16)


def test_report_takes_an_ensemble_at_the_end_of_a_pipeline(ensemble, report):
    pipeline = make_pipeline(FunctionTransformer(), ensemble)
    assert NetworkReport.from_estimator(pipeline).layers == report.layers


def test_report_says_why_living_channels_are_unknown():
    fitted = tiny(estimator=quick(max_iter=1, module=Residual()), n_members=2).fit(STRIPES, Y)
    report = NetworkReport.from_estimator(fitted)
    assert report.totals.living_macs is None
    assert "Living channels are not counted. " in str(report)
    assert list(report.plot().bars_) == ["dense", "non-zero"]


def test_text_and_html_have_a_row_for_each_member(report):
    lines = str(report).splitlines()
    assert lines[0].startswith(
        "3 × CurveCNN, each for one of 2 channels of images of 16×16 pixels: 12 layers"
    )
    head = next(i for i, line in enumerate(lines) if line.startswith("member"))
    rows = [re.split(r"  +", line) for line in lines[head + 2 : head + 5]]
    for i, (row, member) in enumerate(zip(rows, report.members, strict=True)):
        totals = member.totals
        assert row[:4] == [str(i), str(report.views[i]), f"{totals.n_weights:,}", f"{totals.n_nonzero:,}"]
    assert lines[head + 6].startswith("total")
    assert "members[i] of this report" in str(report)
    tree = ElementTree.fromstring(report._repr_html_())
    widths = [sum(int(cell.get("colspan", 1)) for cell in row) for row in tree.findall(".//tr")]
    assert widths == [10] * (2 + 3 + 1)
    assert re.fullmatch(r"<NetworkReport: 3 networks, 12 layers, [\d,]+ weights, [\d.]+% zero>", repr(report))


def test_report_on_images_of_one_channel_does_not_count_channels(one_channel):
    report = NetworkReport.from_estimator(one_channel)
    assert str(report).startswith("2 × CurveCNN for images of 16×16 pixels: 8 layers")
    assert report.views == [0, 0]


def test_frame_has_the_layers_of_each_member(report):
    frame = report.to_frame()
    assert frame.index.names == ["member", "name"]
    for i, member in enumerate(report.members):
        pd.testing.assert_frame_equal(frame.loc[i].drop(columns="view"), member.to_frame())
    assert frame["view"].groupby("member").first().tolist() == [1, 0, 1]
    assert frame["macs"].sum() == report.totals.macs - report.totals.other_macs


def test_plot_has_bars_for_each_member(report):
    report.plot()
    for kind, name in {"dense": "macs", "living": "living_macs", "non-zero": "nonzero_macs"}.items():
        widths = [1e6 * bar.get_width() for bar in report.bars_[kind]]
        assert widths == pytest.approx([getattr(member.totals, name) for member in report.members])
    labels = [label.get_text() for label in report.ax_.get_yticklabels()]
    assert labels == ["member 0, channel 1", "member 1, channel 0", "member 2, channel 1"]


def test_latency_is_that_of_all_networks_on_images_of_all_channels(ensemble, report):
    seen = []
    hooks = [
        member.module_.register_forward_pre_hook(lambda _, images: seen.append(tuple(images[0].shape)))
        for member in ensemble.members_
    ]
    report.measure_latency((5,), n_repeats=2, n_warmup=1)
    for hook in hooks:
        hook.remove()
    assert seen == [(5, 1, 16, 16)] * 3 * 3
    assert report.latency_conditions_.startswith("the bare networks, median of 2 runs, float32, cpu")
    assert "Latency: " in str(report)


def test_attributions_are_drawn_below_the_mean_of_the_channels_that_members_see(ensemble):
    display = AttributionDisplay.from_estimator(ensemble, X, Y, target="down", n_images=3)
    expected = integrated_gradients(ensemble, X[:3], target="down").sum(axis=1)
    np.testing.assert_allclose(display.attributions, expected, atol=1e-6)
    np.testing.assert_allclose(display.images, (2.0 * X[:3, 1] + X[:3, 0]) / (3 * 255), atol=1e-6)
    tops, found = ensemble.predict_proba(X[:3]).max(axis=1), ensemble.predict(X[:3])
    for ax, label, top, true in zip(display.axes_[0], found, tops, Y[:3], strict=True):
        assert ax.get_title() == f"{label} ({top:.0%})\ntrue: {true}"


def test_attributions_of_one_channel_are_drawn_of_the_class_predicted(one_channel):
    display = AttributionDisplay.from_estimator(make_pipeline(one_channel), STRIPES, n_images=2)
    for drawn, image in zip(display.attributions, STRIPES[:2, np.newaxis], strict=True):
        expected = integrated_gradients(one_channel, image, target=one_channel.predict(image)[0])[0]
        np.testing.assert_allclose(drawn, expected, atol=1e-6)
    np.testing.assert_allclose(display.images, STRIPES[:2] / 255, atol=1e-6)


@pytest.mark.parametrize("draw", [WeightsDisplay.from_estimator, TrainingCurveDisplay.from_estimator])
def test_displays_of_one_network_name_the_members(ensemble, draw):
    for estimator in (ensemble, make_pipeline(ensemble), compress(ensemble)):
        with pytest.raises(
            TypeError, match=r"SparseCurveEnsemble, of several networks: give one, as ensemble.m"
        ):
            draw(estimator)
    assert len(draw(ensemble.members_[0]).axes_)


def test_stored_bytes_are_the_sum_over_members(ensemble):
    alone = sum(stored_bytes(member.module_) for member in ensemble.members_)
    assert stored_bytes(ensemble) == stored_bytes(make_pipeline(ensemble)) == alone
    with pytest.raises(TypeError, match=r"estimator must be a fitted .*SparseCurveEnsemble"):
        stored_bytes(FunctionTransformer().fit(STRIPES))


def test_what_trains_one_network_refuses_an_ensemble_by_name(ensemble):
    with pytest.raises(TypeError, match=r"classifier must be a .*got a SparseCurveEnsemble"):
        binarize(ensemble, X, Y)
    with pytest.raises(TypeError, match=r"estimators must be fitted .*got a SparseCurveEnsemble"):
        SparsityPath([ensemble])
