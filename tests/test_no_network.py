"""Nothing in the package opens a connection."""

import subprocess
import sys

# Whatever goes out asks for a name, connects or sends; also where the error is caught.
WATCHED = """
import contextlib
import socket
import sys

attempts = []


def watch(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto"):
        attempts.append((event, arguments[1:]))
        raise ConnectionError(event)


sys.addaudithook(watch)
"""
USED = """
import warnings
from PIL import Image
import sparsecnn
from sparsecnn import SparseCurveCNNClassifier, binarization, inspection, model_selection, pretraining, rvsm
from sparsecnn.datasets import make_shaky_spirals
from sparsecnn.export import load, save, to_html
from sparsecnn.inference import load as load_without_torch
from sparsecnn.pretrained import load_reader

X, y = make_shaky_spirals(40, image_shape=(32, 32), return_X_y=True, random_state=0)
warnings.simplefilter("ignore")
classifier = SparseCurveCNNClassifier(channels=(4, 4, 4), max_iter=2, finetune_iter=1, random_state=0)
classifier.fit(X, y)
save(classifier, "spirals.safetensors")
assert (load("spirals.safetensors").predict(X) == classifier.predict(X)).all()
load_without_torch("spirals.safetensors").predict(X)
to_html(classifier, "spirals.html")
load_reader("drawings").predict([Image.fromarray(255 - X[0])])
assert attempts == [], attempts
"""
WATCHES = """
with contextlib.suppress(ConnectionError):
    socket.create_connection(("localhost", 9))
assert [event for event, _ in attempts] == ["socket.getaddrinfo"]
"""


def test_package_opens_no_connection(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", WATCHED + USED + WATCHES], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert {path.name for path in tmp_path.iterdir()} == {"spirals.safetensors", "spirals.html"}
