"""Hostile arguments of everything public that takes any, those of constructors by their own constraints."""

from decimal import Decimal
from pathlib import Path

import numpy as np
import torch
from hypothesis import strategies as st
from joblib import parallel_config
from PIL import Image
from sklearn.linear_model import LogisticRegression
from sklearn.utils._param_validation import (
    HasMethods,
    generate_invalid_param_val,
    generate_valid_param,
    make_constraint,
)

from fuzz.drawn import for_each_drawn
from fuzz.tally import Tally
from sparsecnn import (
    RVSM,
    BinaryActivation,
    CurveAugmentation,
    CurveImageTransformer,
    SparseCurveCNNClassifier,
    SparseCurveCNNClassifierCV,
    SparseCurveCNNRegressor,
    SparseCurveEnsemble,
)
from sparsecnn.datasets import (
    load_drawings,
    make_shaky_drawings,
    make_shaky_spirals,
    make_shaky_words,
)
from sparsecnn.model_selection import ScreeningClassifier, bootstrap_interval, sparsity_path
from sparsecnn.penalties import (
    L0,
    MCP,
    SCAD,
    Binary,
    CappedL1,
    GroupPenalty,
    L1MinusL2,
    LogSum,
    SparseGroupPenalty,
    Ternary,
    TransformedL1,
    lam_for_sparsity,
)
from sparsecnn.preprocessing import suggest_image_shape

RNG = np.random.default_rng(0)
Y = np.repeat(["regular", "shaky"], 8)
X = (RNG.random((16, 8, 8)) * np.where(Y == "shaky", 255, 60)[:, None, None]).astype(np.uint8)
TINY = {"channels": (2, 2, 4), "max_iter": 1, "finetune_iter": 0, "batch_size": 8, "random_state": 0}
TINY |= {"target_sparsity": 0.5}
# What takes longer the larger it is: that is what was asked for, and not a hang.
WORK = {"max_iter", "finetune_iter", "n_samples", "n_resamples", "persons", "n_jobs", "sparsities", "verbose"}
WORK |= {"n_members", "choice_iter"}
MOST_WORK = 8
MEMORY = 20_000_000  # of which ten times are what the default network may take

ODD = (
    *(None, True, False, 0, 1, -1, 2, 3, 7, 10**30, -(10**30), -0.0, 0.5, 1.0, 1.5, 1e-320, 1e308),
    *(float("nan"), float("inf"), -float("inf"), "", "auto", "l0", "relu", "nonsense", "\0", "é\u202e", b"x"),
    *(
        [],
        (),
        {},
        set(),
        [1],
        (3, 4),
        (8, 8),
        ([8, 8], 8),
        (8.0, 8),
        [float("nan")],
        [[]],
        [None],
        ["a", 1],
        range(3),
    ),
    *(np.float32(0.5), np.float64("nan"), np.int64(3), np.bool_(True), np.array(3), np.array([1, 2])),
    *(np.array([]), np.array(["x"]), Decimal("0.5"), 1j, object(), int, len, Path("none")),
    *(torch.tensor(0.5), torch.tensor([1.0, 2.0]), torch.float32, np.ma.masked, slice(3), lambda: None),
)
VALUES = st.one_of(
    st.sampled_from(ODD),
    st.integers(-5, 70),
    st.integers(),
    st.floats(),
    st.floats(0, 1),
    st.text(max_size=5),
    st.lists(st.integers(-1, 40), max_size=4),
    st.lists(st.floats(0, 1), max_size=4),
    st.tuples(st.integers(0, 40), st.integers(0, 40)),
)


def by_constraints(constraints) -> st.SearchStrategy:
    """Return values within and without of what a parameter may be."""
    if constraints == "no_validation":
        return VALUES
    found = [VALUES]
    for constraint in map(make_constraint, constraints):
        if isinstance(constraint, HasMethods):  # methods that do nothing are no penalty and no network
            continue
        for generate in (generate_valid_param, generate_invalid_param_val):
            try:
                found.append(st.just(generate(constraint)))
            except (NotImplementedError, TypeError, ValueError):  # as of HasMethods
                continue
    return st.one_of(found)


def fit(classifier):
    """Return the labels that a classifier fitted to a few images predicts."""
    return classifier.fit(X, Y).predict(X)


def check_labels(labels) -> None:
    assert labels.shape == (len(X),)
    assert set(labels) <= set(Y)


def classify(**params):
    return fit(SparseCurveCNNClassifier(**TINY | params))


