"""The generated scene as a source."""

from __future__ import annotations

from collections.abc import Iterator

from deepsort_cli.core.types import Frame
from deepsort_cli.video.demo import DemoScene, GroundTruth
from deepsort_cli.video.settings import DemoSettings, SourceSettings
from deepsort_cli.video.sources.base import Source


class DemoSource(Source):
    """The generated scene."""

    kind = "demo"

    def __init__(self, demo: DemoSettings, settings: SourceSettings, *, pixels: bool = True) -> None:
        super().__init__("demo", (demo.width, demo.height), demo.fps, settings, demo.frames)
        self._check_start(demo.frames, "the demo scene")
        self.scene = DemoScene(demo)
        self._pixels = pixels

    def __iter__(self) -> Iterator[Frame]:
        for index in self._indices(self.scene.settings.frames):
            image = self.scene.render(index) if self._pixels else None
            yield Frame(index, image, index / self.fps)

    def ground_truth(self, index: int) -> GroundTruth:
        return self.scene.ground_truth(index)
