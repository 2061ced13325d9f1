"""Settings of the page that shows a run."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, SecretStr, field_validator

from deepsort_cli.core.settings import Settings

LEAST_TOKEN = 16
"""Characters: shorter ones can be guessed."""


def _as_text(value: Any) -> Any:
    """A port alone may be written as a number."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


class ServeSettings(Settings):
    """The run in a browser, and its events for other programs."""

    address: Annotated[str | None, BeforeValidator(_as_text)] = Field(
        None,
        description="Show the run in a browser until Ctrl-C: on this machine, with HOST:PORT to others too, who "
        "need a token.",
    )
    token: SecretStr | None = Field(
        None,
        description="The token of the page, at least 16 characters, for services; null: a new one for every run.",
    )
    stay: bool = Field(True, description="Keep the page on view when recordings have ended, until Ctrl-C.")
    events: str | None = Field(
        None,
        description="Post who appears, leaves, crosses a line, enters a zone or is recognised to this address, "
        "as JSON.",
    )

    @field_validator("token")
    @classmethod
    def _check_token(cls, token: SecretStr | None) -> SecretStr | None:
        text = "" if token is None else token.get_secret_value()
        if token is not None and (len(text) < LEAST_TOKEN or not text.isascii() or not text.isprintable()):
            raise ValueError(f"must have at least {LEAST_TOKEN} characters, letters, digits and signs of ASCII only")
        return token
