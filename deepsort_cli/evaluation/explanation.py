"""What every figure means: one text, as Markdown for the report folder and as HTML for its page."""

from __future__ import annotations

import re
from dataclasses import dataclass

from deepsort_cli.core.html_parts import marked, text

Table = tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Section:
    """A title, and paragraphs or tables (rows of cells, the first being the header); `code` and **bold** as marked."""

    title: str
    parts: tuple[str | Table, ...]


SECTIONS = (
    Section(
        "Protocol",
        (
            "Every query image is compared with every gallery image. Gallery images of the query's person **from the "
            "query's own camera** are left out, because finding them says little; so are junk images (person id −1). "
            "Images of people that no query shows (distractors, often person id 0) stay and make the task harder. "
            "Queries without a right image in the gallery are skipped: they enter no mean, and appear as `skipped` in "
            "`csv/per_query_ap.csv`. This is the protocol of Market-1501 (Zheng et al. 2015). Images at equal distance "
            "keep the order of the gallery.",
            "Where file names carry no camera, or with `evaluation.ignore_camera`, query and gallery "
            "count as different "
            "cameras.",
        ),
    ),
    Section(
        "Retrieval",
        (
            "A query has n right images; r_k is the rank of the k-th one.",
            (
                ("figure", "definition", "read it as"),
                ("AP", "mean of k / r_k over its n right images", "100 % if all right images come first"),
                (
                    "AP, trapezoidal",
                    "mean of (k / r_k + (k−1) / (r_k − 1)) / 2, the second term 1 if r_1 = 1",
                    "AP as older code computes it; lower",
                ),
                ("INP", "n / r_n", "how early the last, hardest match is found (Ye et al. 2021)"),
                ("mAP, mINP", "means over the valid queries", "quality of the whole ranking"),
                (
                    "rank-k (CMC)",
                    "share of valid queries with a right image among the first k",
                    "success of a user who looks at k images",
                ),
            ),
            "Published mAP values of recent years are step APs, the headline here. Compare like with like.",
            "`evaluation.metric`=euclidean ranks as `cosine` does, because embeddings are made unit length first. With "
            "`evaluation.rerank.enabled` the ranking uses k-reciprocal neighbours (Zhong et al. 2017): "
            "images near each other count "
            "more if they are so mutually. Such figures must not be compared with plain ones.",
            "`csv/per_camera_pair_ap.csv` ranks the queries of one camera within the images of one other camera.",
        ),
    ),
    Section(
        "Verification and the threshold",
        (
            "A pair of images is accepted as one person if its cosine distance (1 − cosine similarity, 0 to 2) is "
            "below a threshold. TPR is the share of right pairs accepted, FPR that of wrong pairs. EER is the error "
            "rate at the threshold where as large a share of wrong pairs is accepted as of right ones refused. The "
            "curve itself is in `csv/roc_curve.csv`; distances are counted in bins of 0.001, in finer ones where "
            "all distances are small. They are of plain cosine distances, whatever `evaluation.metric` and "
            "`evaluation.rerank.enabled` say.",
            "**The recommended threshold** is meant for the tracker's `max_cosine_distance`. By default it is the "
            "distance at which 1 % of the wrong pairs of one camera are accepted. A tracker compares images of one "
            "camera, and takes the nearest of up to a hundred images of each track. A wrong track so gets many chances "
            "to look alike, and wrong pairs must be rare; a right track needs one good pair, and many right pairs may "
            "be refused. The equal error rate weighs both alike and comes out too high for that. If there are too few "
            "pairs within one camera, pairs across cameras are used instead, and the summary says so. With fewer than "
            "500 wrong pairs, or right pairs of fewer than ten identities, no threshold is recommended: a share of a "
            "handful is chance. `threshold.criterion`, `threshold.fpr` and `threshold.pairs` change the rule.",
        ),
    ),
    Section(
        "Intervals",
        (
            "95 % percentile bootstrap intervals (Efron 1979) over query identities, because images of one person are "
            "not independent of each other. They say how much a figure would move with other people of the same kind, "
            "not with other cameras. Where two models are compared, both are resampled alike (paired bootstrap); p is "
            "twice the share of resamplings in which the difference changes its sign.",
        ),
    ),
)


def as_markdown() -> str:
    """The text of `metrics_explanation.md`."""
    lines = ["# What the figures mean"]
    for section in SECTIONS:
        lines += ["", f"## {section.title}"]
        for part in section.parts:
            if isinstance(part, str):
                lines += ["", part]
                continue
            rows = [f"| {' | '.join(row)} |" for row in part]
            lines += ["", rows[0], "|---" * len(part[0]) + "|", *rows[1:]]
    return "\n".join(lines) + "\n"


def as_html() -> str:
    """The same text as HTML below a heading of level 2."""
    pieces = []
    for section in SECTIONS:
        pieces.append(f"<h3>{text(section.title)}</h3>")
        for part in section.parts:
            if isinstance(part, str):
                pieces.append(f"<p>{_inline(part)}</p>")
                continue
            head, *rows = (
                "".join(f"<{tag}>{_inline(cell)}</{tag}>" for cell in row)
                for tag, row in zip(["th"] + ["td"] * len(part), part, strict=False)
            )
            body = "".join(f"<tr>{row}</tr>" for row in rows)
            pieces.append(
                f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
            )
    return "\n".join(pieces)


def _inline(part: str) -> str:
    return re.sub(r"\*\*([^*]+)\*\*", r"<strong>\1</strong>", marked(part))
