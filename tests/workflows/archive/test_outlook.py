"""How long an archive will still take."""

from __future__ import annotations

import pytest

from deepsort_cli.workflows.archive.outlook import Outlook


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_bytes_of_videos_that_are_done_say_how_long_the_rest_takes(clock: Clock) -> None:
    outlook = Outlook({1: 600, 2: 300, 3: 100}, now=clock)
    assert outlook.left() is None
    outlook.at(1, 0, None)
    clock.now += 6
    outlook.at(1, 0, None)
    assert outlook.left() is None
    outlook.at(1, 50, 100)
    assert outlook.left() == pytest.approx(14)
    outlook.ended(1)
    outlook.ended(2)
    assert outlook.left() == pytest.approx(6 * 100 / 900)
    outlook.ended(3)
    assert outlook.left() == 0


def test_the_time_in_which_models_are_read_is_no_measure(clock: Clock) -> None:
    outlook = Outlook({1: 100, 2: 100}, now=clock)
    clock.now += 60
    outlook.at(1, 0, 100)
    clock.now += 1
    outlook.at(1, 10, 100)
    assert outlook.left() == pytest.approx(19)


def test_of_long_videos_as_many_frames_are_as_much_work(clock: Clock) -> None:
    """Whatever their bytes, where no more than some frames are tracked."""
    outlook = Outlook({1: 8000, 2: 1000, 3: 1000}, 60, now=clock)
    outlook.at(1, 0, None)
    clock.now += 6
    outlook.at(1, 60, 60)
    assert outlook.left() == pytest.approx(12)
    outlook.ended(1)
    clock.now += 3
    outlook.at(2, 15, 30)  # shorter: so is the third, probably
    assert outlook.left() == pytest.approx(9 * 45 / 75)


def test_more_frames_than_there_are_change_nothing(clock: Clock) -> None:
    outlook = Outlook({1: 600, 2: 300}, 10**6, now=clock)
    outlook.at(1, 0, 600)
    clock.now += 6
    outlook.at(1, 300, 600)
    assert outlook.left() == pytest.approx(12)


def test_videos_known_in_any_order_weigh_as_they_were_told(clock: Clock) -> None:
    outlook = Outlook({1: 1000, 2: 100, 3: 400, 4: 5000}, 60, now=clock)
    outlook.at(1, 10, 10)  # a hundredth of a frame per byte
    outlook.at(3, 20, 20)  # a twentieth: so 5 frames and 60 of the others
    clock.now += 6
    assert outlook.left() == pytest.approx(6 * 65 / 30)
    outlook.at(2, 2, 4)
    assert outlook.left() == pytest.approx(6 * 62 / 32)
    outlook.ended(4)
    assert outlook.left() == pytest.approx(6 * 2 / 92)
    outlook.ended(2)
    assert outlook.left() == pytest.approx(0)
