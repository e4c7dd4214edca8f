"""Which rubric is loaded: a file, or one that ships, by its name."""

from pathlib import Path

import pytest

from agents.config.errors import UserError
from agents.config.rubric_file import bundled, load


def test_a_bundled_rubric_has_a_name():
    assert {"ssi", "ssi-rhythm"} <= set(bundled())
    assert load(Path("ssi-rhythm")).name == "ssi-rhythm"


def test_the_default_is_the_second_version_and_the_first_one_stays():
    assert load(None) == load(Path("ssi-2"))
    assert (load(None).name, load(None).version) == ("ssi", 2)
    assert (load(Path("ssi")).name, load(Path("ssi")).version) == ("ssi", 1)


def test_a_file_comes_before_the_name_of_a_bundled_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("ssi").write_text("name = 1")
    with pytest.raises(UserError, match=r"^ssi: line 1: "):
        load(Path("ssi"))


def test_a_name_that_is_none_of_them_is_answered_with_their_names():
    with pytest.raises(
        UserError, match=r"^Rubric ssi-9 can't be read: .*; bundled rubrics are ssi, .*ssi-rhythm"
    ):
        load(Path("ssi-9"))