def regress(**params):
    """Return the targets that a regressor fitted to a few images predicts."""
    return SparseCurveCNNRegressor(**TINY | params).fit(X, np.arange(len(X))).predict(X)


def search(**params):
    quick = SparseCurveCNNClassifier(**TINY)
    return fit(SparseCurveCNNClassifierCV(**{"estimator": quick, "sparsities": [0.0, 0.5], "cv": 2} | params))


def screen(**params):
    flat = X.reshape(len(X), -1)
    start = {"estimator": LogisticRegression(C=1e-6), "cv": 2}
    return ScreeningClassifier(**start | params).fit(flat, Y, range(len(Y))).predict(flat)


def average(**params):
    views, quick = np.stack([X, X[::-1]], axis=1), SparseCurveCNNClassifier(**TINY)
    ensemble = SparseCurveEnsemble(**{"estimator": quick, "n_members": 1, "cv": 2} | params)
    return ensemble.fit(views, Y).predict(views)


def convert(**params):
    return CurveImageTransformer(**{"image_shape": (16, 16)} | params).fit(X).transform(X)


def penalize(penalty):
    """Return a function that maps a few weights by a penalty of given parameters."""

    def mapped(**params):
        w = torch.linspace(-1, 1, 8).reshape(4, 2)
        return penalty(**params).prox(w, 0.1)

    return mapped


def check_weights(w) -> None:
    assert w.shape == (4, 2)
    assert w.isfinite().all()
    assert (w.abs() <= 1).all()


def split(**params):
    """Return the weights after one step of RVSM."""
    w = torch.nn.Parameter(torch.ones(4, 2))
    start = {"base": torch.optim.SGD([w], lr=0.1), "params": [w], "penalty": "l1", "lam": 0.1, "beta": 1.0}
    given = start | params
    if "target_sparsity" in params:
        given.pop("lam")
    optimizer = RVSM(**given)
    w.grad = torch.ones_like(w)
    optimizer.step()
    return w.detach()


def path(**params):
    """Return the path of a tiny network."""
    return sparsity_path(X, Y, **{"estimator": SparseCurveCNNClassifier(**TINY)} | params)


def drawings() -> Path:
    """Return a folder of two drawings below the present one, which is made once."""
    folder = Path("drawings")
    for name in ("regular", "shaky"):
        (folder / name).mkdir(parents=True, exist_ok=True)
        if not (folder / name / "V1.png").exists():
            Image.new("L", (8, 8)).save(folder / name / "V1.png")
    return folder


def mean_of(y, proba) -> float:
    """Return a metric that needs nothing of what it is given."""
    return float(np.mean(proba))


def _some(function, **start):
    return lambda **params: function(**start | params)


def _nothing(answer) -> None:
    """Check nothing: what is answered has no right answer but that it comes at all."""


ESTIMATORS = {
    "SparseCurveCNNClassifier": (classify, check_labels, SparseCurveCNNClassifier._parameter_constraints),
    "SparseCurveCNNClassifierCV": (search, check_labels, SparseCurveCNNClassifierCV._parameter_constraints),
    "ScreeningClassifier": (screen, check_labels, ScreeningClassifier._parameter_constraints),
    "SparseCurveCNNRegressor": (
        regress,
        lambda targets: _check_images(targets, len(X)),
        SparseCurveCNNRegressor._parameter_constraints,
    ),
    "SparseCurveEnsemble": (average, check_labels, SparseCurveEnsemble._parameter_constraints),
    "CurveImageTransformer": (
        convert,
        lambda images: _check_images(images, len(X)),
        CurveImageTransformer._parameter_constraints,
    ),
}


def _check_images(images, n_images: int) -> None:
    assert len(images) == n_images
    assert np.isfinite(images).all()


def _free(*names: str) -> dict[str, str]:
    return dict.fromkeys(names, "no_validation")


