"""What commands say: results on stdout, messages and progress on stderr."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import typer
from rich.console import Console
from rich.panel import Panel

from deepsort_cli.cli.encoding import harmless, leave_stdout, literal, shown, shows
from deepsort_cli.cli.wording import worded
from deepsort_cli.core.errors import DeepsortError, InputError, RunError
from deepsort_cli.core.urls import hide_in

INTERRUPTED = 130


@dataclass(frozen=True)
class Reporter:
    """How loudly, and in which form, a command speaks.

    Attributes:
        json: print the final result as one JSON document on stdout, and nothing else there.
        quiet: say nothing on stderr but errors and warnings.
        verbose: say more.
        rows: stdout is for rows of a result, so that tables go where messages go.
    """

    json: bool = False
    quiet: bool = False
    verbose: bool = False
    rows: bool = False
    console: Console = field(default_factory=lambda: Console(stderr=True, highlight=False, emoji=False))

    @property
    def interactive(self) -> bool:
        """Whether live displays make sense: a terminal, and not quiet."""
        return self.console.is_terminal and not self.quiet

    def info(self, message: str) -> None:
        if not self.quiet:
            self.console.print(_safe(message))

    def detail(self, message: str) -> None:
        if self.verbose and not self.quiet:
            self.console.print(f"[dim]{_safe(message)}[/dim]")

    def warn(self, message: str) -> None:
        self.console.print(f"[yellow]warning:[/yellow] {_safe(message)}")

    def show(self, renderable: Any) -> None:
        """A table or other rich renderable that goes with messages, on stderr."""
        if not self.quiet:
            self.console.print(renderable)

    def table(self, *renderables: Any, width: int | None = None) -> None:
        """Tables of results, on stdout, or where rows go there, on stderr; with `--json`, whose document has the same,
        nothing.

        Args:
            renderables: tables, texts with rich's markup, …
            width: columns to use where stdout is no terminal and its width is not set; None: 80.
        """
        if self.json:
            return
        if self.rows:
            for renderable in renderables:
                self.show(renderable)
            return
        console = result_console(width)
        with writing():
            for renderable in renderables:
                console.print(renderable)

    def result(self, data: Any, text: str | None = None) -> None:
        """The command's result on stdout: JSON with `--json`, else `text` where there is one."""
        if self.json:
            text = json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False)
            if not shows(sys.stdout, text):
                text = json.dumps(data, indent=2, ensure_ascii=True, allow_nan=False)
        if text is not None:
            write(text)


def write(text: str) -> None:
    """Print text on stdout at once; at a terminal without what would change more than the text.

    Raises:
        RunError: stdout takes no more, as on a full disk.
        BrokenPipeError: its reader has left.
    """
    if sys.stdout is None:
        raise RunError("the result has nowhere to go: standard output is closed.")
    with writing():
        print(harmless(text) if sys.stdout.isatty() else text, flush=True)


@contextlib.contextmanager
def writing() -> Iterator[None]:
    """Says in a RunError that stdout takes no more."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        leave_stdout()
        raise RunError(f"standard output cannot be written ({error.strerror or error}).") from None


def result_console(width: int | None = None) -> Console:
    """A console on stdout for results; see `Reporter.table`."""
    console = Console(highlight=False, emoji=False)
    if width is not None and not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = width
    return console


@contextlib.contextmanager
def exit_on_error() -> Iterator[None]:
    """One panel without traceback for our own errors; 130 for Ctrl-C; a quiet end when the reader of a pipe leaves.

    With DEEPSORT_TRACEBACK the traceback instead of the panel; exit codes are the same.
    """
    if os.environ.get("DEEPSORT_TRACEBACK"):
        try:
            yield
        except (DeepsortError, KeyboardInterrupt) as error:
            sys.stderr.write(hide_in(traceback.format_exc()))
            raise typer.Exit(error.exit_code if isinstance(error, DeepsortError) else INTERRUPTED) from None
        return
    try:
        yield
    except DeepsortError as error:
        # What torchrun starts several of finds the same wrong input several times; the first one on a machine says it.
        if os.environ.get("LOCAL_RANK", "0") == "0" or not isinstance(error, InputError):
            _show_error(str(error))
        raise typer.Exit(error.exit_code) from None
    except ImportError as error:
        # OpenCV's wheels want two libraries that servers without a screen do not have.
        if not any(library in str(error) for library in ("libGL", "libgthread", "libglib", "libxcb")):
            raise
        message = (
            f"OpenCV cannot be loaded: {error}. On Debian or Ubuntu: sudo apt-get install -y libgl1 libglib2.0-0. "
            "Or take its build without windows: pip uninstall -y opencv-python, pip install 'opencv-python-headless<5'"
        )
        _show_error(message)
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        Console(stderr=True, highlight=False, emoji=False).print("interrupted")
        raise typer.Exit(INTERRUPTED) from None
    except BrokenPipeError:
        leave_stdout()
        raise typer.Exit(1) from None
    except OSError as error:
        _show_error(_of_the_system(error))
        raise typer.Exit(1) from None
    except MemoryError as error:  # NumPy says how much it asked for
        wanted = f" ({error})" if str(error) else ""
        _show_error(f"Memory ran out{wanted}. Close other programs, or lower --batch-size, --workers or data.cache_mb.")
        raise typer.Exit(1) from None


def _of_the_system(error: OSError) -> str:
    """What the system refused, where, and what to do, for errors that nobody closer could tell more about."""
    from deepsort_cli.core.files import FULL, write_reason

    where = f"{os.fsdecode(error.filename)}: " if isinstance(error.filename, str | bytes) else ""
    if error.errno not in FULL:
        return f"{where}{write_reason(error)}."
    temporary = os.environ.get("TMPDIR", "/tmp")
    return (
        f"{where}{write_reason(error)}. Free some space where results and temporary files go ({temporary}; TMPDIR "
        "names another folder)."
    )


def _show_error(message: str) -> None:
    console = Console(stderr=True, highlight=False, emoji=False)
    console.print(Panel(_safe(message), title="error", title_align="left", border_style="red"))


def _safe(message: str) -> str:
    """A message as it may be shown: with flags for keys, no secrets, what stderr can show, no markup of its own."""
    return literal(shown(hide_in(worded(message)), sys.stderr))
