"""The built documentation, as files."""

from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

SITE = Path(__file__).parent.parent / "docs" / "_build" / "html"


def site_pages():
    """Return the files of all pages; there are none if the documentation was not built."""
    parts = SITE / "_static"  # of the theme: templates, not pages
    return sorted(path for path in SITE.rglob("*.html") if parts not in path.parents)


class Page(HTMLParser):
    """What a page links to and what can be linked to on it.

    Parameters
    ----------
    path : Path
        File of the page.
    """

    def __init__(self, path):
        super().__init__()
        self.path, self.anchors, self.links = path, set(), set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.anchors |= {attrs[name] for name in ("id", "name") if attrs.get(name)}
        self.links |= {attrs[name] for name in ("href", "src") if attrs.get(name)}

    def targets(self):
        """Return the file and the anchor, or an empty one, of every link within the site."""
        parts = {link: urlsplit(link) for link in self.links}
        return {
            link: (
                (self.path.parent / unquote(part.path)).resolve() if part.path else self.path,
                unquote(part.fragment.partition(":~:")[0].removesuffix("#")),  # a text to highlight is none
            )
            for link, part in parts.items()
            if not part.scheme and not part.netloc
        }