WORDS = _some(make_shaky_words, n_samples=2, image_shape=(32, 32), return_X_y=False, random_state=0)
GENERATED = ("n_samples", "image_shape", "return_X_y", "random_state")
SHAKEN = ("amplitude", "frequency", "scales")
REST = {
    "CurveAugmentation": (
        lambda **params: classify(augment=CurveAugmentation(**params)),
        check_labels,
        _free("strength", "flip"),
    ),
    "BinaryActivation": (
        lambda **params: classify(activation=BinaryActivation(**params)),
        check_labels,
        _free("proxy"),
    ),
    "TransformedL1": (penalize(TransformedL1), check_weights, _free("a")),
    "SCAD": (penalize(SCAD), check_weights, _free("a")),
    "MCP": (penalize(MCP), check_weights, _free("gamma")),
    "LogSum": (penalize(LogSum), check_weights, _free("epsilon")),
    "CappedL1": (penalize(CappedL1), check_weights, _free("theta")),
    "L1MinusL2": (penalize(L1MinusL2), check_weights, _free("alpha")),
    "GroupPenalty": (penalize(GroupPenalty), _nothing, _free("base", "axis", "pixels")),
    "SparseGroupPenalty": (
        penalize(SparseGroupPenalty),
        _nothing,
        _free("element", "group", "group_ratio", "axis", "pixels"),
    ),
    "Binary": (lambda **params: Binary().prox(torch.ones(4, 2), **params), _nothing, _free("step")),
    "Ternary": (lambda **params: Ternary().prox(torch.ones(4, 2), **params), _nothing, _free("step")),
    "RVSM": (
        split,
        _nothing,
        _free("base", "params", "penalty", "lam", "beta", "target_sparsity", "sparsity_scope"),
    ),
    "lam_for_sparsity": (
        _some(lam_for_sparsity, penalty=L0(), w=torch.ones(4), beta=1.0, sparsity=0.5),
        lambda lam: _check_at_least_0(lam),
        _free("penalty", "w", "beta", "sparsity"),
    ),
    "sparsity_path": (path, _nothing, _free("estimator", "sparsities", "lams", "macs", "resume")),
    "make_shaky_words": (WORDS, _nothing, _free(*GENERATED, *SHAKEN, "tremor", "fonts", "words")),
    "make_shaky_spirals": (
        _some(make_shaky_spirals, n_samples=2, image_shape=(32, 32), random_state=0),
        _nothing,
        _free(*GENERATED, *SHAKEN, "persons"),
    ),
    "make_shaky_drawings": (
        _some(make_shaky_drawings, n_samples=2, image_shape=(32, 32), random_state=0),
        _nothing,
        _free(*GENERATED, "persons", "drawings", "severity", "hands", "guide", "pen", "paper", "capture"),
    ),
    "load_drawings": (
        lambda **params: load_drawings(**{"folder": drawings()} | params),
        _nothing,
        _free("folder", "group_pattern"),
    ),
    "suggest_image_shape": (
        lambda **params: suggest_image_shape(**{"files": drawings().rglob("*.png"), "side": 64} | params),
        _nothing,
        _free("files", "side", "multiple"),
    ),
    "bootstrap_interval": (
        _some(bootstrap_interval, metric=mean_of, y=[0, 1, 1], proba=[0.1, 0.2, 0.3], n_resamples=4),
        _nothing,
        _free("metric", "y", "proba", "groups", "confidence", "n_resamples", "random_state"),
    ),
}


def _check_at_least_0(number) -> None:
    assert number >= 0


@st.composite
def cases(draw, subjects):
    """Draw a subject and one or two of its parameters."""
    name = draw(st.sampled_from(sorted(subjects)))
    parameters = subjects[name][2]
    chosen = draw(st.lists(st.sampled_from(sorted(parameters)), min_size=1, max_size=2, unique=True))
    return name, {one: draw(by_constraints(parameters[one])) for one in chosen}


def is_much_work(name: str, value) -> bool:
    """Return whether a value asks for more work than a test may take."""
    try:
        return name in WORK and bool(value > MOST_WORK)
    except (RuntimeError, TypeError, ValueError):
        return False


def run_estimators(tally: Tally, folder: Path, n_cases: int, seed: int) -> Tally:
    """Judge the constructor arguments of estimators."""
    return run(tally, ESTIMATORS, n_cases, seed)


def run_rest(tally: Tally, folder: Path, n_cases: int, seed: int) -> Tally:
    """Judge the arguments of everything else."""
    return run(tally, REST, n_cases, seed)


def run(tally: Tally, subjects, n_cases: int, seed: int) -> Tally:
    """Judge what subjects make of arguments."""

    def judge(case):
        name, params = case
        params = {one: 2 if is_much_work(one, value) else value for one, value in params.items()}
        call, check, _ = subjects[name]
        tally.judge(
            f"{name}({', '.join(f'{one}={value!r}' for one, value in params.items())})",
            lambda: call(**params),
            check,
            names=[rf"(\b|_){one}\b" for one in params],
            decoded=MEMORY,
        )

    with parallel_config("threading"):  # which starts at once
        for_each_drawn(cases(subjects), judge, n_cases, seed)
    return tally.end()
