"""Preparing a checkpoint for other data: what is kept, what is fresh, what is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")


from deepsort_cli.cli.next_commands import train_command  # noqa: E402
from deepsort_cli.core.errors import InputError  # noqa: E402
from deepsort_cli.core.events import Listener  # noqa: E402
from deepsort_cli.core.preprocess import Preprocess  # noqa: E402
from deepsort_cli.data.settings import ScanSettings  # noqa: E402
from deepsort_cli.reid.backbones.osnet import VARIANTS, OSNet  # noqa: E402
from deepsort_cli.reid.checkpoint import CheckpointInfo, load_model, save_checkpoint  # noqa: E402
from deepsort_cli.reid.distributed import Ranks  # noqa: E402
from deepsort_cli.reid.finetune import Prepared, prepare_checkpoint, transfer  # noqa: E402
from deepsort_cli.reid.learner import Learner  # noqa: E402
from deepsort_cli.reid.settings import (  # noqa: E402
    AugmentSettings,
    DataSettings,
    FinetuneConfig,
    NewModelSettings,
    OptimizerSettings,
    ResetSettings,
    TrainingSettings,
)
from deepsort_cli.reid.train_data import load_data  # noqa: E402

SMALL = Preprocess(height=64, width=32, mean=(0.4, 0.4, 0.4))


def stirred(model: OSNet) -> OSNet:
    """Every entry differs from a fresh model's."""
    for value in model.state_dict().values():
        if value.is_floating_point():
            value.uniform_(0.5, 1.5)
        else:
            value.fill_(7)
    return model


@pytest.fixture(scope="module")
def torchreid(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("models") / "public.pth"
    model = stirred(OSNet("osnet_x0_25", num_classes=30))
    torch.save({"module." + name: value for name, value in model.state_dict().items()}, path)
    return path


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory, people: Path) -> Path:
    """As trained on `people`, all of them."""
    path = tmp_path_factory.mktemp("models") / "ours.pth"
    pids = load_data(target(people), 0, Listener(), halves=True).pids
    info = CheckpointInfo("osnet_x0_25", len(pids), 64, "bnneck", SMALL, tuple(pids.tolist()), "fp", 9, {"mAP": 0.5})
    save_checkpoint(path, stirred(info.build()).state_dict(), info)
    return path


def target(people: Path) -> DataSettings:
    return DataSettings(root=people, scan=ScanSettings(use_cache=False))


def run(source: Path, people: Path, output: Path, **options: object) -> Prepared:
    config = FinetuneConfig(source_checkpoint=source, target_dataset=target(people), output_path=output)
    return prepare_checkpoint(config.model_copy(update=options))


def test_torchreid_keeps_backbone_and_fc_and_gets_a_new_head(torchreid: Path, people: Path, tmp_path: Path) -> None:
    prepared = run(torchreid, people, tmp_path / "out.pth")
    before, after = load_model(torchreid)[0].state_dict(), load_model(tmp_path / "out.pth")[0].state_dict()
    assert {name.split(".")[0] for name in prepared.tensors.kept} == {"conv1", "conv2", "conv3", "conv4", "conv5", "fc"}
    assert all(torch.equal(before[name], after[name]) for name in prepared.tensors.kept)
    assert {name.split(".")[0] for name, _ in prepared.tensors.fresh} == {"bnneck", "classifier"}
    assert dict(prepared.tensors.ignored) == {
        "classifier.bias": "the new model has none",
        "classifier.weight": "replaced",
    }
    assert len(prepared.tensors.kept) + len(prepared.tensors.fresh) == len(after)
    assert prepared.source.source == "torchreid"
    # All 16 people, as `deepsort train` learns from.
    assert (prepared.identities, prepared.held_out) == (16, 0)
    assert after["classifier.weight"].shape == (16, 512)
    assert prepared.info.neck_feature == "before"
    assert not any("BNNeck is new" in remark for remark in prepared.remarks)
    assert any("input size" in remark for remark in prepared.remarks)


def test_embeddings_after_a_new_neck_are_pointed_out(torchreid: Path, people: Path, tmp_path: Path) -> None:
    prepared = run(torchreid, people, tmp_path / "out.pth", model=NewModelSettings(neck_feature="after"))
    assert any("BNNeck is new" in remark for remark in prepared.remarks)
    assert load_model(tmp_path / "out.pth")[0].neck_feature == "after"
    assert "--set model.neck_feature=after" in train_command(prepared)


