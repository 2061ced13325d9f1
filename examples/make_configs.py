"""Regenerate examples/configs/*.yaml from the settings classes (make configs)."""

from __future__ import annotations

from pathlib import Path

from deepsort_cli.settings import COMMAND_SETTINGS, documented_yaml, example_name, settings_of

FOLDER = Path(__file__).parent / "configs"


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    for command in COMMAND_SETTINGS:
        text = documented_yaml(settings_of(command), f"Settings of `deepsort {command}`.")
        (FOLDER / example_name(command)).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
