"""The description for the package index, whose pages need absolute links; setup.cfg has the rest."""

import re
import tomllib
from pathlib import Path

from setuptools import setup

HERE = Path(__file__).parent
SOURCE = tomllib.loads((HERE / "pyproject.toml").read_text(encoding="utf-8"))["project"]["urls"]["Source"]


def absolute(link: re.Match[str]) -> str:
    """Return a relative link, or the place of a picture, as one into the repository."""
    picture, text, target = link.groups()
    return f"{picture}[{text}]({SOURCE}/{'raw' if picture else 'blob'}/main/{target})"


readme = (HERE / "README.md").read_text(encoding="utf-8")
setup(
    long_description=re.sub(r"(!?)\[([^]]*)\]\((?!https?:)([^)]+)\)", absolute, readme),
    long_description_content_type="text/markdown",
)
