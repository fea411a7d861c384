"""What a former build made of names and examples that are gone is removed: no build needs a clean start."""

import re
from pathlib import Path

EXAMPLE = re.compile(r"(?:sphx_glr_)?(plot_\w+?)(?:_\d{3}|_thumb)?\.")


def stale_files(docs, examples):
    """Return pages of names that the API page no longer lists, and what the gallery made of lost examples.

    Parameters
    ----------
    docs : Path
        Folder of the documentation, with ``generated`` and ``auto_examples`` of a former build, if any.
    examples : Path
        Folder of the sections of the gallery.
    """
    names = set(re.findall(r"\w+", (docs / "api.rst").read_text(encoding="utf-8")))
    pages = (docs / "generated").glob("*.rst")
    gallery = docs / "auto_examples"
    made = [*gallery.rglob("*plot_*"), *gallery.glob("*/index.rst")]
    return [
        *(page for page in pages if not set(page.stem.split(".")) <= names),
        *(file for file in made if not _source_of(file, gallery, examples).exists()),
    ]


def _source_of(file, gallery, examples):
    """Return the example, or the header of the section, from which the gallery made a file."""
    section, example = file.relative_to(gallery).parts[0], EXAMPLE.match(file.name)
    return examples / section / (f"{example[1]}.py" if example else "GALLERY_HEADER.rst")


def remove_stale_files(app, config):
    """Remove them before the build looks for its pages."""
    docs = Path(app.srcdir)
    for file in stale_files(docs, docs.parent / "examples"):
        file.unlink()


def remove_page(app, env, docname):
    """Remove the page of a source that is gone."""
    if docname not in env.found_docs:
        Path(app.outdir, f"{docname}.html").unlink(missing_ok=True)


def setup(app):
    app.connect("config-inited", remove_stale_files)
    app.connect("env-purge-doc", remove_page)
