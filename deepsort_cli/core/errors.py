"""Errors a user can cause. The command line prints their message in one panel, without a traceback.

Messages name settings by their key in backticks: "`output.save_txt` out.txt: exists. Set `output.overwrite`=true to
replace it." Python, YAML and `--set` know those keys; the command line shows its flags instead ("--save-txt out.txt: …
--overwrite …"), see `deepsort_cli.cli.console`. No other part of the package knows a flag.
"""


class DeepsortError(Exception):
    """Base of all errors with a message meant for the user: what was wrong, where, and what to do."""

    exit_code = 1


class InputError(DeepsortError):
    """A file, value or option the user gave cannot be used. Nothing was written. Exit code 2."""

    exit_code = 2


class RunError(DeepsortError):
    """Something failed while running: a lost camera, a full disk, a check not passed. Exit code 1."""

    exit_code = 1
