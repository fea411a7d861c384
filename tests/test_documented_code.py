"""Every block of code in the README and in the documentation runs, and what the pages claim of it is true."""

import functools
import shutil

import numpy as np
import pytest
from documents import ROOT, list_pages, run_page, write_drawings
from PIL import Image

from sparsecnn import SparseCurveCNNClassifier, SparseCurveCNNRegressor, pretraining
from sparsecnn.binarization import stored_bytes
from sparsecnn.inspection import NetworkReport

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore::sparsecnn.exceptions.DeadLayerWarning"),
    pytest.mark.filterwarnings("ignore:All resamples have the same metric"),
]

PAGES = list_pages()
# Pages with many fits: they run with few epochs, whatever they ask for. All others run as they stand.
SHORT = {
    "docs/faq.md",
    "docs/tutorial.md",
    *(f"docs/user_guide/{name}.md" for name in ("choosing", "drawings", "screening", "target_and_path")),
}


def _shortened(whole):
    """Return a constructor of an estimator that trains for two epochs and fine-tunes for one."""

    @functools.wraps(whole)
    def short(self, *args, max_iter=24, finetune_iter="auto", **params):
        whole(self, *args, max_iter=min(max_iter, 2), finetune_iter=1, **params)

    return short


@pytest.fixture
def short_training(monkeypatch):
    """Let networks train for two epochs and fine-tune for one, and draw few drawings to pretrain on."""
    for kind in (SparseCurveCNNClassifier, SparseCurveCNNRegressor):
        monkeypatch.setattr(kind, "__init__", _shortened(kind.__init__))
    monkeypatch.setitem(pretraining.pretrain_on_drawings.__kwdefaults__, "n_samples", 40)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The present folder, with drawings and a reader as a user may have them."""
    monkeypatch.chdir(tmp_path)
    write_drawings(tmp_path)
    shutil.copy(ROOT / "sparsecnn" / "pretrained" / "drawings.safetensors", tmp_path / "reader.safetensors")
    return tmp_path


@pytest.mark.parametrize("page", PAGES)
def test_code_of_a_page_runs(page, folder, request):
    if page in SHORT:
        request.getfixturevalue("short_training")
    run = run_page(page, folder)
    CLAIMS.get(page, lambda run: None)(run)


def test_short_pages_and_claims_are_of_pages_with_code():
    assert set(PAGES) >= SHORT | set(CLAIMS)


def is_picture(path):
    with Image.open(path) as image:
        low, high = image.convert("L").getextrema()
    return low < high


def check_readme(run):
    X, y, train, test = (run.names[name] for name in ("X", "y", "train", "test"))
    assert run.names["classifier"].score(X[test], y[test]) > 0.9
    assert not set(run.names["persons"][train]) & set(run.names["persons"][test])
    narrow, small = run.names["narrow"], run.names["small"]
    macs = [NetworkReport.from_estimator(fitted).totals.macs for fitted in (narrow, small)]
    assert macs[1] <= 0.1 * macs[0]
    assert (small.predict(X) == narrow.predict(X)).all()
    assert {"reader.safetensors", "reader.html", "page.html"} <= {path.name for path in run.folder.iterdir()}


def check_tutorial(run):
    assert "180 regular, 180 shaky, by 60 persons" in run.printed[1]
    assert "40 persons to train on, 20 others to test on" in run.printed[2]
    assert (run.folder / "reader.html").exists()
    assert (run.folder / "reader.safetensors").stat().st_size < 25_000


def check_faq(run):
    assert "try lam=" in run.printed[1]
    assert run.printed[5] == "True\n"  # the same seed, the same network
    narrow, compressed = run.printed[12].splitlines()[1:]
    assert narrow.split(", ")[-1].split()[0] == compressed.split()[3]
    assert run.printed[15].endswith("True\n")
    assert all(float(value) < 0.1 for value in run.printed[17].split())  # of paper of any colour


def check_interrupted(run):
    assert float(run.printed[0].split()[-1]) == pytest.approx(0.9, abs=0.01)
    assert "'target_sparsity'" in run.printed[1]
    assert run.printed[2].endswith(" 5\n")  # two candidates on two folds, and the best on all images
    assert run.printed[3].startswith("sparsecnn-checkpoint")
    assert {"spirals-cv", "spirals-fit.safetensors", "spirals-grid"} <= {
        path.name for path in run.folder.iterdir()
    }


def check_callbacks(run):
    stopped = run.names["stopped"]
    assert stopped.n_iter_ < stopped.max_iter + stopped.finetune_iter_
    assert stopped.sparsity_ == run.names["classifier"].sparsity_
    assert len((run.folder / "log.csv").read_text().splitlines()) == 1 + 12 + 4
    assert run.printed[2].count(",") == 12 + 4 - 1


def check_targets(run):
    assert run.names["classifier"].sparsity_ == pytest.approx(0.95, abs=1e-3)
    assert is_picture(run.folder / "path.png")


def check_torch(run):
    assert run.names["classifier"].sparsity_ == pytest.approx(0.8, abs=1e-2)
    weight = run.names["net"][4].weight.detach().numpy()
    assert 0.2 < np.mean(weight == 0) < 1


def check_how_it_works(run):
    classifier = run.names["classifier"]
    history, max_iter = classifier.history_, classifier.n_iter_ - classifier.finetune_iter_
    half, sparsities = max_iter // 2, np.array(history["sparsity"])
    assert (sparsities[half:] == sparsities[-1]).all()
    assert sparsities[half - 2] < sparsities[-1]
    assert np.array(history["distance"])[max_iter:].max() == 0


def check_binary(run):
    X, y = run.names["X"], run.names["y"]
    assert min(run.names[name].score(X, y) for name in ("binary", "bits", "small")) > 0.9
    assert stored_bytes(run.names["small"]) < stored_bytes(run.names["binary"]) / 3


def check_survey(run):
    n_weights, difference = run.printed[1].split()
    assert n_weights == "8"
    assert float(difference) < 1e-3
    assert (run.names["u"] != 0).equal(run.names["truth"] != 0)
    weight = run.names["low_rank"].module_.conv3.weight
    assert weight.all()
    assert run.names["NuclearNorm"]().rank(weight) < len(weight) / 2


def check_readers(run):
    assert run.names["images"].shape[0] == 1
    assert (run.folder / "page.html").stat().st_size > 0
    assert (run.folder / "answers.jsonl").stat().st_size > 0


def check_compression(run):
    X, y = run.names["X"], run.names["y"]
    assert is_picture(run.folder / "report.png")
    assert run.names["report"].totals.sparsity == pytest.approx(0.9, abs=1e-4)
    assert list(run.names["report"].latency_) == [1, 64]
    assert run.printed[3].strip() == str(8 * 25 * 24 * 24 + 8 * 12 * 12 * 10)
    narrow, both = (NetworkReport.from_estimator(run.names[name]).totals for name in ("narrow", "both"))
    assert narrow.living_macs <= 0.1 * narrow.macs
    assert both.living_macs <= 0.2 * both.macs
    assert both.sparsity == pytest.approx(0.97, abs=1e-3)
    assert NetworkReport.from_estimator(run.names["compressed"]).totals.macs == narrow.living_macs
    assert float(run.printed[6].splitlines()[-1]) < 1e-5
    assert len(run.names["search"].cv_results_["params"]) == 7
    assert type(run.names["smallest"].module_).__name__ == "CompressedNetwork"
    assert 0.499 < run.names["sparser"].sparsity_ < 0.55  # by layer, each rounded
    assert min(run.names[name].score(X, y) for name in ("narrow", "both", "sparser")) > 0.9


def check_screening(run):
    *_, same, without_torch = run.printed
    assert same == "True True\n"
    threshold, difference = map(float, without_torch.split())
    assert threshold == run.names["screening"].threshold_
    assert difference < 1e-4


def check_take_home(run):
    same_file, difference, same_onnx = (text.strip() for text in run.printed if text)
    assert same_file == same_onnx == "True"
    assert float(difference) < 1e-5
    files = [run.folder / f"spirals{end}" for end in (".safetensors", "-int8.onnx", ".onnx")]
    sizes = [path.stat().st_size for path in files]
    assert sizes == sorted(sizes)
    assert b"not a diagnosis" in (run.folder / "spirals.html").read_bytes()


CLAIMS = {
    "README.md": check_readme,
    "docs/faq.md": check_faq,
    "docs/tutorial.md": check_tutorial,
    "docs/user_guide/binary.md": check_binary,
    "docs/user_guide/callbacks.md": check_callbacks,
    "docs/user_guide/compression.md": check_compression,
    "docs/user_guide/how_it_works.md": check_how_it_works,
    "docs/user_guide/interrupted.md": check_interrupted,
    "docs/user_guide/penalties_survey.md": check_survey,
    "docs/user_guide/readers.md": check_readers,
    "docs/user_guide/screening.md": check_screening,
    "docs/user_guide/take_home.md": check_take_home,
    "docs/user_guide/target_and_path.md": check_targets,
    "docs/user_guide/torch.md": check_torch,
}
