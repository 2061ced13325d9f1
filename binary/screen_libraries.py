"""At the start of the single file on Linux: OpenCV's windows want libraries that a system without a screen has not got.

They belong to the graphics driver, so the system's own come first; those in the file, from where it was built, are for
systems that have none. They are wanted, and then loaded, only when OpenCV is.
"""

import contextlib
import ctypes
import sys
from pathlib import Path


class BeforeOpenCV:
    """Looks on as modules are found; finds none itself."""

    def find_spec(self, name, path=None, target=None):
        if name == "cv2":
            sys.meta_path.remove(self)
            beside = Path(sys._MEIPASS, "screen")
            for library in (beside / "order.txt").read_text(encoding="ascii").split():
                for place in (library, str(beside / library)):
                    with contextlib.suppress(OSError):
                        ctypes.CDLL(place, mode=ctypes.RTLD_GLOBAL)
                        break


sys.meta_path.insert(0, BeforeOpenCV())
