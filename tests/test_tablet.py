"""Recordings of pens, from files or memory: as images, and as features by formula."""

import os
import pickle

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import StandardScaler
from sklearn.utils import estimator_checks as checks

from sparsecnn import SparseCurveCNNClassifier, TabletTransformer
from sparsecnn.preprocessing._kinematics import FEATURE_NAMES, measure_motion
from sparsecnn.preprocessing._recording import MAX_SAMPLES, make_recording
from sparsecnn.preprocessing._tablet_files import MAX_BYTES

PLAIN = {"units_per_mm": 1, "time_unit": "s"}
NAMES = ["x", "y", "time", "pen", "pressure"]


def recording(x, y, time, pen=1, pressure=100.0):
    """Return x, y, time, pen and pressure as columns."""
    return np.stack([np.broadcast_to(column, np.shape(time)) for column in (x, y, time, pen, pressure)], 1)


def circle(turns=4, radius=20.0, rate=133, seconds=4.0):
    t = np.arange(int(rate * seconds) + 1) / rate
    angle = 2 * np.pi * turns * t / seconds
    return recording(radius * np.cos(angle), radius * np.sin(angle), t)


def word(seed=0, n=400):
    """Return a smooth random path of three strokes with pen-ups, in units and integer ms of a tablet."""
    rng = np.random.default_rng(seed)
    t = np.cumsum(rng.choice([7, 8], n))
    phase = t[:, None] * rng.uniform(0.001, 0.02, 5)
    x = 3 * t + (np.cos(phase) * rng.uniform(100, 400, 5)).sum(1)
    y = (np.sin(phase) * rng.uniform(100, 400, 5)).sum(1)
    pen = (np.arange(n) // 80 % 2) == 0
    return np.rint(recording(x, y, t + 819_722_578, pen, np.where(pen, 300 + x % 200, 0)))


def features(*recordings, **params):
    tablet = TabletTransformer("features", **PLAIN | params).set_output(transform="pandas")
    return tablet.fit_transform(list(recordings))


def images(*recordings, **params):
    params = {"image_shape": (32, 32), "time_unit": "s"} | params
    flat = TabletTransformer(**params).fit_transform(list(recordings))
    return np.asarray(flat).reshape(-1, *params["image_shape"])


def write_svc(path, samples, head=None):
    """Write samples as Wacom's software does: the number of samples, then seven columns."""
    lines = [f"{x:.0f} {y:.0f} {t:.0f} {pen:.0f} 1090 570 {p:.0f} " for x, y, t, pen, p in samples]
    path.write_text("\r\n".join([str(len(lines)) if head is None else head, *lines]) + "\r\n")
    return path


# Features


def test_circle_has_speed_acceleration_jerk_and_curvature_by_formula():
    radius, omega = 20.0, 2 * np.pi
    found = features(circle(turns=4, radius=radius)).iloc[0]
    for power, name in enumerate(["speed", "acceleration", "jerk"], start=1):
        for statistic in ("mean", "median"):
            assert_allclose(found[f"{name}_{statistic}"], radius * omega**power, rtol=0.02)
    assert_allclose(found["curvature_median"], 1 / radius, rtol=0.01)
    assert_allclose([found["width"], found["height"]], 2 * radius, rtol=1e-3)
    assert_allclose(found["path_length"], 4 * 2 * np.pi * radius, rtol=1e-3)
    assert found["x_velocity_changes"] == pytest.approx(2, abs=0.26)  # twice a turn, one turn a second
    assert found["y_velocity_changes"] == pytest.approx(2, abs=0.26)
    assert found["speed_peaks"] < 1


def test_normalized_jerk_of_one_turn_is_by_formula():
    found = features(circle(turns=1, rate=200)).iloc[0]
    assert_allclose(found["normalized_jerk"], np.sqrt((2 * np.pi) ** 4 / 2), rtol=0.02)


def test_straight_line_at_constant_speed_is_by_formula():
    t = np.arange(200) / 100
    found = features(recording(30 * t, 40 * t, t)).iloc[0]
    assert_allclose(found[["speed_mean", "speed_median"]], 50)
    assert_allclose(found[["speed_std", "acceleration_mean", "curvature_median"]], 0, atol=1e-6)
    assert_allclose(found[["jerk_mean", "normalized_jerk"]], 0, atol=1e-3)
    assert_allclose(found["path_length"], 50 * t[-1])
    assert found[["x_velocity_changes", "y_velocity_changes", "speed_peaks", "air_share"]].eq(0).all()


def test_uneven_sampling_gives_what_even_sampling_gives():
    rng = np.random.default_rng(0)
    dense = circle(rate=2000)
    some = np.sort(rng.choice(len(dense) - 2, 900, replace=False) + 1)
    uneven = dense[np.concatenate([[0], some, [len(dense) - 1]])]
    even, found = features(dense).iloc[0], features(uneven).iloc[0]
    for name in ("speed_mean", "acceleration_mean", "jerk_median", "curvature_median", "path_length"):
        assert_allclose(found[name], even[name], rtol=0.03)


def test_air_share_strokes_and_air_speed_are_by_brute_force():
    samples = word()
    t, pen = samples[:, 2] / 1000, samples[:, 3] == 1
    paper = air = way = 0.0
    strokes, length = [], 0.0
    for i in range(len(samples) - 1):
        step, distance = t[i + 1] - t[i], np.hypot(*(samples[i + 1, :2] - samples[i, :2])) / 200
        if pen[i] and pen[i + 1]:
            paper += step
            length += distance
        else:
            air, way = air + step, way + distance
        if pen[i] and not pen[i + 1]:
            strokes.append(length)
            length = 0.0
    strokes += [length] if pen[-1] else []
    found = features(samples, units_per_mm=200, time_unit="ms").iloc[0]
    assert_allclose(found["duration"], paper + air)
    assert_allclose(found["air_share"], air / (paper + air))
    assert_allclose(found["air_speed"], way / air)
    assert found["n_strokes"] == len(strokes) == 3
    assert_allclose(found["stroke_length_mean"], np.mean(strokes))
    assert_allclose(found["stroke_length_std"], np.std(strokes))
    assert_allclose(found["pressure_mean"], samples[pen, 4].mean())
    assert_allclose(found["pressure_std"], samples[pen, 4].std())


def test_pressure_change_is_the_slope_of_a_ramp():
    samples = circle()
    samples[:, 4] = 50 + 25 * samples[:, 2]
    found = features(samples, samples, max_pressure=None)
    assert_allclose(found["pressure_change"], 25)
    assert_allclose(features(samples, max_pressure=200)["pressure_change"], 25 / 200)


@pytest.mark.parametrize(("frequency", "share"), [(1, 0.0), (6, 1.0), (25, 0.0)])
def test_tremor_share_is_the_power_from_3_to_12_hz(frequency, share):
    t = np.arange(0, 5, 1 / 200)
    found = features(recording(np.sin(2 * np.pi * frequency * t), np.cos(2 * np.pi * frequency * t), t))
    assert_allclose(found["tremor_share"], share, atol=0.02)


def test_tremor_share_grows_with_tremor():
    t = np.arange(0, 5, 1 / 133)
    shares = features(*(recording(40 * t + a * np.sin(12 * np.pi * t), 0, t) for a in (0, 0.3, 1)))
    assert (np.diff(shares["tremor_share"]) > 0.03).all()


LENGTHS = ("width", "height", "path_length", "stroke_length", "speed", "air_speed", "acceleration", "jerk")
SCALED = {name: 1 for name in FEATURE_NAMES if name.startswith(LENGTHS) and name != "speed_peaks"}


@pytest.mark.parametrize("factor", [0.5, 4])
def test_units_per_mm_scales_lengths_and_nothing_else(factor):
    samples = word()
    one = features(samples, time_unit="ms", units_per_mm=20).iloc[0]
    other = features(samples, time_unit="ms", units_per_mm=20 * factor).iloc[0]
    for name in set(FEATURE_NAMES) - {"x_velocity_changes", "y_velocity_changes", "speed_peaks"}:
        power = -1 if name in SCALED else 1 if name == "curvature_median" else 0
        assert_allclose(other[name], one[name] * factor**power, rtol=1e-3, err_msg=name)


def test_units_of_time_and_a_shift_of_time_and_place_change_nothing():
    samples = word()
    seconds = samples * [1, 1, 1e-3, 1, 1]
    micro = samples * [1, 1, 1e3, 1, 1] + [700, -9000, 12345, 0, 0]
    expected = features(samples, time_unit="ms")
    assert_allclose(features(seconds), expected, rtol=1e-5)
    assert_allclose(features(micro, time_unit="us"), expected, rtol=1e-6)


def test_feature_names_are_those_measured_in_their_order():
    signals = dict(zip(NAMES, circle().T, strict=True))
    assert tuple(measure_motion(make_recording(signals, "s"), 1.0, 0.08)) == FEATURE_NAMES
    assert TabletTransformer("features").get_feature_names_out().tolist() == list(FEATURE_NAMES)
    for name in FEATURE_NAMES:
        stem, _, end = name.rpartition("_")
        named = stem if end in ("median", "std") else name
        assert named in TabletTransformer.__doc__, name


def test_a_gap_in_time_ends_a_stroke():
    samples = circle()
    samples[200:, 2] += 5.0
    found = features(samples).iloc[0]
    assert found["n_strokes"] == 2
    assert_allclose(found["air_share"], (5 + 1 / 133) / (9))
    assert_allclose(found["speed_median"], 20 * 2 * np.pi, rtol=0.01)


# Images


def test_image_of_a_square_is_its_outline():
    corners = np.array([[0, 0], [10, 0], [10, 10], [0, 10], [0, 0]], dtype=float)
    image = images(recording(*corners.T, np.arange(5) * 0.05), margin=0.25, line_width=2)[0]
    assert image.dtype == np.uint8
    inner = image[11:21, 11:21]
    assert inner.max() == 0
    assert image[[8, 23], 10:22].min() > 150
    assert image[10:22, [8, 23]].min() > 150
    assert image[:7].max() == image[25:].max() == 0
    assert_allclose(image, image.T, atol=70)


def test_path_backwards_gives_the_same_image_and_a_flip_the_flipped():
    samples = word() * [1, 1, 1e-3, 1, 1]
    backwards = samples[::-1].copy()
    backwards[:, 2] = samples[-1, 2] - backwards[:, 2]
    flipped = samples * [1, -1, 1, 1, 1]
    image, again, down, mirrored = (
        images(samples)[0],
        images(backwards)[0],
        images(flipped, y_axis="down")[0],
        images(flipped)[0],
    )
    assert image.max() > 200
    assert_allclose(again.astype(int), image, atol=40)
    assert_array_equal(down, image)
    assert_allclose(mirrored[::-1].astype(int), image, atol=130)
    assert np.abs(mirrored[::-1].astype(int) - image).mean() < 8


def test_image_keeps_aspect_and_fills_its_room():
    t = np.arange(0, 1, 0.01)
    wide = recording(60 * t, 10 * np.sin(20 * t), t)
    image = images(wide, image_shape=(40, 80), margin=0.1)[0]
    rows, columns = (np.flatnonzero(image.any(axis)) for axis in (1, 0))
    assert (columns[0], columns[-1]) == (8, 71)
    assert_allclose((np.ptp(rows) - 1) / (np.ptp(columns) - 1), 20 / 59.4, atol=0.04)
    assert_allclose([rows[0] + rows[-1], columns[0] + columns[-1]], [39, 79], atol=1)


def test_strokes_are_not_joined_unless_the_air_is_drawn():
    t = np.arange(61) / 100
    pen = np.abs(t - 0.3) > 0.2
    samples = recording(t, 0, t, pen, 100)
    apart, joined = images(samples)[0], images(samples, in_air=0.5)[0]
    row = apart[15:17].max(0)
    assert row[3:7].min() > 200
    assert row[25:28].min() > 200
    assert row[10:22].max() == 0
    assert_array_equal(joined[15:17].max(0)[12:20], 128)
    assert_array_equal(joined.max(0)[3:7], apart.max(0)[3:7])


def test_pressure_is_brightness():
    t = np.arange(101) / 100
    samples = recording(t, 0, t, 1, 100 + 800 * t)
    row = images(samples)[0][15:17].max(0)[3:29]
    along = (np.arange(3, 29) + 0.5 - 2.6) / 26.8  # the line is from 2.6 to 29.4 pixels
    assert (np.diff(row.astype(int)) >= 0).all()
    assert_allclose(row, 255 * (100 + 800 * along) / 900, atol=9)
    assert_array_equal(images(samples, ink="constant")[0][15:17].max(0)[3:29], 255)
    assert_allclose(images(samples, max_pressure=1800)[0].max(), 128, atol=3)
    assert images(samples, max_pressure=10)[0].max() == 255


def test_stroke_of_one_sample_is_a_dot():
    samples = recording([0, 1, 2, 5], [0, 0, 0, 8], [0, 0.01, 0.02, 0.5])
    image = images(samples)[0]
    assert image[:4, 22:].max() > 150
    assert image[10:20].max() == 0


# Sources


def test_svc_csv_array_table_and_records_are_the_same(tmp_path):
    samples = word()
    svc = write_svc(tmp_path / "word.svc", samples)
    (tmp_path / "word.CSV").write_text(
        'Time;"PEN_STATUS";x;y;altitude;Pressure\n'
        + "".join(f"{t};{pen};{x};{y};570;{p}\n" for x, y, t, pen, p in samples)
    )
    bare = tmp_path / "bare.csv"
    np.savetxt(bare, samples[:, [1, 0, 2, 3, 4]], delimiter=",", fmt="%d")
    frame = pd.DataFrame(samples, columns=["X", "Y", "timestamp", "pen", "pressure"]).assign(angle="left")
    records = np.rec.fromarrays(samples[:, ::-1].T, names=NAMES[::-1])
    sources = [samples, svc, str(tmp_path / "word.CSV"), frame, records, samples.tolist()]
    for output in ("image", "features"):
        tablet = TabletTransformer(output)
        rows = np.asarray(tablet.fit_transform(sources))
        for row in rows:
            assert_array_equal(row, rows[0])
        swapped = TabletTransformer(output, columns=["y", "x", "time", "pen", "pressure"])
        assert_array_equal(np.asarray(swapped.transform([bare]))[0], rows[0])


def test_four_and_seven_columns_are_those_of_the_documentation():
    samples = word()
    four = samples[:, [0, 1, 2, 4]]
    seven = np.insert(samples, 4, [[9], [8]], axis=1)
    tablet = TabletTransformer("features")
    expected = tablet.transform([samples])
    assert_array_equal(tablet.transform([four]), expected)
    assert_array_equal(tablet.transform([seven]), expected)
    assert_array_equal(tablet.transform(np.stack([samples, samples])), np.repeat(expected, 2, axis=0))


def test_image_needs_only_x_and_y():
    samples = word()
    place = pd.DataFrame(samples[:, :2], columns=["x", "y"])
    drawn = TabletTransformer(ink="constant").transform([place])
    assert_array_equal(
        drawn, TabletTransformer(ink="constant").transform([samples * [1, 1, 1, 0, 0] + [0, 0, 0, 1, 0]])
    )


def test_tables_of_one_column_hold_files(tmp_path):
    path = str(write_svc(tmp_path / "word.svc", word()))
    tablet = TabletTransformer()
    expected = tablet.transform([path])
    for X in (pd.Series([path]), pd.DataFrame({"file": [path]}), np.array([path]), (path,)):
        assert_array_equal(tablet.transform(X), expected)


# Pipelines and the conventions of scikit-learn


def make_people(n=24):
    """Return recordings of steady and of trembling spirals."""
    rng = np.random.default_rng(0)
    t = np.arange(0, 3, 1 / 133)
    y = np.arange(n) % 2
    made = []
    for label in y:
        angle, radius = 4 * np.pi * t / 3, 5 + 10 * t + label * np.sin(2 * np.pi * rng.uniform(4, 7) * t)
        made.append(recording(radius * np.cos(angle), radius * np.sin(angle), t, 1, rng.uniform(200, 400)))
    return made, y


def test_union_and_network_learn_from_recordings():
    X, y = make_people()
    union = make_union(
        TabletTransformer(image_shape=(16, 16), time_unit="s"), TabletTransformer("features", **PLAIN)
    )
    both = make_pipeline(union, StandardScaler(), LogisticRegression()).fit(X[:16], y[:16])
    assert both[0].transform(X).shape == (24, 256 + len(FEATURE_NAMES))
    assert both.score(X[16:], y[16:]) > 0.8
    network = SparseCurveCNNClassifier(channels=(4, 4, 4), max_iter=2, finetune_iter=1, random_state=0)
    reader = make_pipeline(TabletTransformer(image_shape=(16, 24), time_unit="s"), network).fit(X, y)
    assert reader[-1].image_shape_ == (16, 24)
    assert reader.predict(X[:3]).shape == (3,)


def test_output_of_pandas_has_names():
    frame = (
        TabletTransformer(image_shape=(4, 6), line_width=1).set_output(transform="pandas").transform([word()])
    )
    assert list(frame.columns[[0, -1]]) == ["pixel_0_0", "pixel_3_5"]
    assert frame.to_numpy().dtype == np.uint8


# scikit-learn leaves out all checks where X is no table of numbers; these pass without one.
CHECKS = [
    "check_dataframe_column_names_consistency",
    "check_do_not_raise_errors_in_init_or_set_params",
    "check_estimator_cloneable",
    "check_estimator_repr",
    "check_estimator_tags_renamed",
    "check_get_params_invariance",
    "check_global_output_transform_pandas",
    "check_mixin_order",
    "check_no_attributes_set_in_init",
    "check_param_validation",
    "check_parameters_default_constructible",
    "check_set_output_transform",
    "check_set_output_transform_pandas",
    "check_set_params",
    "check_transformer_get_feature_names_out",
    "check_transformer_get_feature_names_out_pandas",
    "check_transformer_preserve_dtypes",
    "check_transformers_unfitted",
    "check_valid_tag_types",
]


@pytest.mark.parametrize("output", ["image", "features"])
@pytest.mark.parametrize("check", CHECKS)
def test_transformer_passes_checks_that_need_no_table_of_numbers(check, output):
    getattr(checks, check)("TabletTransformer", TabletTransformer(output))


def test_transformer_is_stateless_and_works_row_by_row():
    X = [word(seed) for seed in range(4)]
    for output in ("image", "features"):
        tablet = TabletTransformer(output)
        before = clone(tablet).transform(X)
        fitted = tablet.fit(X[:1])
        assert vars(fitted) == vars(TabletTransformer(output))
        assert_array_equal(fitted.transform(X), before)
        assert_array_equal(np.concatenate([tablet.transform([x]) for x in X]), before)
        assert_array_equal(tablet.transform(X[::-1]), before[::-1])
        assert_array_equal(pickle.loads(pickle.dumps(fitted)).transform(X), before)


def test_recordings_are_left_as_they_are_and_may_be_read_only_or_in_any_order():
    samples = word()
    fixed, columnwise, whole = samples.copy(), np.asfortranarray(samples), samples.astype(np.int64)
    fixed.flags.writeable = False
    for output in ("image", "features"):
        rows = np.asarray(TabletTransformer(output).transform([samples, fixed, columnwise, whole]))
        assert_array_equal(rows, np.repeat(rows[:1], 4, axis=0))
    assert_array_equal(samples, word())


# What is refused

SAMPLES = word(n=60)
GOOD = "3\n1 1 10 1 0 0 5\n2 2 18 1 0 0 5\n3 4 25 1 0 0 5\n"


def changed(index, column, value):
    samples = SAMPLES.astype(object)
    samples[index, column] = value
    return samples


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.svc", b"", "empty file"),
        ("a.svc", b"\n\r\n", "empty file"),
        ("a.svc", b"\xff\xfe\x00\x01", "lines of text, got bytes"),
        ("a.svc", bytes(100), "number of samples in line 1"),
        ("a.svc", b"3\n", "line 1 says, 3, got 0"),
        ("a.svc", b"0\n", "expected lines of numbers, got none"),
        ("a.svc", GOOD[2:].encode(), "number of samples in line 1, got '1 1 10 1 0 0 5'"),
        ("a.svc", b"4" + GOOD[1:].encode(), "line 1 says, 4, got 3"),
        ("a.svc", b"-3" + GOOD[1:].encode(), "number of samples in line 1, got '-3'"),
        ("a.svc", b"9" * 5000 + GOOD[1:].encode(), "line 1 says"),
        ("a.svc", GOOD.replace("1 0 0 5\n3", "1 0 5\n3").encode(), "7 numbers in line 3, got '2 2 18 1 0 5'"),
        ("a.svc", GOOD.replace("18", "l8").encode(), "7 numbers in line 3, got '2 2 l8 1 0 0 5'"),
        ("a.svc", GOOD.replace(" 0 0", "").encode(), "7 columns .*, got 5"),
        ("a.svc", GOOD.replace("2 2", "2 nan").encode(), "expected y of .*, got nan at sample 1"),
        ("a.svc", GOOD.replace("2 2", "2 1e300").encode(), "got 1e.300 at sample 1"),
        ("a.svc", GOOD.replace("18", "30").encode(), "time to advance .* -5 ms from sample 1 to 2"),
        ("a.svc", GOOD.replace("18", "10").encode(), "time to advance .* 0 ms from sample 0 to 1"),
        ("a.svc", GOOD.replace(" 1 0 0", " 0 0 0").encode(), "on paper, got all of them in the air"),
        ("a.svc", GOOD.replace("18 1", "18 7").encode(), "pen of 0 .* or 1 .*, got 7 at sample 1"),
        ("a.svc", GOOD.replace("0 5\n3", "0 -5\n3").encode(), "pressure of 0 to .*, got -5 at sample 1"),
        ("a.svc", b"1\n1 1 10 1 0 0 5\n", "2 to 500,000 samples, got 1"),
        ("a.svc", GOOD.replace("2 2", "1 1").replace("3 4", "1 1").encode(), "pen to move on paper"),
        ("a.csv", b"1,2,3\n4,5,6\n", "names of columns in line 1"),
        ("a.csv", b"x,y,time\n", "lines of numbers, got none"),
        (
            "a.csv",
            b"x,z,time,pressure\n1,2,3,4\n2,3,4,5\n",
            "a column 'y', got the columns x, time, pressure",
        ),
        ("a.csv", b"x,y,x,time\n1,2,3,4\n2,3,4,5\n", "one column 'x', got 2"),
        ("a.csv", b"x,y,time,pressure\n1,2,3,4\n2,,4,5\n", "4 numbers in line 3, got '2,,4,5'"),
        ("a.csv", b"x,y,time,pressure\n1,2,3,4\n\n2,2,4,5\n", "4 numbers in line 3, got ''"),
        ("a.csv", b"x,y,time,pressure\n1,2,3,4\n2,3,4\n", "4 numbers in line 3"),
        ("a.csv", b"x,y,pressure\n1,2,3\n2,3,0\n", None),
        ("a.txt", GOOD.encode(), "a file named .svc or .csv, got .txt"),
        ("a", GOOD.encode(), "a file named .svc or .csv, got no extension"),
    ],
)
def test_bad_files_are_refused_by_name(tmp_path, name, content, message):
    path = tmp_path / name
    path.write_bytes(content)
    good = tmp_path / "good.svc"
    good.write_text(GOOD)
    with pytest.raises(ValueError, match=message or "pen to move on paper") as caught:
        TabletTransformer().transform([good, path])
    assert f"[1] {path}:" in str(caught.value)
    assert "1 of 2 recordings" in str(caught.value)


