"""Lines of files: whole, numbered, and with one line for the user when a file is no good."""

import gzip
import io

import pytest

from agents.config.errors import UserError
from agents.files import ndjson
from agents.files.ndjson import STDIN, Lines


def read(*paths):
    lines = Lines(list(paths))
    return [
        (lines.place(n), line)
        for batch in lines.batches()
        for n, line in zip(batch.numbers, batch.lines, strict=True)
    ]


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"one\n\n  \r\ntwo\r\nthree")  # two blank lines, no end of the last line
    return path


def test_blank_lines_are_left_out_but_counted(file):
    assert read(file) == [(f"{file}:1", b"one"), (f"{file}:4", b"two\r"), (f"{file}:5", b"three")]


def test_numbers_lead_back_over_several_files(file, tmp_path):
    other, empty = tmp_path / "b.gz", tmp_path / "empty"
    other.write_bytes(gzip.compress(b"four\nfive\n"))
    empty.write_bytes(b"")
    places = [place for place, _ in read(other, empty, file, other)]
    assert places == [
        f"{other}:1",
        f"{other}:2",
        f"{file}:1",
        f"{file}:4",
        f"{file}:5",
        f"{other}:1",
        f"{other}:2",
    ]


@pytest.mark.parametrize("piece", [1, 2, 3, 7, 1 << 20])
@pytest.mark.parametrize("zipped", [False, True])
def test_pieces_make_no_difference(tmp_path, monkeypatch, piece, zipped):
    monkeypatch.setattr(ndjson, "PIECE", piece)
    data = b"one\n\ntwo\n" + b"x" * 50 + b"\n\nlast"
    path = tmp_path / "x"
    path.write_bytes(gzip.compress(data) if zipped else data)
    assert [line for _, line in read(path)] == [b"one", b"two", b"x" * 50, b"last"]


def test_progress_is_in_bytes_as_stored(tmp_path):
    paths = [tmp_path / "a", tmp_path / "b"]
    paths[0].write_bytes(b"one\n")
    paths[1].write_bytes(gzip.compress(b"two\n" * 1000))
    lines = Lines(paths)
    assert (lines.size, lines.done) == (4 + paths[1].stat().st_size, 0)
    for _ in lines.batches():
        pass
    assert lines.done == lines.size


@pytest.mark.parametrize("zipped", [False, True])
def test_standard_input(monkeypatch, zipped):
    data = gzip.compress(b"one\ntwo\n") if zipped else b"one\ntwo\n"
    stdin = io.TextIOWrapper(io.BytesIO(data))
    monkeypatch.setattr("sys.stdin", stdin)
    assert read(STDIN) == [("stdin:1", b"one"), ("stdin:2", b"two")]
    assert not stdin.buffer.closed
    assert Lines([STDIN]).size is None


def fails(*paths):
    with pytest.raises(UserError) as caught:
        read(*paths)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_files_that_cannot_be_used_are_named(tmp_path, file):
    assert fails(tmp_path / "none") == f"{tmp_path / 'none'} can't be read: No such file or directory"
    assert fails(tmp_path) == f"{tmp_path} can't be read: Is a directory"
    cut = tmp_path / "cut.gz"
    cut.write_bytes(gzip.compress(b"one\n" * 100)[:-9])
    assert fails(file, cut) == f"{cut} is damaged or truncated: get a new copy"
    assert "once only" in fails(STDIN, STDIN)


def test_a_missing_file_is_told_before_anything_is_read(file, tmp_path):
    with pytest.raises(UserError):
        Lines([file, tmp_path / "none"])


def test_a_line_without_end_is_no_ndjson(tmp_path, monkeypatch):
    monkeypatch.setattr(ndjson, "LONGEST", 100)
    monkeypatch.setattr(ndjson, "PIECE", 64)
    path = tmp_path / "x"
    path.write_bytes(b"ok\n" + b"x" * 1000)
    assert "is it NDJSON?" in fails(path)
