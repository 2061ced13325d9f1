"""A live window."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys

import cv2

from deepsort_cli.core.errors import InputError
from deepsort_cli.core.extras import single_file
from deepsort_cli.core.regions import Counts
from deepsort_cli.core.types import Frame, Tracks
from deepsort_cli.video.sinks.base import Sink


class DisplaySink(Sink):
    """A live window. `stopped` becomes true when q or Esc is pressed, or the window is closed."""

    def __init__(self, title: str = "deepsort") -> None:
        """Make sure that a window can be opened.

        Raises:
            InputError: there is no screen, or this OpenCV has no windows.
        """
        problem = window_problem()
        if problem:
            raise InputError(
                f"`output.display`: {problem} Leave `output.display` out and use `output.save_video`=out.mp4."
            )
        self._title = title
        self._open = False
        self.stopped = False

    def write(self, frame: Frame, tracks: Tracks, counts: Counts | None = None) -> None:
        if frame.image is None or self.stopped:
            return
        if not self._open:
            height, width = frame.image.shape[:2]
            cv2.namedWindow(self._title, cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO)
            scale = min(1.0, 1280 / width, 720 / height)
            cv2.resizeWindow(self._title, round(width * scale), round(height * scale))
            self._open = True
        cv2.imshow(self._title, frame.image)
        key = cv2.waitKey(1) & 0xFF
        closed = cv2.getWindowProperty(self._title, cv2.WND_PROP_VISIBLE) < 1
        self.stopped = closed or key in (ord("q"), ord("Q"), 27)

    def close(self) -> None:
        if self._open:
            self._open = False
            with contextlib.suppress(cv2.error):
                cv2.destroyWindow(self._title)
                cv2.waitKey(1)


def window_problem() -> str | None:
    """Why no window can be opened here; None where one can."""
    if sys.platform.startswith("linux") and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        return "no screen is available (neither DISPLAY nor WAYLAND_DISPLAY is set)."
    # Tried in another process: where the screen cannot be reached, the window library ends the whole process.
    code = "import cv2; cv2.namedWindow('deepsort'); cv2.waitKey(1); cv2.destroyAllWindows()"
    # The single file is no Python: it knows this module by name, and nothing else.
    command = [sys.executable, *(("-m", __name__) if single_file() else ("-c", code))]
    try:
        tried = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return "no window could be opened."
    if tried.returncode == 0:
        return None
    if "not implemented" in tried.stderr:
        return "this OpenCV is the headless build (pip install opencv-python instead of opencv-python-headless)."
    return "no window could be opened; the screen cannot be reached."


if __name__ == "__main__":
    cv2.namedWindow("deepsort")
    cv2.waitKey(1)
    cv2.destroyAllWindows()
