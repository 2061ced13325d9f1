"""Settings of sources, of the demo scene and of outputs."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator

from deepsort_cli.core.settings import Settings
from deepsort_cli.video.rotation import Rotation, parse_rotation


class SourceSettings(Settings):
    """Which frames of a source to process, and how to treat cameras and streams."""

    start: int = Field(0, ge=0, description="Frames to skip at the beginning.")
    stride: int = Field(1, ge=1, description="Process every n-th frame.")
    max_frames: int | None = Field(None, ge=1, description="Stop after this many processed frames; null: all.")
    fps: float | None = Field(
        None, ge=1e-6, le=1000, description="Frame rate of image folders, or to put right what a source reports."
    )
    bit_depth: int | None = Field(
        None,
        ge=8,
        le=16,
        description="Pictures of 16 bits: how many of them are used, e.g. 12; null: as the file says.",
    )
    on_error: Literal["skip", "fail"] = Field(
        "skip", description="A damaged picture, or damage within a video: skip it with a warning, or fail."
    )
    newest: bool = Field(
        True, description="Cameras and streams: skip to the newest frame when processing is slower than the source."
    )
    reconnect_attempts: int | None = Field(
        10, ge=0, description="Cameras and streams: attempts in a row to reconnect before giving up; null: for ever."
    )
    reconnect_delay: float = Field(
        0.5, gt=0, le=60, description="Seconds before the first attempt to reconnect; doubled each time, up to 10."
    )
    timeout: float = Field(
        10.0, gt=0, le=600, description="Streams: seconds to wait for a connection or a frame before reconnecting."
    )


class DemoSettings(Settings):
    """The generated scene of `--source demo`, and the world of `--source demo:1`, `demo:2`, …"""

    width: int = Field(768, ge=64, le=7680, description="Frame width in pixels.")
    height: int = Field(576, ge=64, le=4320, description="Frame height in pixels.")
    people: int | None = Field(
        None, ge=0, le=200, description="Number of people; null: 7, and 12 in a world of several cameras."
    )
    frames: int | None = Field(
        None, ge=1, le=1_000_000, description="Length in frames; null: 200, and 750 of a world of several cameras."
    )
    fps: float = Field(25.0, ge=1e-6, le=240, description="Frames per second.")
    seed: int = Field(0, ge=0, description="Seed of the scene or world: paths, clothing, floor.")

    def length(self, people: int, frames: int) -> tuple[int, int]:
        """Number of people and of frames; those given here where the settings do not say."""
        return people if self.people is None else self.people, frames if self.frames is None else self.frames


class ArchiveSettings(Settings):
    """Many videos at once, each with a folder of results."""

    output_dir: Path | None = Field(
        None,
        description="Track an archive: results of each video in a folder of its own in here; outputs name files in it.",
    )
    cluster: str | None = Field(
        None, description="Share an archive among the machines of a Ray cluster: auto, or ray://HOST:10001."
    )
    dry_run: bool = Field(False, description="Only say what would be done.")


class OutputSettings(Settings):
    """What to write and show."""

    save_video: Path | None = Field(
        None, description="Annotated video; H.264 for .mp4, .mov and .mkv, VP9 for .webm, MPEG-4 for .avi."
    )
    save_txt: Path | None = Field(None, description="Tracks as MOTChallenge text.")
    save_jsonl: Path | None = Field(None, description="Tracks as JSON Lines, one object per frame.")
    save_csv: Path | None = Field(None, description="Tracks as a CSV table, one row per track and frame.")
    save_crops: Path | None = Field(
        None,
        description="Folder for a picture of every matched track, a folder per id.",
        json_schema_extra={"metavar": "DIR"},
    )
    save_gt: Path | None = Field(None, description="Exact ground truth of the demo scene, as MOTChallenge text.")
    save_summary: Path | None = Field(
        None, description="CSV table with one row per track: when, how long, how far, mean score."
    )
    save_timeline: Path | None = Field(None, description="Picture with a bar per track over time; .png, .svg or .pdf.")
    save_detections: Path | None = Field(
        None, description="Recording of all detections and embeddings, .npz; `detections` tracks it again."
    )
    save_heatmap: Path | None = Field(
        None,
        description="Picture of where people stood and walked, by time; .png, .svg or .pdf. For still cameras.",
    )
    save_looks: Path | None = Field(
        None, description="What tracks looked like, up to 128 features each, for `refinement.link` later; .npz."
    )
    save_people: Path | None = Field(
        None, description="Page that shows who was matched to whom, and how near, for checking; .html, one for the run."
    )
    emit: Literal["matched", "paper"] = Field(
        "matched",
        description="Tracks to output: matched in this frame, or also one predicted row after a miss as in the paper.",
    )
    overwrite: bool = Field(False, description="Replace outputs that exist.")
    rotate: str | None = Field(
        None,
        description="Begin new files at whole times (15m, 1h, 1d) or when they get large (500MB); null: one file each.",
    )
    display: bool = Field(False, description="Show a live window; q or Esc stops.")
    show_fps: bool = Field(False, description="Draw the processing speed into the picture.")
    labels: Literal["auto", "full", "id", "none"] = Field(
        "auto", description="On boxes: id, class and score (full), the id alone, none, or what leaves people visible."
    )
    show_class: bool = Field(True, description="Write the class on labels.")
    show_score: bool = Field(True, description="Write the detection's confidence on labels.")
    trail: int = Field(40, ge=0, le=1000, description="Length of trails in frames; 0 draws none.")
    scale: float = Field(1.0, ge=0.25, le=4.0, description="Size of lines and text, relative to what suits the frame.")
    audio: bool = Field(True, description="Keep the source's sound in the video.")
    max_side: int | None = Field(
        None,
        ge=16,
        le=65_535,
        description="Longest side of the video; larger pictures are scaled down. null: any.",
    )
    codec: str | None = Field(None, description="Encoder of the video, e.g. libx265; null: by suffix.")
    crf: int = Field(23, ge=0, le=51, description="Video quality: lower is better and bigger.")
    preset: Literal["ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow"] = (
        Field("veryfast", description="Speed of the H.264 encoder, from ultrafast to veryslow.")
    )

    @field_validator("rotate")
    @classmethod
    def _check_rotate(cls, value: str | None) -> str | None:
        if value is not None:
            parse_rotation(value)
        return value

    @property
    def rotation(self) -> Rotation | None:
        """What `rotate` says."""
        return None if self.rotate is None else parse_rotation(self.rotate)
