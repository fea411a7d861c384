"""The report of a network: its counts by brute force, its forms, and what it refuses."""

import dataclasses
import itertools
import math
import re
import sys
from xml.etree import ElementTree

import pytest
import torch
from classifiers import quick, small
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from torch import nn
from torch.nn.utils import prune
from torch.utils.flop_counter import FlopCounterMode

from sparsecnn import SparseCurveCNNClassifier, SparseCurveCNNClassifierCV
from sparsecnn._network import CurveCNN
from sparsecnn.export import compress
from sparsecnn.inspection import NetworkReport


class Residual(nn.Module):
    """A network with a sum of two branches."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(2, 4, 3, padding=1)
        self.second = nn.Conv2d(4, 4, 3, padding=1, groups=2)
        self.norm = nn.BatchNorm2d(4)
        self.fc = nn.Linear(4 * 6 * 5, 3)

    def forward(self, x):
        x = self.first(x)
        return self.fc((x + self.norm(self.second(x.relu()))).flatten(1))


class Attention(nn.Module):
    """A network with multiply-adds outside of its layers."""

    def __init__(self):
        super().__init__()
        self.embed = nn.Linear(8, 4)
        self.fc = nn.Linear(4, 2)

    def forward(self, x):
        x = self.embed(x.squeeze(1))
        return self.fc((x @ x.transpose(1, 2)).softmax(2).matmul(x).mean(1))


def lenet():
    """Return a LeNet for images of 12×16, with other strides and dilations than usual."""
    return nn.Sequential(
        nn.Conv2d(1, 6, 3, padding=1, dilation=2),
        nn.BatchNorm2d(6),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(6, 8, (3, 2), stride=(1, 2)),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(8 * 3 * 3, 5),
        nn.Tanh(),
        nn.Linear(5, 3),
    )


NETWORKS = {
    "curve_cnn": (lambda: CurveCNN((20, 17), 3, (3, 4, 5)), (20, 17)),
    "without_batch_norm": (lambda: CurveCNN((16, 16), 2, (3, 4, 5), batch_norm=False), (16, 16)),
    "one_row": (lambda: CurveCNN((1, 64), 2, (3, 4, 5)), (1, 64)),
    "lenet": (lenet, (12, 16)),
    "fully_connected": (lambda: nn.Sequential(nn.Flatten(), nn.Linear(63, 2)), (9, 7)),
    "residual": (Residual, (6, 5)),
    "attention": (Attention, (8, 8)),
}


def flop_count(module, *shape):
    """Return half of the operations that torch counts for one image."""
    module = module.eval()
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        module(torch.zeros(1, *shape))
    return counter.get_total_flops() // 2


@torch.no_grad()
def with_zeros(module, seed=0):
    """Return the network with most of its weights zero, at random."""
    generator = torch.Generator().manual_seed(seed)
    for layer in module.modules():
        if isinstance(layer, (nn.Conv2d, nn.Linear)):
            layer.weight *= torch.rand(layer.weight.shape, generator=generator) < 0.2
    return module


def curve_cnn_with_dead_channels():
    """Return a network whose living channels are 2, 3 and 1 of 4, 5 and 6."""
    module = CurveCNN((16, 16), 2, (4, 5, 6))
    with torch.no_grad():
        module.conv1.weight[0] = 0  # writes nothing
        module.norm1.weight[1] = 0  # is multiplied by zero
        module.conv2.weight[4] = 0
        module.conv3.weight[:, 3] = 0  # is not read
        module.fc.weight[:, 4:] = 0  # reads the first channel alone, of 2×2 pixels
    return module


def report_of(name):
    make, shape = NETWORKS[name]
    return NetworkReport.from_module(make(), shape)


@pytest.fixture(scope="module")
def report():
    return NetworkReport.from_module(curve_cnn_with_dead_channels(), (16, 16))


@pytest.mark.parametrize("name", NETWORKS)
def test_dense_multiply_adds_are_those_that_torch_counts(name):
    make, shape = NETWORKS[name]
    n_channels = 2 if name == "residual" else 1
    report = NetworkReport.from_module(make(), shape)
    assert report.totals.macs == flop_count(make(), n_channels, *shape)
    assert report.totals.macs == sum(layer.macs for layer in report.layers) + report.totals.other_macs


def test_multiply_adds_outside_of_layers_are_told_apart():
    totals = report_of("attention").totals
    assert totals.other_macs == totals.nonzero_macs - (8 * 4 * 8 + 4 * 2) == 2 * 8 * 8 * 4
    assert report_of("lenet").totals.other_macs == 0


@pytest.mark.parametrize("name", [name for name in NETWORKS if name != "attention"])
def test_counts_of_zeros_are_those_of_a_loop_over_weights(name):
    make, shape = NETWORKS[name]
    module = with_zeros(make())
    outputs = {}
    for layer_name, layer in module.named_modules():
        layer.register_forward_hook(lambda _, x, y, key=layer_name: outputs.update({key: y}))
    report = NetworkReport.from_module(module, shape)
    assert len(report.layers) == sum(isinstance(m, (nn.Conv2d, nn.Linear)) for m in module.modules())
    for found in report.layers:
        layer = module.get_submodule(found.name)
        values = layer.weight.flatten().tolist()
        n_nonzero = sum(value != 0 for value in values)
        positions = math.prod(outputs[found.name].shape[2:])
        assert (found.n_weights, found.n_nonzero) == (len(values), n_nonzero)
        assert found.sparsity == pytest.approx(1 - n_nonzero / len(values))
        assert found.macs == len(values) * positions
        assert found.nonzero_macs == n_nonzero * positions
        assert (found.kind, found.shape) == (type(layer).__name__, tuple(layer.weight.shape))
    assert report.totals.n_nonzero == sum(layer.n_nonzero for layer in report.layers)


def test_bytes_are_those_of_all_numbers_and_of_the_fewest_bits():
    module = with_zeros(lenet())
    report = NetworkReport.from_module(module, (12, 16))
    for found in report.layers:
        layer = module.get_submodule(found.name)
        n, k = found.n_weights, found.n_nonzero
        least = min(4 * n, math.ceil(math.log2(math.comb(n, k)) / 8) + 4 * k)
        assert found.bytes == 4 * n + 4 * len(layer.bias)
        assert found.sparse_bytes == least + 4 * len(layer.bias)
    assert report.totals.other_bytes == 4 * 4 * 6  # scale, shift, mean and variance of six channels
    saved = sum(layer.bytes - layer.sparse_bytes for layer in report.layers)
    assert report.totals.bytes - report.totals.sparse_bytes == saved > 0
    n_numbers = sum(t.numel() for key, t in module.state_dict().items() if "num_batches" not in key)
    assert report.totals.bytes == 4 * n_numbers


@pytest.mark.parametrize(("n", "k"), [(256, 1), (256, 0), (256, 256), (256, 250), (65536, 1), (1000, 37)])
def test_bytes_of_few_or_all_values(n, k):
    layer = nn.Linear(n, 1, bias=False)
    with torch.no_grad():
        layer.weight.copy_(torch.arange(n) < k)
    found = NetworkReport.from_module(nn.Sequential(nn.Flatten(), layer), (1, n)).layers[0]
    assert found.sparse_bytes == min(4 * n, math.ceil(math.log2(math.comb(n, k)) / 8) + 4 * k)


def test_bytes_are_those_of_the_precision():
    report = NetworkReport.from_module(lenet().double(), (12, 16))
    assert report.totals.bytes == 2 * report_of("lenet").totals.bytes


def test_living_channels_are_those_that_reach_a_score(report):
    written = [(layer.n_written_living, layer.n_written) for layer in report.layers]
    read = [(layer.n_read_living, layer.n_read) for layer in report.layers]
    assert written == [(2, 4), (3, 5), (1, 6), (2, 2)]
    assert read == [(1, 1), (2, 4), (3, 5), (1, 6)]


def test_living_multiply_adds_are_those_of_a_network_of_these_widths(report):
    narrow = CurveCNN((16, 16), 2, (2, 3, 1))
    assert report.totals.living_macs == flop_count(narrow, 1, 16, 16)
    expected = [layer.macs for layer in NetworkReport.from_module(narrow, (16, 16)).layers]
    assert [layer.living_macs for layer in report.layers] == expected


def test_channels_that_all_live_are_all_counted():
    for name in ("curve_cnn", "without_batch_norm", "one_row", "lenet", "fully_connected"):
        report = report_of(name)
        assert report.totals.living_macs == report.totals.macs == report.totals.nonzero_macs
        assert report.why_unknown is None
        assert "Every channel is living" in str(report)


def test_network_without_a_path_to_the_scores_says_so():
    module = CurveCNN((16, 16), 2, (4, 5, 6))
    nn.init.zeros_(module.conv2.weight)
    report = NetworkReport.from_module(module, (16, 16))
    assert report.totals.living_macs == 0
    assert "all images get the same scores" in str(report)


def test_network_that_is_no_chain_has_no_living_channels():
    report = report_of("residual")
    assert report.totals.living_macs is None
    for layer in report.layers:
        assert layer.living_macs is layer.n_read_living is layer.n_written_living is None
    assert [(layer.n_read, layer.n_written) for layer in report.layers] == [(2, 4), (4, 4), (120, 3)]
    assert "channels of Residual cannot be counted or removed" in report.why_unknown
    assert "Living channels are not counted." in str(report)
    assert set(report.plot().bars_) == {"dense", "non-zero"}
    frame = report.to_frame()
    assert frame["living_macs"].isna().all()
    assert frame["macs"].tolist() == [layer.macs for layer in report.layers]


def test_layers_come_in_the_order_of_the_forward_pass():
    class Backwards(nn.Module):
        def __init__(self):
            super().__init__()
            self.unused = nn.Linear(3, 3)
            self.last = nn.Linear(5, 2)
            self.first = nn.Linear(16, 5)

        def forward(self, x):
            return self.last(self.first(x.flatten(1)))

    report = NetworkReport.from_module(Backwards(), (4, 4))
    assert [layer.name for layer in report.layers] == ["first", "last", "unused"]
    assert [layer.macs for layer in report.layers] == [80, 10, 0]
    assert report.totals.living_macs == 90


def test_pruned_network_is_counted_by_the_weights_that_it_computes_with():
    module = lenet()
    prune.random_unstructured(module[4], "weight", 0.5)
    report = NetworkReport.from_module(module, (12, 16))
    assert report.layers[1].n_nonzero == 6 * 8 * 6 // 2
    assert report.totals.bytes == report_of("lenet").totals.bytes
    assert "computed from other parameters" in report.why_unknown


def test_weights_that_layers_share_are_counted_once():
    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.one, self.two = nn.Linear(16, 16), nn.Linear(16, 16)
            self.two.weight = self.one.weight

        def forward(self, x):
            return self.two(self.one(x.flatten(1)))

    module = Tied()
    with torch.no_grad():
        module.one.weight[:8] = 0
    report = NetworkReport.from_module(module, (4, 4))
    assert [layer.n_weights for layer in report.layers] == [256, 0]
    assert [layer.nonzero_macs for layer in report.layers] == [128, 128]
    assert report.totals.bytes == 4 * (256 + 2 * 16)


def test_layer_that_is_applied_twice_counts_twice():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.one = nn.Linear(16, 16)
            self.inside = nn.Sequential(self.one)

        def forward(self, x):
            return self.inside(self.one(x.flatten(1)))

    report = NetworkReport.from_module(Twice(), (4, 4))
    assert [layer.macs for layer in report.layers] == [512]
    assert report.totals.other_macs == 0


def test_network_is_not_changed():
    module = CurveCNN((16, 16), 2, (4, 5, 6))
    module.norm2.eval()
    before = {key: value.clone() for key, value in module.state_dict().items()}
    modes = [layer.training for layer in module.modules()]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        expected = torch.rand(1)
        torch.manual_seed(0)
        NetworkReport.from_module(module, (16, 16)).measure_latency((2,), n_repeats=1)
        assert torch.equal(torch.rand(1), expected)
    assert [layer.training for layer in module.modules()] == modes
    assert all(torch.equal(value, before[key]) for key, value in module.state_dict().items())
    assert all(w.grad is None for w in module.parameters())


def test_report_of_a_classifier_agrees_with_its_attributes(stripes):
    classifier = quick(max_iter=2, finetune_iter=1, penalized="all", target_sparsity=0.8).fit(*stripes)
    report = NetworkReport.from_estimator(classifier)
    assert report.module is classifier.module_
    assert report.image_shape == (16, 16)
    assert report.totals.n_nonzero == classifier.n_nonzero_
    assert report.totals.sparsity == pytest.approx(classifier.sparsity_)
    assert {layer.name: layer.sparsity for layer in report.layers} == pytest.approx(
        classifier.layer_sparsity_
    )


def test_report_of_a_compressed_classifier_has_the_living_channels_alone(stripes):
    classifier = quick(max_iter=2, finetune_iter=1, penalty="group_l0", penalized="all", target_sparsity=0.5)
    before = NetworkReport.from_estimator(classifier.fit(*stripes))
    after = NetworkReport.from_estimator(compress(classifier))
    assert [layer.name for layer in after.layers] == ["conv1", "conv2", "conv3", "fc"]
    assert after.totals.macs == after.totals.living_macs == before.totals.living_macs < before.totals.macs
    assert after.totals.n_nonzero == before.totals.n_nonzero


def test_report_of_a_one_row_curve_without_batch_norm(stripes):
    X, y = stripes
    classifier = quick(max_iter=1, finetune_iter=1, batch_norm=False).fit(X[:, 5].astype(float), y)
    report = NetworkReport.from_estimator(classifier)
    assert report.image_shape == (1, 16)
    assert report.layers[0].shape == (4, 1, 1, 3)
    assert report.totals.other_bytes == 0
    assert "other" not in str(report)


def test_report_of_pipelines_and_searches(stripes):
    classifier = quick(max_iter=1, finetune_iter=1)
    grid = GridSearchCV(make_pipeline(FunctionTransformer(), classifier), {}, cv=2)
    path = SparseCurveCNNClassifierCV(classifier, sparsities=[0.0, 0.5], cv=2)
    for estimator in (grid, path, make_pipeline(FunctionTransformer(), path)):
        report = NetworkReport.from_estimator(estimator.fit(*stripes))
        assert [layer.name for layer in report.layers] == ["conv1", "conv2", "conv3", "fc"]


@pytest.mark.parametrize(
    "estimator",
    [
        SparseCurveCNNClassifier(),
        SparseCurveCNNClassifierCV(),
        make_pipeline(FunctionTransformer(), SparseCurveCNNClassifier()),
        GridSearchCV(SparseCurveCNNClassifier(), {}),
    ],
    ids=lambda estimator: type(estimator).__name__,
)
def test_unfitted_estimator_is_refused(estimator):
    with pytest.raises(NotFittedError, match="is not fitted yet"):
        NetworkReport.from_estimator(estimator)


def test_other_estimators_are_refused_by_name(stripes):
    X, y = stripes
    other = LogisticRegression(max_iter=1000).fit(X.reshape(len(X), -1)[:, :4] / 255, y)
    unselected = GridSearchCV(small(max_iter=1), {}, cv=2, refit=False).fit(X, y)
    for estimator in (other, unselected):
        with pytest.raises(TypeError, match=f"got a fitted {type(estimator).__name__}"):
            NetworkReport.from_estimator(estimator)
    with pytest.raises(TypeError, match="got a fitted LogisticRegression"):
        NetworkReport.from_estimator(make_pipeline(other).fit(X.reshape(len(X), -1)[:, :4] / 255, y))
    for wrong in ("network", None, SparseCurveCNNClassifier):
        with pytest.raises(TypeError, match=r"estimator must be a fitted SparseCurveCNNClassifier.*got"):
            NetworkReport.from_estimator(wrong)
    with pytest.raises(TypeError, match=r"Sequential is a torch network: use NetworkReport.from_module"):
        NetworkReport.from_estimator(lenet())


def test_other_modules_and_shapes_are_refused_by_name(stripes):
    with pytest.raises(TypeError, match=r"module must be a torch.nn.Module, got a LogisticRegression"):
        NetworkReport.from_module(LogisticRegression(), (16, 16))
    with pytest.raises(ValueError, match="image_shape must be two positive integers"):
        NetworkReport.from_module(lenet(), (12, 16.5))
    with pytest.raises(ValueError, match=r"Sequential cannot be applied to images of shape \(1, 40, 40\)"):
        NetworkReport.from_module(lenet(), (40, 40))
    with pytest.raises(ValueError, match="ReLU has no convolution or fully connected layer"):
        NetworkReport.from_module(nn.ReLU(), (12, 16))


def test_layers_cannot_be_changed(report):
    with pytest.raises(dataclasses.FrozenInstanceError):
        report.layers[0].macs = 0


def test_text_is_an_aligned_table_with_a_line_for_each_layer(report):
    lines = str(report).splitlines()
    head = next(i for i, line in enumerate(lines) if line.startswith("layer"))
    layers = lines[head + 2 : head + 6]
    assert [line.split()[0] for line in layers] == ["conv1", "conv2", "conv3", "fc"]
    assert lines[head + 6].startswith("other")
    assert lines[head + 8].startswith("total")
    assert len({len(line) for line in [lines[head], *layers, lines[head + 8]]}) == 1
    assert "2 of 4" in layers[0]
    assert "Removing dead channels: " in str(report)
    assert "only whole channels make the network faster" in " ".join(lines)
    assert str(report.totals.other_bytes) in lines[head + 6]


def test_text_never_rounds_few_weights_to_none():
    layer = nn.Linear(10_000, 1, bias=False)
    with torch.no_grad():
        layer.weight.copy_(torch.arange(10_000) == 5)
    report = NetworkReport.from_module(nn.Sequential(nn.Flatten(), layer), (100, 100))
    assert ">99.9%" in str(report)
    assert ">99.9%" in repr(report)
    nn.init.zeros_(layer.weight)
    assert "100.0%" in str(NetworkReport.from_module(report.module, (100, 100)))


def test_network_of_one_layer_has_a_row():
    report = NetworkReport.from_module(nn.Conv2d(3, 2, 3), (5, 5))
    assert "Conv2d" in str(report)
    assert report.plot().ax_.get_yticklabels()[0].get_text() == "Conv2d"


def test_representation_is_one_line(report):
    assert re.fullmatch(r"<NetworkReport: 4 layers, [\d,]+ weights, [\d.]+% zero>", repr(report))


def test_html_is_well_formed_and_has_every_cell(report):
    tree = ElementTree.fromstring(report._repr_html_())
    rows = tree.findall(".//tr")
    widths = [sum(int(cell.get("colspan", 1)) for cell in row) for row in rows]
    assert len(rows) == 2 + 4 + 2
    assert set(widths) == {12}
    assert [row[0].text for row in rows[2:]] == ["conv1", "conv2", "conv3", "fc", "other", "total"]


def test_html_has_the_colours_of_its_page(report):
    page = report._repr_html_()
    styles = " ".join(re.findall('style="(.*?)"', page))
    assert not re.search(r"#[0-9a-f]{3}|rgb|black|white\b(?!-)", styles, re.IGNORECASE)
    assert "currentColor" in styles


def test_html_escapes_the_names_of_layers():
    module = nn.Sequential()
    module.add_module("flat", nn.Flatten())
    module.add_module("<script>&", nn.Linear(16, 2))
    page = NetworkReport.from_module(module, (4, 4))._repr_html_()
    assert "&lt;script&gt;&amp;" in page
    assert "<script" not in page
    ElementTree.fromstring(page)


def test_bars_of_the_html_are_shares_of_the_largest_layer(report):
    page = report._repr_html_()
    most = max(layer.macs for layer in report.layers)
    for layer, kind in itertools.product(report.layers, ("macs", "living_macs", "nonzero_macs")):
        assert f"width: {getattr(layer, kind) / most:.1%}" in page


def test_frame_has_a_row_for_each_layer(report):
    frame = report.to_frame()
    assert frame.index.tolist() == ["conv1", "conv2", "conv3", "fc"]
    for layer in report.layers:
        row = frame.loc[layer.name]
        assert all(row[key] == value for key, value in vars(layer).items() if key != "name")
        assert row["sparsity"] == layer.sparsity
    assert frame["living_macs"].sum() == report.totals.living_macs


def test_frame_needs_pandas(report, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match="pip install pandas"):
        report.to_frame()


def test_plot_needs_matplotlib(report, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=r"pip install sparsecnn\[plot\]"):
        report.plot()


def test_plot_has_a_bar_for_every_layer_and_kind(report):
    assert report.plot() is report
    kinds = {"dense": "macs", "living": "living_macs", "non-zero": "nonzero_macs"}
    assert list(report.bars_) == list(kinds)
    for kind, attribute in kinds.items():
        widths = [1e6 * bar.get_width() for bar in report.bars_[kind]]
        assert widths == pytest.approx([getattr(layer, attribute) for layer in report.layers])
    report.figure_.canvas.draw()
    labels = [label.get_text() for label in report.ax_.get_yticklabels()]
    assert labels == ["conv1", "conv2", "conv3", "fc"]
    assert report.ax_.yaxis_inverted()
    assert report.ax_.get_xlabel() == "multiply-adds for one image (millions)"
    assert [text.get_text() for text in report.ax_.get_legend().get_texts()] == list(kinds)


def test_plot_draws_into_given_axes(report):
    ax = NetworkReport.from_module(lenet(), (12, 16)).plot().ax_
    assert report.plot(ax).ax_ is ax
    assert report.figure_ is ax.figure


def test_latency_is_measured_on_request(stripes):
    classifier = quick(max_iter=1, finetune_iter=1).fit(*stripes)
    assert NetworkReport.from_estimator(classifier).latency_ is None
    report = NetworkReport.from_estimator(classifier, latency=True)
    assert list(report.latency_) == [1, 256]
    assert 0 < report.latency_[1] < report.latency_[256]
    assert "median of 20 runs, float32, cpu, 1 thread" in report.latency_conditions_
    assert re.search(r"Latency: [\d.]+ ms for 1 image, [\d.]+ ms for 256 images", str(report))
    assert "Latency" in report._repr_html_()


def test_latency_is_that_of_the_bare_network_in_evaluation_mode():
    seen = []

    class Noting(nn.Linear):
        def forward(self, x):
            seen.append((len(x), self.training, torch.is_grad_enabled()))
            return super().forward(x.flatten(1))

    report = NetworkReport.from_module(Noting(16, 2), (4, 4))
    seen.clear()
    report.measure_latency((3,), n_repeats=4, n_warmup=2, device="cpu")
    assert seen == [(3, False, False)] * 6
    assert list(report.latency_) == [3]


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"batch_sizes": (1, 0)}, ValueError, "batch_sizes == 0"),
        ({"batch_sizes": (1.5,)}, TypeError, "batch_sizes must be an instance"),
        ({"batch_sizes": ()}, ValueError, "batch_sizes must not be empty"),
        ({"n_repeats": 0}, ValueError, "n_repeats == 0"),
        ({"n_warmup": -1}, ValueError, "n_warmup == -1"),
        ({"device": "nonsense"}, ValueError, "nonsense"),
    ],
)
def test_latency_refuses_wrong_numbers(report, parameters, error, message):
    with pytest.raises(error, match=message):
        report.measure_latency(**parameters)
