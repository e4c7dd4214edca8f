"""Files in every format that one meets: read as the plain file is, or named in one line, with nothing written."""

import bz2
import gzip
import io
import json
import lzma
import os
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from agents.cli import _run, app
from agents.config.errors import NoEventsError, UserError
from agents.files import json_arrays, ndjson
from agents.files.ndjson import STDIN, Lines
from tests.kit.event_files import (
    DAMAGED,
    EMPTY,
    EVENTS,
    LINES_WITHOUT_EVENTS,
    NAMED,
    PLAIN,
    READ,
    as_array,
)
from tests.kit.files import ndjson as as_lines
from tests.kit.files import small_rubric

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

CASES = Path(__file__).parent.parent / "fixtures" / "cases"


@pytest.fixture(autouse=True)
def rubric(tmp_path, monkeypatch):
    monkeypatch.setenv("PILLARSCORE_RUBRIC", str(small_rubric(tmp_path)))
    monkeypatch.setenv("PILLARSCORE_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.delenv("PILLARSCORE_BROKER", raising=False)


@pytest.fixture
def file(tmp_path):
    def make(data, name="events"):
        path = tmp_path / name
        path.write_bytes(data)
        return path

    return make


def run(*arguments, **more):
    return CliRunner().invoke(app, list(map(str, arguments)), catch_exceptions=False, **more)


def score(*arguments, **more):
    return run("score", *arguments, "--as-of", "2025-11-20", "--format", "ndjson", **more)


def complaint(capsys, *arguments, code=1):
    assert _run(list(map(str, arguments))) == code
    out, err = capsys.readouterr()
    assert out == ""
    (line,) = err.splitlines()
    return line.removeprefix("pillarscore: ")


@pytest.mark.parametrize("kind", READ)
def test_every_format_gives_the_scores_of_the_plain_file(file, kind):
    expected = score(file(PLAIN, "plain")).stdout
    assert expected.count("\n") == 3
    for result in (score(file(READ[kind])), score("-", input=READ[kind])):
        assert (result.exit_code, result.stdout) == (0, expected), result.stderr
        assert (
            "3 events read: 3 scored, 0 duplicate, 0 outside the window, 0 erased, 0 dead letters"
            in result.stderr
        )


@pytest.mark.parametrize("kind", READ)
@pytest.mark.parametrize("piece", [1, 7, 64])
def test_pieces_make_no_difference(file, monkeypatch, kind, piece):
    path = file(READ[kind])
    whole = [line for batch in Lines([path]).batches() for line in batch.lines]
    monkeypatch.setattr(ndjson, "PIECE", piece)
    monkeypatch.setattr("agents.files.compressed._CHUNK", piece)
    lines = Lines([path])
    assert [line for batch in lines.batches() for line in batch.lines] == whole
    assert lines.done == lines.size == path.stat().st_size


@pytest.mark.parametrize("kind", EMPTY)
def test_empty_files_are_no_error(file, kind):
    result = score(file(EMPTY[kind]))
    assert (result.exit_code, result.stdout) == (0, "")
    assert "0 events read" in result.stderr


@pytest.mark.parametrize("name", ["27-crlf.gz", "27-members.gz", "27-padded.gz"])
def test_gzip_from_the_field(name):
    assert "3 events read: 3 scored" in run("score", CASES / name, "--as-of", "2026-11-20").stderr


def test_bytes_behind_compressed_data_are_mentioned(file):
    for data, said in (
        (b"\r\n", "2 bytes"),
        (b"\n", "1 byte"),
        (b"-- \n", "4 bytes"),
        (bytes(512) + b"\n", "1 byte"),
    ):
        path = file(gzip.compress(PLAIN) + data)
        assert f"{path}: {said} after the end of the gzip data ignored\n" in score(path).stderr
    path = file(gzip.compress(PLAIN) + bytes(512))
    assert "ignored" not in score(path).stderr


@pytest.mark.parametrize("kind", NAMED)
@pytest.mark.parametrize("command", ["score", "stdin", "convert", "publish", "explain", "verify"])
def test_what_is_not_read_is_named_and_nothing_is_written(file, tmp_path, capsys, monkeypatch, kind, command):
    monkeypatch.setenv("PILLARSCORE_BROKER", "127.0.0.1:1")  # before a Kafka is looked for
    data, said = NAMED[kind]
    path, out = file(data), file(b"kept", "out.parquet")
    if command == "stdin":
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(data)))
        path = STDIN
    arguments = {
        "convert": ["convert", "parquet", path, "--out", out],
        "publish": ["publish", path],
        "explain": ["explain", "ada", path],
        "verify": ["verify", path],
    }.get(command, ["score", path, "--out", out])
    line = complaint(capsys, *arguments, code=2 if "times" in said else 1)
    assert line.startswith(f"{'stdin' if path == STDIN else path} ")
    assert said in line
    assert ": " in line  # and what to do
    assert out.read_bytes() == b"kept"
    assert sorted(one.name for one in tmp_path.iterdir()) == ["events", "out.parquet", "small.toml"]


