"""Each notebook, a Markdown file, is offered as .ipynb on its page."""

import os
from pathlib import Path

import jupytext


def write_notebooks(app, exception):
    """Write the notebooks beside their pages."""
    if exception is None and app.builder.format == "html":
        for name in sorted(app.env.metadata):
            if is_notebook(app, name):
                notebook = jupytext.read(os.fspath(app.env.doc2path(name)))
                jupytext.write(notebook, Path(app.outdir, f"{name}.ipynb"))


def offer_notebook(app, pagename, templatename, context, doctree):
    """Tell the template of the page which file to offer."""
    if is_notebook(app, pagename):
        context["notebook_file"] = pagename.rpartition("/")[2] + ".ipynb"


def is_notebook(app, name):
    """Return whether a page is made of a file that starts as notebooks in Markdown do."""
    return "kernelspec" in app.env.metadata.get(name, {})


def setup(app):
    app.connect("html-page-context", offer_notebook)
    app.connect("build-finished", write_notebooks)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
