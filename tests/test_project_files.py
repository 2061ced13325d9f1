"""What stands around the package says the same as the package."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

import deepsort_cli

REPOSITORY = Path(__file__).resolve().parent.parent


def version_in_pyproject() -> str:
    # tomllib came with Python 3.11
    text = (REPOSITORY / "pyproject.toml").read_text(encoding="utf-8")
    return re.search(r'^version = "([^"]+)"', text, re.M)[1]  # type: ignore[index]


def test_versions_agree() -> None:
    citation = yaml.safe_load((REPOSITORY / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == version_in_pyproject() == deepsort_cli.__version__
    changelog = (REPOSITORY / "CHANGELOG.md").read_text(encoding="utf-8")
    assert version_in_pyproject() in changelog


def test_citation_has_what_the_format_asks_for() -> None:
    """Required keys of the Citation File Format 1.2.0."""
    citation = yaml.safe_load((REPOSITORY / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["cff-version"] == "1.2.0"
    assert citation["type"] == "software"
    assert citation["license"] == "MIT"
    for work in (citation, *citation["references"]):
        assert isinstance(work["title"], str)
        assert work["type"] in {"software", "conference-paper"}
        for author in work["authors"]:
            assert set(author) in ({"name"}, {"family-names", "given-names"})
        assert re.fullmatch(r"10\.\d{4,}/\S+", work.get("doi", "10.0000/none"))
    assert citation["message"]


def test_changelog_follows_keep_a_changelog() -> None:
    changelog = (REPOSITORY / "CHANGELOG.md").read_text(encoding="utf-8")
    headings = re.findall(r"^## (.*)$", changelog, re.M)
    assert headings[0] == "[Unreleased]"
    for heading in headings[1:]:
        assert re.fullmatch(r"\[\d+\.\d+\.\d+\] - \d{4}-\d{2}-\d{2}", heading)
    kinds = set(re.findall(r"^### (.*)$", changelog, re.M))
    assert kinds <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
