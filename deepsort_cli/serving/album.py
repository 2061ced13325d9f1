"""The people of a run: who they were, where and when, what they looked like. Written by trackers, read by browsers."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from deepsort_cli.core.boxes import cut
from deepsort_cli.core.looks import normalise
from deepsort_cli.core.types import Frame, Tracks
from deepsort_cli.serving.crops import promise, visible
from deepsort_cli.serving.hub import wall_time
from deepsort_cli.serving.person import Feature, Person

_SEEN_WELL = 0.6
"""Share of a person that has to be seen for a look to count, once there is one."""
_OWNERS = 220
"""Tracks that are remembered for each person there is room for: a few more than there are visits."""
_TRACK_KEY = re.compile(r"c([0-9]{1,9})-([0-9]{1,18})")


class Album:
    """People by key: `p3` for person 3 of all cameras, `c0-7` for track 7 of camera 0 that belongs to nobody (yet).

    A track whose person becomes known moves there with all that is known of it, and its old key still finds it. At
    most `most` people are kept; those who were seen longest ago go first. All methods may be called from any thread.

    Args:
        started: when the run started, in seconds since 1970; None: now. Times of recorded videos count from it.
        threshold: cosine distance up to which two looks are likely of one person; None where nobody knows.
        admits: where people are told apart, gives the distance up to which a picture is likely somebody's, going by
            the mean of their looks; then it is that which counts. May be set later.
        most: people kept.
    """

    def __init__(self, *, started: float | None = None, threshold: float | None = None, most: int = 1000) -> None:
        self.started = time.time() if started is None else started
        self.threshold = threshold
        self.admits: Callable[[], float] | None = None
        self._most = most
        self._people: dict[str, Person] = {}
        self._owners: dict[tuple[int, int], str] = {}
        self._present: dict[int, set[tuple[int, int]]] = {}
        self._forgotten = 0
        self._lock = threading.Lock()

    def see(self, camera: int, frame: Frame, tracks: Tracks) -> None:
        """Take note of the tracks of a camera's next frame.

        Args:
            camera: its index in the run.
            frame: with the picture before drawing, for crops; without one there are none.
            tracks: all that are reported, with `features` where search is wanted.
        """
        moment = wall_time(frame, self.started)
        share = promises = np.zeros(len(tracks))
        if len(tracks):
            height, width = (10**6, 10**6) if frame.image is None else frame.image.shape[:2]
            share = visible(tracks.boxes, width, height)
            promises = promise(tracks, share)
        unit, usable = _looks(tracks)
        with self._lock:
            for i, track in enumerate(tracks.ids.tolist()):
                person = self._who(camera, track, tracks, i)
                left, top, right, bottom = tracks.boxes[i].tolist()
                visit = person.visit(camera, track, moment)
                if np.isfinite(left + right + bottom):
                    visit.at(moment, (left + right) / 2, bottom)
                if usable[i] and (share[i] >= _SEEN_WELL or not person.looks.features):
                    person.looks.add(unit[i])
                if frame.image is not None and person.promises_more(promises[i], moment):
                    crop = cut(frame.image, (left, top, right, bottom))
                    if crop is not None:
                        person.show(crop, promises[i])
            self._present[camera] = {(camera, track) for track in tracks.ids.tolist()}
            self._forget()

    def leave(self, camera: int) -> None:
        """Nobody is in this camera's picture any more: it ended or failed."""
        with self._lock:
            self._present.pop(camera, None)

    def people(
        self, *, offset: int = 0, limit: int = 60, camera: int | None = None, now: bool = False
    ) -> dict[str, Any]:
        """Who was seen, those who came last first.

        Args:
            camera: only people seen there.
            now: only people in a picture now.

        Returns:
            `total` that there are, `forgotten` that are no longer kept, and a page of `people`.
        """
        with self._lock:
            here = self._here()
            found = [
                person
                for person in self._people.values()
                if (camera is None or any(visit.camera == camera for visit in person.visits))
                and (not now or person.key in here)
            ]
            found.sort(key=lambda person: person.arrived, reverse=True)
            rows = [person.as_json(now=person.key in here) for person in found[offset : offset + limit]]
            return {"total": len(found), "forgotten": self._forgotten, "people": rows}

    def person(self, key: str) -> dict[str, Any] | None:
        """All that is known of a person, visits and paths included; None where the album does not have them."""
        with self._lock:
            person = self._find(key)
            return None if person is None else person.as_json(now=person.key in self._here(), visits=True)

    def crop(self, key: str) -> bytes | None:
        """The best picture of a person, a JPEG."""
        with self._lock:
            person = self._find(key)
            return None if person is None else person.crop

    def search(self, features: npt.ArrayLike, *, limit: int = 24) -> dict[str, Any]:
        """Who looks like this, nearest first.

        A person is as near as the most similar of their looks, as the tracker compares them; where people are told
        apart, as the mean of them, as those are.

        Args:
            features: (N, D) looks of one person.

        Returns:
            The `threshold`, how many people were `compared`, and the rows of those `found` with their `distance`
            (cosine, 0 to 2) and whether they are `likely` the same: within the threshold.

        Raises:
            ValueError: the features are of another length than those of the album, or none of them can be used.
        """
        unit, usable = normalise(np.atleast_2d(np.asarray(features, dtype=np.float32)))
        if not usable.any():
            raise ValueError("there is no usable feature to search with")
        with self._lock:
            looks = [(person.key, list(person.looks.features)) for person in self._people.values()]
        admits = self.admits
        threshold = self.threshold if admits is None else admits()
        near = sorted(_distances(unit[usable], looks, by_mean=admits is not None), key=lambda pair: pair[1])
        with self._lock:
            here, rows = self._here(), []
            for key, distance in near[:limit]:
                person = self._find(key)
                if person is not None:
                    likely = None if threshold is None else distance <= threshold
                    row = person.as_json(now=person.key in here)
                    rows.append(row | {"distance": round(distance, 4), "likely": likely})
        return {"threshold": threshold, "compared": len(near), "found": rows}

    def _who(self, camera: int, track: int, tracks: Tracks, i: int) -> Person:
        """The person of the i-th track."""
        number = -1 if tracks.people is None else int(tracks.people[i])
        before = self._owners.get((camera, track))
        key = f"p{number}" if number >= 0 else before or f"c{camera}-{track}"
        person = self._people.get(key)
        if person is None:
            person = self._people[key] = Person(key, number if number >= 0 else None)
        if before is not None and before != key and before[0] == "c":
            unknown = self._people.pop(before, None)
            if unknown is not None:
                person.take(unknown)
        self._owners[camera, track] = key
        if tracks.names is not None and tracks.names[i]:
            person.name = str(tracks.names[i])
        return person

    def _find(self, key: str) -> Person | None:
        person = self._people.get(key)
        track = _TRACK_KEY.fullmatch(key)
        if person is None and track is not None:
            person = self._people.get(self._owners.get((int(track[1]), int(track[2])), ""))
        return person

    def _here(self) -> set[str]:
        """Keys of those in a picture."""
        return {self._owners[one] for present in self._present.values() for one in present if one in self._owners}

    def _forget(self) -> None:
        """Keep no more people than there is room for, and no track that no visit speaks of."""
        extra = len(self._people) - self._most
        if extra > 0:
            here = self._here()
            away = sorted((p for p in self._people.values() if p.key not in here), key=lambda person: person.last)
            gone = away[: extra + self._most // 50]  # some more, so that not every newcomer costs a search
            for person in gone:
                del self._people[person.key]
            self._forgotten += len(gone)
        if extra > 0 or len(self._owners) > _OWNERS * self._most:
            people = self._people.items()
            self._owners = {(visit.camera, visit.id): key for key, person in people for visit in person.visits}


def _looks(tracks: Tracks) -> tuple[npt.NDArray[np.float16], npt.NDArray[np.bool_]]:
    """Unit features, and which of them are known and of this frame."""
    if tracks.features is None or not len(tracks):
        return np.empty((len(tracks), 0), np.float16), np.zeros(len(tracks), dtype=bool)
    unit, usable = normalise(tracks.features)
    return unit.astype(np.float16), usable & (tracks.detection_index >= 0)


def _distances(
    query: npt.NDArray[np.float32], looks: list[tuple[str, list[Feature]]], *, by_mean: bool
) -> list[tuple[str, float]]:
    """The smallest cosine distance between (N, D) unit features and each person's, for all who have any.

    Args:
        by_mean: between the means of both instead.
    """
    if by_mean:
        query = normalise(query.mean(axis=0, keepdims=True))[0]
    found = []
    for key, features in looks:
        if features:
            table = np.stack(features).astype(np.float32)
            if table.shape[1] != query.shape[1]:
                raise ValueError(f"features of {query.shape[1]} numbers, but the album has {table.shape[1]}")
            if by_mean:
                table = normalise(table.mean(axis=0, keepdims=True))[0]
            nearest = 1.0 - float((table @ query.T).max())
            found.append((key, min(max(nearest, 0.0), 2.0)))
    return found
