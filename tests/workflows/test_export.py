"""Exporting as a library call: what is verified, what is stored, what is refused."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")

from deepsort_cli.cli import app  # noqa: E402
from deepsort_cli.core.errors import InputError, RunError  # noqa: E402
from deepsort_cli.core.events import Listener  # noqa: E402
from deepsort_cli.core.files import file_sha256  # noqa: E402
from deepsort_cli.core.preprocess import Preprocess  # noqa: E402
from deepsort_cli.data.settings import ScanSettings  # noqa: E402
from deepsort_cli.evaluation.metrics_file import Quality  # noqa: E402
from deepsort_cli.evaluation.settings import EvaluationDataSettings  # noqa: E402
from deepsort_cli.perception.embedders import Embedder  # noqa: E402
from deepsort_cli.perception.runtime import open_session  # noqa: E402
from deepsort_cli.reid.bundled import weights_file  # noqa: E402
from deepsort_cli.reid.checkpoint import CheckpointInfo, load_model, save_checkpoint  # noqa: E402
from deepsort_cli.reid.extract import extract_features  # noqa: E402
from deepsort_cli.reid.settings import ExportSettings  # noqa: E402
from deepsort_cli.reid.untrained import fresh_layers, model_remarks  # noqa: E402
from deepsort_cli.settings.export import ExportCommandSettings  # noqa: E402
from deepsort_cli.workflows.export import Check, Exported, export, run_export  # noqa: E402
from deepsort_cli.workflows.export.crops import generated_crops  # noqa: E402
from deepsort_cli.workflows.export.recommendation import recommend  # noqa: E402
from deepsort_cli.workflows.export.verification import BATCHES, verify  # noqa: E402
from deepsort_cli.workflows.extraction import open_extractor  # noqa: E402

SMALL = Preprocess(height=64, width=32, mean=(0.3, 0.4, 0.5), std=(0.2, 0.25, 0.3), resize="area")
INFO = CheckpointInfo(
    "osnet_x0_25", 3, 32, "bnneck", SMALL, (1, 2, 3), "fingerprint", 7, {"mAP": 0.4}, {"torch": "2.9"}
)


class Checks(Listener):
    """Remembers every check."""

    def __init__(self) -> None:
        self.checks: list[Check] = []

    def happened(self, event: object) -> None:
        assert isinstance(event, Check)
        self.checks.append(event)


def run(
    checkpoint: Path | None,
    output: Path | None = None,
    settings: ExportSettings | None = None,
    data: EvaluationDataSettings | None = None,
    *,
    overwrite: bool = False,
    listener: Listener | None = None,
) -> Exported:
    wanted = ExportCommandSettings(
        checkpoint=checkpoint,
        output_path=output,
        export=settings or ExportSettings(),
        data=data or EvaluationDataSettings(),
        overwrite=overwrite,
    )
    return run_export(wanted, listener or Listener())


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("models") / "model.pth"
    torch.manual_seed(0)
    model = INFO.build()
    # As a trained neck does: it centres the features, so that those of different people point in different directions.
    model.train()
    for _ in range(20):
        model(torch.randn(32, 3, 64, 32) + torch.randn(32, 3, 1, 1))
    save_checkpoint(path, model.state_dict(), INFO)
    return path


def test_the_file_is_an_embedder_that_needs_no_further_word(checkpoint: Path, tmp_path: Path) -> None:
    told = Checks()
    result = run(
        checkpoint,
        tmp_path / "new folder" / "a.onnx",
        ExportSettings(threshold=0.31, license="CC0", training_data="people"),
        listener=told,
    )
    assert [check.batch for check in result.checks] == list(BATCHES) == [1, 2, 7, 32]
    assert all(check.passed for check in result.checks)
    assert tuple(told.checks) == result.checks
    assert result.warnings == ()
    embedder = Embedder(open_session(result.path))
    assert embedder.metadata == result.metadata
    assert embedder.threshold == 0.31
    assert embedder.metadata.preprocess == SMALL
    assert (result.metadata.architecture, result.metadata.embedding_size) == ("osnet_x0_25", 32)
    assert (result.metadata.training_fingerprint, result.metadata.training_data) == ("fingerprint", "people")
    assert dict(result.metadata.metrics) == {"mAP": 0.4}
    assert result.metadata.normalized
    assert len(result.metadata.checkpoint_sha256) == 64
    assert result.metadata.versions["trained with torch"] == "2.9"
    crops = generated_crops(5, seed=9)
    wanted = extract_features(load_model(checkpoint)[0], crops, SMALL)
    assert np.abs(embedder.embed_crops(crops) - wanted).max() <= 1e-5
    assert [path.name for path in result.path.parent.iterdir()] == ["a.onnx"]


def test_figures_are_stored_without_loss(checkpoint: Path, tmp_path: Path) -> None:
    """What was measured, not a rounded percent of it; files of earlier versions have nothing better."""
    sha256 = file_sha256(checkpoint)
    measured = {"mAP": 33.33, "rank1": 66.67, "threshold": 0.004006, "model": {"sha256": sha256}}
    for fractions, wanted in (({"fractions": {"mAP": 1 / 3, "rank1": 2 / 3}}, 1 / 3), ({}, 0.3333)):
        (tmp_path / "metrics.json").write_text(json.dumps(measured | fractions))
        settings = ExportSettings(metrics=tmp_path / "metrics.json", verify=False)
        found = Embedder(open_session(run(checkpoint, tmp_path / "a.onnx", settings, overwrite=True).path))
        assert found.metadata.metrics["mAP"] == wanted
        assert found.threshold == 0.004006


def test_untrained_and_unfinished_models_are_called_so(checkpoint: Path, tmp_path: Path) -> None:
    """In the warnings, in the file, and to whoever opens it afterwards; a trained one is not."""
    torch.save(INFO.build().state_dict(), tmp_path / "fresh.pth")
    state = load_model(checkpoint)[0].state_dict()
    unfinished = replace(INFO, start="random", planned_epochs=9, finished=False)
    save_checkpoint(tmp_path / "unfinished.pth", state, unfinished)
    save_checkpoint(tmp_path / "finished.pth", state, replace(unfinished, epoch=9, finished=True))
    for name, word in (("fresh", "untrained"), ("unfinished", "interrupted"), ("finished", "finished")):
        result = run(tmp_path / f"{name}.pth", settings=ExportSettings(verify=False, height=64, width=32))
        assert result.metadata.training_state == word
        opened = open_extractor(result.path)
        assert any("untrained" in remark for remark in opened.remarks) is (name == "fresh")
        assert any("not finished" in remark for remark in opened.remarks) is (name == "unfinished")
        assert any(("untrained" in warning) or ("not finished" in warning) for warning in result.warnings) is (
            name != "finished"
        )


def test_a_layer_that_never_saw_an_image_is_noticed(checkpoint: Path) -> None:
    model, info = load_model(checkpoint)
    assert model_remarks(model, info) == ()
    for layer in (model.fc[1], model.bnneck):
        layer.reset_running_stats()
    assert fresh_layers(model) == {"fc", "bnneck"}
    assert [remark.split()[1] for remark in model_remarks(model, info)] == ["BNNeck", "fully"]
    model.neck_feature = "before"
    assert fresh_layers(model) == {"fc"}


def test_models_that_say_nothing_are_broken(checkpoint: Path, tmp_path: Path) -> None:
    model, info = load_model(checkpoint)
    for value, words in ((0.0, "embeddings are zero"), (float("nan"), "NaN")):
        state = {
            key: torch.full_like(tensor, value) if tensor.is_floating_point() else tensor
            for key, tensor in model.state_dict().items()
        }
        save_checkpoint(tmp_path / "dead.pth", state, info)
        for verify_ in (True, False):
            with pytest.raises(InputError, match=f"broken: 32 of 32 .*{words}"):
                run(tmp_path / "dead.pth", settings=ExportSettings(verify=verify_))
    assert not list(tmp_path.glob("*.onnx"))


def test_the_checkpoint_is_never_its_own_output(checkpoint: Path, tmp_path: Path) -> None:
    misnamed = tmp_path / "model.onnx"
    shutil.copy(checkpoint, misnamed)
    with pytest.raises(InputError, match="checkpoint itself"):
        run(misnamed, overwrite=True)
    assert run(misnamed, tmp_path / "b.onnx", ExportSettings(verify=False)).path.exists()
    with pytest.raises(InputError, match="is a network"):
        run(Path("osnet_x1_0"))


def test_the_bundled_weights_are_exported_by_name(tmp_path: Path) -> None:
    result = run(Path("osnet_x0_25"), tmp_path / "again.onnx", ExportSettings(verify=False))
    assert (result.metadata.architecture, result.metadata.threshold) == ("osnet_x0_25", 0.25)
    assert result.metadata.checkpoint_sha256 == file_sha256(weights_file("osnet_x0_25"))


def test_exporting_twice_gives_the_same_file(checkpoint: Path, tmp_path: Path) -> None:
    """Called from Python or as a command."""
    export(checkpoint, output=tmp_path / "a.onnx", threshold=0.3)
    command = ["export", str(checkpoint), "--output", str(tmp_path / "b.onnx"), "--threshold", "0.3"]
    assert CliRunner().invoke(app, command).exit_code == 0
    assert (tmp_path / "a.onnx").read_bytes() == (tmp_path / "b.onnx").read_bytes()


def test_a_fixed_batch_is_verified_at_all_sizes(checkpoint: Path, tmp_path: Path) -> None:
    result = run(checkpoint, tmp_path / "a.onnx", ExportSettings(batch=4, benchmark=True))
    assert [check.batch for check in result.checks] == list(BATCHES)
    assert open_session(result.path).input_shape == (4, 3, 64, 32)
    [timing] = result.timings
    assert timing.batch == 4
    assert min(timing.onnx, timing.pytorch) > 0


def test_verification_notices_what_is_wrong(checkpoint: Path, tmp_path: Path) -> None:
    result = run(checkpoint, tmp_path / "a.onnx")
    model, info = load_model(checkpoint)
    crops = generated_crops(32)
    verify(result.path, model, info.preprocess, crops)
    with pytest.raises(RunError, match="verification failed"):  # the file says another resize than the model had
        verify(result.path, model, info.preprocess.model_copy(update={"resize": "nearest"}), crops)
    with torch.no_grad():
        model.bnneck.running_mean += 0.1
    with pytest.raises(RunError, match="verification failed"):
        verify(result.path, model, info.preprocess, crops)


@pytest.mark.parametrize("before", [None, b"the old file"])
def test_a_failed_check_leaves_no_file(tmp_path: Path, before: bytes | None) -> None:
    model = INFO.build()
    torch.nn.init.constant_(model.conv5.conv.weight, float("nan"))
    save_checkpoint(tmp_path / "bad.pth", model.state_dict(), INFO)
    target = tmp_path / "bad.onnx"
    if before is not None:
        target.write_bytes(before)
    with pytest.raises(InputError, match=r"the model is broken: .* NaN .* No file was written"):
        run(tmp_path / "bad.pth", overwrite=True)
    assert (target.read_bytes() if target.exists() else None) == before
    assert {path.name for path in tmp_path.iterdir()} <= {"bad.pth", "bad.onnx"}


@pytest.mark.parametrize("options", [{"half": True}, {"int8": True}])
def test_the_cost_of_lower_precision_is_measured(
    checkpoint: Path, market: Path, tmp_path: Path, options: dict[str, bool]
) -> None:
    data = EvaluationDataSettings(root=market, scan=ScanSettings(use_cache=False))
    result = run(checkpoint, tmp_path / "a.onnx", ExportSettings(**options, calibration_crops=16), data)
    assert result.loss is not None
    assert 0.9 < result.loss.min_cosine <= result.loss.mean_cosine < 1
    assert result.loss.mAP_before is not None
    # What the file says is measured on the file itself.
    assert result.metadata.metrics["mAP"] == pytest.approx(result.loss.mAP_after)
    assert "12 identities" in result.metadata.threshold_source
    assert str(market.parent) not in json.dumps(result.metadata.to_props())


def test_what_the_user_should_know(tmp_path: Path) -> None:
    model = INFO.build()
    torch.save(model.state_dict(), tmp_path / "bare.pth")
    result = run(tmp_path / "bare.pth", settings=ExportSettings(verify=False, int8=True, calibration_crops=8))
    text = " ".join(result.warnings)
    for words in ("untrained", "256×128 is assumed", "not verified", "generated crops", "no threshold"):
        assert words in text
    assert result.checks == ()
    sized = run(
        tmp_path / "bare.pth", tmp_path / "b.onnx", ExportSettings(height=64, width=32, threshold=0.2, verify=False)
    )
    assert "assumed" not in " ".join(sized.warnings)
    assert (sized.metadata.height, sized.metadata.width) == (64, 32)


def test_what_was_measured_at_another_size_is_not_said_of_this_one() -> None:
    stored = CheckpointInfo("osnet_x0_25", 0, 0, "none", metrics={"threshold": 0.2, "mAP": 0.1})
    other = (128, 64)
    for threshold, metrics in ((0.2, None), (0.35, QUALITY)):
        found = recommend(ExportSettings(), stored, metrics, None, "me", other)
        assert (found.threshold, dict(found.metrics)) == (threshold, {})
        assert found.source.endswith(", at 256×128")
        figures, advice = found.warnings
        assert "figures are of an input of 256×128" in figures
        assert f"threshold {threshold} was found at an input of 256×128; at 128×64" in advice
    measured = replace(QUALITY, size=None, threshold=0.4)  # with the file itself
    assert recommend(ExportSettings(), stored, None, measured, "me", other).warnings == ()
    found = recommend(ExportSettings(metrics=Path("m.json")), stored, QUALITY, measured, "me", other)
    assert (found.threshold, dict(found.metrics)) == (0.4, dict(measured.rates))
    assert found.warnings == (
        "m.json was measured at an input of 256×128; what was measured now, at 128×64, counts before it",
    )
    unsure = replace(measured, threshold=None, missing="too few pairs")  # the data was given, and asked for no more
    found = recommend(ExportSettings(), stored, None, unsure, "me", other)
    assert (found.threshold, dict(found.metrics)) == (0.2, dict(measured.rates))
    assert [text.endswith("another may be right") for text in found.warnings] == [False, True]
    given = recommend(ExportSettings(threshold=0.5), stored, None, None, "me", other)
    assert (given.source, len(given.warnings)) == ("given by hand", 1)


QUALITY = Quality(
    {"mAP": 0.515, "rank1": 0.6},
    threshold=0.35,
    criterion="1 % of the wrong pairs accepted",
    pairs="same-camera",
    identities=40,
    query="some/where/people/query",
    path="best.pth",
    sha256="me",
    size=(256, 128),
)
SIZE = (256, 128)


def test_where_the_threshold_comes_from() -> None:
    stored = CheckpointInfo("osnet_x0_25", 0, 0, "none", metrics={"threshold": 0.2, "mAP": 0.1})
    plain = ExportSettings()
    found = recommend(plain, stored, None, None, "me", SIZE)
    assert (found.threshold, found.source, dict(found.metrics)) == (0.2, "stored in the checkpoint", {"mAP": 0.1})
    found = recommend(plain, stored, None, QUALITY, "me", SIZE)
    assert found.threshold == 0.35
    assert found.source == "1 % of the wrong pairs accepted, same-camera pairs, 40 identities of people/query"
    assert dict(found.metrics) == {"mAP": 0.515, "rank1": 0.6}
    found = recommend(plain, stored, replace(QUALITY, threshold=0.4), QUALITY, "me", SIZE)
    assert (found.threshold, found.warnings) == (0.4, ())
    found = recommend(ExportSettings(threshold=0.5), stored, QUALITY, QUALITY, "me", SIZE)
    assert (found.threshold, found.source) == (0.5, "given by hand")
    assert "another file" in recommend(plain, stored, QUALITY, None, "other", SIZE).warnings[0]
    useless = recommend(plain, stored, replace(QUALITY, threshold=0.0), None, "me", SIZE)
    assert useless.threshold is None
    assert "hardly tells images apart" in useless.warnings[0]
    nothing = recommend(plain, CheckpointInfo("osnet_x0_25", 0, 0, "none"), None, None, "me", SIZE)
    assert nothing.threshold is None
    assert "no threshold is known" in nothing.warnings[0]
    bare = recommend(plain, stored, Quality(threshold=0.3), None, "me", SIZE)
    assert bare.source == "unknown criterion, unknown pairs, ? identities of unknown data"


def test_names_that_cannot_be_used(checkpoint: Path, tmp_path: Path) -> None:
    (tmp_path / "there.onnx").write_bytes(b"old")
    for output, words in (
        ("there.onnx", "`overwrite`=true"),
        ("model.bin", r"ends in \.onnx"),
        (".", r"ends in \.onnx"),
    ):
        with pytest.raises(InputError, match=words):
            run(checkpoint, tmp_path / output)
    with pytest.raises(InputError, match="not a PyTorch checkpoint: this is a text file"):
        run(tmp_path / "there.onnx")
    with pytest.raises(InputError, match="no checkpoint"):
        run(None)


def test_warnings_are_heard_from_python_too(checkpoint: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    done = export(checkpoint, output=tmp_path / "heard.onnx", simplify=False, verify=False)
    assert "the file was not verified" in done.warnings
    assert [record.message for record in caplog.records if record.levelname == "WARNING"] == list(done.warnings)