def test_missing_folders_pipes_and_huge_files_are_refused_by_name(tmp_path):
    paths = [tmp_path / f"{name}.svc" for name in ("missing", "folder", "pipe", "huge")]
    paths[1].mkdir()
    os.mkfifo(paths[2])
    with open(paths[3], "wb") as file:
        file.truncate(MAX_BYTES + 1)
    with pytest.raises(ValueError, match="4 of 4 recordings cannot be read") as caught:
        TabletTransformer().transform(paths)
    expected = ["No such file", "not a regular file", "not a regular file", f"at most {MAX_BYTES:,} bytes"]
    for path, line, words in zip(paths, str(caught.value).splitlines()[1:], expected, strict=True):
        assert str(path) in line
        assert words in line


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (np.zeros((0, 5)), "2 to 500,000 samples, got 0"),
        (np.zeros((1, 5)), "2 to 500,000 samples, got 1"),
        (np.zeros((MAX_SAMPLES + 1, 4)), "samples, got 500,001"),
        (np.zeros((9, 3)), "4, 5 or 7 columns .*, got 3"),
        (np.zeros(9), r"shape \(n_samples, 4 or 5\), got shape \(9,\)"),
        (np.zeros((2, 9, 5)), r"got shape \(2, 9, 5\)"),
        (SAMPLES.astype(complex), "expected numbers, got complex"),
        (SAMPLES.astype(str), "expected numbers, got <U"),
        (np.ma.masked_equal(SAMPLES, 1), "some are masked"),
        (changed(3, 0, "left"), "expected numbers, got: .*left"),
        (changed(3, 0, None), "expected numbers|nan at sample 3"),
        (changed(3, 4, np.inf), "pressure of .*, got inf at sample 3"),
        (changed(59, 1, np.nan), "expected y of .*, got nan at sample 59"),
        (pd.DataFrame(SAMPLES, columns=list("xyabc")).assign(y="b"), "expected numbers"),
        (pd.DataFrame(SAMPLES, columns=["x", "y", "time", "timestamp", "c"]), "one column 'time', got 2"),
        (pd.DataFrame(), "a column 'x', got the columns none"),
        (None, r"got shape \(\)"),
        (b"3\n1 2 3", r"got shape \(\)"),
    ],
    ids=str,
)
def test_bad_arrays_are_refused_by_index(source, message):
    with pytest.raises(ValueError, match=message) as caught:
        TabletTransformer().transform([SAMPLES, source])
    assert "\n  [1] " in str(caught.value)


