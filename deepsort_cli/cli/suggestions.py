"""What somebody probably meant: flags and commands with typing errors, and the words other programs use for ours."""

from __future__ import annotations

import difflib
import shlex
from collections.abc import Iterable, Sequence
from pathlib import Path

MODELS = ["--detector", "--reid"]
"""A command that has both takes two models."""

OTHER_WORDS: tuple[tuple[Sequence[str], str], ...] = (
    (MODELS, "-m --model --models --model-path"),
    (("--checkpoint", "CHECKPOINT", "MODEL"), "-m --model --models --model-path --weights --weight -w --ckpt"),
    (
        ("--detector", "--pretrained"),
        "--weights --weight -w --yolo-model --yolo --yolo-weights --det --det-model --onnx",
    ),
    (("--detector",), "--detection-model --detector-model --det-weights --object-detector --network"),
    (("--reid",), "--reid-model --reid-weights --reid-onnx --embedder --encoder --feature-extractor --appearance"),
    (("--source", "--root"), "-i --input --in --inputs --path --data --dataset --data-dir --folder --dir"),
    (
        ("--source",),
        "--video --video-path --videos --file --stream --camera --cam --webcam --url --rtsp --image --images",
    ),
    (("--source",), "--sequence --sequence-dir --input-path --input-video"),
    (("--detections",), "--detection-file --detections-file --det-file --dets"),
    (("--save", "--output", "--output-dir"), "--out --output --output-path --output-file --save-path --output-video"),
    (("--save", "--output-dir"), "--save-vid --save-video --write --output-dir --project"),
    (("--save-txt",), "--save-mot --txt --results --save-results --save-text"),
    (("--save-jsonl",), "--save-json --jsonl"),
    (("--save-csv",), "--csv"),
    (("--save-crops",), "--save-crop --crops"),
    (("--save-looks",), "--save-features --save-embeddings"),
    (("--looks",), "--features --embeddings"),
    (("--link",), "--aflink --gta-link --global-link --stitch --merge-tracks --link-tracks"),
    (("--interpolate",), "--gsi --interpolation --smooth --fill-gaps"),
    (("--display",), "--show --view --view-img --show-vid --window --gui --vis --visualize --preview --imshow"),
    (("--serve",), "--web --webui --http --port --host --listen --server --dashboard --browser --live-view"),
    (("--events",), "--webhook --webhooks --callback-url --notify --post-url"),
    (
        ("--conf",),
        "--conf-thres --conf-thresh --conf-threshold --confidence --score-thr --score-threshold --min-confidence "
        "--min-conf --threshold --thres --thresh --track-thresh --track-high-thresh --det-thresh",
    ),
    (("--low-score",), "--track-low-thresh --low-thresh"),
    (("--iou",), "--iou-thres --iou-thresh --iou-threshold --nms --nms-thresh --nms-threshold --nms-max-overlap"),
    (("--imgsz", "--height"), "--img-size --img --image-size --size --input-size --resolution --tsize"),
    (("--classes",), "--class --cls --category --categories --filter-classes"),
    (("--max-det",), "--max-detections --topk"),
    (("--max-age",), "--track-buffer --max-lost --max-missed --lost-track-buffer --ttl"),
    (("--n-init",), "--min-hits --min-hit --init-frames --probation"),
    (("--nn-budget",), "--budget --gallery-size"),
    (("--max-cosine-distance",), "--max-dist --cosine --cosine-thresh --appearance-thresh --reid-threshold"),
    (("--max-iou-distance",), "--match-thresh"),
    (("--camera-motion",), "--cmc --cmc-method --gmc --gmc-method"),
    (("--preset",), "--tracker --tracking-method --tracker-type --tracking-config --mode --profile"),
    (("--detect-every",), "--frame-skip --skip --skip-frames --vid-stride --interval"),
    (("--stride",), "--vid-stride --every"),
    (("--max-frames",), "--frames --num-frames --limit --n-frames"),
    (("--start",), "--start-frame --from --seek"),
    (("--labels",), "--hide-labels --hide-conf --show-labels --label --no-labels"),
    (("--overwrite", "--resume"), "--overwrite --force -f -y --yes --exist-ok --replace"),
    (("--device",), "--gpu --gpus --cuda --cpu --gpu-id --provider --providers --use-gpu"),
    (("--epochs",), "--max-epoch --max-epochs --num-epochs -e"),
    (("--batch-size",), "--batch -b --bs --train-batch-size --batchsize"),
    (("--lr",), "--learning-rate --base-lr"),
    (("--workers",), "-j --num-workers --threads"),
    (("--output-dir",), "--save-dir --log-dir --logdir --out-dir --exp-dir --run-dir"),
    (("--pretrained",), "--load-weights --init --from-checkpoint --load"),
    (("--target", "--root"), "--new-data"),
    (("--amp",), "--fp16 --half --mixed-precision"),
    (("--opset",), "--opset-version"),
    (("--gt",), "--ground-truth --groundtruth --truth --gt-path --gt-folder"),
    (("--query",), "--probe --queries"),
    (("--quiet",), "--silent"),
    (("--config",), "--cfg --yaml --settings --config-file"),
    (("--set",), "--opts --override"),
    (("--help",), "-? --usage --hlep"),
)
"""Ours, the best first, and what other trackers and people in a hurry write for it."""

