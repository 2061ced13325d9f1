"""The generated scene as a source, and the cameras of a generated world."""

from __future__ import annotations

import re
from collections.abc import Iterator

from deepsort_cli.core.errors import InputError
from deepsort_cli.core.types import Frame
from deepsort_cli.video.demo import DemoScene
from deepsort_cli.video.scene import GroundTruth, Scene
from deepsort_cli.video.settings import DemoSettings, SourceSettings
from deepsort_cli.video.sources.base import Source
from deepsort_cli.video.world import VIEWS, WorldScene

DEMO = "demo"


class DemoSource(Source):
    """A generated scene: `demo`, or what a camera of a generated world sees: `demo:CAMERA`, `demo:SEED/CAMERA`."""

    kind = "demo"

    def __init__(self, spec: str, demo: DemoSettings, settings: SourceSettings, *, pixels: bool = True) -> None:
        """Open.

        Raises:
            InputError: there is no such camera.
        """
        self.scene = _scene(spec, demo)
        super().__init__(spec, (demo.width, demo.height), demo.fps, settings, self.scene.frames)
        self._check_start(self.scene.frames, "the demo scene")
        self._pixels = pixels
        view = self.scene.view.place if isinstance(self.scene, WorldScene) else "square"
        self.place = f"{view} of {self.scene.settings.seed}"

    def __iter__(self) -> Iterator[Frame]:
        for index in self._indices(self.scene.frames):
            image = self.scene.render(index) if self._pixels else None
            yield Frame(index, image, index / self.fps)

    def ground_truth(self, index: int) -> GroundTruth:
        return self.scene.ground_truth(index)


def is_demo(spec: str) -> bool:
    """Whether a source is generated; files of such names are written `./demo`."""
    return spec == DEMO or spec.startswith(f"{DEMO}:")


def _scene(spec: str, demo: DemoSettings) -> Scene:
    if spec == DEMO:
        return DemoScene(demo)
    found = re.fullmatch(r"demo:(?:([0-9]{1,18})/)?([0-9]{1,9})", spec)
    cameras = f"{DEMO}:1 to {DEMO}:{len(VIEWS)}"
    if found is None:
        raise InputError(
            f"`source` {spec}: the cameras of the generated world are {cameras}; of a world with another seed "
            f"{DEMO}:SEED/1 to {DEMO}:SEED/{len(VIEWS)}."
        )
    if not 1 <= int(found[2]) <= len(VIEWS):
        raise InputError(
            f"`source` {spec}: there is no camera {found[2]}. The cameras of a generated world are {cameras}."
        )
    return WorldScene(demo if found[1] is None else demo.model_copy(update={"seed": int(found[1])}), int(found[2]))
