"""The built documentation is whole, small, and needs no network; ``make docs`` runs these tests."""

import zlib
from contextlib import contextmanager

import pytest
from page.browser import draw, probabilities, running_browser, spiral, until
from site_pages import SITE, Page, site_pages
from test_docstrings import PUBLIC

pytestmark = [pytest.mark.site, pytest.mark.slow]

MEGABYTE = 1_000_000
NOTEBOOKS = sorted((SITE.parent.parent / "notebooks").glob("[!i]*.md"))
# Hosts of what a page shows or runs; links that a reader may follow are none.
LOCAL = ("file:", "data:", "blob:")


@pytest.fixture(scope="module", autouse=True)
def built():
    assert site_pages(), "the documentation is not built: run make docs"


@pytest.fixture(scope="module")
def browser():
    with running_browser() as browser:
        yield browser


@contextmanager
def listened_to(browser):
    """Open a tab, and collect its requests to other hosts and what its pages complain about."""
    page, faults = browser.new_page(viewport={"width": 1200, "height": 900}), []
    page.on("request", lambda request: request.url.startswith(LOCAL) or faults.append(request.url))
    page.on("requestfailed", lambda request: faults.append(request.url))
    page.on("console", lambda message: message.type == "error" and faults.append(message.text))
    page.on("pageerror", lambda error: faults.append(str(error)))
    yield page, faults
    page.close()


def test_no_page_asks_another_host_or_complains(browser):
    faulty = {}
    with listened_to(browser) as (page, faults):
        for path in site_pages():
            page.goto(path.as_uri(), wait_until="load")
            if faults:
                faulty[path.relative_to(SITE).as_posix()] = faults.copy()
                faults.clear()
    assert faulty == {}


def test_every_link_and_anchor_leads_somewhere():
    pages = {path: Page(path) for path in site_pages()}
    dead = [
        f"{path.relative_to(SITE)}: {link}"
        for path, page in pages.items()
        for link, (target, anchor) in page.targets().items()
        if not target.exists() or (anchor and target in pages and anchor not in pages[target].anchors)
    ]
    assert dead == []


def test_every_public_name_has_its_place():
    header, body = (SITE / "objects.inv").read_bytes().split(b"using zlib.\n", 1)
    places = {
        line.split()[0]
        for line in zlib.decompress(body).decode().splitlines()
        if line.split()[1][:3] == "py:"
    }
    assert b"sparsecnn" in header
    assert {*PUBLIC, "sparsecnn.penalties.PENALTIES"} - places == set()


def test_site_is_at_most_25_megabytes():
    assert sum(path.stat().st_size for path in SITE.rglob("*") if path.is_file()) <= 25 * MEGABYTE


def test_live_page_of_the_landing_page_answers(browser):
    with listened_to(browser) as (page, faults):
        page.goto((SITE / "index.html").as_uri())
        page.locator(".live-page").scroll_into_view_if_needed()
        (frame,) = [frame for frame in page.frames if frame.url.endswith("/reader.html")]
        until(frame, "performance.getEntriesByName('ready').length > 0")
        draw(page, spiral(radius=0.2, center=(0.5, 0.25)), paper=frame.locator("#drawing"))
        until(frame, "latest.probabilities !== null")
        assert probabilities(frame).sum() == pytest.approx(1, abs=1e-5)
        assert frame.inner_text("#answer") in ("regular", "shaky")
        assert faults == []


def test_search_finds_names_without_a_server(browser):
    with listened_to(browser) as (page, faults):
        page.goto((SITE / "search.html").as_uri() + "?q=target_sparsity")
        page.wait_for_selector("#search-results li a")
        assert faults == []


def test_formulas_are_drawn(browser):
    with listened_to(browser) as (page, faults):
        page.goto((SITE / "user_guide" / "how_it_works.html").as_uri())
        page.wait_for_selector("mjx-container svg")
        assert page.locator("mjx-container").count() == page.locator(".math").count() > 0
        assert page.locator("mjx-merror, [data-mml-node=merror]").count() == 0
        assert faults == []


@pytest.mark.parametrize("source", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_is_offered_as_ipynb(source):
    import nbformat  # of the extra docs, which other tests do without

    page = Page(SITE / "notebooks" / f"{source.stem}.html")
    assert f"{source.stem}.ipynb" in page.links
    notebook = nbformat.read(page.path.with_suffix(".ipynb"), as_version=4)
    nbformat.validate(notebook)
    assert any(cell.cell_type == "code" for cell in notebook.cells)


def test_three_notebooks_are_there():
    assert len(NOTEBOOKS) == 3