def test_our_checkpoint_keeps_its_neck_input_and_provenance(ours: Path, people: Path, tmp_path: Path) -> None:
    prepared = run(ours, people, tmp_path / "out.pth")
    model, info = load_model(tmp_path / "out.pth")
    assert [name for name, _ in prepared.tensors.fresh] == ["classifier.weight"]
    assert (info.preprocess, info.feature_dim, info.neck, info.fingerprint) == (SMALL, 64, "bnneck", "fp")
    assert (info.epoch, dict(info.metrics)) == (0, {})
    assert torch.equal(model.bnneck.running_mean, load_model(ours)[0].bnneck.running_mean)
    assert prepared.remarks == ()


def test_a_threshold_stays_with_the_feature_and_the_size_it_was_measured_at(
    ours: Path, people: Path, tmp_path: Path
) -> None:
    model, info = load_model(ours)
    known = replace(info, metrics={"threshold": 0.2}, neck_feature="before")
    save_checkpoint(tmp_path / "known.pth", model.state_dict(), known)
    for changes, kept in (
        ({}, {"threshold": 0.2}),
        ({"feature_dim": 0}, {}),
        ({"height": 32, "width": 16}, {}),
        ({"height": 64, "width": 32}, {"threshold": 0.2}),
    ):
        found = run(
            tmp_path / "known.pth", people, tmp_path / "out.pth", model=NewModelSettings(**changes), overwrite=True
        )
        assert dict(found.info.metrics) == kept, changes


def test_a_run_that_goes_on_is_no_leave_to_replace_other_files(ours: Path, people: Path, tmp_path: Path) -> None:
    """Only the file that it began with is written again, and only with the same weights."""
    output, mine = tmp_path / "out.pth", tmp_path / "mine.pth"
    options: dict = {"train": True}
    options["training"] = TrainingSettings(epochs=1, output_dir=tmp_path, name="run", amp="off", tensorboard=False)
    prepared = run(ours, people, output, **options)
    last = tmp_path / "run" / "checkpoints" / "last.pth"
    last.parent.mkdir(parents=True)
    settings = prepared.config.model_dump(mode="json")
    save_checkpoint(last, load_model(output)[0].state_dict(), prepared.info, {"config": settings})
    before = output.read_bytes()
    mine.write_bytes(b"mine")
    with pytest.raises(InputError, match="mine.pth: the file exists"):
        run(ours, people, mine, **options)
    assert mine.read_bytes() == b"mine"

    assert not [text for text in run(ours, people, output, **options).remarks if "another checkpoint" in text]
    model, info = load_model(ours)
    model.conv1.conv.weight.data += 1
    save_checkpoint(tmp_path / "others.pth", model.state_dict(), info)
    with pytest.raises(InputError, match="out.pth was prepared from another checkpoint than .*others.pth"):
        run(tmp_path / "others.pth", people, output, **options)
    assert output.read_bytes() == before
    replaced = run(tmp_path / "others.pth", people, output, **options, overwrite=True)
    assert "it goes on from its own weights" in replaced.remarks[0]
    output.write_bytes(b"something else")
    with pytest.raises(InputError, match="out.pth: the file exists"):
        run(ours, people, output, **options)
    assert output.read_bytes() == b"something else"


def test_resets(ours: Path, people: Path, tmp_path: Path) -> None:
    neck = run(ours, people, tmp_path / "a.pth", reset=ResetSettings(bnneck=True))
    assert {name.split(".")[0] for name, _ in neck.tensors.fresh} == {"bnneck", "classifier"}
    fc = run(ours, people, tmp_path / "b.pth", reset=ResetSettings(fc=True))
    assert {name.split(".")[0] for name, _ in fc.tensors.fresh} == {"fc", "bnneck", "classifier"}
    assert dict(fc.tensors.fresh)["bnneck.weight"] == "fc starts afresh"
    keep = run(ours, people, tmp_path / "c.pth", reset=ResetSettings(classifier=False))
    assert keep.tensors.fresh == ()
    assert torch.equal(load_model(ours)[0].classifier.weight, load_model(tmp_path / "c.pth")[0].classifier.weight)


def test_the_same_call_writes_the_same_weights(ours: Path, people: Path, tmp_path: Path) -> None:
    first, second = (load_model(run(ours, people, tmp_path / name).path)[0].state_dict() for name in ("a.pth", "b.pth"))
    assert all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize("name", list(VARIANTS))
def test_backbones_of_all_architectures_are_kept(name: str) -> None:
    source, model = OSNet(name, 5, 0, "none"), OSNet(name, 9, 0, "bnneck")
    report = transfer(source, model, ResetSettings())
    assert {part for part, counts in report.parts().items() if "fresh" in counts} == {"bnneck", "classifier"}
    backbone = [key for key in model.state_dict() if not key.startswith(("bnneck", "classifier"))]
    assert list(report.kept) == backbone
    assert all(torch.equal(model.state_dict()[key], source.state_dict()[key]) for key in backbone)


