"""The page of a run that shows who was matched to what; `workflows/track` writes it, for all sources at once."""

from __future__ import annotations

from deepsort_cli.video.sinks.base import Output

OUTPUTS = (Output("save_people", "run", pixels=True),)
