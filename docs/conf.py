"""Settings of the documentation's build. Nothing is fetched, neither by the build nor by the pages."""

import importlib
import importlib.util
import inspect
import os
import sys
from pathlib import Path

DOCS = Path(__file__).parent
sys.path[:0] = [str(DOCS / "_ext")]

import numpydoc.xref  # noqa: E402

import sparsecnn  # noqa: E402

project = "sparsecnn"
author = "the sparsecnn developers"
copyright = author
version = release = sparsecnn.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "sphinx.ext.intersphinx",
    "numpydoc",
    "myst_nb",
    "sphinx_gallery.gen_gallery",
    "sphinx_design",
    "sphinx_copybutton",
    "landing",
    "notebook_downloads",
    "stale",
]
templates_path = ["_templates"]
exclude_patterns = ["_build", "auto_examples/**/*.ipynb", "auto_examples/*.ipynb"]
default_role = "autolink"
smartquotes = False
nitpicky = True
# Every reference to the package resolves; other packages are linked only where their inventories are at hand.
nitpick_ignore_regex = [("py:.*", r"(?!sparsecnn\b).*")]

# Inventories of other projects need a network: links to them are made where this is asked for.
intersphinx_mapping = {}
if os.environ.get("SPARSECNN_DOCS_ONLINE"):
    intersphinx_mapping = {
        "numpy": ("https://numpy.org/doc/stable", None),
        "python": ("https://docs.python.org/3", None),
        "sklearn": ("https://scikit-learn.org/stable", None),
        "torch": ("https://docs.pytorch.org/docs/stable", None),
    }

# API
autosummary_generate = True
autodoc_typehints = "none"
autodoc_member_order = "bysource"
toc_object_entries_show_parents = "hide"
numpydoc_show_class_members = False
# In types, classes of the package are links; numpydoc's own list needs inventories of other projects.
numpydoc_xref_param_type = True
numpydoc_xref_ignore = "all"
numpydoc.xref.DEFAULT_LINKS.clear()
numpydoc_xref_aliases = {
    name: f"{module}.{name}"
    for module in ("sparsecnn", "sparsecnn.inference", "sparsecnn.inspection", "sparsecnn.model_selection")
    for name in importlib.import_module(module).__all__
    if name[0].isupper() and not (module != "sparsecnn" and name in sparsecnn.__all__)
}

# Pages in Markdown, and notebooks, which are run
myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 4
nb_execution_mode = "auto"
nb_execution_raise_on_error = True
nb_execution_in_temp = True
nb_execution_timeout = 180
nb_ipywidgets_js = {}
nb_mime_priority_overrides = [("html", "application/vnd.jupyter.widget-view+json", None)]

# One file of MathJax with its glyphs inside, of the package sphinx-mathjax-offline
MATHJAX = Path(importlib.util.find_spec("sphinx-mathjax-offline").origin).parent / "static/mathjax/tex-svg.js"
mathjax_path = MATHJAX.name

# Examples. Those that read data run where it is at hand; elsewhere, their pages have the code, and the table
# and picture of a full run.
HAVE_DATA = Path(os.environ.get("SPARSECNN_DATA", ""), "family").is_dir()
EXAMPLES = sorted((DOCS.parent / "examples").rglob("plot_*.py"))
READ_DATA = [path.stem for path in EXAMPLES if "SPARSECNN_DATA" in path.read_text(encoding="utf-8")]
sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    "filename_pattern": r"/plot_" if HAVE_DATA else rf"/(?!{'|'.join(READ_DATA)})plot_",
    "ignore_pattern": r"^(?!plot_)",  # scripts for a terminal
    "subsection_order": [
        f"../examples/{name}" for name in ("sparsity", "looking", "networks", "drawings", "home", "related")
    ],
    "within_subsection_order": "FileNameSortKey",
    "reset_modules": ("matplotlib", "gallery_start.same_start"),
    "capture_repr": ("_repr_html_",),
    "abort_on_example_error": True,
    "parallel": 2,
    "write_computation_times": False,
    "min_reported_time": 1,
    "show_signature": False,
    "download_all_examples": False,
    "copyfile_regex": "",
    "remove_config_comments": True,
    "doc_module": "sparsecnn",
    "backreferences_dir": None,
    "inspect_global_variables": False,
}

# Theme
html_theme = "pydata_sphinx_theme"
html_title = "sparsecnn"
html_static_path = ["_static", str(MATHJAX)]
html_context = {"default_mode": "auto"}
html_css_files = ["site.css"]
html_copy_source = False
html_show_search_summary = False  # it would read other pages, which a browser forbids to files
html_sidebars = {"index": [], "install": [], "tutorial": [], "faq": [], "related": [], "changelog": []}
html_theme_options = {
    "logo": {"text": "sparsecnn"},
    "header_links_before_dropdown": 6,
    "article_header_end": ["notebook-download"],
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
    "show_prev_next": False,
}


def is_foreign(app, what, name, obj, skip, options):
    """Leave out members that classes inherit from other packages."""
    function = getattr(obj, "fget", None) or inspect.unwrap(getattr(obj, "__func__", obj))
    module = getattr(function, "__module__", None) or "sparsecnn"
    return True if what == "class" and not module.startswith("sparsecnn") else None


def setup(app):
    app.connect("autodoc-skip-member", is_foreign)