def test_training_continues_slowly_with_a_frozen_backbone_first(torchreid: Path, people: Path, tmp_path: Path) -> None:
    """The defaults of --train, as the learner understands them."""
    training = FinetuneConfig().training.model_copy(update={"batch_size": 16})
    config = run(torchreid, people, tmp_path / "out.pth", train=True, training=training).config
    assert config.model.pretrained == tmp_path / "out.pth"
    learner = Learner(OSNet("osnet_x0_25", 16, 512, "bnneck"), config, torch.device("cpu"), Ranks.from_environment())
    rates = {group.frozen: group.lr for group in learner.groups}
    assert rates[True] == pytest.approx(0.1 * rates[False])
    assert all(name.startswith("conv") for group in learner.groups if group.frozen for name in group.names)
    assert not learner.start_epoch(0)
    assert learner.start_epoch(config.training.freeze_epochs)
    assert config.training.epochs == 30


@pytest.mark.parametrize(
    ("optimizer", "rate"), [({}, 0.0063), ({"name": "adam"}, 0.00021), ({"name": "adamw", "lr": 0.5}, 0.5)]
)
def test_the_learning_rate_suits_the_optimizer_and_sixteen_people(
    ours: Path, people: Path, tmp_path: Path, optimizer: dict, rate: float
) -> None:
    prepared = run(ours, people, tmp_path / "a.pth", optimizer=OptimizerSettings(**optimizer), train=True)
    assert prepared.config.optimizer.lr == rate
    assert prepared.full_rate == {0.0063: 0.03, 0.00021: 0.001, 0.5: None}[rate]
    assert any("16 people would make the network forget" in text for text in prepared.remarks) == (rate != 0.5)


def test_the_command_that_trains_it(ours: Path, torchreid: Path, people: Path, tmp_path: Path) -> None:
    plain = train_command(run(torchreid, people, tmp_path / "a.pth"))
    # With a name of its own: a run from other weights under the usual one would be continued instead.
    name = f"finetune-osnet_x0_25-{people.name}"
    assert plain == f"deepsort train --root {people} --pretrained {tmp_path / 'a.pth'} --name {name}"
    other = train_command(run(ours, people, tmp_path / "b.pth"))
    for words in ("--set model.feature_dim=64", "--height 64", "--width 32"):
        assert words in other
    settings = target(people).model_copy(
        update={"scan": ScanSettings(use_cache=False, layout="cuhk03", drop_small=True)}
    )
    read = train_command(run(ours, people, tmp_path / "c.pth", target_dataset=settings))
    assert "--layout cuhk03 --set data.scan.drop_small=True" in read
    settings = target(people).model_copy(update={"val_ratio": 0.5, "scan": ScanSettings(use_cache=False, min_side=9)})
    chosen = TrainingSettings(seed=3, output_dir=tmp_path / "other runs")
    held = train_command(run(ours, people, tmp_path / "d.pth", target_dataset=settings, training=chosen))
    assert f"--set data.scan.min_side=9 --val-ratio 0.5 --seed 3 --output-dir '{tmp_path}/other runs'" in held


def test_what_does_not_fit_is_refused(torchreid: Path, ours: Path, people: Path, tmp_path: Path) -> None:
    keep = ResetSettings(classifier=False)
    with pytest.raises(InputError, match=r"tells 30 identities apart, but .* has 16"):
        run(torchreid, people, tmp_path / "a.pth", reset=keep)
    with pytest.raises(InputError, match="classifier cannot be kept"):
        run(ours, people, tmp_path / "a.pth", reset=ResetSettings(classifier=False, fc=True))
    model, info = load_model(ours)
    save_checkpoint(
        tmp_path / "others.pth",
        model.state_dict(),
        CheckpointInfo(info.name, 16, 64, "bnneck", SMALL, tuple(range(900, 916))),
    )
    with pytest.raises(InputError, match="other people"):
        run(tmp_path / "others.pth", people, tmp_path / "a.pth", reset=keep)
    with pytest.raises(InputError, match=r"ours.pth: `augment.pad` 32 is not below .* 32 pixels.*suits the height\.$"):
        run(ours, people, tmp_path / "a.pth", augment=AugmentSettings(pad=32))
    small = {"model": NewModelSettings(height=16, width=16), "training": TrainingSettings(half_size=0.5)}
    with pytest.raises(InputError, match="an input of 16×16 pixels .* is too small to train at half of it"):
        run(ours, people, tmp_path / "a.pth", **small)
    with pytest.raises(InputError, match="16 identities to train on, but a batch of 128 takes 32"):
        run(ours, people, tmp_path / "a.pth", train=True, training=TrainingSettings(batch_size=128))
    with pytest.raises(InputError, match="the checkpoint itself"):
        run(tmp_path / "others.pth", people, tmp_path / "others.pth", overwrite=True)
    assert not (tmp_path / "a.pth").exists()
