"""Every scikit-learn check, on every public estimator, with no expected failure."""

import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.utils.estimator_checks import (
    check_dataframe_column_names_consistency,
    check_param_validation,
    parametrize_with_checks,
)

from sparsecnn import (
    CurveImageTransformer,
    SparseCurveCNNClassifier,
    SparseCurveCNNClassifierCV,
    SparseCurveCNNRegressor,
    SparseCurveEnsemble,
)
from sparsecnn.model_selection import ScreeningClassifier
from sparsecnn.preprocessing import PrintedFormRemover

pytestmark = [
    pytest.mark.filterwarnings("ignore:The .* pages share no print"),
    pytest.mark.filterwarnings("ignore:The .* persons held back are not told apart"),
    pytest.mark.filterwarnings("ignore:ScreeningClassifier.fit got no groups"),
]
SMALL = {"channels": (4, 4, 4), "lam": 1e-4}
ESTIMATORS = [
    SparseCurveCNNClassifier(),
    SparseCurveCNNClassifierCV(
        SparseCurveCNNClassifier(channels=(4, 4, 4), random_state=0), sparsities=[0.25, 0.5], cv=2
    ),
    SparseCurveCNNRegressor(),
    SparseCurveEnsemble(
        SparseCurveCNNClassifier(channels=(4, 4, 4), target_sparsity=0.5), n_members=2, random_state=0
    ),
    CurveImageTransformer(),
    ScreeningClassifier(LogisticRegression(), cv=3),
    PrintedFormRemover(),
]
VARIANTS = [
    SparseCurveCNNClassifier("tl1", **SMALL),
    SparseCurveCNNClassifier("l1", penalized="all", **SMALL),
    CurveImageTransformer((16, 16), dtype="uint8", crop=False),
    CurveImageTransformer((16, 16), unsteadiness=0.5),
    ScreeningClassifier(LogisticRegression(), cv=2, coverage=0.5, shift_level=None),
]
LEFT_OUT = [check_param_validation, check_dataframe_column_names_consistency]


@parametrize_with_checks(ESTIMATORS, xfail_strict=True)
def test_estimator_passes_check(estimator, check):
    check(estimator)


@pytest.mark.slow
@parametrize_with_checks(VARIANTS, xfail_strict=True)
def test_estimator_with_other_parameters_passes_check(estimator, check):
    check(estimator)


@pytest.mark.parametrize("check", LEFT_OUT, ids=lambda check: check.__name__)
@pytest.mark.parametrize(
    "estimator",
    [
        SparseCurveCNNClassifier(),
        SparseCurveCNNRegressor(),
        SparseCurveEnsemble(),
        CurveImageTransformer(),
        PrintedFormRemover(),
        ScreeningClassifier(LogisticRegression()),
    ],
    ids=str,
)
def test_estimator_passes_check_left_out(estimator, check):
    check(type(estimator).__name__, estimator)
