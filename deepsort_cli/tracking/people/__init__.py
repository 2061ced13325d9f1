"""People known across cameras: which person a track of any camera belongs to.

from deepsort_cli.tracking.people import PeopleGallery

gallery = PeopleGallery(AcrossSettings().rule(0.25))
for camera, moment, tracks in frames_of_all_cameras_in_order_of_time:
    tracks = gallery.see(camera, moment, tracks)  # which now has `people`
"""

from __future__ import annotations

from deepsort_cli.tracking.people.decision import Decision, Nearness
from deepsort_cli.tracking.people.gallery import PeopleGallery
from deepsort_cli.tracking.people.person import Person
from deepsort_cli.tracking.people.places import Places

__all__ = ["Decision", "Nearness", "PeopleGallery", "Person", "Places"]
