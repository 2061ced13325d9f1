"""Whether training on one's own video helps tracking there: HOTA and IDF1 of its second half, before and after.

As the README tells a user to do it: the first half is tracked with `--preset strong --link --save-crops`, the folders
are trained on as they are (`deepsort train --root crops`), the result is exported, and the second half is tracked with
the bundled model and with the new one, all else at its default and with `--preset strong`. Every seed is a training.

    python benchmarks/own_video.py --detector yolox_nano.onnx --seeds 3
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from few_people import DATA, kept_or_temporary
from tracking_quality import print_table

import deepsort_cli as deepsort

PRESETS = (None, "strong")


def second_half(truth: Path, half: int, target: Path) -> None:
    """Write the rows of MOTChallenge ground truth behind the first `half` frames."""
    lines = [line for line in truth.read_text().splitlines() if line and int(line.split(",")[0]) > half]
    target.write_text("".join(f"{line}\n" for line in lines))


def scores(options: argparse.Namespace, truth: Path, reid: Path | str | None, folder: Path) -> Iterator[str]:
    """HOTA and IDF1 of the second half with every preset."""
    for preset in PRESETS:
        rows = folder / f"rows-{preset}.txt"
        keywords: dict[str, Any] = {} if preset is None else {"preset": preset}
        run = deepsort.track(
            options.video,
            detector=options.detector,
            reid=reid,
            start=options.half,
            save_txt=rows,
            overwrite=True,
            **keywords,
        )
        run.finish()
        score = deepsort.score(truth, rows).scores[0]
        yield f"{score.HOTA:.1%} / {score.IDF1:.1%}"


def main(given: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--video", type=Path, default=DATA / "video" / "vtest.avi")
    parser.add_argument("--truth", type=Path, default=DATA / "mot" / "PETS09-S2L1" / "gt" / "gt.txt")
    parser.add_argument("--half", type=int, default=398, help="frames to learn from (398)")
    parser.add_argument("--detector", default=str(DATA / "models" / "yolox_nano.onnx"))
    parser.add_argument("--seeds", type=int, default=1, help="trainings (1)")
    parser.add_argument("--keep", type=Path, help="folder to keep crops and runs in (none)")
    options = parser.parse_args(given)
    rows = []
    with kept_or_temporary(options.keep) as folder:
        folder.mkdir(parents=True, exist_ok=True)
        truth = folder / "gt.txt"
        second_half(options.truth, options.half, truth)
        rows.append(["bundled", *scores(options, truth, None, folder)])
        crops = folder / "crops"
        if not crops.exists():
            deepsort.track(
                options.video,
                detector=options.detector,
                preset="strong",
                link=True,
                max_frames=options.half,
                save_crops=crops,
            ).finish()
        for seed in range(options.seeds):
            run = deepsort.train(crops, output_dir=folder, name=f"seed{seed}", seed=seed)
            model = folder / f"seed{seed}.onnx"
            deepsort.export(run.folder / "checkpoints" / "best.pth", output=model, overwrite=True)
            rows.append([f"trained, seed {seed}", *scores(options, truth, model, folder)])
    print_table(["Re-ID model", *(f"HOTA / IDF1, {preset or 'default'}" for preset in PRESETS)], rows)


if __name__ == "__main__":
    main()
