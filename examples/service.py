"""A prediction service: image files and arrays in, classes and probabilities out, without torch.

Needs ``pip install "sparsecnn[service]"`` and a file that `sparsecnn.export.save` has written::

    SPARSECNN_MODEL=reader.safetensors uvicorn --app-dir examples --limit-concurrency 40 service:app

See ``docs/user_guide/service.md``.
"""

import asyncio
import json
import os
import warnings
from concurrent.futures import ThreadPoolExecutor

from PIL import Image
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse
from starlette.routing import Route

from sparsecnn import CurveImageTransformer, inference

LARGEST = 5_000_000  # bytes of a request
SLOWEST = 5  # seconds in which it must arrive
WAITING = 16  # requests at most that wait for their answer
Image.MAX_IMAGE_PIXELS = (
    25_000_000  # of a file; of one that has more, no pixel is decoded
)

classifier = inference.load(os.environ["SPARSECNN_MODEL"])
if not isinstance(classifier, inference.NumpyClassifier):
    raise TypeError(
        f"SPARSECNN_MODEL must be of a classifier, got {classifier!r}."
    )
queue, worker = asyncio.Semaphore(WAITING), ThreadPoolExecutor(max_workers=1)


async def answer(request):
    """Return what there is to say to a request, or refuse it."""
    body = await receive(request)
    if queue.locked():
        raise HTTPException(
            503,
            f"{WAITING} requests are waiting: try again.",
            {"Retry-After": "1"},
        )
    async with queue:
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(
                worker, predict, READERS[request.url.path], body
            )
        except (ValueError, OverflowError, RecursionError) as error:
            raise HTTPException(422, str(error)) from None


async def receive(request):
    """Return the bytes of a request, or refuse it as soon as it is too large or too slow."""
    if int(request.headers.get("Content-Length", 0)) > LARGEST:
        raise too_large()
    body = bytearray()
    try:
        async with asyncio.timeout(SLOWEST):
            async for chunk in request.stream():
                body += chunk
                if len(body) > LARGEST:
                    raise too_large()
    except (TimeoutError, ClientDisconnect):
        raise HTTPException(
            408, f"The request did not arrive within {SLOWEST} s."
        ) from None
    return bytes(body)


def too_large():
    return HTTPException(
        413, f"A request may have {LARGEST:,} bytes, this one has more."
    )


def predict(read, body):
    """Return the answers to the images in a request, and what the package warns of."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        probabilities = classifier.predict_proba(read(body))
    return JSONResponse(
        {
            "classes": classifier.classes_.tolist(),
            "labels": classifier.classes_[
                probabilities.argmax(axis=1)
            ].tolist(),
            "probabilities": probabilities.tolist(),
            "warnings": [str(warning.message) for warning in caught],
        }
    )


def read_file(body):
    """Return the image that the saved transformer makes of the bytes of a file."""
    if classifier.transformer_ is None:
        raise ValueError(
            "The network was saved without a transformer: it answers arrays, no files."
        )
    image = CurveImageTransformer(**classifier.transformer_).transform([body])
    if not image.any():
        raise ValueError("No ink found: a blank page.")
    return image


READERS = {"/file": read_file, "/arrays": json.loads}
app = Starlette(
    routes=[Route(path, answer, methods=["POST"]) for path in READERS]
)
