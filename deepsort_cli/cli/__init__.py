"""The `deepsort` command: one module per subcommand, loaded only when it runs."""

from __future__ import annotations

import contextlib
import importlib
import logging
import os
import signal
import sys
import warnings
from collections.abc import Iterator
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from deepsort_cli.core.extras import single_file
from deepsort_cli.core.signals import HANG_UP, on_hang_up

COMMANDS = {
    "scan": "Check a Re-ID dataset before training on it.",
    "reorganize": "Turn a flat Re-ID dataset into id_xxxx folders.",
    "train": "Train a Re-ID model on a folder of person crops.",
    "finetune": "Prepare a trained Re-ID model for other people, and train it on them.",
    "export": "Turn a checkpoint into an ONNX model for the tracker, and verify it.",
    "eval": "Evaluate a Re-ID model and recommend a threshold for the tracker.",
    "track": "Track people (or anything a detector finds) in video.",
    "calibrate": "Measure the appearance threshold on your own camera, without labels.",
    "tune": "Search the settings that track your sequences best.",
    "models": "List the models known by name, fetch and keep them.",
    "people": "List, export, forget and rename the people kept between runs.",
    "refine": "Link tracking results, fill their gaps, smooth them, drop short tracks.",
    "score": "Score tracking results against ground truth: HOTA, MOTA, IDF1.",
}
"""Subcommand → one-line summary. The module of `name` is `deepsort_cli.cli.<name>`, its Typer app is called `app`."""

WITH_EXTRAS, OUTSIDE = ("train", "finetune", "export", "tune", "score"), " Not in this file: needs the Python package."
"""Subcommands that need more than the base install, and what is said of them where nothing can be added to that."""

MODULES = {"eval": "evaluate"}
"""Subcommands whose module bears another name, because `eval` and the like are Python's own words."""

START = """\
deepsort: people tracked in video, and Re-ID models to tell them apart.

  deepsort track demo --save demo.mp4         a generated scene, to see it work
  deepsort track 0 --display                  your webcam in a window; q stops
  deepsort track street.mp4 --save out.mp4    a video of yours
  deepsort models                             detectors and Re-ID models by name

Train a model on people of your own: scan, train, eval, export, each with --help.
All commands: deepsort --help"""
"""What `deepsort` alone says."""

USAGE_ERROR: Any = typer.BadParameter.__mro__[1]
"""What Typer raises for a command line it cannot make out; it has no public name for it."""


def without_switch_types(params: list[Any]) -> list[Any]:
    """The same options; in the help, those that take no value show none."""
    for param in params:
        if getattr(param, "is_flag", False):
            param.metavar = ""
    return params


def quiet_libraries() -> None:
    """Keep what libraries tell their developers off the screen, and their threads within the CPUs of a container.

    What the user set (PYTHONWARNINGS, `python -W`, OMP_NUM_THREADS, …) stays, and DEEPSORT_TRACEBACK shows everything.
    """
    from deepsort_cli.core.cpus import available_cpus

    cpus = available_cpus()
    if cpus < (os.cpu_count() or 1):  # PyTorch and BLAS do not know of quotas
        os.environ.setdefault("OMP_NUM_THREADS", str(cpus))
    if os.environ.get("DEEPSORT_TRACEBACK"):
        return
    if not sys.warnoptions:
        warnings.simplefilter("ignore")
        os.environ.setdefault("PYTHONWARNINGS", "ignore")  # for worker processes
    os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")
    logging.getLogger("matplotlib").setLevel(logging.ERROR)  # about its cache folder, where there is no home


