"""A real browser, and what a person does in it."""

import base64
import contextlib
import io
import shutil
import time

import numpy as np
import pytest
from PIL import Image

FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
).split()
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
READY = "performance.getEntriesByName('ready').length > 0"


@contextlib.contextmanager
def running_browser():
    """Run an installed Chromium for a ``with`` block, or skip the test."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="needs the package playwright")
    executable = next(filter(None, map(shutil.which, NAMES)), None)
    if executable is None:
        pytest.skip("needs an installed chromium")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=FLAGS)
        yield browser
        browser.close()


@contextlib.contextmanager
def opened(browser, path, **options):
    """Open a page file; nothing may be written to its console, and no request may follow."""
    context = browser.new_context(**{"viewport": {"width": 900, "height": 900}} | options)
    page = context.new_page()
    faults = []
    page.on("console", lambda message: faults.append(message.text))
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("request", lambda request: faults.append(request.url))
    page.goto(path.as_uri())
    assert faults == [path.as_uri()]
    faults.clear()
    until(page, READY)
    yield page
    assert faults == []
    context.close()


def until(page, expression, seconds=20):
    """Wait until an expression is true; the page's policy forbids playwright's own way."""
    end = time.monotonic() + seconds
    while not page.evaluate(expression):
        assert time.monotonic() < end, expression
        page.wait_for_timeout(20)


def draw(page, points, paper=None):
    """Draw one stroke with the mouse through points in units of the width of the paper, a locator."""
    box = (paper or page.locator("#drawing")).bounding_box()
    places = [(box["x"] + x * box["width"], box["y"] + y * box["width"]) for x, y in points]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place)
    page.mouse.up()


def spiral(*, turns=3, radius=0.35, tremor=0.0, center=(0.5, 0.5), n_points=90):
    """Return the points of a spiral."""
    angle = np.linspace(0.3, 2 * np.pi * turns, n_points)
    radii = radius * angle / angle[-1] + tremor * np.sin(9 * angle)
    x, y = center[0] + radii * np.cos(angle), center[1] + radii * np.sin(angle)
    return np.clip(np.column_stack([x, y]), 0.01, 0.99).tolist()


def paper_of(page):
    """Return the drawing as the page reads it, as a PIL image."""
    url = page.evaluate("paper.toDataURL()")
    return Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))).convert("RGB")


def probabilities(page):
    """Return the probabilities that the page shows, or None."""
    shown = page.evaluate("latest.probabilities && Array.from(latest.probabilities)")
    return None if shown is None else np.array(shown)


def drop(page, path):
    """Drop a file from outside on the paper, and wait for what the page makes of it."""
    box = page.locator("#drawing").bounding_box()
    place = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}
    data = {"items": [], "files": [str(path)], "dragOperationsMask": 1}
    session = page.context.new_cdp_session(page)
    page.evaluate("find('status').textContent = find('error').textContent = ''")
    for kind in ("dragEnter", "dragOver", "drop"):
        session.send("Input.dispatchDragEvent", {"type": kind, **place, "data": data})
    until(page, "find('status').textContent || find('error').textContent")