@pytest.mark.parametrize("kind", LINES_WITHOUT_EVENTS)
def test_a_file_without_events_is_exit_code_1_and_nothing_is_written(file, capsys, kind):
    path, out, rejected = (
        file(LINES_WITHOUT_EVENTS[kind]),
        file(b"kept", "out.parquet"),
        file(b"", "rejected"),
    )
    line = complaint(capsys, "score", path, "--out", out, "--rejected", rejected)
    assert line.startswith(f"{path} contains no events: ")
    assert out.read_bytes() == b"kept"
    found = [json.loads(one) for one in rejected.read_bytes().splitlines()]
    assert [one["file"] for one in found] == [str(path)] * len(found)
    assert f"its {len(found)} lines were rejected, such as {path}:{found[0]['number']}: " in line
    rejected.write_bytes(b"")
    assert complaint(capsys, "convert", "parquet", path, "--out", out, "--rejected", rejected) == line
    assert out.read_bytes() == b"kept"
    assert [json.loads(one) for one in rejected.read_bytes().splitlines()] == found
    assert complaint(capsys, "explain", "ada", path) == line
    assert complaint(capsys, "team", "--list", path) == line


def test_one_file_without_events_among_others_is_an_error(file, capsys):
    good, bad = file(PLAIN, "good"), file(b"oops\n", "bad")
    assert complaint(capsys, "score", good, bad).startswith(f"{bad} contains no events: ")
    assert complaint(capsys, "score", bad, good).startswith(f"{bad} contains no events: ")


def test_events_of_another_time_are_events(file):
    late = file(as_lines([EVENTS[0] | {"time": "2099-01-01T00:00:00Z"}]), "late")
    early = file(as_lines([EVENTS[0] | {"time": "1999-01-01T00:00:00Z"}]), "early")
    assert score(late).exit_code == score(early).exit_code == 0


@pytest.mark.parametrize("kind", DAMAGED)
def test_damaged_files_are_refused(file, capsys, monkeypatch, kind):
    path, out = file(DAMAGED[kind]), file(b"kept", "out")
    line = complaint(capsys, "score", path, "--out", out, code=2)
    assert line.startswith(f"{path} ")
    assert out.read_bytes() == b"kept"
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(DAMAGED[kind])))
    assert complaint(capsys, "score", "-", code=2) == line.replace(str(path), "stdin", 1)


def test_a_bad_line_at_the_beginning_does_not_hide_the_events_behind_it(file):
    for first in (
        b"id,source,type",
        b"{",
        b"[]",
        b"[ERROR] starting",
        b"<html>",
        b'{"cut": "off',
        b'{\n"cut": "off',
        b"oops",
        b"\xfe",
        bytes(100),
    ):
        result = score(file(first + b"\n" + PLAIN))
        assert result.exit_code == 0, first
        assert " 3 scored" in result.stderr


def test_elements_of_an_array_are_numbered(file, tmp_path):
    made = [EVENTS[0], 7, EVENTS[1], {"id": "x\ny"}, [EVENTS[2]], EVENTS[2]]
    path, rejected = file(json.dumps(made, indent=2).encode()), tmp_path / "rejected.ndjson"
    result = score(path, "--rejected", rejected)
    assert "6 events read: 3 scored" in result.stderr
    found = [json.loads(line) for line in rejected.read_text().splitlines()]
    assert [(one["number"], one["reason"]) for one in found] == [
        (2, "not_an_object"),
        (4, "missing_field"),
        (5, "not_an_object"),
    ]
    assert json.loads(found[1]["line"]) == {"id": "x\ny"}


def test_a_line_end_within_a_text_of_an_element_stays_an_error(file):
    path = file(as_array().replace(b'"/test"', b'"/te\nst"', 1))
    result = score(path)
    assert "3 events read: 2 scored" in result.stderr
    assert "1 × invalid_json" in result.stderr


