"""Derive the hands of ``make_shaky_drawings(hands="recorded")`` from pen paths of real people.

Data: ``omniglot/paths.npz`` below the folder that SPARSECNN_DATA names: characters of eight alphabets, each
alphabet written by 20 people with a mouse or trackpad (Omniglot, MIT licence, © 2015 Brenden Lake). Lines of
a mouse are steppy, so that nothing finer than a thirtieth of a character is used.

The shape and pace of a character are taken relative to the median of all people who wrote this character.
The table holds, for the 160 pairs of alphabet and drawer, the mean of each measure and its standard deviation
over the drawer's characters. Of every fourth drawer, the characters are kept as well, as a few points a
stroke.
"""

import argparse
from pathlib import Path

import numpy as np
from real_data import data_path
from scipy.ndimage import gaussian_filter1d

PACKAGE = Path(__file__).parent.parent / "sparsecnn" / "datasets" / "hands"
MEASURES = ("size", "stretch", "slant", "height", "sharpness", "pace", "slowing", "unevenness", "joins")
RELATIVE = MEASURES.index("slowing")  # measures before this one are relative to other drawers' characters
EVEN = 200  # points along a character
SMOOTH = EVEN / 60  # standard deviation, in points
STRAIGHT = 1.0  # radians per character's length, below which a line counts as straight
JOINED = 0.15  # of a character's size: ends of strokes that are nearer to another stroke are joins
SHARPEST = 0.1  # part of the points at which a path counts as a corner
TOLERANCE = 1.0  # of 105 pixels, to which a stroke is kept
KEPT = slice(0, None, 4)  # drawers whose characters are kept
SIDE = 105  # of a page, in pixels
LEAST = 3.0  # smallest width or height, in pixels


def read_characters(path):
    """Return the characters as lists of strokes (x, y, t), and their alphabets, names and drawers."""
    paths = np.load(path)
    columns = np.stack([paths["x"] / 10, paths["y"] / 10, paths["t"]])
    characters = []
    for start, end in zip(paths["offset"], paths["offset"][1:], strict=False):
        new = np.flatnonzero(np.diff(paths["stroke"][start:end])) + 1
        characters.append(np.split(columns[:, start:end], new, axis=1))
    names = np.char.add(np.char.add(paths["alphabet"], "/"), paths["character"])
    return characters, paths["alphabet"], names, paths["drawer"]


def even_points(stroke, n):
    """Return `n` points (x, y, t) evenly along a stroke."""
    length = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(stroke[:2], axis=1)))])
    return np.stack([np.interp(np.linspace(0, length[-1], n), length, axis) for axis in stroke])


def long_strokes(strokes):
    """Return the strokes that are lines, or the longest one if all are dots."""
    lengths = [np.hypot(*np.diff(stroke[:2], axis=1)).sum() for stroke in strokes]
    return [s for s, length in zip(strokes, lengths, strict=True) if length > LEAST] or [
        strokes[int(np.argmax(lengths))]
    ]


def measure(strokes):
    """Return the measures of a character, in the order of MEASURES; nan where it has none."""
    lines = long_strokes(strokes)
    lengths = np.array([np.hypot(*np.diff(line[:2], axis=1)).sum() for line in lines])
    parts = [
        even_points(line, max(8, int(EVEN * length / max(lengths.sum(), 1e-9))))
        for line, length in zip(lines, lengths, strict=True)
    ]
    x, y, _ = points = np.concatenate(parts, axis=1)
    width, height = np.maximum(np.ptp(points[:2], axis=1), LEAST)
    motion = np.concatenate([measure_motion(part) for part in parts], axis=1)
    turning, speed = motion
    slow, uneven = fit_slowing(turning * EVEN, speed)
    return [
        np.log(np.hypot(width, height)),
        np.log(width / height),
        np.cov(x, y)[0, 1] / max(y.var(), 1.0),
        (y.max() + y.min()) / 2 / SIDE,
        np.sort(turning)[-max(1, int(SHARPEST * turning.size)) :].sum() / max(turning.sum(), 1e-9),
        np.log(np.exp(np.mean(np.log(speed))) / np.hypot(width, height)),
        slow,
        uneven,
        measure_joins(parts) / np.hypot(width, height),
    ]


def measure_motion(part):
    """Return by how much a smoothed stroke turns at each inner point, and its speed there, in pixels/ms."""
    x, y, t = gaussian_filter1d(part, SMOOTH, axis=1, mode="nearest")
    direction = np.unwrap(np.arctan2(np.diff(y), np.diff(x)))
    steps = np.hypot(np.diff(x), np.diff(y)) / np.maximum(np.diff(t), 0.1)
    return np.stack([np.abs(np.diff(direction)), np.maximum((steps[1:] + steps[:-1]) / 2, 1e-4)])


