"""What the whole program has only once, changed for a while."""

from __future__ import annotations

import contextlib
import io
import multiprocessing
import os
import threading
import warnings
from collections.abc import Iterator

import PIL.Image
import pytest

from deepsort_cli.core.images import decode_image
from deepsort_cli.core.meanwhile import Meanwhile, without_pillow_warnings


def test_the_first_makes_the_change_and_the_last_undoes_it_however_they_overlap() -> None:
    state = ["as before"]

    @contextlib.contextmanager
    def change() -> Iterator[None]:
        before = state[-1]
        state.append("changed")
        try:
            yield
        finally:
            state.append(before)

    changed = Meanwhile(change)
    first, second = changed(), changed()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert state[-1] == "changed"
    with pytest.raises(ValueError, match="odd"), changed():
        raise ValueError("odd")
    second.__exit__(None, None, None)
    assert state == ["as before", "changed", "as before"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_process_that_was_forked_while_another_thread_made_a_change_does_not_wait_for_that_thread() -> None:
    amid, go_on = threading.Event(), threading.Event()

    @contextlib.contextmanager
    def change() -> Iterator[None]:
        if threading.current_thread() is other:
            amid.set()
            go_on.wait()
        yield

    changed = Meanwhile(change)

    def enter() -> None:
        with changed():
            pass

    other = threading.Thread(target=enter, daemon=True)
    other.start()
    amid.wait()
    try:
        child = multiprocessing.get_context("fork").Process(target=enter)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # newer Pythons warn of forks of programs with threads
            child.start()
        child.join(120)
        ended = child.exitcode
        child.kill()
        child.join()
        assert ended == 0
    finally:
        go_on.set()
        other.join()


def test_pillow_warnings_stay_away_and_filters_are_as_before() -> None:
    def warn(module: str) -> None:
        exec("import warnings; warnings.warn('odd')", {"__name__": module})

    before = list(warnings.filters)
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        with without_pillow_warnings():
            warn("PIL.Image")
            warn("PILOT")
    assert [str(one.message) for one in heard] == ["odd"]
    # Another thread's block that begins before one of this thread and ends within it, and the other way round.
    for ends_first in (0, 1):
        blocks = [without_pillow_warnings(), warnings.catch_warnings()]
        for block in blocks:
            block.__enter__()
        for block in (blocks[ends_first], blocks[1 - ends_first]):
            block.__exit__(None, None, None)
        assert warnings.filters == before


def test_pictures_read_in_threads_leave_the_filters_alone() -> None:
    file = io.BytesIO()
    PIL.Image.new("RGB", (8, 8)).save(file, "PNG")
    before = list(warnings.filters)

    def read() -> None:
        for _ in range(200):
            decode_image(file.getvalue())

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert warnings.filters == before
