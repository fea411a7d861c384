"""Every scikit-learn check, on every public estimator, with no expected failure."""

import pytest
from sklearn.utils.estimator_checks import (
    check_dataframe_column_names_consistency,
    check_param_validation,
    check_set_output_transform,
    check_set_output_transform_pandas,
    check_transformer_get_feature_names_out,
    check_transformer_get_feature_names_out_pandas,
    parametrize_with_checks,
)

from sparsecnn import CurveImageTransformer, SparseCurveCNNClassifier
from sparsecnn.penalties import TransformedL1

SMALL = {"channels": (4, 4, 4), "kernel_size": 3}
ESTIMATORS = [
    SparseCurveCNNClassifier(),
    SparseCurveCNNClassifier("tl1", **SMALL),
    SparseCurveCNNClassifier(TransformedL1(a=1.0), penalized="all", batch_norm=False, **SMALL),
    SparseCurveCNNClassifier("l1", lam=1e-3, penalized="all", **SMALL),
    SparseCurveCNNClassifier(None, **SMALL),
    CurveImageTransformer(),
    CurveImageTransformer((16, 16), dtype="uint8", crop=False),
]
LEFT_OUT = [check_param_validation, check_dataframe_column_names_consistency]
LEFT_OUT_FOR_TRANSFORMERS = [
    check_set_output_transform,
    check_set_output_transform_pandas,
    check_transformer_get_feature_names_out,
    check_transformer_get_feature_names_out_pandas,
]


@parametrize_with_checks(ESTIMATORS, xfail_strict=True)
def test_estimator_passes_check(estimator, check):
    check(estimator)


@pytest.mark.parametrize("check", LEFT_OUT, ids=lambda check: check.__name__)
@pytest.mark.parametrize("estimator", [SparseCurveCNNClassifier(), CurveImageTransformer()], ids=str)
def test_estimator_passes_check_left_out(estimator, check):
    check(type(estimator).__name__, estimator)


@pytest.mark.parametrize("check", LEFT_OUT_FOR_TRANSFORMERS, ids=lambda check: check.__name__)
def test_transformer_passes_check_left_out(check):
    check("CurveImageTransformer", CurveImageTransformer())