def fit_slowing(curvature, speed):
    """Return the power of the curvature by which the pen is slower, and the spread of its other speeds."""
    bend, pace = np.log(curvature + STRAIGHT), np.log(speed)
    if bend.std() < 0.1:
        return np.nan, pace.std()
    power = np.cov(bend, pace)[0, 1] / bend.var(ddof=1)
    return -power, (pace - power * bend).std()


def measure_joins(parts):
    """Return the mean distance from another stroke of the ends of strokes that are near one."""
    gaps = []
    for i, part in enumerate(parts):
        others = [other for j, other in enumerate(parts) if j != i]
        for end in part[:2, [0, -1]].T if others else ():
            gaps.append(np.hypot(*(np.concatenate(others, axis=1)[:2] - end[:, None])).min())
    near = [gap for gap in gaps if gap < JOINED * SIDE / 2]
    return np.mean(near) if near else np.nan


def simplify(stroke):
    """Return the fewest points of a smoothed stroke (2, n) that keep it within TOLERANCE."""
    points = gaussian_filter1d(even_points(stroke, EVEN // 2)[:2], 1.5, axis=1, mode="nearest")
    kept, spans = {0, points.shape[1] - 1}, [(0, points.shape[1] - 1)]
    while spans:
        start, end = spans.pop()
        chord = points[:, end] - points[:, start]
        inner = points[:, start + 1 : end] - points[:, start, None]
        if not inner.size:
            continue
        share = np.clip(chord @ inner / max(chord @ chord, 1e-9), 0, 1)
        away = np.hypot(*(inner - chord[:, None] * share))
        if away.max() > TOLERANCE:
            middle = start + 1 + int(np.argmax(away))
            kept.add(middle)
            spans += [(start, middle), (middle, end)]
    return points[:, sorted(kept)]


def derive_table(measures, alphabets, names, drawers):
    """Return the mean and the spread (160, measures) of what drawers do unlike others."""
    medians = {name: np.median(measures[names == name, :RELATIVE], axis=0) for name in np.unique(names)}
    own = measures.copy()
    own = np.where(np.isnan(own), np.nanmean(own, axis=0), own)  # some drawers never lift the pen
    own[:, :RELATIVE] -= np.array([medians[name] for name in names])
    pairs = [(alphabets == a) & (drawers == d) for a in np.unique(alphabets) for d in np.unique(drawers)]
    mean = np.array([own[pair].mean(axis=0) for pair in pairs])
    spread = np.array([own[pair].std(axis=0) for pair in pairs])
    return mean, spread


def pack_characters(characters):
    """Return the points of all strokes as bytes, and where each stroke and each character begins."""
    strokes = [[simplify(stroke) for stroke in long_strokes(each)] for each in characters]
    flat = [stroke for each in strokes for stroke in each]
    ends = np.cumsum([stroke.shape[1] for stroke in flat])
    return {
        "points": np.rint(2 * np.concatenate(flat, axis=1)).clip(0, 255).astype(np.uint8),
        "strokes": np.concatenate([[0], ends]).astype(np.uint16),
        "characters": np.concatenate([[0], np.cumsum([len(each) for each in strokes])]).astype(np.uint16),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=PACKAGE, help="where to write the files")
    folder = parser.parse_args().folder
    source = data_path("omniglot/paths.npz")
    characters, alphabets, names, drawers = read_characters(source)
    measures = np.array([measure(strokes) for strokes in characters], dtype=float)
    mean, spread = derive_table(measures, alphabets, names, drawers)
    table = {
        "measures": np.array(MEASURES),
        "mean": mean.astype(np.float32),
        "spread": spread.astype(np.float32),
    }
    np.savez_compressed(folder / "hands.npz", **table)
    kept = np.isin(drawers, np.unique(drawers)[KEPT])
    np.savez_compressed(
        folder / "characters.npz", **pack_characters([c for c, k in zip(characters, kept, strict=True) if k])
    )
    print(f"{'':12} {'mean':>7} {'over drawers':>12} {'within':>7}")
    for name, middle, between, within in zip(
        MEASURES, mean.mean(0), mean.std(0), spread.mean(0), strict=True
    ):
        print(f"{name:12} {middle:7.3f} {between:12.3f} {within:7.3f}")
    for path in sorted(folder.glob("*.npz")):
        print(f"{path.name}: {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
