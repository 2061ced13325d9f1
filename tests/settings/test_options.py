"""The table of options, and settings from keywords."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, get_origin

import numpy as np
import pytest

from deepsort_cli.core import InputError
from deepsort_cli.settings import COMMAND_SETTINGS, field_at, resolve, settings_of
from deepsort_cli.settings.keywords import from_keywords, with_sources
from deepsort_cli.settings.options import Option, alternatives, choices
from deepsort_cli.settings.track import TrackSettings
from deepsort_cli.tracking import TrackerSettings

TRAIN, FINETUNE, EXPORT = settings_of("train"), settings_of("finetune"), settings_of("export")


class TestTable:
    @pytest.mark.parametrize("command", COMMAND_SETTINGS)
    def test_rows_name_keys_that_exist_and_every_word_once(self, command: str) -> None:
        model = settings_of(command)
        words = [word for option in model.options for word in (option.word, *option.also)]
        assert model.options
        assert len(set(words)) == len(words)
        assert all(word.isidentifier() for word in words)
        for option in model.options:
            annotation = field_at(model, option.key).annotation  # raises for a key that does not exist
            literals = [get_origin(kind) is Literal for kind in alternatives(annotation)]
            assert option.metavar or len(set(literals)) == 1, f"{option.flag}: help would name the words it takes alone"

    def test_flags_are_words_with_hyphens(self) -> None:
        option = Option("output.audio", "keep_audio", negative="drop_audio")
        assert (option.flag, option.off) == ("--keep-audio", "--drop-audio")
        assert Option("a", "gating").off == "--no-gating"
        assert Option("a", "paranoid", negative="").off is None

    def test_every_output_that_is_a_path_has_a_flag(self) -> None:
        saved = {name for name in type(TrackSettings().output).model_fields if name.startswith("save_")}
        assert {f"output.{name}" for name in saved} <= {option.key for option in TrackSettings.options}

    def test_choices(self) -> None:
        assert choices(field_at(TrackSettings, "refinement.interpolate").annotation) == ["linear", "gaussian"]
        assert choices(field_at(TrackSettings, "tracker.max_age").annotation) == []


class TestKeywords:
    def test_none_is_all_defaults(self) -> None:
        for command in COMMAND_SETTINGS:
            assert from_keywords(settings_of(command), {}) == resolve(settings_of(command))

    @pytest.mark.parametrize(
        ("model", "keywords", "flags"),
        [
            (TrackSettings, {"max_frames": 60, "save_txt": "a.txt", "reid": "none"},
             {"input.max_frames": 60, "output.save_txt": Path("a.txt"), "reid.model_path": "none"}),
            (TrackSettings, {"source": 0, "classes": ["person", 2], "detector": Path("net.onnx")},
             {"source": ["0"], "detector.classes": "person,2", "detector.model_path": "net.onnx"}),
            (TrackSettings, {"line": [(0, 0, 9, 9)], "gating": False, "conf": np.float32(0.5), "max_age": np.int64(9)},
             {"counting.lines": ["0,0,9,9"], "tracker.gating": False, "detector.conf": 0.5, "tracker.max_age": 9}),
            (TrackSettings, {"preset": "strong", "max_age": 9}, {"preset": "strong", "tracker.max_age": 9}),
            (FINETUNE, {"root": "people", "source_checkpoint": "a.pth"},
             {"target_dataset.root": Path("people"), "source_checkpoint": "a.pth"}),
            (TRAIN, {"model": "osnet_x1_0", "pretrained": "none", "allow_links": ["a", "b"]},
             {"model.name": "osnet_x1_0", "model.pretrained": "none", "data.scan.link_sources": "a,b"}),
        ],
    )  # fmt: skip
    def test_are_the_flags(self, model: Any, keywords: dict[str, Any], flags: dict[str, Any]) -> None:
        assert from_keywords(model, keywords) == resolve(model, flags=flags)

    @pytest.mark.parametrize("section", [{"n_init": 2}, TrackerSettings(n_init=2)])
    def test_sections_win_over_the_preset_and_lose_to_other_keywords(self, section: Any) -> None:
        settings = from_keywords(TrackSettings, {"tracker": section, "preset": "strong"}).tracker
        assert (settings.n_init, settings.ema_alpha) == (2, 0.9)
        assert from_keywords(TrackSettings, {"n_init": 5, "tracker": section}).tracker.n_init == 5
        fast = {"preset": "strong", "tracker": TrackerSettings(ema_alpha=0.5, nsa=False)}
        assert from_keywords(TrackSettings, fast).tracker.nsa is False

    def test_sections_that_share_their_name_with_a_flag(self) -> None:
        settings = from_keywords(TrackSettings, {"detector": {"conf": 0.5}, "camera_motion": "flow"})
        assert (settings.detector.conf, settings.camera_motion.method) == (0.5, "flow")
        assert from_keywords(TRAIN, {"model": {"neck": "none"}}).model.neck == "none"

    def test_what_a_section_has_by_default_stays(self) -> None:
        settings = from_keywords(FINETUNE, {"training": {"batch_size": 8}, "data": {"val_ratio": 0.2}, "target": "a"})
        assert (settings.training.epochs, settings.training.freeze_epochs, settings.training.batch_size) == (30, 3, 8)
        assert (settings.target_dataset.val_ratio, settings.target_dataset.root) == (0.2, Path("a"))

    def test_false_is_off(self) -> None:
        assert from_keywords(TRAIN, {"amp": False}).training.amp == "off"

    def test_none_is_a_value(self) -> None:
        assert from_keywords(TrackSettings, {"nn_budget": None}).tracker.nn_budget is None
        with pytest.raises(InputError, match="^`max_age` None: must be a whole number"):
            from_keywords(TrackSettings, {"max_age": None})

    def test_read_neither_environment_nor_home(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setenv("DEEPSORT_TRACKER__MAX_AGE", "7")
        monkeypatch.setenv("HOME", str(tmp_path))
        settings = from_keywords(TrackSettings, {"save": "~/a.mp4", "source": ["~/b.mp4"]})
        assert settings.tracker.max_age == 30
        assert settings.output.save_video == tmp_path / "a.mp4"
        assert settings.source == (str(tmp_path / "b.mp4"),)

    @pytest.mark.parametrize(
        ("keywords", "message"),
        [
            ({"max_agee": 3}, "`max_agee`: unknown keyword. The nearest is `max_age`."),
            ({"traker": {"max_age": 3}}, "`traker`: unknown keyword. The nearest is `tracker`."),  # codespell:ignore
            ({"trail": 9}, '`trail`: unknown keyword. It is a key of a section: output={"trail": …}.'),
            ({"tracker": {"max_agee": 3}}, "`tracker.max_agee`: unknown key tracker.max_agee. The nearest"),
            ({"max_age": 0}, "`max_age` 0: must be at least 1."),
            ({"max_age": 10**20}, "`max_age` 100000000000000000000: must be at most 1000000000."),
            ({"max_age": True}, "`max_age` 'True': must be a whole number"),
            ({"tracker": {"n_init": 0}}, "`tracker.n_init` 0: must be at least 1."),
            ({"preset": "best"}, "`preset` 'best': must be 'deepsort', 'strong' or 'fast'."),
            ({"max_age": {"a": 1}}, "max_age: must be a whole number"),
            ({"tracker": 3}, "`tracker` 3: must be a section"),
            ({"max_age": 1, "tracker.max_age": 2}, "`max_age` and `tracker.max_age` are the same; give one of them."),
        ],
    )
    def test_faults_name_the_keyword(self, keywords: dict[str, Any], message: str) -> None:
        with pytest.raises(InputError) as caught:
            from_keywords(TrackSettings, keywords)
        assert str(caught.value).startswith(message)

    def test_what_does_not_go_together(self) -> None:
        with pytest.raises(InputError, match="^`export.half` and `export.int8` exclude each other"):
            from_keywords(EXPORT, {"half": True, "int8": True})


def test_sources_by_position_one_by_one_or_in_a_list() -> None:
    for given in (("a", Path("b"), 0), (["a", Path("b"), 0],)):
        assert with_sources(given, {"jobs": 1}, cameras=True) == {"jobs": 1, "source": ["a", "b", "0"]}
    assert with_sources((), {"source": "a"}) == {"source": "a"}
    for sources, keywords in ((("a",), {"source": "b"}), ((["a", 0],), {}), ((["a"], ["b"]), {}), ((b"a",), {})):
        with pytest.raises(InputError, match="^`source`: "):
            with_sources(sources, keywords)  # type: ignore[arg-type]
