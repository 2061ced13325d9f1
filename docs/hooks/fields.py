"""What griffe-pydantic takes for a field of settings and is none: a class variable annotated in a base class only."""

from __future__ import annotations

from typing import Any

import griffe

FIELD = "pydantic-field"


class OnlyFields(griffe.Extension):
    """Comes after griffe-pydantic, and takes the mark of a field from what has no annotation."""

    def on_package(self, *, pkg: griffe.Module, **_: Any) -> None:
        self.clean(pkg)

    def clean(self, parent: griffe.Module | griffe.Class) -> None:
        for member in parent.members.values():
            if member.is_alias:
                continue
            if isinstance(member, griffe.Attribute) and member.annotation is None:
                member.labels.discard(FIELD)
            elif isinstance(member, griffe.Module | griffe.Class):
                self.clean(member)
