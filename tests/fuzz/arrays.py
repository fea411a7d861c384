"""Hostile images, labels, weights and groups, as arrays, lists, tables and other things."""

from pathlib import Path

import numpy as np
import pandas as pd
import scipy.sparse
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from fuzz.arguments import MEMORY, ODD, TINY, X, Y
from fuzz.drawn import for_each_drawn
from fuzz.tally import Tally
from sparsecnn import CurveImageTransformer, SparseCurveCNNClassifier
from sparsecnn.model_selection import average_by_group, validate_groups

DTYPES = (
    *("u1", "i1", ">u2", "i4", "u8", "f2", "f4", ">f8", "g", "c8", "?", "O", "U2", "S1", "M8[s]", "m8[s]"),
)
NUMBERS = ("u1", "u2", "i4", "f4", "f8")
NAMES = {
    "X": r"\bX\b|images cannot be read",
    "y": r"\by\b|groups? ",
    "sample_weight": "sample_weight|y must have at least two classes",
    "groups": "groups?",
}


@st.composite
def numbers(draw, shapes):
    """Draw an array of numbers, also huge, tiny, NaN or infinite ones."""
    dtype = draw(st.sampled_from(NUMBERS))
    return draw(hnp.arrays(dtype, shapes, elements=hnp.from_dtype(np.dtype(dtype)), fill=st.just(0)))


@st.composite
def pictures(draw):
    """Draw images: numbers of any shape and type, or the right ones in an odd form."""
    shapes = st.one_of(
        hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=9),
        st.sampled_from([(16, 8, 8), (16, 64), (16, 1, 64), (16, 8, 8, 3), (16, 63), (0, 64), (16, 0)]),
    )
    kind = draw(st.integers(0, 4))
    if kind == 0:
        return draw(numbers(shapes))
    if kind == 1:
        # What a dtype does not hold is a string, or an object of this many bytes.
        return draw(hnp.arrays(np.dtype(draw(st.sampled_from(DTYPES))), shapes, fill=st.nothing()))
    if kind == 2:
        return draw(st.sampled_from(ODD))
    images = X.astype(draw(st.sampled_from(NUMBERS)))
    return draw(st.sampled_from(FORMS))(images) if kind == 3 else with_one_changed(draw, images)


def with_one_changed(draw, images):
    """Return float images with one pixel that is not of this world."""
    changed = images.astype(float)
    place = tuple(draw(st.integers(0, side - 1)) for side in images.shape)
    changed[place] = draw(st.sampled_from([np.nan, np.inf, -np.inf, 1e308, -1e300, 1e-320, -5.0, 3e38]))
    return changed


def read_only(images):
    images.setflags(write=False)
    return images


FORMS = (
    *(np.asfortranarray, read_only, list, lambda images: images[::-1, :, ::-1], lambda images: images[::2]),
    *(lambda images: images.tolist(), lambda images: [image.tolist() for image in images], tuple),
    lambda images: pd.DataFrame(images.reshape(len(images), -1)),
    lambda images: pd.DataFrame(images.reshape(len(images), -1)).astype(object),
    lambda images: scipy.sparse.csr_matrix(images.reshape(len(images), -1)),
    lambda images: np.ma.masked_less(images, 3),
    lambda images: images.byteswap().view(images.dtype.newbyteorder()),
    lambda images: [*images[:-1], images[-1][:-1]],
    lambda images: [*images[:-1], None],
    lambda images: np.matrix(images.reshape(len(images), -1)),
    lambda images: images[0],
    lambda images: images.astype(object),
    lambda images: images.astype(str),
)
LABELS = st.one_of(
    st.just(Y),
    st.lists(st.sampled_from(["a", "b", 1, 0, 1.5, None, float("nan"), True, b"x", ""]), max_size=17),
    hnp.arrays(
        st.sampled_from([np.int64, np.float64, bool, "U2", "S2"]), st.sampled_from([16, (16, 1), (16, 2)])
    ),
    st.sampled_from(ODD),
    st.sampled_from(
        [pd.Series(Y), pd.Series(Y, dtype="category"), pd.Series([pd.NA] * 16), Y[:15], Y[:, None]]
    ),
)
WEIGHTS = st.one_of(
    st.just(np.ones(16)), numbers(st.sampled_from([16, 15, (16, 1), ()])), st.sampled_from(ODD)
)
GROUPS = st.one_of(
    st.just(np.arange(16) % 4),
    st.lists(st.sampled_from(["ann", "bob", None, float("nan"), 3, (1, 2)]), min_size=14, max_size=17),
    numbers(st.sampled_from([16, 15, (16, 1)])),
    st.sampled_from(ODD),
)
GOOD = {"X": X, "y": Y, "sample_weight": None, "groups": np.arange(16) % 4}
DATA = {"X": pictures(), "y": LABELS, "sample_weight": WEIGHTS, "groups": GROUPS}


