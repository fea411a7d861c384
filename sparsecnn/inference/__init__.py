"""Predictions of saved networks with numpy alone."""

from sparsecnn.inference._arrays import ArrayWriter as ArrayWriter
from sparsecnn.inference._build import LayerSpec as LayerSpec
from sparsecnn.inference._build import build_layers as build_layers
from sparsecnn.inference._classifier import NumpyClassifier
from sparsecnn.inference._container import Content as Content
from sparsecnn.inference._container import Form as Form
from sparsecnn.inference._container import pack as pack
from sparsecnn.inference._container import read as read
from sparsecnn.inference._container import unpack as unpack
from sparsecnn.inference._fields import make_array as make_array
from sparsecnn.inference._groups import check_labels as check_labels
from sparsecnn.inference._groups import mean_by_group as mean_by_group
from sparsecnn.inference._layers import Layer
from sparsecnn.inference._load import load
from sparsecnn.inference._load import make_predictor as make_predictor
from sparsecnn.inference._network import CURVE_CNN as CURVE_CNN
from sparsecnn.inference._network import check_keys as check_keys
from sparsecnn.inference._network import is_number as is_number
from sparsecnn.inference._records import Saved as Saved
from sparsecnn.inference._records import SavedClassifier as SavedClassifier
from sparsecnn.inference._records import SavedEnsemble as SavedEnsemble
from sparsecnn.inference._records import SavedEstimator as SavedEstimator
from sparsecnn.inference._records import SavedNetwork as SavedNetwork
from sparsecnn.inference._records import SavedPipeline as SavedPipeline
from sparsecnn.inference._records import SavedRegressor as SavedRegressor
from sparsecnn.inference._records import SavedScreening as SavedScreening
from sparsecnn.inference._records import SavedViews as SavedViews
from sparsecnn.inference._records import Single as Single
from sparsecnn.inference._regressor import NumpyRegressor
from sparsecnn.inference._rice import encode_positions as encode_positions
from sparsecnn.inference._rule import PlattScaling as PlattScaling
from sparsecnn.inference._rule import ScreeningRule as ScreeningRule
from sparsecnn.inference._rule import logit as logit
from sparsecnn.inference._rule import proba_of as proba_of
from sparsecnn.inference._saved import FITTED as FITTED
from sparsecnn.inference._saved import INTEGERS as INTEGERS
from sparsecnn.inference._saved import MOST_NAMES as MOST_NAMES
from sparsecnn.inference._saved import decode as decode
from sparsecnn.inference._saved import read_saved as read_saved
from sparsecnn.inference._saved_screening import NUMBERED as NUMBERED
from sparsecnn.inference._screen import Screen as Screen
from sparsecnn.inference._screening import NumpyScreening
from sparsecnn.inference._shift import PersonImages as PersonImages
from sparsecnn.inference._shift import pick_images as pick_images

__all__ = ["Layer", "NumpyClassifier", "NumpyRegressor", "NumpyScreening", "load"]