@pytest.mark.parametrize(
    ("source", "params", "message"),
    [
        (pd.DataFrame(SAMPLES[:, :3], columns=["x", "y", "time"]), {}, "a column 'pressure', which features"),
        (pd.DataFrame(SAMPLES[:, [0, 1, 4]], columns=["x", "y", "pressure"]), {}, "a column 'time', which"),
        (SAMPLES, {"time_unit": "s"}, "median of 0.0001 to 0.1 s .*, got 8.*time_unit"),
        (SAMPLES, {"time_unit": "us"}, "median of 0.0001 to 0.1 s"),
        (SAMPLES, {"units_per_mm": 1e6}, "a stroke of 0.08 s that moves at 1 mm/s"),
        (SAMPLES[:9], {}, "a stroke of 0.08 s that moves"),
    ],
)
def test_what_features_lack_is_named(source, params, message):
    with pytest.raises(ValueError, match=message):
        TabletTransformer("features", **params).transform([source])


def test_ink_that_is_not_there_is_refused():
    with pytest.raises(ValueError, match="a column 'pressure', which ink='pressure' needs"):
        TabletTransformer().transform([pd.DataFrame(SAMPLES[:, :2], columns=["x", "y"])])
    with pytest.raises(ValueError, match="pressure on paper, got 0 everywhere"):
        TabletTransformer().transform([SAMPLES * [1, 1, 1, 1, 0]])


