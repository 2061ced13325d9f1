"""Addresses shown without secrets, and addresses that connect."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from deepsort_cli.core.urls import connectable, hide_in, hide_secrets, name_of, scheme_of

SHOWN = {
    "rtsp://admin:pa:ss@10.0.0.1:554/a?b=c": "rtsp://admin:…@10.0.0.1:554/a?b=…",
    "rtsp://admin:se#cret@10.0.0.1/s": "rtsp://admin:…@10.0.0.1/s",
    "rtsp://admin:se/cret@10.0.0.1/s": "rtsp://admin:…@10.0.0.1/s",
    "rtsp://admin:se?cret@10.0.0.1/s": "rtsp://admin:…@10.0.0.1/s",
    "rtsp://admin:se[cret@10.0.0.1/s": "rtsp://admin:…@10.0.0.1/s",
    "rtsp://admin:se@cret@10.0.0.1/s": "rtsp://admin:…@10.0.0.1/s",
    "rtsp://admin:se cret@10.0.0.1/s": "rtsp://admin:…@10.0.0.1/s",
    "rtsp://admin:12/34@camera/s": "rtsp://…",
    "rtsp://admin:secret/s": "rtsp://…",
    "rtsp://:secret@camera/s": "rtsp://…@camera/s",
    "rtsp://token@camera/s": "rtsp://…@camera/s",
    "rtsp://camera/s?user=me&password=secret": "rtsp://camera/s?user=…&password=…",
    "rtsp://camera/user=me_password=secret_channel=1.sdp": "rtsp://camera/user=…",
    "http://host/v.mp4?secret": "http://host/v.mp4?…",
    "http://host/v.mp4#secret": "http://host/v.mp4#…",
    "http://host/v.mp4?mail=me@secret.org&key=secret": "http://host/v.mp4?mail=…&key=…",
    "http://u:secret@host/v?mail=me@secret.org": "http://u:…@…",
    "http://host/v.mp4": "http://host/v.mp4",
    "http://host/walk@2x.mp4": "http://host/walk@2x.mp4",
    "rtsp://[::1]:554/s": "rtsp://[::1]:554/s",
    "rtsp:/admin:secret@camera/s": "rtsp:/admin:…@camera/s",
    "admin:secret@camera/s": "…@camera/s",
    "file:///videos/a@b?c#d.mp4": "file:///videos/a@b?c#d.mp4",
    "file://admin:secret@camera/s": "file://admin:…@camera/s",
    "//admin:secret@camera/s": "//…@camera/s",
    "rtsp//admin:secret@camera/s": "rtsp//…@camera/s",
    "rtsp;//admin:se@cret@camera/s": "rtsp;//…@camera/s",
    "a:secret@camera": "…@camera",
    "http://host/v%3Ftoken%3Dsecret": "http://host/v%3Ftoken%3D…",
    "walk@2x.mp4": "walk@2x.mp4",
    "walks//walk@2x.mp4": "walks//walk@2x.mp4",
    "C:/walks/a@b.mp4": "C:/walks/a@b.mp4",
    r"C:\walks\a@b.mp4": r"C:\walks\a@b.mp4",
    "": "",
}


@pytest.mark.parametrize("url", SHOWN)
def test_what_is_shown(url: str) -> None:
    assert hide_secrets(url) == SHOWN[url]
    assert hide_secrets(SHOWN[url]) == SHOWN[url]


@example("X//X")
@example("XS:/X")
@settings(max_examples=60, deadline=None)
@given(st.text(alphabet="SECRT/?#@[]:&=;%. é\n", min_size=1).map(lambda text: f"X{text}X"))
def test_no_password_shows_whatever_stands_in_it(password: str) -> None:
    for url in (
        f"rtsp://admin:{password}@10.0.0.1:554/door",
        f"http://10.0.0.1/door?password={password.replace('&', '')}",
        f"http://admin:{password}@camera/door?password={password}",
    ):
        shown = hide_secrets(url)
        rest = shown.replace("://", "", 1)
        assert "X" not in rest, shown
        in_one_word = re.sub(r"[\s']", "", url)
        assert "X" not in hide_in(f"--source {in_one_word}: no video.")


def test_urls_within_a_message() -> None:
    message = hide_in("--source rtsp://me:secret@camera/a?b=secret: nothing at 'http://u:secret@h/x', see ./ab.txt.")
    assert message == "--source rtsp://me:…@camera/a?b=…: nothing at 'http://u:…@h/x', see ./ab.txt."
    assert hide_in(message) == message
    for text in ("http://camera/a: see ./a@b.txt.", "wrote C:/a@b/c.mp4", "rtsp://me:…@camera/a: lost, see me@home"):
        assert hide_in(text) == text
    for secret in ("a secret", "a\nsecret", "a'secret", "1 secret", "a@b secret"):
        for begin in ("rtsp:", "rstp:", "rtsp;", ""):
            assert "secret" not in hide_in(f"--detections {begin}//me:{secret}@camera/a: no such file.")
            assert (
                hide_in(f"--detections {begin}//me:{secret}@camera/a: no.").endswith("@camera/a: no.") or "@b" in secret
            )
    assert hide_in("no address in here: 3/4 @ 5") == "no address in here: 3/4 @ 5"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("rtsp://u:p#x@10.0.0.1:554/s", "rtsp://u:p%23x@10.0.0.1:554/s"),
        ("rtsp://u:p/x@10.0.0.1/s", "rtsp://u:p%2Fx@10.0.0.1/s"),
        ("rtsp://u:p?x@10.0.0.1/s", "rtsp://u:p%3Fx@10.0.0.1/s"),
        ("rtsp://u:p@x@10.0.0.1/s", "rtsp://u:p%40x@10.0.0.1/s"),
        ("rtsp://u:p[x@10.0.0.1/s", "rtsp://u:p%5Bx@10.0.0.1/s"),
        ("rtsp://u:1/2@camera/s", "rtsp://u:1%2F2@camera/s"),
        ("rtsp://u:p%40x@10.0.0.1/s", "rtsp://u:p%40x@10.0.0.1/s"),
        ("rtsp://u:50%@10.0.0.1/s", "rtsp://u:50%25@10.0.0.1/s"),
        ("http://host:8080/walk@2x.mp4?mail=a@b.org", "http://host:8080/walk@2x.mp4?mail=a@b.org"),
        ("rtsp://10.0.0.1:554/s?user=a@b&password=x", "rtsp://10.0.0.1:554/s?user=a@b&password=x"),
        ("rtsp://[::1]:554/s?a=b@c", "rtsp://[::1]:554/s?a=b@c"),
        ("http://host/v.mp4", "http://host/v.mp4"),
    ],
)
def test_what_is_connected_to(url: str, expected: str) -> None:
    assert connectable(url) == expected
    assert connectable(expected) == expected


def test_names_hold_no_secret() -> None:
    assert name_of("rtsp://admin:secret@10.0.0.1:554/door.sdp?key=secret") == "10.0.0.1_door"
    assert name_of("rtsp://camera/user=me_password=secret.sdp") == "camera"
    assert name_of("rtsp://admin:12/34@camera/s") == "stream"


def test_schemes() -> None:
    assert scheme_of("RTSP://camera/s") == "rtsp"
    assert scheme_of("a:b.mp4") is None
    assert scheme_of("/videos/a.mp4") is None