class LazyGroup(TyperGroup):
    """Lists subcommands from `COMMANDS`; imports one only to run it. Turns our errors into a panel and an exit code."""

    def make_context(self, *args: Any, **options: Any) -> Any:
        """Read the command line; --help and --version print and end here, and stdout may take no more."""
        from deepsort_cli.cli.console import exit_on_error, writing

        with exit_on_error(), writing():
            return super().make_context(*args, **options)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if not args and not ctx.resilient_parsing:
            typer.echo(START)
            ctx.exit(2)
        with usage_errors_explained():
            return super().parse_args(ctx, args)

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        if args and args[0] not in COMMANDS and not args[0].startswith("-") and not ctx.resilient_parsing:
            from deepsort_cli.cli.suggestions import no_such_command

            raise USAGE_ERROR(no_such_command(args, COMMANDS), ctx=ctx)
        name, command, rest = super().resolve_command(ctx, args)
        if name in COMMANDS:
            quiet_libraries()
            module = importlib.import_module(f"deepsort_cli.cli.{MODULES.get(name, name)}")
            command = typer.main.get_command(module.app)
        return name, command, rest

    def get_params(self, ctx: Any) -> list[Any]:
        return without_switch_types(super().get_params(ctx))

    def invoke(self, ctx: Any) -> Any:
        from deepsort_cli.cli.console import exit_on_error

        with exit_on_error(), usage_errors_explained():
            return super().invoke(ctx)


@contextlib.contextmanager
def usage_errors_explained() -> Iterator[None]:
    """Errors in a command line say what was probably meant, and show no password that was typed."""
    try:
        yield
    except USAGE_ERROR as error:
        from deepsort_cli.core.urls import hide_in

        name, ctx = getattr(error, "option_name", None), error.ctx
        if hasattr(error, "possibilities") and name is not None and ctx is not None:
            error.possibilities = None
            error.message = _no_such_flag(name, ctx)
        error.message = hide_in(error.message)  # it quotes what was typed
        raise


def _no_such_flag(name: str, ctx: Any) -> str:
    from deepsort_cli.cli.suggestions import no_such_flag

    params = ctx.command.get_params(ctx)
    flags = [spelling for param in params for spelling in (*param.opts, *param.secondary_opts)]
    flags += [str(param.metavar or param.name).upper() for param in params if param.param_type_name == "argument"]
    if ctx.parent is None and name not in ("-v", "-V", "--hlep") and not name.startswith(("--ver", "--he", "--ins")):
        return f"No such option: {name}. Flags come after a command, for example: deepsort track 0 --save out.mp4"
    return no_such_flag(name, flags, ctx.command_path)


app = typer.Typer(
    name="deepsort",
    cls=LazyGroup,
    rich_markup_mode="rich",
    pretty_exceptions_show_locals=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Start with [bold]deepsort track demo --save demo.mp4[/bold]. Every command answers [bold]--help[/bold].",
)


def _version(value: bool) -> None:
    if value:
        from deepsort_cli import __version__

        typer.echo(f"deepsort {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """DeepSORT from a folder of person crops to people tracked in live video."""


def _register(name: str, summary: str) -> None:
    """Put a stub into the command list; `LazyGroup` swaps in the real command when it is called."""

    @app.command(name, help=summary)
    def stub() -> None: ...


for _name, _summary in COMMANDS.items():
    _register(_name, f"{_summary}{OUTSIDE if single_file() and _name in WITH_EXTRAS else ''}")


def _interrupt() -> None:
    raise KeyboardInterrupt


def main() -> None:
    """Entry point of the installed `deepsort` script."""
    # `docker stop` and the like: finish files as after Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if HANG_UP is not None and signal.getsignal(HANG_UP) == signal.SIG_DFL:
        on_hang_up(_interrupt)
    from deepsort_cli.cli.encoding import flush_stdout, make_streams_safe, occupy_closed_streams

    occupy_closed_streams()
    make_streams_safe()
    if "_DEEPSORT_COMPLETE" in os.environ:
        os.environ["COLUMNS"] = "1000"  # the shell asks for completions, each with its description on one line
    try:
        app(prog_name="deepsort")
    finally:
        if not flush_stdout():
            sys.exit(1)
