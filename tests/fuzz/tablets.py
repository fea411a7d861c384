"""Recordings of pens: files of text flipped, cut off and spliced."""

import re
from pathlib import Path

import numpy as np
from numpy.testing import assert_array_equal

from fuzz.files import mutated
from fuzz.tally import Tally
from sparsecnn.preprocessing import TabletTransformer

DRAW = TabletTransformer(image_shape=(16, 16))
MEASURE = TabletTransformer("features")
# As if someone meant harm, or a program wrote another language.
FIELDS = (
    "nan",
    "-inf",
    "1e308",
    "-1",
    "1_0",
    "0x10",
    "1,5",
    "",
    "½",
    "9" * 400,
    "\0",
    "7 7",
    '"1"',
    "#",
    "\r",
)


def seeds() -> dict[str, bytes]:
    """Return a small whole file of each form."""
    t = np.arange(40)
    columns = [500 + 60 * t, 900 + 40 * (t % 9), 8 * t, t % 20 < 17, 1090 + 0 * t, 570 + 0 * t, 90 + t]
    rows = np.stack(columns, axis=1).astype(int)
    svc = "\n".join(["40", *(" ".join(map(str, row)) for row in rows)])
    names = "x,y,timestamp,pen_status,azimuth,altitude,pressure"
    csv = "\n".join([names, *(",".join(map(str, row)) for row in rows)])
    return {
        "svc": svc.encode(),
        "svc of Windows": svc.replace("\n", " \r\n").encode() + b" \r\n",
        "csv": csv.encode(),
        "csv with semicolons": b"\xef\xbb\xbf" + csv.replace(",", ";").encode() + b"\n\n",
    }


def rewritten(data: bytes, rng: np.random.Generator) -> bytes:
    """Return a file with another field, or with lines left out, doubled or swapped."""
    lines = data.split(b"\n")
    first, second = rng.integers(len(lines), size=2).tolist()
    kind = rng.integers(4)
    if kind == 0:
        fields = re.split(rb"([ ,;])", lines[first])
        fields[2 * int(rng.integers(1 + len(fields) // 2))] = str(rng.choice(FIELDS)).encode()
        lines[first] = b"".join(fields)
    elif kind == 1:
        lines[first], lines[second] = lines[second], lines[first]
    elif kind == 2:
        lines.insert(first, lines[second])
    else:
        del lines[first]
    return b"\n".join(lines)


def by_hand(data: bytes) -> np.ndarray:
    """Return x, y, time, pen and pressure of a file that is as it should be, read field by field."""
    head, *lines = data.decode("utf-8-sig").splitlines()
    names = ["x", "y", "timestamp", "pen_status", "azimuth", "altitude", "pressure"]
    delimiter = max(",;\t", key=head.count)
    if delimiter in head:
        names = [name.strip().strip('"').strip().lower() for name in head.split(delimiter)]
    else:
        delimiter = None
    fields = [[field.strip().strip('"') for field in line.split(delimiter)] for line in lines if line.strip()]
    rows = [dict(zip(names, map(float, row), strict=True)) for row in fields]
    table = [[row["x"], row["y"], row.get("timestamp", row.get("time")), row["pressure"]] for row in rows]
    pen = [row.get("pen_status", row.get("pen", float(row["pressure"] > 0))) for row in rows]
    return np.insert(np.array(table, dtype=float), 3, pen, axis=1)


def check_answer(answer: tuple[np.ndarray, np.ndarray], data: bytes) -> None:
    """Raise AssertionError unless the image and the features are those of the numbers in the file."""
    image, features = answer
    assert image.shape == (1, 256)
    assert image.dtype == np.uint8
    assert np.isfinite(features).all()
    try:
        samples = by_hand(data)
    except (LookupError, ValueError) as error:
        raise AssertionError(f"answered, but by hand: {error}") from error
    assert_array_equal(np.asarray(DRAW.transform([samples])), np.asarray(image))
    assert_array_equal(MEASURE.transform([samples]), features)


def run(tally: Tally, folder: Path, n_cases: int, seed: int) -> Tally:
    """Judge whole files, then mutated and rewritten ones."""
    rng = np.random.default_rng(seed)
    whole = seeds()
    names, others = list(whole), list(whole.values())
    for i in range(n_cases):
        name = names[i % len(names)]
        data = whole[name]
        if i >= len(names):
            data = mutated(data, others, rng) if rng.random() < 0.5 else rewritten(data, rng)
        path = folder / f"word.{name[:3]}"
        path.write_bytes(data)
        tally.judge(
            f"{name} {i} (seed {seed})",
            lambda path=path: (DRAW.transform([path]), MEASURE.transform([path])),
            lambda answer, data=data: check_answer(answer, data),
            names=[re.escape(str(path))],
            decoded=8 * len(data),
        )
    return tally.end()
