"""What stands around the package says the same as the package."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

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


def toml(name: str) -> dict[str, Any]:
    tomllib = pytest.importorskip("tomllib", reason="tomllib came with Python 3.11")
    return tomllib.loads((REPOSITORY / name).read_text(encoding="utf-8"))  # type: ignore[no-any-return]


def test_lock_answers_to_the_project() -> None:
    """`uv lock --check`, without uv and without a network."""
    project = toml("pyproject.toml")["project"]
    lock = {package["name"]: package for package in toml("uv.lock")["package"]}
    locked = lock["deepsort-cli"]
    asked = {None: project["dependencies"], **project["optional-dependencies"]}
    wanted = set()
    for extra, requirements in asked.items():
        for text in requirements:
            need = Requirement(text)
            wanted.add((canonicalize_name(need.name), str(need.specifier), extra))
    told = set()
    for need in locked["metadata"]["requires-dist"]:
        extra = re.search(r"extra == '([^']+)'", need.get("marker", ""))
        told.add((need["name"], str(SpecifierSet(need.get("specifier", ""))), extra[1] if extra else None))
    assert told == wanted, "run: make lock"
    assert locked["version"] == project["version"], "run: make lock"


def test_lock_leads_to_public_packages_only() -> None:
    """One index and its files: no mirror, no address of a machine, no name and password."""
    text = (REPOSITORY / "uv.lock").read_text(encoding="utf-8")
    addresses = set(re.findall(r"\w+://[^/\"]+", text))
    assert len(addresses) == 2
    assert all(re.fullmatch(r"https://[a-z.]+\.org", address) for address in addresses)
    assert len(set(re.findall(r"registry = \"([^\"]+)\"", text))) == 1


def test_every_guide_is_in_the_menu_of_the_site() -> None:
    menu = (REPOSITORY / "mkdocs.yml").read_text(encoding="utf-8")
    for page in (REPOSITORY / "docs").rglob("*.md"):
        assert f": {page.relative_to(REPOSITORY / 'docs').as_posix()}\n" in menu


def test_every_room_is_in_the_reference_of_the_site() -> None:
    hook = (REPOSITORY / "docs" / "hooks" / "reference.py").read_text(encoding="utf-8")
    rooms = re.findall(r'^    "(\w+)": "', hook.split("\nROOMS = {")[1].split("\n}")[0], re.M)
    folders = {path.parent.name for path in (REPOSITORY / "deepsort_cli").glob("*/__init__.py")}
    assert set(rooms) == folders - {"cli"}  # the command line has a page of its own


def test_continuous_integration_tries_the_pythons_that_are_promised() -> None:
    text = (REPOSITORY / "pyproject.toml").read_text(encoding="utf-8")
    promised = re.findall(r'"Programming Language :: Python :: (3\.\d+)"', text)
    jobs = yaml.safe_load((REPOSITORY / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8"))["jobs"]
    assert jobs["linux"]["strategy"]["matrix"]["python"] == promised
    assert jobs["elsewhere"]["strategy"]["matrix"]["python"] == promised
