"""What the landing page shows is made by the package while the documentation is built."""

from pathlib import Path

from sparsecnn.export import to_html
from sparsecnn.pretrained import load_reader


def write_reader(app, exception):
    """Write the live page of the ready reader of words beside the landing page."""
    if exception is None and app.builder.format == "html":
        note = "Draw or drop one word of up to eight letters. Not a diagnosis."
        to_html(load_reader("words"), Path(app.outdir, "reader.html"), title="Is this word shaky?", note=note)


def setup(app):
    app.connect("build-finished", write_reader)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
