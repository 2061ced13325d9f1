"""The concept documents are true: examples run, links lead somewhere, formulas render, both languages agree."""

from __future__ import annotations

import ast
import doctest
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

DOCS = Path(__file__).resolve().parent.parent / "docs"
ENGLISH, FRENCH = DOCS / "CONCEPTS.en.md", DOCS / "CONCEPTS.fr.md"
both = pytest.mark.parametrize("document", [ENGLISH, FRENCH], ids=["en", "fr"])

FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
INLINE_MATH = re.compile(r"\$`([^`\n]+)`\$")
INLINE_CODE = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\[([^\]]*)\]\(([^)\s]*)\)")
NO_BREAK = "\u00a0\u202f"

GIVEN = {1501}
"""Numbers of the prose that are names: Market-1501."""


def read(document: Path) -> str:
    return document.read_text(encoding="utf-8")


def blocks(document: Path, kind: str) -> list[str]:
    return [match[2] for match in FENCE.finditer(read(document)) if match[1] == kind]


def prose(document: Path) -> str:
    """The document without fenced blocks, headings, link targets, references to sections, and bibliography."""
    text = re.split(r"^## 11\. ", FENCE.sub("", read(document)), flags=re.MULTILINE)[0]
    text = LINK.sub(lambda match: "" if "ection " in match[1] else match[1], text)
    return re.sub(r"^#.*$", "", text, flags=re.MULTILINE)


def formulas(document: Path) -> Iterator[str]:
    yield from blocks(document, "math")
    yield from INLINE_MATH.findall(FENCE.sub("", read(document)))


