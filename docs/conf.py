"""The documentation site: these pages, the README as the first, and a reference from docstrings. `tox run -e docs`."""

from __future__ import annotations

import posixpath
import re
from importlib.metadata import metadata
from typing import Any

package = metadata("cloud-events")
urls = dict(url.split(", ", 1) for url in package.get_all("Project-URL") or ())
REPOSITORY = urls.get("Source", "").rstrip("/")

project = "cloud-events"
copyright = "cloud-events contributors"  # noqa: A001  # the name that Sphinx reads
version = release = package["Version"]
html_title = f"{project} {version}"
html_theme = "furo"
extensions = ["myst_parser", "sphinx.ext.autodoc"]
myst_heading_anchors = 3
autoclass_content = "both"
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
python_use_unqualified_type_names = True
maximum_signature_line_length = 90
highlight_language = "none"  # requests, settings and messages; code names a language

LINK = re.compile(r"(?<!!)\[([^\]]*)\]\((?!https?:|#)([^)\s#]+)(#[^)\s]*)?\)")


def site_links(text: str, folder: str) -> str:
    """Return a page of *folder* whose relative links lead to pages of the site, or into the repository."""

    def site_link(link: re.Match[str]) -> str:
        words, target, anchor = link[1], posixpath.normpath(posixpath.join(folder, link[2])), link[3] or ""
        if target == "README.md":
            return f"[{words}](index.md{anchor})"
        if posixpath.dirname(target) == "docs":
            return f"[{words}]({posixpath.basename(target)}{anchor})"
        return f"[{words}]({REPOSITORY}/blob/main/{target}{anchor})" if REPOSITORY else words

    return LINK.sub(site_link, text)


def read_page(app: Any, docname: str, source: list[str]) -> None:
    source[0] = site_links(source[0], "docs")


def read_readme(app: Any, path: Any, docname: str, source: list[str]) -> None:
    source[0] = site_links(source[0], "").replace("](benchmarks/", "](../benchmarks/")


def read_docstring(app: Any, what: str, name: str, found: Any, options: Any, lines: list[str]) -> None:
    """Have Sphinx understand our docstrings: lines "name: what it is" are fields, and *arguments* are literals."""
    if what == "module":  # the page has an introduction of its own
        lines.clear()
    for number, line in reversed([*enumerate(lines)]):
        line = re.sub(r"(?<![*\w])\*(\w+)\*(?![*\w])", r"``\1``", line)
        field = re.match(r"(\w+(?:, \w+)*): +(?=\S)", line)
        names = field[1].split(", ") if field else []
        words = line[field.end() :] if field else ""
        lines[number : number + 1] = [f":{role(what, found, each)} {each}: {words}" for each in names] or [line]


def role(what: str, found: Any, name: str) -> str:
    return "ivar" if what in ("class", "exception") and hasattr(found, name) else "param"


def setup(app: Any) -> None:
    app.connect("source-read", read_page)
    app.connect("include-read", read_readme)
    app.connect("autodoc-process-docstring", read_docstring)
