"""Layers of settings and the messages about them."""

from __future__ import annotations

import math
import re
from pathlib import Path

import pytest
import yaml

from deepsort_cli.core import InputError
from deepsort_cli.settings import (
    COMMAND_SETTINGS,
    all_commands,
    documented_yaml,
    example_name,
    resolve,
    settings_of,
    to_yaml,
)
from deepsort_cli.settings.loader import LARGEST_FILE, setting_keys
from deepsort_cli.settings.track import TrackSettings
from deepsort_cli.tracking import TrackerSettings


def write(folder: Path, text: str) -> Path:
    path = folder / "config.yaml"
    path.write_text(text)
    return path


def test_each_layer_wins_over_the_ones_below(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = write(tmp_path, "tracker: {max_age: 1, n_init: 11, nn_budget: 21, max_iou_distance: 0.1}")
    monkeypatch.setenv("DEEPSORT_TRACKER__N_INIT", "12")
    monkeypatch.setenv("DEEPSORT_TRACKER__NN_BUDGET", "22")
    monkeypatch.setenv("DEEPSORT_TRACKER__MAX_IOU_DISTANCE", "0.2")
    settings = resolve(
        TrackSettings,
        config=config,
        overrides=["tracker.nn_budget=23", "tracker.max_iou_distance=0.3"],
        flags={"tracker.max_iou_distance": 0.4, "tracker.max_age": None},
    )
    tracker = settings.tracker
    assert (tracker.max_age, tracker.n_init, tracker.nn_budget, tracker.max_iou_distance) == (1, 12, 23, 0.4)
    assert tracker.gating is True


class TestPresets:
    """The weakest layer after the defaults; the preset itself may come from any layer."""

    def test_from_every_layer(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        config = write(tmp_path, "preset: fast")
        assert resolve(TrackSettings, config=config).detector.interval == 2
        monkeypatch.setenv("DEEPSORT_PRESET", "deepsort")
        assert resolve(TrackSettings, config=config).detector.interval == 1
        assert resolve(TrackSettings, config=config, overrides=["preset=fast"]).detector.interval == 2
        assert resolve(TrackSettings, overrides=["preset=fast"], flags={"preset": "deepsort"}).detector.interval == 1

    def test_everything_else_wins_over_it(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        config = write(tmp_path, "detector: {interval: 5}")
        settings = resolve(TrackSettings, config=config, flags={"preset": "fast"})
        assert settings.detector.interval == 5
        assert settings.tracker.refresh_every == 4
        assert settings.overruled() == ["detector.interval=5"]
        monkeypatch.setenv("DEEPSORT_TRACKER__REFRESH_EVERY", "7")
        assert resolve(TrackSettings, flags={"preset": "fast"}).tracker.refresh_every == 7

    def test_a_special_case_gives_way_to_the_usual_key(self) -> None:
        """Who confirms after five detections means that without looks too, unless both are given."""
        without = resolve(TrackSettings, flags={"preset": "strong"}).tracker.without_looks
        assert without.n_init == 2
        settings = resolve(TrackSettings, flags={"preset": "strong", "tracker.n_init": 5})
        assert settings.tracker.without_looks == without.model_copy(update={"n_init": None})
        assert settings.tracker.n_init_near is None
        assert settings.overruled() == ["tracker.n_init=5"]
        off = resolve(TrackSettings, overrides=["preset=strong", "tracker.nsa=false", "tracker.ema_alpha=null"])
        assert off.overruled() == ["tracker.ema_alpha=null", "tracker.nsa=false"]
        both = ["tracker.n_init=5", "tracker.without_looks.n_init=4"]
        assert resolve(TrackSettings, overrides=[*both, "preset=fast"]).tracker.without_looks.n_init == 4

    def test_the_resolved_settings_say_what_it_set(self, tmp_path: Path) -> None:
        """Saved and loaded again they mean the same, whatever the preset means by then."""
        text = to_yaml(resolve(TrackSettings, flags={"preset": "fast"}))
        values = yaml.safe_load(text)
        assert values["preset"] == "fast"
        assert values["detector"]["interval"] == 2
        assert to_yaml(resolve(TrackSettings, config=write(tmp_path, text))) == text

    def test_every_preset_is_valid(self) -> None:
        for preset in TrackSettings.presets:
            assert resolve(TrackSettings, flags={"preset": preset}).overruled() == []

    def test_unknown(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match=r"config.yaml: preset 'best': must be 'deepsort', 'strong'"):
            resolve(TrackSettings, config=write(tmp_path, "preset: best"))


def test_low_scores_end_where_the_detector_begins() -> None:
    def tracker(*overrides: str) -> TrackerSettings:
        settings = resolve(TrackSettings, overrides=["tracker.low_score=0.1", *overrides])
        conf = settings.detector.lowest_confidence(stored=settings.detections is not None)
        return settings.tracker.filled(conf, None)

    assert tracker("detector.model_path=yolox.onnx").high_score == 0.3
    assert tracker("detector.conf=0.6").high_score == 0.6
    assert tracker("detector.model_path=hog").high_score == 0.4
    assert tracker("detections=det.txt").high_score == 0.3
    assert tracker("tracker.high_score=0.7").high_score == 0.7
    with pytest.raises(InputError, match=r"^`tracker\.low_score` 0.1 must be below the detector's conf 0.05"):
        tracker("detector.conf=0.05")


def test_what_is_sure_enough_to_begin_depends_on_the_detector() -> None:
    def start(*overrides: str) -> float | None:
        settings = resolve(TrackSettings, overrides=["preset=strong", *overrides])
        stored = settings.detections is not None
        conf, scores = settings.detector.lowest_confidence(stored=stored), settings.detector.scores(stored=stored)
        return settings.tracker.filled(conf, None, scores.start).start_score

    assert start("detector.model_path=yolox_nano") == start("detector.model_path=mine.onnx") == 0.7
    assert start() == start("detector.model_path=hog") == 0.5
    assert start("detections=det.txt") == 0.7
    assert start("tracker.start_score=0.4") == 0.4
    assert start("tracker.start_score=null") is None
    assert TrackerSettings(start_score="auto").least_start == 0.7
    for wrong in ("often", "nan", "true"):
        with pytest.raises(InputError, match=r"tracker\.start_score('? .*)?: must be a number, or auto"):
            start(f"tracker.start_score={wrong}")


def test_without_layers_all_is_default() -> None:
    assert resolve(TrackSettings).tracker == TrackerSettings()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("tracker: {max_agee: 3}", r"unknown key tracker.max_agee. The nearest valid key is tracker.max_age\."),
        ("max_age: 3", r"nearest valid key is tracker.max_age\."),
        ("tracker: {max_age: many}", "config.yaml: tracker.max_age 'many': must be a whole number"),
        ("tracker: {max_age: 0}", "at least 1"),
        ("tracker:\n  max_age: 3\n  n_init: 2\n  max_age: 4", "line 4, .*max_age was given already, on line 2"),
        ("tracker: {n_init: 1, n_init: 2}", "line 1, .*n_init was given already, on this line"),
        ("seed: 1\ntracker: {}\nseed: 1", "line 3, .*seed was given already, on line 1"),
        ("tracker: 3", "tracker 3: must be a section"),
        ("detector: {classes: {a: 1}}", "detector.classes: must be one value or several, separated by commas"),
        ("- a\n- b", "expected `key: value` lines, found a list"),
        ("tracker: [", "line 1, column .*not valid YAML"),
        ("a: !!python/object/apply:os.system ['true']", "not valid YAML"),
        ("a: &a [*a]", "a value that contains itself"),
        ("[" * 5000, "nested too deep"),
        (
            "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}' if i else 'x'] * 10)}]\n" for i in range(9)),
            "more than 100,000",
        ),
    ],
)
def test_faults_in_yaml_name_file_and_remedy(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        resolve(TrackSettings, config=write(tmp_path, text))
    assert "config.yaml" in str(caught.value)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("aspect=0.5", "`set` data.scan.aspect 0.5: must be 2 values, for example 1.3,4.5."),
        ("aspect=1,2,3", "`set` data.scan.aspect ['1', '2', '3']: must be 2 values, for example 1.3,4.5."),
        ("aspect=[1]", "`set` data.scan.aspect [1]: must be 2 values, for example 1.3,4.5."),
        ("aspect=wide,tall", "`set` data.scan.aspect 'wide': must be a number."),
        ("min_samples=1.5", "`set` data.scan.min_samples 1.5: must be a whole number."),
        ("paranoid=7", "`set` data.scan.paranoid 7: must be true or false."),
        ("cache_dir=[1]", "`set` data.scan.cache_dir ['1']: must be a file or folder."),
        ("pattern=[1, 2]", "`set` data.scan.pattern ['1', '2']: must be text."),
        ("min_side=0", "`set` data.scan.min_side 0: must be at least 1."),
    ],
)
def test_faults_are_told_in_words_of_users(override: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        resolve(settings_of("scan"), overrides=[f"data.scan.{override}"])
    assert str(caught.value).startswith(message)


def test_no_message_speaks_of_python() -> None:
    """Whatever a field is given that it cannot be."""
    for command in COMMAND_SETTINGS:
        model = settings_of(command)
        for key in setting_keys(model):
            for value in ("{a: {b: 1}}", "[[1], {c: 2}]", "–", "nan", "-1e400", "[]", "7.5"):
                try:
                    resolve(model, overrides=[f"{key}={value}"])
                except InputError as error:
                    assert not re.search(r"tuple|dictionary|instance of|\bvalid\b|input should", str(error), re.I), (
                        error
                    )


@pytest.mark.parametrize("command", COMMAND_SETTINGS)
@pytest.mark.parametrize("value", [".nan", ".inf", "-.inf", "nan"])
def test_no_setting_is_infinite_or_no_number(command: str, value: str) -> None:
    """Bounds let NaN pass in some comparisons, and infinity wherever there is no upper one."""
    model = settings_of(command)

    def numbers(node: object) -> list[float]:
        if isinstance(node, dict | list | tuple):
            return [
                number for inner in (node.values() if isinstance(node, dict) else node) for number in numbers(inner)
            ]
        return [node] if isinstance(node, float) else []

    for key in setting_keys(model):
        try:
            settings = resolve(model, overrides=[f"{key}={value}"])
        except InputError:
            continue
        assert all(map(math.isfinite, numbers(settings.model_dump()))), key


@pytest.mark.parametrize("value", ["nan", "inf", "-inf"])
def test_a_number_that_is_none_is_called_so(value: str) -> None:
    with pytest.raises(InputError, match=r"^`detector.conf`.*: must be a finite number\.$"):
        resolve(TrackSettings, flags={"detector.conf": value})


def test_missing_and_unreadable_config(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        resolve(TrackSettings, config=tmp_path / "none.yaml")
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="cannot be read as text"):
        resolve(TrackSettings, config=tmp_path / "binary.yaml")


def test_unknown_environment_variable_names_the_nearest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEEPSORT_TRACKER__MAX_AGEE", "3")
    with pytest.raises(InputError, match="DEEPSORT_TRACKER__MAX_AGEE: unknown.*DEEPSORT_TRACKER__MAX_AGE"):
        resolve(TrackSettings)


def test_variables_of_another_command_are_left_alone_in_a_section_that_both_have(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DEEPSORT_REPORT__PLOTS", "false")  # of eval
    monkeypatch.setenv("DEEPSORT_REPORT__HTML", "report.html")
    settings = resolve(settings_of("scan"))
    assert settings.model_dump()["report"] == {
        "html": Path("report.html"),
        "overwrite": False,
        "fail_on_invalid": False,
    }


def test_variables_of_kubernetes_are_no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """It makes these for a service called deepsort, and for one called deepsort-page, in every container."""
    monkeypatch.setenv("DEEPSORT_PORT", "tcp://10.0.0.11:80")
    with pytest.raises(InputError, match="environment variable DEEPSORT_PORT: unknown setting"):
        resolve(TrackSettings)  # somebody's own
    for service in ("DEEPSORT", "DEEPSORT_PAGE"):
        for name, value in {
            "SERVICE_HOST": "10.0.0.11", "SERVICE_PORT": "80", "SERVICE_PORT_HTTP": "80", "PORT": "tcp://10.0.0.11:80",
            "PORT_80_TCP": "tcp://10.0.0.11:80", "PORT_80_TCP_PROTO": "tcp", "PORT_80_TCP_PORT": "80",
            "PORT_80_TCP_ADDR": "10.0.0.11",
        }.items():  # fmt: skip
            monkeypatch.setenv(f"{service}_{name}", value)
    monkeypatch.setenv("DEEPSORT_JOBS", "2")
    assert resolve(TrackSettings).jobs == 2
    monkeypatch.setenv("DEEPSORT_PORTS", "2")
    with pytest.raises(InputError, match="environment variable DEEPSORT_PORTS: unknown setting"):
        resolve(TrackSettings)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_files_as_editors_and_shells_write_them(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "config.yaml"
    path.write_bytes("# Spielstraße\r\nsource: Straße.mp4\r\njobs: 3\r\n".encode(encoding))
    settings = resolve(TrackSettings, config=path)
    assert (settings.source, settings.jobs) == (("Straße.mp4",), 3)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("tracker.max_age: 5", r"config.yaml: tracker.max_age with a dot is no key; write tracker: {max_age: …}\.$"),
        ("tracker: {without_looks.n_init: 2}", r"write tracker: {without_looks: {n_init: …}}\.$"),
        ("tracker: {max.age: 5}", r"config.yaml: unknown key tracker.max.age\. The nearest"),
        ("tracker: {on: 5}", r"config.yaml: unknown key tracker.on\. The nearest"),
        ("{007: 5}", r"config.yaml: unknown key 007\. The nearest"),
    ],
)
def test_keys_are_named_as_they_were_written(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        resolve(TrackSettings, config=write(tmp_path, text))


def test_a_file_far_too_large_is_not_read_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "video.mp4"
    with path.open("wb") as stream:
        stream.truncate(LARGEST_FILE + 1)
    with pytest.raises(InputError, match="`config` .*video.mp4: larger than 10 MB"):
        resolve(TrackSettings, config=path)


@pytest.mark.parametrize(
    ("command", "key"),
    [("track", "output.save_txt"), ("calibrate", "output"), ("scan", "report.html"), ("score", "csv")],
)
def test_no_setting_names_the_file_of_settings_itself(tmp_path: Path, command: str, key: str) -> None:
    config = write(tmp_path, "{}")
    (tmp_path / "sub").mkdir()
    same = tmp_path / "sub" / ".." / "config.yaml"
    with pytest.raises(InputError, match=f"^`{key}` .*config.yaml: `config` reads this file. Choose another name"):
        resolve(settings_of(command), config=config, flags={key: same})
    assert config.read_text() == "{}"


def test_bad_value_in_environment_names_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEEPSORT_TRACKER__MAX_AGE", "old")
    with pytest.raises(InputError, match="environment variable DEEPSORT_TRACKER__MAX_AGE"):
        resolve(TrackSettings)


@pytest.mark.parametrize("override", ["tracker.max_age", "=3", "tracker.max_age=x", "tracker=3", "nonsense=1"])
def test_faults_in_set(override: str) -> None:
    with pytest.raises(InputError, match="^`set` "):
        resolve(TrackSettings, overrides=[override])


@pytest.mark.parametrize(
    ("overrides", "flags", "message"),
    [
        (["tracker=3"], {"tracker.max_age": 5}, "`set` tracker 3: must be a section"),
        (["demo=null"], {"demo.people": 5}, "`set` demo None: must be a section"),
        (["tracker.max_age=3", "tracker=3"], {}, "tracker: is given both as a plain value and as a section"),
        (["tracker=3", "tracker.max_age=3"], {}, "tracker was already given a plain value"),
    ],
)
def test_a_plain_value_for_a_section_is_not_passed_over(
    overrides: list[str], flags: dict[str, object], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        resolve(TrackSettings, overrides=overrides, flags=flags)


def test_sections_given_twice_are_joined() -> None:
    settings = resolve(TrackSettings, overrides=["tracker.max_age=3", "tracker={n_init: 2}"])
    assert (settings.tracker.max_age, settings.tracker.n_init) == (3, 2)


def test_flags_are_named_in_messages() -> None:
    with pytest.raises(InputError, match="^`tracker.max_age` 0: "):
        resolve(TrackSettings, flags={"tracker.max_age": 0})


def test_lists_may_be_written_with_commas(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = ("person", "car", "2")
    assert resolve(TrackSettings, flags={"detector.classes": "person,car, 2"}).detector.classes == expected
    assert resolve(TrackSettings, config=write(tmp_path, "detector: {classes: [person, car, 2]}")).detector.classes == (
        expected
    )
    monkeypatch.setenv("DEEPSORT_DETECTOR__CLASSES", "person,car,2")
    assert resolve(TrackSettings).detector.classes == expected


def test_source_with_a_comma_is_one_source() -> None:
    assert resolve(TrackSettings, flags={"source": ["a,b.mp4"]}).source == ("a,b.mp4",)
    assert resolve(TrackSettings, overrides=["source=0"]).source == ("0",)


@pytest.mark.parametrize("command", COMMAND_SETTINGS)
def test_printed_settings_can_be_given_back(command: str, tmp_path: Path) -> None:
    model = settings_of(command)
    first = to_yaml(resolve(model))
    assert to_yaml(resolve(model, config=write(tmp_path, first))) == first


@pytest.mark.parametrize("command", COMMAND_SETTINGS)
def test_documented_yaml_is_complete_and_holds_the_defaults(command: str, tmp_path: Path) -> None:
    model = settings_of(command)
    text = documented_yaml(model, command)
    assert resolve(model, config=write(tmp_path, text)) == resolve(model)
    for line in text.splitlines():
        if line and not line.startswith("#") and not line.rstrip().endswith(":"):
            assert "  # " in line, f"no description: {line}"


def test_examples_are_generated_from_the_settings() -> None:
    folder = Path(__file__).resolve().parents[2] / "examples" / "configs"
    for command in COMMAND_SETTINGS:
        path = folder / example_name(command)
        assert path.read_text(encoding="utf-8") == documented_yaml(
            settings_of(command), f"Settings of `deepsort {command}`."
        ), f"{path.name} is out of date: run make configs"
        yaml.safe_load(path.read_text(encoding="utf-8"))


def test_all_settings_are_immutable() -> None:
    for model in all_commands():
        assert model.model_config.get("frozen")


class TestWords:
    """YAML reads off, 007 and dates as something else; the field decides."""

    @pytest.mark.parametrize("word", ["off", "on", "yes", "no", "true", "1", "0"])
    def test_truth_values_by_any_word(self, tmp_path: Path, word: str, monkeypatch: pytest.MonkeyPatch) -> None:
        wanted = word in ("on", "yes", "true", "1")
        config = write(tmp_path, f"tracker: {{gating: {word}}}")
        assert resolve(TrackSettings, config=config).tracker.gating is wanted
        assert resolve(TrackSettings, overrides=[f"tracker.gating={word}"]).tracker.gating is wanted
        monkeypatch.setenv("DEEPSORT_TRACKER__GATING", word)
        assert resolve(TrackSettings).tracker.gating is wanted

    def test_words_where_words_are_expected(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        train = settings_of("train")
        config = write(tmp_path, "training: {amp: off, name: 2026-01-01, freeze: [no, on, 007, 1e3]}")
        training = resolve(train, config=config).training
        assert (training.amp, training.name) == ("off", "2026-01-01")
        assert training.freeze == ("no", "on", "007", "1e3")
        assert resolve(train, overrides=["training.amp=off", "training.name=yes"]).training.name == "yes"
        monkeypatch.setenv("DEEPSORT_TRAINING__AMP", "off")
        assert resolve(train).training.amp == "off"

    @pytest.mark.parametrize("word", ["off", "no", "false", "Off", "none"])
    def test_off_by_any_word(self, tmp_path: Path, word: str) -> None:
        train = settings_of("train")
        assert resolve(train, config=write(tmp_path, f"training: {{amp: {word}}}")).training.amp == "off"
        assert resolve(train, flags={"training.amp": word}).training.amp == "off"
        assert resolve(TrackSettings, overrides=[f"output.labels={word}"]).output.labels == "none"
        with pytest.raises(InputError, match="`output.emit` "):
            resolve(TrackSettings, flags={"output.emit": word})

    @pytest.mark.parametrize("word", ["none", "null", "None", " null"])
    def test_no_value_from_every_layer(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, word: str) -> None:
        """What a preset, a file or a default says is taken back; only fields of text take the word as it is."""
        strong = {"preset": "strong"}
        flags = strong | dict.fromkeys(("tracker.start_score", "tracker.nn_budget", "refinement.interpolate"), word)
        settings = resolve(TrackSettings, overrides=["refinement.interpolate=linear"], flags=flags)
        assert (settings.tracker.start_score, settings.tracker.nn_budget) == (None, None)
        assert (settings.refinement.interpolate, settings.tracker.ema_alpha) == (None, 0.9)
        assert resolve(TrackSettings, flags=strong, overrides=[f"tracker.ema_alpha={word}"]).tracker.ema_alpha is None
        monkeypatch.setenv("DEEPSORT_TRACKER__EMA_ALPHA", word)
        assert resolve(TrackSettings, flags=strong).tracker.ema_alpha is None
        assert resolve(TrackSettings, flags={"reid.model_path": word}).reid.model_path == word
        with pytest.raises(InputError, match="`tracker.max_iou_distance` "):
            resolve(TrackSettings, flags={"tracker.max_iou_distance": word})

    def test_a_truth_value_is_no_number(self, tmp_path: Path) -> None:
        for word in ("yes", "off", "true"):
            with pytest.raises(InputError, match=f"tracker.max_age '{word}'"):
                resolve(TrackSettings, overrides=[f"tracker.max_age={word}"])
        with pytest.raises(InputError, match="2026-01-01"):
            resolve(TrackSettings, overrides=["tracker.max_age=2026-01-01"])
        assert resolve(TrackSettings, overrides=["tracker.max_age=0x10"]).tracker.max_age == 16
        assert resolve(TrackSettings, overrides=["tracker.max_iou_distance=1"]).tracker.max_iou_distance == 1

    def test_home_from_every_layer(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HOME", str(tmp_path))
        train, home = settings_of("train"), tmp_path / "people"
        write(tmp_path, "data: {root: ~/people}\nmodel: {pretrained: ~/w.pth}")
        settings = resolve(train, config=Path("~/config.yaml"))
        assert (settings.data.root, settings.model.pretrained) == (home, tmp_path / "w.pth")
        assert resolve(train, overrides=["data.root=~/people"]).data.root == home
        assert resolve(train, flags={"data.root": Path("~/people")}).data.root == home
        monkeypatch.setenv("DEEPSORT_DATA__ROOT", "~/people")
        assert resolve(train).data.root == home
        # A text that names a file as well as other things.
        reid = resolve(TrackSettings, flags={"reid.model_path": "~/reid.onnx"}).reid
        assert reid.model_path == str(tmp_path / "reid.onnx")


def test_a_misspelt_section_is_told_the_section() -> None:
    with pytest.raises(InputError, match=r"unknown key outputs\. The nearest valid key is output\."):
        resolve(TrackSettings, overrides=["outputs=3"])