def anchors(document: Path) -> set[str]:
    """Where `#…` can lead to, formed from the headings as GitHub does."""
    headings = re.findall(r"^#+ (.*)$", FENCE.sub("", read(document)), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@both
def test_examples_run(document: Path) -> None:
    pytest.importorskip("torch")
    text = read(document)
    # Everything else becomes empty lines, so that a failure names the line of the document.
    lines = np.array(["" for _ in text.split("\n")], dtype=object)
    for match in FENCE.finditer(text):
        if match[1] == "python":
            start = text.count("\n", 0, match.start(2))
            body = match[2].split("\n")[:-1]
            lines[start : start + len(body)] = body
    examples = doctest.DocTestParser().get_doctest("\n".join(lines), {}, document.name, str(document), 0)
    assert len(examples.examples) > 100
    report: list[str] = []
    result = doctest.DocTestRunner().run(examples, out=report.append)
    assert result.failed == 0, "".join(report)


@both
def test_every_fence_is_known_and_closed(document: Path) -> None:
    assert {match[1] for match in FENCE.finditer(read(document))} == {"python", "math"}
    assert "```" not in FENCE.sub("", read(document))


@both
def test_links_lead_somewhere(document: Path) -> None:
    links = LINK.findall(FENCE.sub("", read(document)))
    assert len(links) > 50
    for label, target in links:
        if target.startswith("https://"):
            assert re.fullmatch(r"https://arxiv\.org/abs/\d{4}\.\d{4,5}", target), target
            assert label == "arXiv:" + target.rpartition("/")[2]
            continue
        path, _, anchor = target.partition("#")
        file = document if not path else (DOCS / path).resolve()
        assert file.is_file(), f"{target} leads nowhere"
        if anchor:
            assert anchor in anchors(file), f"{target} has no such heading"
        if file.suffix == ".py" and label.startswith("`"):
            assert_defined(label.strip("`"), file)


def assert_defined(name: str, file: Path) -> None:
    """A linked name is that of the file, or of a class, method or function in it."""
    if "/" in name:
        assert file.as_posix().endswith(name)
        return
    body = ast.parse(file.read_text(encoding="utf-8")).body
    for part in name.split("."):
        found = [node for node in body if isinstance(node, ast.ClassDef | ast.FunctionDef) and node.name == part]
        assert found, f"{file.name} defines no {name}"
        body = found[0].body


@both
def test_named_settings_and_flags_exist(document: Path) -> None:
    from deepsort_cli.perception.settings import DetectorSettings
    from deepsort_cli.reid.settings import TrainConfig
    from deepsort_cli.settings import all_commands
    from deepsort_cli.tracking.settings import TrackerSettings

    names = INLINE_CODE.findall(INLINE_MATH.sub("", FENCE.sub("", read(document))))
    sections = {name: field.annotation.model_fields for name, field in TrainConfig.model_fields.items()}  # type: ignore[union-attr]
    sections["tracker"] = TrackerSettings.model_fields
    keys = [name.partition("=")[0].split(".") for name in names if re.fullmatch(r"[a-z]+\.[a-z_]+(=.*)?", name)]
    assert len(keys) > 5
    for section, key in keys:
        assert key in sections[section], f"no setting {section}.{key}"

    rows = re.findall(r"^\| `(\w+)` \|", read(document), flags=re.MULTILINE)
    assert len(rows) == 6
    for key in rows:
        assert key in TrackerSettings.model_fields or key in DetectorSettings.model_fields, f"no threshold {key}"

    known = {option.flag for command in all_commands() for option in command.options}
    flags = {name.split()[0] for name in names if name.startswith("--")}
    assert flags
    assert flags - known == set()


@both
def test_numbers_in_prose_come_from_examples(document: Path) -> None:
    shown = {
        float(number.replace(",", ""))
        for number in re.findall(r"\d{1,3}(?:,\d{3})+|\d+\.?\d*(?:e-?\d+)?", "".join(blocks(document, "python")))
    }
    text = re.sub(r"(?:19|20)\d\d(?=\))", "", prose(document))  # years of papers
    if document == FRENCH:
        text = re.sub(r"(?<=\d)(?:,|\{,\})(?=\d)", ".", text)
        thousands = r"\d{1,3}(?:\u202f\d{3})+"
    else:
        thousands = r"\d{1,3}(?:,\d{3})+"
    numbers = [re.sub(r"[,\u202f]", "", number) for number in re.findall(rf"{thousands}|\d+\.\d+|\d{{3,}}", text)]
    assert len(numbers) > 50
    known = shown | GIVEN
    assert [number for number in numbers if float(number) not in known] == []


@both
def test_formulas_are_what_github_renders(document: Path) -> None:
    text = FENCE.sub("", read(document))
    # Inline formulas have one form only, with room around them; a $ anywhere else would begin another one.
    assert "$" not in INLINE_MATH.sub("", text)
    for match in INLINE_MATH.finditer(text):
        before, after = text[match.start() - 1], text[match.end()]
        assert before in " \n(" + NO_BREAK, match[0]
        assert after in " \n.,;:)?" + NO_BREAK, match[0]
    for formula in formulas(document):
        assert formula.count("{") == formula.count("}"), formula
        assert formula.count(r"\left") - formula.count(r"\leftarrow") == formula.count(r"\right"), formula
        assert re.findall(r"\\begin\{(\w+)\}", formula) == re.findall(r"\\end\{(\w+)\}", formula), formula
        # Pipes end table cells, < can be read as a tag, blank lines end the block, and some macros are refused.
        assert not re.search(r"\||<\w|\n\s*\n|\\(operatorname|newcommand|def|require|href|unicode)\b", formula), formula


@both
def test_bibliography_and_citations_agree(document: Path) -> None:
    entries = re.split(r"^## 11\. .*$", read(document), flags=re.MULTILINE)[1].split("\n- ")[1:]
    listed = set()
    for entry in entries:
        author = re.match(r"(?:[A-Z]\. )+([A-Z][\w-]+)", entry)
        years = re.findall(r"\b(?:19|20)\d\d\b", re.sub(r"\[arXiv.*", "", entry))
        assert author, entry
        assert years, entry
        listed.add((author[1], years[-1]))
    others = r"(?: et al\.| (?:and|et) [A-Z]\w+)?"
    cited = set(re.findall(rf"([A-Z][\w-]+){others}\s\(?((?:19|20)\d\d)\)", re.sub(r"\s+", " ", prose(document))))
    assert cited == listed


def test_both_languages_have_the_same_content() -> None:
    def levels(document: Path) -> list[str]:
        return re.findall(r"^(#+ (?:[\d.]+ )?)", FENCE.sub("", read(document)), flags=re.MULTILINE)

    def targets(document: Path) -> list[str]:
        found = [target.partition("#") for _, target in LINK.findall(FENCE.sub("", read(document)))]
        return [f"{path}#{anchor.split('-')[0]}" if anchor else path for path, _, anchor in found]

    def mathematics(document: Path) -> list[str]:
        return [re.sub(r"\\text\{[^}]*\}", r"\\text{}", formula) for formula in blocks(document, "math")]

    def rows(document: Path) -> list[int]:
        return [line.count("|") for line in read(document).split("\n") if line.startswith("|")]

    assert levels(ENGLISH) == levels(FRENCH)
    assert blocks(ENGLISH, "python") == blocks(FRENCH, "python")
    assert mathematics(ENGLISH) == mathematics(FRENCH)
    assert rows(ENGLISH) == rows(FRENCH)
    other = {"CONCEPTS.en.md": "CONCEPTS.fr.md"}
    assert [other.get(target, target) for target in targets(ENGLISH)] == [
        other.get(target, target) for target in targets(FRENCH)
    ]


def test_french_typography() -> None:
    text = INLINE_CODE.sub("`x`", INLINE_MATH.sub("x", prose(FRENCH)))
    text = text.replace("*English version: CONCEPTS.en.md*", "")
    text = re.sub(r"^\|[-|]+\|$", "", text, flags=re.MULTILINE)
    assert re.findall(rf".{{0,20}}[^{NO_BREAK}][;:!?»%]", text) == []
    assert re.findall(rf"«[^{NO_BREAK}].{{0,20}}", text) == []
    assert re.findall(r".{0,20}'.{0,20}", text) == []
    assert re.findall(r".{0,20}\d\.\d.{0,20}", text) == []


def test_score_example_agrees_with_the_official_scorer(tmp_path: Path) -> None:
    """Section 9: one person in ten frames, whose id changes after the sixth."""
    pytest.importorskip("trackeval")
    from deepsort_cli.evaluation.mot_score import score

    def write(name: str, ids: list[int]) -> Path:
        rows = [f"{frame},{track_id},100,100,40,100,1,-1,-1,-1" for frame, track_id in enumerate(ids, 1)]
        (tmp_path / name).write_text("\n".join(rows) + "\n")
        return tmp_path / name

    [found] = score(write("truth.txt", [1] * 10), write("result.txt", [1] * 6 + [2] * 4)).scores
    printed = f"MOTA {found.MOTA:.2f}, IDF1 {found.IDF1:.2f}, AssA {found.AssA:.2f}, HOTA {found.HOTA:.3f}"
    assert printed in "".join(blocks(ENGLISH, "python"))
