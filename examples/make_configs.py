"""Regenerate what is made from the settings classes: examples/configs/*.yaml and deepsort_cli/__init__.pyi."""

from __future__ import annotations

from pathlib import Path

import deepsort_cli
from deepsort_cli.settings import COMMAND_SETTINGS, documented_yaml, example_name, settings_of
from deepsort_cli.settings.stub import stub_text

FOLDER = Path(__file__).parent / "configs"


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    for command in COMMAND_SETTINGS:
        text = documented_yaml(settings_of(command), f"Settings of `deepsort {command}`.")
        (FOLDER / example_name(command)).write_text(text, encoding="utf-8")
    Path(deepsort_cli.__file__).with_suffix(".pyi").write_text(stub_text(deepsort_cli._HOMES), encoding="utf-8")


if __name__ == "__main__":
    main()
