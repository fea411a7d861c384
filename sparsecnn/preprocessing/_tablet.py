"""The transformer of what pen tablets record: drawn as images, or measured as features."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from numbers import Real
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, TransformerMixin, _fit_context
from sklearn.utils import Tags
from sklearn.utils._param_validation import Interval, StrOptions

from sparsecnn._image_shape import check_image_shape, pixel_names
from sparsecnn._pixel_rows import PixelRows
from sparsecnn.preprocessing._kinematics import FEATURE_NAMES, measure_motion
from sparsecnn.preprocessing._pages import describe_error
from sparsecnn.preprocessing._pen_drawing import draw_recording
from sparsecnn.preprocessing._recording import SECONDS, Recording, make_recording
from sparsecnn.preprocessing._sources import name_of, raise_unreadable
from sparsecnn.preprocessing._tablet_files import check_columns, is_table, read_signals

__all__ = ["TabletTransformer"]


class TabletTransformer(TransformerMixin, BaseEstimator):
    """Draw what pen tablets record as images, or measure how the pen moved.

    A recording is what a tablet wrote down while a person drew or wrote: the position of the pen, its
    pressure, whether it was on paper or in the air, and the time of each sample. Every recording is processed
    on its own: nothing is learned from the data.

    Parameters
    ----------
    output : {"image", "features"}, default="image"
        "image" draws lines, bright on black, as large as they fit into `image_shape`, for
        `SparseCurveCNNClassifier`. "features" returns the numbers of the table in the notes, for any
        estimator.
    image_shape : tuple of two ints, default=(64, 64)
        (height, width) of the images in pixels.
    ink : {"pressure", "constant"}, default="pressure"
        Whether lines are as bright as the pen was pressed, or all white.
    max_pressure : float, default=None
        Pressure in the units of the tablet that is white, and of which pressure features are fractions. None
        is the largest of each recording in images, and leaves the features in the units of the tablet.
    in_air : float, default=0.0
        Brightness in images of the pen's way between strokes, from 0 to 1.
    line_width : float, default=2.0
        Width of the lines in pixels.
    margin : float, default=0.05
        Empty border of images, as a fraction of each side, from 0 to below 0.5.
    y_axis : {"up", "down"}, default="up"
        Where y grows on the tablet: up in Wacom's files, down on screens.
    columns : sequence of str, default=None
        Names of the columns, which replace those of every recording: "x", "y", "time", "pen" and "pressure"
        in their order, and any other name for a column to disregard. None takes the names in files and
        tables, and for what has none those in the notes.
    units_per_mm : float, default=200.0
        Units of x and y in a millimetre, from 0.001 to a million; 200 is 5,080 lines an inch. Unused for
        images.
    time_unit : {"ms", "s", "us"}, default="ms"
        Unit of time: milliseconds, seconds or microseconds.
    smoothing : float, default=0.08
        Window in seconds, from 0.025 to 1, over which strokes are smoothed before speed, acceleration and
        jerk are taken. Unused for images.

    See Also
    --------
    CurveImageTransformer : Scans and photographs of drawings.
    sparsecnn.SparseCurveCNNClassifier : Classifies the images.

    Notes
    -----
    X is a list (or tuple, Series, 1-D array) of recordings, also mixed, or an array of shape
    (n, n_samples, n_columns). A recording is

    * the path of a ``.svc`` file: the number of samples in the first line, then a line for each with x, y,
      time, pen, azimuth, altitude and pressure, separated by blanks;
    * the path of a ``.csv`` file: names of columns in the first line, then a line for each sample, separated
      by commas, semicolons or tabs;
    * a data frame or structured array, with named columns;
    * an array of shape (n_samples, 4), with the columns x, y, time, pressure; of shape (n_samples, 5), with
      x, y, time, pen, pressure; or of shape (n_samples, 7), as in a ``.svc`` file.

    Names may be in capitals; "timestamp" is "time", and "pen_status" and "button_status" are "pen". Pen is 1
    on paper and 0 in the air. Without it, the pen is on paper where pressure is above 0, and everywhere if
    there is none. Images need x and y, and pressure unless `ink` is "constant"; features need x, y, time and
    pressure. Time must advance with every sample, by 0.1 to 100 ms in the median; it need not be even.
    A recording has at most 500,000 samples, and a file 64 MB. Some of the pen's moves must be on paper.

    A stroke is a line drawn without a break: the pen stays on paper, and no two of its samples are more than
    0.1 s apart. Images join no strokes, and a stroke of one sample is a dot.

    For features, each stroke that lasts as long as `smoothing` is interpolated linearly to 200 samples a
    second and smoothed by polynomials of third degree (Savitzky-Golay), which give velocity, acceleration and
    jerk, the derivatives of position. Magnitudes are those of the vectors. Statistics are over all samples of
    those strokes; std is the standard deviation.

    ========================================  ================================================================
    feature                                   meaning
    ========================================  ================================================================
    duration                                  time from the first sample to the last, s
    air_share                                 share of it between strokes
    air_speed                                 mean speed between strokes where samples are at most 0.1 s
                                              apart, mm/s; 0 if there are none
    width, height                             of all on paper, mm
    path_length                               length of all strokes, mm
    n_strokes                                 number of strokes
    stroke_length_mean, _std                  length of a stroke, mm
    stroke_duration_mean, _std                duration of a stroke, s
    speed_mean, _median, _std                 mm/s
    acceleration_mean, _median, _std          mm/s²
    jerk_mean, _median, _std                  mm/s³
    x_velocity_changes, y_velocity_changes    changes of sign of the velocity along an axis by s, where it
                                              exceeds 1 mm/s
    speed_peaks                               peaks of speed by s that rise by 1 mm/s at least
    curvature_median                          curvature where speed exceeds 1 mm/s, 1/mm
    normalized_jerk                           median over strokes that exceed 1 mm/s of
                                              sqrt(1/2 ∫ jerk² dt · duration⁵ / length²)
    tremor_share                              share of the power of velocity, not smoothed, in 3 to 12 Hz
    pressure_mean, _std                       pressure on paper
    pressure_change                           mean of its absolute change by s
    ========================================  ================================================================

    The form of ``.svc`` files is that of the `handwriting-sample
    <https://github.com/BDALab/handwriting-sample>`_ package, of the laboratory that recorded PaHaW.
    Normalised jerk is that of Teulings et al., *Parkinsonism reduces coordination of fingers, wrist, and arm
    in fine motor control*, Experimental Neurology 146 (1997), 159-170.

    Examples
    --------
    A circle of 20 mm radius, drawn in two seconds, while pressure rises:

    >>> import numpy as np
    >>> from sparsecnn import TabletTransformer
    >>> t = np.arange(0, 2, 0.01)
    >>> circle = np.stack([20 * np.cos(np.pi * t), 20 * np.sin(np.pi * t), t, 100 + 400 * t], axis=1)
    >>> tablet = TabletTransformer("features", units_per_mm=1, time_unit="s").set_output(transform="pandas")
    >>> tablet.fit_transform([circle])[["speed_mean", "height", "air_share"]].round(1)
       speed_mean  height  air_share
    0        62.8    40.0        0.0

    >>> images = TabletTransformer(image_shape=(32, 32), time_unit="s").fit_transform([circle])
    >>> images.shape, images.dtype
    ((1, 1024), dtype('uint8'))
    """

    _parameter_constraints: ClassVar[dict] = {
        "output": [StrOptions({"image", "features"})],
        "image_shape": [tuple, list],
        "ink": [StrOptions({"pressure", "constant"})],
        "max_pressure": [Interval(Real, 1e-9, None, closed="left"), None],
        "in_air": [Interval(Real, 0, 1, closed="both")],
        "line_width": [Interval(Real, 0, None, closed="neither")],
        "margin": [Interval(Real, 0, 0.5, closed="left")],
        "y_axis": [StrOptions({"up", "down"})],
        "columns": [tuple, list, None],
        "units_per_mm": [Interval(Real, 1e-3, 1e6, closed="both")],
        "time_unit": [StrOptions(set(SECONDS))],
        "smoothing": [Interval(Real, 0.025, 1, closed="both")],
    }

    def __init__(
        self,
        output: str = "image",
        *,
        image_shape: tuple[int, int] = (64, 64),
        ink: str = "pressure",
        max_pressure: float | None = None,
        in_air: float = 0.0,
        line_width: float = 2.0,
        margin: float = 0.05,
        y_axis: str = "up",
        columns: Sequence[str] | None = None,
        units_per_mm: float = 200.0,
        time_unit: str = "ms",
        smoothing: float = 0.08,
    ):
        self.output = output
        self.image_shape = image_shape
        self.ink = ink
        self.max_pressure = max_pressure
        self.in_air = in_air
        self.line_width = line_width
        self.margin = margin
        self.y_axis = y_axis
        self.columns = columns
        self.units_per_mm = units_per_mm
        self.time_unit = time_unit
        self.smoothing = smoothing

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any = None) -> Self:
        """Check the parameters, and that X is a list of recordings.

        The recordings are not read, and nothing is learned from them.

        Parameters
        ----------
        X : list of recordings, or array-like of shape (n, n_samples, n_columns)
            See the notes of the class.
        y : object, default=None
            Ignored.

        Returns
        -------
        TabletTransformer
            The transformer itself.

        Raises
        ------
        ValueError
            If a parameter is out of range, or X is a single recording or empty.

        See Also
        --------
        transform : Reads the recordings; it works without `fit`.

        Examples
        --------
        >>> from sparsecnn import TabletTransformer
        >>> TabletTransformer("features").fit(["u1.svc", "u2.svc"])
        TabletTransformer(output='features')
        """
        self._check_sizes()
        check_columns(self.columns)
        _list_recordings(X)
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Return the image or the features of each recording.

        Each is read, drawn or measured on its own, so that new ones are treated as those that a classifier
        was trained on.

        Parameters
        ----------
        X : list of n recordings, or array-like of shape (n, n_samples, n_columns)
            See the notes of the class.

        Returns
        -------
        ndarray of shape (n, height * width), uint8, or (n, n_features), float64
            By `output`. In images, paper is 0.

        Raises
        ------
        ValueError
            If a recording cannot be read, drawn or measured; the message lists all of them, with reasons.

        See Also
        --------
        get_feature_names_out : The names of the columns.

        Examples
        --------
        >>> import numpy as np
        >>> from sparsecnn import TabletTransformer
        >>> t = np.arange(0.0, 1000.0, 10.0)
        >>> slow, fast = (np.stack([v * t, v * t, t, t + 1], axis=1) for v in (2, 20))
        >>> features = TabletTransformer("features").transform([slow, fast])
        >>> column = list(TabletTransformer("features").get_feature_names_out()).index("speed_median")
        >>> features[:, column].round().tolist()
        [14.0, 141.0]
        """
        self._validate_params()
        shape, columns = self._check_sizes(), check_columns(self.columns)
        sources = _list_recordings(X)
        rows: list[Any] = []
        unreadable: list[str] = []
        for index, source in enumerate(sources):
            try:
                recording = make_recording(read_signals(source, columns), self.time_unit)
                rows.append(
                    self._draw(recording, shape) if self.output == "image" else self._measure(recording)
                )
            except (OSError, TypeError, ValueError, OverflowError) as error:
                unreadable.append(f"[{index}] {name_of(source)}: {describe_error(error)}")
        raise_unreadable(unreadable, len(sources), "recordings")
        return PixelRows.of(np.stack(rows)) if self.output == "image" else np.array(rows, dtype=np.float64)

    def get_feature_names_out(self, input_features: ArrayLike | None = None) -> np.ndarray:
        """Return the names of the columns: of the features, or "pixel_0_0", "pixel_0_1", ... of images.

        They are the columns of the data frame under ``set_output(transform="pandas")``.

        Parameters
        ----------
        input_features : array-like of str, default=None
            Ignored.

        Returns
        -------
        ndarray of shape (n_columns,), of str objects
            The table in the notes of the class gives the meaning of the features.

        See Also
        --------
        transform : Returns the columns.

        Examples
        --------
        >>> from sparsecnn import TabletTransformer
        >>> TabletTransformer("features").get_feature_names_out()[:3].tolist()
        ['duration', 'air_share', 'air_speed']
        """
        names = pixel_names(check_image_shape(self.image_shape)) if self.output == "image" else FEATURE_NAMES
        return np.array(names, dtype=object)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        tags.no_validation = True
        tags.input_tags.two_d_array = False
        tags.input_tags.three_d_array = True
        tags.input_tags.string = True
        tags.transformer_tags.preserves_dtype = []
        return tags

    def _check_sizes(self) -> tuple[int, int]:
        """Return the shape of images, which the lines must fit into."""
        shape = check_image_shape(self.image_shape)
        room = min(shape) * (1 - 2 * self.margin)
        if self.output == "image" and self.line_width >= room:
            raise ValueError(
                f"line_width must be below {room:g} pixels, for image_shape={shape} and margin="
                f"{self.margin:g}, got {self.line_width:g}."
            )
        return shape

    def _draw(self, recording: Recording, shape: tuple[int, int]) -> np.ndarray:
        return draw_recording(
            recording,
            shape,
            ink=self._choose_ink(recording),
            in_air=self.in_air,
            line_width=self.line_width,
            margin=self.margin,
            y_axis=self.y_axis,
        )

    def _choose_ink(self, recording: Recording) -> np.ndarray:
        """Return the brightness of the line at each sample."""
        if self.ink == "constant":
            return np.ones(len(recording.points))
        pressure = recording.pressure
        if pressure is None:
            raise ValueError("expected a column 'pressure', which ink='pressure' needs, got none")
        largest = self.max_pressure or pressure[recording.down].max()
        if not largest:
            raise ValueError("expected pressure on paper, got 0 everywhere; ink='constant' draws without")
        return np.minimum(pressure / largest, 1.0)

    def _measure(self, recording: Recording) -> list[float]:
        features = measure_motion(recording, self.units_per_mm, self.smoothing)
        if self.max_pressure is not None:
            for name in FEATURE_NAMES:
                if name.startswith("pressure"):
                    features[name] /= self.max_pressure
        return [features[name] for name in FEATURE_NAMES]


def _list_recordings(X: Any) -> list[Any]:
    """Return X as a list of recordings, or raise ValueError."""
    if isinstance(X, (str, os.PathLike)):
        raise ValueError(f"X must be a list of recordings, got the path {os.fspath(X)!r}; wrap a file: [X].")
    table = isinstance(X, np.ndarray) or hasattr(X, "columns")
    column = table and X.ndim == 2 and X.shape[1] == 1 and np.asarray(X).dtype == object
    if isinstance(X, Iterator) or (is_table(X) and not column):
        raise ValueError(
            f"X must be a list of recordings, got a {type(X).__name__}; wrap it: [X], or list(X)."
        )
    if column:
        X = np.asarray(X)[:, 0]
    n_dim = 1 if isinstance(X, (list, tuple)) else getattr(X, "ndim", 0)
    if n_dim not in (1, 3):
        raise ValueError(
            f"X must be a list of recordings or an array of shape (n, n_samples, n_columns), got "
            f"{f'shape {tuple(X.shape)}; wrap a recording: [X]' if n_dim else f'a {type(X).__name__}'}."
        )
    recordings = list(X)
    if not recordings:
        raise ValueError("X must hold at least one recording, got none.")
    return recordings