def fitted() -> SparseCurveCNNClassifier:
    return SparseCurveCNNClassifier(**TINY).fit(X, Y)


def check_probability(proba) -> None:
    assert np.isfinite(proba).all()
    np.testing.assert_allclose(proba.sum(1), 1, atol=1e-5)


def check_ink(ink) -> None:
    assert np.isfinite(ink).all()
    assert ink.min(initial=0) >= 0
    assert ink.max(initial=1) <= 1


def _fit(X, y, sample_weight, groups):
    classifier = SparseCurveCNNClassifier(**TINY).fit(X, y, sample_weight, groups)
    return classifier.predict_proba(X)


def _fit_partly(X, y, sample_weight, groups):
    return SparseCurveCNNClassifier(**TINY).partial_fit(X, y, sample_weight=sample_weight).predict_proba(X)


def _predict(X, y, sample_weight, groups):
    return FITTED.predict_proba(X)


def _convert(X, y, sample_weight, groups):
    return CurveImageTransformer((8, 8)).fit(X).transform(X)


FITTED = fitted()
CALLS = {
    "fit": (_fit, check_probability, ("X", "y", "sample_weight", "groups")),
    "partial_fit": (_fit_partly, check_probability, ("X", "y", "sample_weight")),
    "predict_proba": (_predict, check_probability, ("X",)),
    "transform": (_convert, check_ink, ("X",)),
    "validate_groups": (
        lambda X, y, sample_weight, groups: validate_groups(y, groups, min_images=1),
        lambda found: None,
        ("y", "groups"),
    ),
    "average_by_group": (
        lambda X, y, sample_weight, groups: average_by_group(np.full(16, 0.5), groups, y),
        lambda found: None,
        ("y", "groups"),
    ),
}


@st.composite
def cases(draw):
    """Draw what is called, and one or two things that it is given."""
    name = draw(st.sampled_from(sorted(CALLS)))
    names = CALLS[name][2]
    chosen = draw(st.lists(st.sampled_from(names), min_size=1, max_size=2, unique=True))
    return name, {one: draw(DATA[one]) for one in chosen}


def describe(value) -> str:
    """Return a value in short, an array by its type and shape."""
    kind, shape = type(value).__name__, getattr(value, "shape", None)
    return f"{kind} {getattr(value, 'dtype', '')} {shape}" if shape else repr(value)[:80]


def run(tally: Tally, folder: Path, n_cases: int, seed: int) -> Tally:
    """Judge what is made of arrays."""

    def judge(case):
        name, odd = case
        call, check, _ = CALLS[name]
        given = GOOD | odd
        tally.judge(
            f"{name}({', '.join(f'{one}={describe(value)}' for one, value in odd.items())})",
            lambda: call(**given),
            check,
            names=[NAMES[one] for one in odd],
            decoded=MEMORY,
        )

    for_each_drawn(cases(), judge, n_cases, seed)
    return tally.end()
