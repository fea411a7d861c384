"""The prediction service of examples/service.py under load, a tenth of its requests hostile; its full queue.

Data: ``make_shaky_words``, seed 0, drawn as PNG and JPEG files of several sizes, answered by the ready reader
of words. The clients ask at once, each its next request when the last one is answered. Every answer must be,
number for number, what the package answers offline, and every hostile request must be refused with its status
and a message that names what is wrong. Latency is that of the other requests. Clients and service share the
processors. Memory is read from /proc, so this needs Linux.
"""

import argparse
import io
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path

import numpy as np
from PIL import Image

from sparsecnn import inference
from sparsecnn.datasets import make_shaky_words
from sparsecnn.preprocessing import CurveImageTransformer
from sparsecnn.pretrained import reader_path

EXAMPLES = Path(__file__).parent.parent / "examples"
SIZES = (120, 300, 800, 1600)  # sides of the images in pixels
N_IMAGES = 40
MB = 1_000_000
GROWTH = 30  # megabytes, above which it counts as a leak


@dataclass
class Post:
    """A request, and what the service must say to it."""

    path: str
    body: bytes
    expected: object  # an answer, or (status, part of the message), or None if the client does not wait
    kind: str = "good"
    headers: dict = field(default_factory=dict)


def encode(image, form):
    file = io.BytesIO()
    image.save(file, form)
    return file.getvalue()


