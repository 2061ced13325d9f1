"""Where the names are defined that `import deepsort_cli` fetches when they are used, for readers of the source only."""

from __future__ import annotations

from typing import Any

import griffe

import deepsort_cli


class Face(griffe.Extension):
    """Gives each public name its docstring, and stands in for one that the stub of the package does not declare."""

    def on_package(self, *, pkg: griffe.Module, **_: Any) -> None:
        for name, home in getattr(deepsort_cli, "_HOMES", {}).items():
            try:
                defined = pkg[f"{home}.{name}"]
            except KeyError:
                continue  # the page that shows the name says that it is not there
            declared = pkg.members.get(name)
            if declared is None:
                pkg.members[name] = griffe.Alias(name, f"{pkg.path}.{home}.{name}", parent=pkg)
            elif not declared.is_alias and declared.docstring is None and defined.docstring is not None:
                declared.docstring = griffe.Docstring(defined.docstring.value, parent=declared)
