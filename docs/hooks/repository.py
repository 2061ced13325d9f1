"""Pages of the site that lie elsewhere in the repository: README.md, its neighbours, and every file a page links to.

The same links work on GitHub, where they lead to files, and here, where they lead to pages made of those files.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

REPOSITORY = Path(__file__).resolve().parents[2]
PAGES = {"README.md": "index.md", "CONTRIBUTING.md": "contributing.md", "CHANGELOG.md": "changelog.md"}
"""File in the repository → page of the site. The files in docs/ keep their names, all others go to source/."""

LINK = re.compile(r"(\]\(|<img [^>]*src=\")(?![a-z]+:|#|/)([^)\s\"#]+)")
"""The path in a link or picture that leads to a file, as [text](path#place)."""


def github_slug(text: str, separator: str) -> str:
    """The name that GitHub gives to a heading, so that links to places within a page work in both."""
    return re.sub(r"[^\w\- ]", "", text.strip().lower()).replace(" ", separator)


def page_of(path: str) -> str:
    """The site's path for a file or folder of the repository."""
    if path in PAGES:
        return PAGES[path]
    if path.startswith("docs/"):
        return path.removeprefix("docs/")
    return f"source/{path}" if path.endswith(".md") else f"source/{path}.md"


def file_of(page: str) -> str:
    """The repository's path for a page: the inverse of `page_of`."""
    for path, name in PAGES.items():
        if page == name:
            return path
    if page.startswith("source/"):
        path = page.removeprefix("source/")
        return path if (REPOSITORY / path).exists() else path.removesuffix(".md")
    return f"docs/{page}"


def linked(text: str, path: str) -> Iterator[str]:
    """Files and folders of the repository that the Markdown text of the file at `path` links to."""
    for match in LINK.finditer(text):
        target = posixpath.normpath(posixpath.join(posixpath.dirname(path), match[2]))
        if not target.startswith("..") and (REPOSITORY / target).exists():
            yield target


def as_page(path: str) -> str:
    """A file that is no Markdown, or a folder, as Markdown."""
    place = REPOSITORY / path
    if place.is_dir():
        entries = sorted(entry.name for entry in place.iterdir() if entry.is_file())
        return f"# {path}\n\n" + "".join(f"- [{name}]({posixpath.basename(path)}/{name})\n" for name in entries)
    language = {".py": "python", ".yaml": "yaml", ".cff": "yaml"}.get(place.suffix, "text")
    text = place.read_text(encoding="utf-8")
    fence = "`" * max([4, *(len(run) + 1 for run in re.findall("`+", text))])
    return f"---\nsearch:\n  exclude: true\n---\n\n# {path}\n\n{fence}{language}\n{text}\n{fence}\n"


def on_config(config: Any) -> None:
    config.mdx_configs.setdefault("toc", {})["slugify"] = github_slug


def on_files(files: Files, config: Any) -> Files:
    """Add the pages that lie outside docs/, following links from page to page."""
    waiting = [*PAGES, *(f"docs/{file.src_uri}" for file in files if file.src_uri.endswith(".md"))]
    done = set(waiting)
    while waiting:
        path = waiting.pop()
        place = REPOSITORY / path
        if path.endswith(".md"):
            text = place.read_text(encoding="utf-8")
            targets = list(linked(text, path))
        else:
            text = as_page(path)
            targets = [f"{path}/{entry.name}" for entry in place.iterdir() if entry.is_file()] if place.is_dir() else []
        if not path.startswith("docs/"):
            files.append(File.generated(config, page_of(path), content=text))
        for target in targets:
            if target not in done and not target.startswith("docs/"):
                done.add(target)
                waiting.append(target)
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Lead links to the pages that the files became."""
    here = page.file.src_uri
    path = file_of(here)

    def follow(match: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(posixpath.dirname(path), match[2]))
        if target.startswith("..") or not (REPOSITORY / target).exists():
            return match[0]  # the strict build says that it leads nowhere
        return match[1] + posixpath.relpath(page_of(target), posixpath.dirname(here) or ".")

    return LINK.sub(follow, markdown)


def on_post_page(output: str, page: Any, **_: Any) -> str:
    """Say in which language a translated page is, for readers aloud and translators."""
    return output.replace('<html lang="en"', '<html lang="fr"', 1) if page.file.src_uri.endswith(".fr.md") else output
