"""`pillarscore init` writes the operator's files, and never over what is there unless it is told to."""

import os
from pathlib import Path

import orjson
import pytest

from agents.bundle import contents, example_settings, writing
from agents.cli import main
from agents.config.settings import PREFIX, Settings
from tests.kit import container


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as left:
        main(["init", *arguments])
    return int(left.value.code or 0)


def tree(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


def test_what_operators_need_is_written_as_it_is_in_the_repository(tmp_path: Path) -> None:
    assert run(str(tmp_path / "a" / "ops")) == 0
    made = tree(tmp_path / "a" / "ops")
    for folder in ("k8s", "grafana/dashboards", "grafana/provisioning", "prometheus/rules"):
        for path in (contents.REPOSITORY / folder).rglob("*"):
            # an operator's own overlays may be in the working copy
            if path.is_file() and "overlays" not in path.parts:
                name = path.relative_to(contents.REPOSITORY).as_posix()
                assert made[name] == path.read_bytes(), name
    for name in ("docker-compose.yml", "prometheus/alertmanager.yml", "k8s/overlays/example/settings.env"):
        assert made[name] == (contents.REPOSITORY / name).read_bytes()
    assert b"[[rule]]" in made["sources.example.toml"]
    assert os.access(tmp_path / "a" / "ops" / "deploy" / "acls.sh", os.X_OK)


def test_every_file_that_compose_mounts_is_written() -> None:
    made = writing.files()
    for name in [name for name in made if name.startswith("docker-compose")]:
        mounts = [
            line.split(":")[0].strip(" -") for line in made[name].decode().splitlines() if "- ./" in line
        ]
        for mount in (mount.removeprefix("./") for mount in mounts):
            assert any(path == mount or path.startswith(f"{mount}/") for path in made), f"{name}: {mount}"


def test_what_is_there_is_not_replaced(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "prometheus").mkdir()
    (tmp_path / "prometheus" / "alertmanager.yml").write_text("receivers: [ours]\n")
    assert run(str(tmp_path)) == 2
    assert "prometheus/alertmanager.yml" in capsys.readouterr().err
    assert tree(tmp_path) == {"prometheus/alertmanager.yml": b"receivers: [ours]\n"}


def test_force_replaces_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "Dockerfile").write_text("FROM ours\n")
    (tmp_path / "notes.txt").write_text("ours\n")
    assert run(str(tmp_path), "--force", "--json") == 0
    said = orjson.loads(capsys.readouterr().out)
    assert said["replaced"] == ["Dockerfile"]
    assert tree(tmp_path)["Dockerfile"] == container.DOCKERFILE.read_bytes()
    assert tree(tmp_path)["notes.txt"] == b"ours\n"


def test_a_second_time_nothing_changes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(str(tmp_path), "--json")
    first = orjson.loads(capsys.readouterr().out)
    assert run(str(tmp_path), "--json") == 0
    assert orjson.loads(capsys.readouterr().out) == {"new": [], "replaced": [], "same": first["new"]}


@pytest.mark.parametrize("force", [(), ("--force",)])
def test_what_is_in_the_way_is_said_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], force: tuple[str, ...]
) -> None:
    (tmp_path / "Dockerfile").mkdir()
    assert run(str(tmp_path), *force) == 2
    (tmp_path / "file").touch()
    assert run(str(tmp_path / "file"), *force) == 2
    said = capsys.readouterr().err
    assert "Traceback" not in said
    assert f"{tmp_path / 'file'}" in said


def test_a_link_that_leads_nowhere_is_something_that_is_there(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").symlink_to(tmp_path / "elsewhere")
    assert run(str(tmp_path)) == 2
    assert not (tmp_path / "elsewhere").exists()


def test_an_installation_that_lacks_files_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(contents, "PACKED", tmp_path)
    with pytest.raises(writing.UserError, match="install it again"):
        writing.files()


def test_the_example_settings_are_the_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [line[1:] for line in example_settings.render().splitlines() if line.startswith(f"#{PREFIX}")]
    named = dict(line.split("=", 1) for line in lines)
    assert set(named) == {f"{PREFIX}{name.upper()}" for name in Settings.model_fields}
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        monkeypatch.delenv(name)
    plain = Settings.load()
    for name, value in named.items():
        monkeypatch.setenv(name, value)
    assert Settings.load() == plain


def test_only_comments_are_active_in_the_example_settings() -> None:
    assert all(not line or line.startswith("#") for line in example_settings.render().splitlines())