def test_memory_does_not_depend_on_the_length_of_an_array(monkeypatch):
    """What is read ahead is at most an element and a piece."""
    one = PLAIN.splitlines()[0]
    ahead, most, total = 0, 0, 2000

    def texts():
        yield b"["
        for at in range(total):
            yield one + (b"," if at < total - 1 else b"]")

    parts = texts()

    def read(size):
        nonlocal ahead, most
        piece = next(parts, b"")
        ahead += len(piece)
        most = max(most, ahead)
        return piece

    count = 0
    for found in json_arrays.elements(read, "x", 100, longest=1000):
        ahead = 0
        count += len(found)
    assert count == total
    assert most < 3 * len(one)


def test_an_element_without_end_is_an_error(file, monkeypatch):
    monkeypatch.setattr(ndjson, "LONGEST", 100)
    monkeypatch.setattr(ndjson, "PIECE", 64)
    with pytest.raises(UserError, match="is it an array of events"):
        list(Lines([file(b'[{"a": "' + b"x" * 1000 + b'"}]')]).batches())


def test_what_expands_without_end_takes_no_memory(file, capsys):
    """64 MiB of zeros as a line."""
    for pack in (gzip.compress, bz2.compress, lzma.compress, zstd.compress):
        line = complaint(capsys, "score", file(pack(bytes(64 << 20))), code=2)
        assert "a line of more than 8 MiB" in line


def test_a_pipe_is_opened_once(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    if child := os.fork():
        result = score(pipe)
        os.waitpid(child, 0)
        assert " 3 scored" in result.stderr
    else:
        try:
            pipe.write_bytes(READ["gzip, a line end behind it"])
        finally:
            os._exit(0)


def test_where_results_go(file, tmp_path):
    path = file(PLAIN)
    expected = score(path).stdout
    real, link = file(b"old", "real"), tmp_path / "link"
    link.symlink_to(real)
    real.chmod(0o600)
    assert score(path, "--out", link).exit_code == 0
    assert link.is_symlink()
    assert (real.read_text(), real.stat().st_mode & 0o777) == (expected, 0o600)
    before = os.stat("/dev/null")
    assert score(path, "--out", "/dev/null").exit_code == 0
    assert os.stat("/dev/null").st_rdev == before.st_rdev


def test_rejected_lines_are_written_with_their_place_and_reason(file, tmp_path):
    lines = [b"{oops", b"\xff\xfe\xfd", as_lines([EVENTS[0] | {"time": "2099-01-01T00:00:00Z"}])[:-1], b"[]"]
    first, second = (
        file(PLAIN + b"\n".join(lines) + b"\n" + PLAIN, "a b"),
        file(PLAIN + b'{"specversion":"1.0"}', "b"),
    )
    for out in (tmp_path / "rejected.ndjson", tmp_path / "rejected.ndjson.gz"):
        result = score(first, second, "--rejected", out)
        assert result.exit_code == 0
        data = out.read_bytes()
        found = [
            json.loads(line) for line in (gzip.decompress(data) if out.suffix == ".gz" else data).splitlines()
        ]
        assert [(one["file"], one["number"], one["reason"]) for one in found] == [
            (str(first), 4, "invalid_json"),
            (str(first), 5, "invalid_json"),
            (str(first), 6, "future_time"),
            (str(first), 7, "not_an_object"),
            (str(second), 4, "missing_field"),
        ]
        assert found[0]["line"] == "{oops"
        assert found[1]["line_base64"] == "//79"
        assert all(one["message"] for one in found)
    made = tmp_path / "made.parquet"
    assert run("convert", "parquet", first, "--out", made, "--rejected", tmp_path / "r").exit_code == 0
    found = [json.loads(line) for line in (tmp_path / "r").read_text().splitlines()]
    assert [(one["number"], one["reason"]) for one in found] == [
        (4, "invalid_json"),
        (5, "invalid_json"),
        (7, "not_an_object"),
    ]
    assert score(made, "--rejected", tmp_path / "r").exit_code == 0
    (row,) = [json.loads(line) for line in (tmp_path / "r").read_text().splitlines()]
    assert (row["file"], row["number"], row["reason"]) == (str(made), 4, "future_time")
    assert "line" not in row


def test_no_rejected_lines_make_an_empty_file(file, tmp_path):
    assert score(file(PLAIN), "--rejected", tmp_path / "none").exit_code == 0
    assert (tmp_path / "none").read_bytes() == b""


def test_rejected_lines_of_the_live_state_are_in_a_topic(capsys):
    assert "--rejected needs FILE" in complaint(capsys, "explain", "ada", "--rejected", "x", code=2)


def test_no_events_is_an_error_of_the_user():
    assert issubclass(NoEventsError, UserError)
    assert (UserError("x").exit_code, NoEventsError("x").exit_code) == (2, 1)
