"""Who may see and who may change."""

from __future__ import annotations

import itertools

import pytest

from deepsort_cli.serving import guard
from deepsort_cli.serving.guard import new_token

from .site import BEARER, HOME, TOKEN, Page

REGIONS = "/api/cameras/0/regions"
READABLE = ("/", "/api/state", "/api/cameras/0/still", "/api/people", "/metrics", "/api/cameras/0/history")


def test_on_this_machine_everything_can_be_read_and_nothing_changed_without_the_token(page: Page) -> None:
    client = page.client()
    assert {path: client.get(path).status_code for path in READABLE} == dict.fromkeys(READABLE, 200)
    assert client.get("/api/state").json()["writable"] is False
    for method, path in itertools.product(("PUT", "POST", "DELETE", "PATCH", "OPTIONS"), (REGIONS, "/api/search", "/")):
        assert client.request(method, path, json={}).status_code == 401, (method, path)
    assert client.put(f"{REGIONS}?token={TOKEN}", json={}).status_code == 401  # an address is not secret enough
    assert client.put(REGIONS, json={}, headers=BEARER).status_code == 200


def test_elsewhere_nothing_can_be_read_without_the_token(page: Page) -> None:
    client = page.client(private=False, host="0.0.0.0")
    for path in (*READABLE[1:], "/events", "/api/live", "/api/cameras/0/live", "/nothing", "/api/people/c0-1/crop"):
        answer = client.get(path)
        assert answer.status_code == 401
        assert "token" in answer.json()["error"]
    asked = client.get("/")
    assert asked.status_code == 401
    assert 'name="token"' in asked.text
    assert client.get("/static/common.css").status_code == 200  # is in the package for everybody to read
    for given in (BEARER, {"Authorization": f"bearer {TOKEN}"}):
        assert client.get("/api/state", headers=given).json()["writable"] is True
    assert client.get(f"/api/cameras/0/still?token={TOKEN}").status_code == 200  # players can send no header


@pytest.mark.parametrize("wrong", ["", "a", TOKEN[:-1], f"{TOKEN}x", TOKEN.upper(), "ä€\udcff", "%00"])
def test_a_wrong_token_opens_nothing(page: Page, wrong: str) -> None:
    client = page.client(private=False)
    given = wrong.encode("utf-8", "surrogatepass")
    assert client.get("/api/state", headers={"Authorization": b"Bearer " + given}).status_code == 401
    assert client.get("/api/state", headers={"Cookie": b"deepsort_8000=" + given}).status_code == 401
    answer = client.get("/", params={"token": given})
    assert answer.status_code == 401
    assert "set-cookie" not in answer.headers


def test_secrets_are_compared_in_constant_time(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    compared = []
    monkeypatch.setattr(guard.hmac, "compare_digest", lambda a, b: compared.append((a, b)) or a == b)
    page.client(private=False).get("/api/state", headers={"Authorization": "Bearer x", "Cookie": "deepsort_8000=y"})
    assert len(compared) == 2


def test_the_printed_address_gives_a_cookie_that_scripts_and_other_sites_do_not_get(page: Page) -> None:
    client = page.client(private=False)
    answer = client.get(f"/?token={TOKEN}")
    assert answer.status_code == 200
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert TOKEN not in answer.headers["set-cookie"]  # which others who look at the browser's memory cannot use
    assert TOKEN not in answer.text
    assert client.get("/api/state").json()["writable"] is True  # the client keeps the cookie


def test_with_the_cookie_only_the_page_itself_can_change_something(page: Page) -> None:
    client = page.client()
    client.get(f"/?token={TOKEN}")
    for origin in ("http://evil.example", "http://127.0.0.1:3000", "null", "http://127.0.0.1", "", f"{HOME}.evil"):
        assert client.put(REGIONS, json={}, headers={"Origin": origin}).status_code == 403, origin
    assert client.put(REGIONS, json={}).status_code == 403
    assert client.put(REGIONS, json={}, headers={"Origin": HOME}).status_code == 200


@pytest.mark.parametrize(
    ("host", "allowed"),
    [
        ("127.0.0.1:8000", True),
        ("localhost:9000", True),  # through a tunnel
        ("LocalHost", True),
        ("[::1]:8000", True),
        ("127.8.9.1", True),
        ("evil.example:8000", False),
        ("localhost.evil.example", False),
        ("192.168.0.5:8000", False),
        ("127.0.0.1.evil.example", False),
        ("", False),
        ("[::1", False),
        ("localhost:x@evil.example", False),
    ],
)
def test_names_that_others_could_have_given_this_machine_are_refused(page: Page, host: str, allowed: bool) -> None:
    answer = page.client().get("/api/state", headers={"Host": host})
    assert answer.status_code == (200 if allowed else 403)
    assert page.client(private=False).get("/api/state", headers={"Host": host, **BEARER}).status_code == 200


def test_the_pages_of_other_sites_get_nothing(page: Page) -> None:
    client = page.client()
    for site, path in itertools.product(("cross-site", "same-site"), ("/api/state", "/api/cameras/0/still", "/")):
        for given in ({}, BEARER):
            headers = {"Sec-Fetch-Site": site, "Sec-Fetch-Dest": "image", **given}
            assert client.get(path, headers=headers).status_code == 403
    assert client.get("/", headers={"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Dest": "document"}).status_code == 200
    assert client.get("/api/state", headers={"Sec-Fetch-Site": "same-origin"}).status_code == 200
    assert not [name for name in client.get("/api/state").headers if name.startswith("access-control")]


def test_every_answer_has_the_browsers_own_guards(page: Page) -> None:
    client = page.client(private=False)
    answers = [client.get(path, headers=BEARER) for path in (*READABLE, "/static/page.css", "/nothing")]
    for answer in (*answers, client.get("/"), client.get("/api/state"), client.get(f"/?token={TOKEN}")):
        headers = answer.headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cross-origin-resource-policy"] == "same-origin"
        policy = dict(part.strip().split(" ", 1) for part in headers["content-security-policy"].split(";"))
        assert policy["default-src"] == "'none'"
        assert policy["script-src"] == policy["style-src"] == "'self'"
        assert policy["frame-ancestors"] == "'none'"
        assert "server" not in headers


def test_a_new_token_cannot_be_guessed() -> None:
    tokens = {new_token() for _ in range(100)}
    assert len(tokens) == 100
    assert all(len(token) >= 43 for token in tokens)