@pytest.mark.parametrize(
    ("X", "message"),
    [
        ("a.svc", "a list of recordings, got the path 'a.svc'"),
        (SAMPLES, r"got shape \(60, 5\); wrap a recording: \[X\]"),
        (pd.DataFrame(SAMPLES, columns=NAMES), "got a DataFrame; wrap it"),
        (np.rec.fromarrays(SAMPLES.T, names=NAMES), "got a recarray; wrap it"),
        (iter([SAMPLES]), "wrap it: .X., or list"),
        ([], "at least one recording"),
        (np.zeros((0, 9, 5)), "at least one recording"),
        (7, "got a int"),
        (None, "got a NoneType"),
    ],
    ids=["path", "array", "frame", "records", "iterator", "empty", "empty array", "number", "nothing"],
)
def test_what_is_no_list_of_recordings_is_refused(X, message):
    for method in ("fit", "transform"):
        with pytest.raises(ValueError, match=f"^X must .*{message}"):
            getattr(TabletTransformer(), method)(X)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"columns": ["x", "time"]}, "columns must have 'y' once"),
        ({"columns": ["x", "y", "pen", "PEN"]}, "columns must have 'pen' at most once"),
        ({"columns": ["x", "y", 3]}, "columns must be names"),
        ({"image_shape": (0, 3)}, "image_shape must be two positive integers"),
        ({"image_shape": (8, 64), "margin": 0.4}, "line_width must be below 1.6 pixels"),
        ({"line_width": 64}, "line_width must be below 57.6 pixels"),
        ({"in_air": 1.5}, "'in_air'"),
        ({"smoothing": 0}, "'smoothing'"),
        ({"time_unit": "min"}, "'time_unit'"),
        ({"units_per_mm": 0}, "'units_per_mm'"),
    ],
)
def test_bad_parameters_are_refused_by_name(params, message):
    for method in ("fit", "transform"):
        with pytest.raises(ValueError, match=message):
            getattr(TabletTransformer(**params), method)([SAMPLES])


def test_columns_that_do_not_fit_are_refused(tmp_path):
    path = write_svc(tmp_path / "word.svc", SAMPLES)
    tablet = TabletTransformer(columns=NAMES)
    with pytest.raises(
        ValueError, match=r"word.svc: expected 5 columns \(x, y, time, pen, pressure\), got 7"
    ):
        tablet.transform([path])
