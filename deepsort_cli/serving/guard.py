"""Who may see and who may change: before everything else, with the browser's own guards in every answer."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import secrets
from html import escape
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

READING = frozenset({"GET", "HEAD"})
OPEN = ("/static/",)
"""What anybody may see: it is part of the program, and the page that asks for the token needs it."""

POLICY = (
    "default-src 'none'; img-src 'self' blob:; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
"""Of every answer: no script, style or picture from elsewhere, no frame around it, no copy kept."""

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">{head}
<title>deepsort</title><link rel="icon" href="/static/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="/static/common.css"></head><body><main><h1>deepsort</h1>
{body}</main></body></html>
"""
FORM = """<p>{why} Open the address that the command has printed, or give its token.</p>
<form method="get" action="/"><label>Token <input type="password" name="token" autocomplete="off" required></label>
<button>Open</button></form>
"""
WELCOME = PAGE.format(head='<meta http-equiv="refresh" content="0;url=/">', body='<p><a href="/">Open the page</a></p>')
"""A redirection would still belong to whatever led here, perhaps another site, and would not get the cookie."""


def new_token() -> str:
    """256 random bits."""
    return secrets.token_urlsafe(32)


class Guard:
    """Lets requests through to an app.

    With a token come those that may do everything: in `Authorization: Bearer`, in the cookie that `/?token=…` sets, or,
    for reading, in `?token=`. Without it, on a private address everything can be read; on any other nothing. What a
    browser sends from the pages of others is refused, whatever it brings along, and on a private address so is a
    request under a name that is not this machine's: another site may give its own name the address 127.0.0.1.
    """

    def __init__(self, app: ASGIApp, token: str, *, private: bool, host: str, port: int) -> None:
        """Guard an app.

        Args:
            private: only programs of this machine reach it.
            host, port: where it is.
        """
        self._app = app
        self._token = token
        self._cookie = hmac.new(token.encode(), b"deepsort cookie", hashlib.sha256).hexdigest()
        self._cookie_name = f"deepsort_{port}"  # browsers tell hosts apart by name only, not by port
        self._private, self._host = private, host

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        answer = self._refusal(scope)
        await (answer or self._app)(scope, receive, guarded)

    def _refusal(self, scope: Scope) -> Response | None:
        """The answer to who must not go further; None for all others."""
        headers, path, method = Headers(scope=scope), scope["path"], scope["method"]
        query = parse_qs(scope["query_string"].decode("latin-1"))
        if self._is_foreign_host(headers):
            return _error(403, "asked for under a name that is not this machine's")
        if _is_from_elsewhere(headers, path, method):
            return _error(403, "asked for by the page of another site")
        given = query.get("token", [None])[0] if method in READING else None
        if path == "/" and given is not None:
            return self._welcome(given)
        by_cookie = self._has_cookie(headers)
        may = by_cookie or self._is_token(given) or self._is_token(_bearer(headers))
        scope["writable"] = may
        if method not in READING:
            if not may:
                return _error(401, "changes need the token: open the address that the command has printed")
            return _check_origin(headers) if by_cookie and _bearer(headers) is None else None
        if may or self._private or path.startswith(OPEN):
            return None
        return _ask("This page is for those who have its token.") if path == "/" else _error(401, "needs the token")

    def _welcome(self, token: str) -> Response:
        if not self._is_token(token):
            return _ask("That is not the token of this run.")
        answer = HTMLResponse(WELCOME)
        answer.set_cookie(self._cookie_name, self._cookie, path="/", httponly=True, samesite="strict")
        return answer

    def _is_token(self, given: str | None) -> bool:
        return given is not None and _same(given, self._token)

    def _has_cookie(self, headers: Headers) -> bool:
        try:
            found = SimpleCookie(headers.get("cookie", "")).get(self._cookie_name)
        except CookieError:
            return False
        return found is not None and _same(found.value, self._cookie)

    def _is_foreign_host(self, headers: Headers) -> bool:
        """Whether a private server is asked for under a name that others could have given it."""
        if not self._private:
            return False
        hosts = headers.getlist("host")
        try:
            name = urlsplit(f"//{hosts[0]}").hostname if len(hosts) == 1 else None
        except ValueError:
            return True
        if name is None:
            return True
        if name in ("localhost", self._host.lower()):
            return False
        try:
            return not ipaddress.ip_address(name).is_loopback
        except ValueError:
            return True


def _same(given: str, secret: str) -> bool:
    """Whether they are the same, in a time that does not tell how much of them is."""
    return hmac.compare_digest(given.encode("utf-8", "surrogatepass"), secret.encode())


def _is_from_elsewhere(headers: Headers, path: str, method: str) -> bool:
    """Whether a browser says that the page of another site asks; to follow a link to the page is all right."""
    site = headers.get("sec-fetch-site", "none")
    if site in ("none", "same-origin"):
        return False
    return not (path == "/" and method in READING and headers.get("sec-fetch-dest") == "document")


def _check_origin(headers: Headers) -> Response | None:
    """Refuse what a browser sends with its cookie, but not from this page; it names the page it is on."""
    origin, host = headers.get("origin", ""), headers.get("host", "")
    if not host or origin.lower() not in (f"http://{host}".lower(), f"https://{host}".lower()):
        return _error(403, "changes can be made by this page itself, or with Authorization: Bearer")
    return None


def _bearer(headers: Headers) -> str | None:
    kind, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if kind.lower() == "bearer" else None


def _error(status: int, message: str) -> Response:
    headers = {"WWW-Authenticate": "Bearer"} if status == 401 else None
    return JSONResponse({"error": message}, status, headers=headers)


def _ask(why: str) -> Response:
    return HTMLResponse(PAGE.format(head="", body=FORM.format(why=escape(why))), 401)