def good_posts(path):
    """Return files and arrays with what the package answers to them."""
    classifier = inference.load(path)
    transformer = CurveImageTransformer(**classifier.transformer_)
    posts = []
    for i, ink in enumerate(make_shaky_words(N_IMAGES, random_state=0).images):
        side = SIZES[i % len(SIZES)]
        page = Image.fromarray(255 - ink).resize((side, side), Image.Resampling.BICUBIC)
        data = encode(page, ("PNG", "JPEG")[i // len(SIZES) % 2])
        pixels = transformer.transform([data])
        probabilities = classifier.predict_proba(pixels).tolist()
        posts.append(Post("/file", data, probabilities))
        if i % 4 == 0:
            posts.append(Post("/arrays", json.dumps(pixels.tolist()).encode(), probabilities))
    return posts


def hostile_posts():
    """Return requests that must be refused."""
    word = 255 - make_shaky_words(1, random_state=1).images[0]
    png, jpeg = (encode(Image.fromarray(word).resize((300, 300)), form) for form in ("PNG", "JPEG"))
    noise = np.random.default_rng(0).bytes(20_000)
    chunks = b"%x\r\n%b\r\n" % (6 * MB, bytes(6 * MB))  # without the chunk that ends a request
    of_length = {"Content-Length": "100000"}
    refused = [
        ("a PNG file cut short", "/file", png[: len(png) // 2], (422, "truncated"), {}),
        ("a JPEG file cut short", "/file", jpeg[: len(jpeg) // 2], (422, "truncated"), {}),
        ("a file of 36 million pixels", "/file", blank(6000), (422, "bomb"), {}),
        ("a file of 64 million pixels", "/file", blank(8000), (422, "bomb"), {}),
        ("a blank page", "/file", blank(1000), (422, "blank"), {}),
        ("noise as a file", "/file", noise, (422, "not an image"), {}),
        ("noise as arrays", "/arrays", noise, (422, "decode"), {}),
        ("broken JSON", "/arrays", b"[[1, 2", (422, "delimiter"), {}),
        ("JSON nested 100,000 times", "/arrays", b"[" * 100_000, (422, "recursion"), {}),
        ("arrays of another shape", "/arrays", b"[[1, 2], [3, 4]]", (422, "must be of shape"), {}),
        ("words as numbers", "/arrays", b'[["a", "b"]]', (422, "must hold pixels"), {}),
        ("declared too large", "/file", b"", (413, "5,000,000 bytes"), {"Content-Length": "6000000"}),
        ("too large in chunks", "/file", chunks, (413, "5,000,000 bytes"), {"Transfer-Encoding": "chunked"}),
        ("a slow sender", "/file", png[:100], (408, "did not arrive"), of_length),
        ("a client that goes away", "/file", png[:100], None, of_length),
    ]
    return [Post(path, body, expected, kind, headers) for kind, path, body, expected, headers in refused]


def blank(side):
    return encode(Image.new("1", (side, side), 1), "PNG")


@contextmanager
def running_service(model):
    """Run the service for a ``with`` block; yields its port and its process."""
    command = f"-m uvicorn --app-dir {EXAMPLES} --limit-concurrency 40 --port 0 --no-access-log service:app"
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(
            [sys.executable, *command.split()], env=os.environ | {"SPARSECNN_MODEL": str(model)}, stderr=log
        )
        try:
            yield wait_for_port(process, log), process
        finally:
            process.terminate()
            process.wait()
            log.seek(0)
            if "Traceback" in (text := log.read()):
                sys.exit(text)


def wait_for_port(process, log):
    while process.poll() is None:
        log.seek(0)
        if found := re.search(r"running on http://[\d.]+:(\d+)", log.read()):
            return int(found[1])
        time.sleep(0.05)
    log.seek(0)
    sys.exit(log.read())


class Client:
    """Asks over one connection, and over a new one after a refusal, as the server may have closed it."""

    def __init__(self, port):
        self.port = port
        self.connection = HTTPConnection("127.0.0.1", port, timeout=60)

    def ask(self, post):
        """Return status, headers and text of the answer; None if the client goes away."""
        self.connection.putrequest("POST", post.path)
        for name, value in ({"Content-Length": str(len(post.body))} | post.headers).items():
            if name != "Content-Length" or "Transfer-Encoding" not in post.headers:
                self.connection.putheader(name, value)
        self.connection.endheaders(post.body)
        if post.expected is None:
            self.connection.close()
            return None
        response = self.connection.getresponse()
        text = response.read().decode()
        if response.status != 200:
            self.connection.close()
        return response.status, response.headers, text


def is_as_expected(post, answer):
    if post.kind == "good":
        return answer[0] == 200 and json.loads(answer[2])["probabilities"] == post.expected
    if post.expected is None:
        return answer is None
    return answer[0] == post.expected[0] and post.expected[1] in answer[2]


def run_load(port, posts, n_clients):
    """Let clients share requests; return the seconds of each good one, those of all, and what is wrong."""
    latencies, wrong, lock, queue = [], [], threading.Lock(), iter(posts)

    def work(client):
        while True:
            with lock:
                post = next(queue, None)
            if post is None:
                return
            begun = time.perf_counter()
            answer = client.ask(post)
            if post.kind == "good":
                latencies.append(time.perf_counter() - begun)
            if not is_as_expected(post, answer):
                wrong.append(f"{post.kind}: expected {post.expected}, got {answer}")

    begun = time.perf_counter()
    with ThreadPoolExecutor(n_clients) as pool:
        list(pool.map(work, [Client(port) for _ in range(n_clients)]))
    return latencies, time.perf_counter() - begun, wrong


def memory(process):
    """Return the resident memory of a process in megabytes."""
    return int(re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{process.pid}/status").read_text())[1]) / 1024


def fill_queue(port, good, n_clients=32):
    """Let more clients ask at once than may wait; return how often they are refused, and what is wrong."""
    together, begun = threading.Barrier(n_clients), []

    def insist(post):
        client, n_refused, wrong = Client(port), 0, []
        together.wait()
        begun.append(time.perf_counter())
        while (answer := client.ask(post))[0] == 503:
            n_refused += 1
            time.sleep(int(answer[1]["Retry-After"]))
        if not is_as_expected(post, answer):
            wrong.append(f"with a full queue: {answer}")
        return n_refused, wrong

    with ThreadPoolExecutor(n_clients) as pool:
        results = list(pool.map(insist, [good[i % len(good)] for i in range(n_clients)]))
    seconds = time.perf_counter() - begun[0]
    refused = [n_refused for n_refused, _ in results]
    print(
        f"\n{n_clients} clients at once: {sum(map(bool, refused))} were refused with 503, up to "
        f"{max(refused)} times each; all had their answers after {seconds:.1f} s"
    )
    return [fault for _, wrong in results for fault in wrong]


def plan(n_requests, every, good, rng):
    """Return the requests: one of `every` is hostile, each kind in turn."""
    hostile = hostile_posts()
    return [
        hostile[i // every % len(hostile)] if i % every == every - 1 else good[rng.integers(len(good))]
        for i in range(n_requests)
    ]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--hostile", type=int, default=10, help="one request of so many is hostile")
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    good = good_posts(reader_path("words"))
    posts = plan(args.requests, args.hostile, good, np.random.default_rng(0))
    warm_up = args.requests // 5
    latencies, total, wrong = [], 0, []
    with running_service(reader_path("words")) as (port, process):
        alone, _, faults = run_load(port, good, 1)
        wrong += faults
        megabytes = []
        for part in (posts[:warm_up], posts[warm_up:]):
            some, seconds, faults = run_load(port, part, args.clients)
            latencies, total, wrong = latencies + some, total + seconds, wrong + faults
            megabytes.append(memory(process))
        print_load(posts, args.clients, latencies, total, alone)
        print(f"memory: {megabytes[0]:.0f} MB after {warm_up:,} requests, {megabytes[1]:.0f} MB after all")
        wrong += fill_queue(port, good)
    if megabytes[1] > megabytes[0] + GROWTH:
        wrong.append("memory grows")
    print(f"\nnot as expected: {len(wrong)}", *wrong[:20], sep="\n")
    sys.exit(bool(wrong))


def print_load(posts, n_clients, latencies, seconds, alone):
    kinds = Counter(post.kind for post in posts)
    n_good = kinds.pop("good")
    print(f"{len(posts):,} requests from {n_clients} clients, {len(posts) - n_good:,} of them hostile:")
    print(", ".join(f"{kind} ({n})" for kind, n in kinds.items()))
    median, slow = np.quantile(latencies, [0.5, 0.99]) * 1000
    print(f"\n{len(posts) / seconds:.0f} requests per second, {n_good / seconds:.0f} of them answers")
    print(f"latency of answers: median {median:.0f} ms, 99th percentile {slow:.0f} ms")
    print(f"of one client alone: median {np.median(alone) * 1000:.0f} ms")


if __name__ == "__main__":
    main()