OTHER_COMMANDS = {
    "track": "run predict detect demo infer inference webcam video live tracking follow deepsort play start",
    "train": "fit learn training",
    "finetune": "fine-tune fine_tune transfer adapt",
    "tune": "optimize optimise search hyperparameters hpo sweep optuna",
    "eval": "evaluate test val validate evaluation",
    "score": "hota mota idf1 trackeval benchmark metrics scores",
    "export": "convert onnx to-onnx",
    "scan": "check validate-dataset inspect info stats dataset",
    "reorganize": "reorganise organize organise sort restructure",
    "models": "model zoo list ls download weights catalogue catalog",
    "calibrate": "threshold cosine max_cosine_distance autocalibrate",
    "refine": "interpolate smooth link stitch postprocess post-process",
}
"""Our command and what others call it."""

MEDIA = (
    ".mp4 .mov .mkv .avi .webm .m4v .mpg .mpeg .ts .flv .wmv .3gp .gif .y4m .m3u8 .jpg .jpeg .png .bmp .tif .tiff .webp"
)
"""Suffixes of videos and pictures."""


def flags_like(name: str, flags: Iterable[str]) -> list[str]:
    """Flags that somebody who wrote `name` probably wanted, the likeliest first, three at most.

    Args:
        flags: those there are; an argument without a flag stands among them in capitals.
    """
    known = list(flags)
    wanted = name.lower().replace("_", "-")
    if wanted in known or f"-{wanted}" in known:
        return [wanted if wanted in known else f"-{wanted}"]
    if found := _translated(wanted, known):
        return found
    if not wanted.startswith("--"):
        return []
    long = [flag for flag in known if flag.startswith("--")]
    near = difflib.get_close_matches(wanted, long, n=3, cutoff=0.8)
    if not near and len(wanted) > 4:
        near = [flag for flag in long if flag.startswith(wanted) or wanted.startswith(f"{flag}-")][:3]
    if not near and not any(wanted in ours for ours, _ in OTHER_WORDS):  # else it is no typing error
        words = [word for ours, others in OTHER_WORDS if any(flag in known for flag in ours) for word in others.split()]
        near = [
            flag
            for word in difflib.get_close_matches(wanted, words, n=1, cutoff=0.8)
            for flag in _translated(word, known)
        ]
    return near or difflib.get_close_matches(wanted, long, n=1, cutoff=0.7)


def _translated(wanted: str, known: list[str]) -> list[str]:
    """Our flags for another program's."""
    for ours, words in OTHER_WORDS:
        found = [flag for flag in ours if flag in known]
        if found and wanted in words.split():
            return found if found == MODELS else found[:1]
    return []


def no_such_flag(name: str, flags: Iterable[str], path: str) -> str:
    """The message for a flag that a command has not got.

    Args:
        name: what was written.
        flags: as for `flags_like`.
        path: the command as it is called, for example `deepsort track`.
    """
    known = list(flags)
    start = f"No such option: {name}."
    meant = flags_like(name, known)
    if not meant:
        return f"{start} All there are: {path} {'--help-all' if '--help-all' in known else '--help'}"
    if meant == MODELS:
        return f"{start} Did you mean --detector (the model that finds people) or --reid (that tells them apart)?"
    if not meant[0].startswith("-"):
        return f"{start} It needs no flag: {path} {meant[0]}"
    return f"{start} Did you mean {_either(meant)}?"


def no_such_argument(words: Sequence[str], flags: Iterable[str], path: str) -> str:
    """The message for words without a flag, beyond those that a command takes.

    Args:
        words: what is too much.
        flags: those that were not given.
        path: the command as it is called, for example `deepsort scan`.
    """
    quoted = [shlex.quote(word) for word in words]
    start = f"{' '.join(quoted)}: no flag stands before {'it' if len(words) == 1 else 'them'}."
    known = set(flags)
    groups = WITHOUT_FLAG[::-1] if words[0].endswith((".onnx", ".txt")) else WITHOUT_FLAG
    wanted = next((left for names in groups if (left := [name for name in names if name in known])), [])
    if len(words) > len(wanted):
        return f"{start} What {path} takes: {path} --help"
    return f"{start} Did you mean {' '.join(f'{flag} {word}' for flag, word in zip(wanted, quoted, strict=False))}?"


WITHOUT_FLAG = (("--root", "--test-root"), ("--src", "--dst"), ("--gt", "--results"), ("--output",))
"""What words without a flag are probably meant for, where a command has the first of these flags."""


def no_such_command(words: Sequence[str], commands: Iterable[str]) -> str:
    """The message for a first word that is no command: a typing error, another program's word, or a source."""
    word, known = words[0], list(commands)
    start = f"No such command: {word}."
    if looks_like_source(word):
        shown = f"'{word}'" if " " in word else word
        other = f", or to check it as a dataset: deepsort scan --root {shown}?" if Path(word).is_dir() else "?"
        return f"{start} Did you mean: deepsort track {shown}{other}"
    lower = word.lower()
    if lower == "help":
        rest = words[1] if len(words) > 1 and words[1] in known else None
        return f"{start} Did you mean: deepsort {f'{rest} ' if rest else ''}--help?"
    if lower == "version":
        return f"{start} Did you mean: deepsort --version?"
    if lower == "download":
        return f"{start} Did you mean: deepsort models download NAME?"
    same = [name for name, others in OTHER_COMMANDS.items() if name == lower or lower in others.split()]
    near = same or difflib.get_close_matches(lower, known, n=2)
    if near:
        return f"{start} Did you mean: {' or '.join(f'deepsort {name}' for name in near)}?"
    return f"{start} There are: {', '.join(known)}. To track in a video: deepsort track FILE"


def looks_like_source(word: str) -> bool:
    """Whether this is something to track in, rather than a word."""
    return (
        word.isdigit()
        or "://" in word
        or word.startswith(("/dev/video", "demo:"))
        or word.lower() == "demo"
        or Path(word).suffix.lower() in MEDIA.split()
        or (word not in (".", "") and Path(word).exists())
    )


def _either(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"
