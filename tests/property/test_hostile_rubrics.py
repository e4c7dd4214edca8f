"""No rubric ends in a traceback: whatever its text or bytes are, it is read, or one line names file and line."""

import re
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.cli import _run
from agents.config import rubric_file
from agents.config.errors import UserError
from pipeline.rubric.model import MAX_TEXT, Rubric, RubricError
from tests.kit.rubrics import SSI, SSI_TEXT

CASES = Path(__file__).parent.parent / "fixtures" / "cases"
NUMBERS = [
    *(
        "1e999999999",
        "-1e999999999",
        "1e-999999999",
        "1e999999999999999999999",
        "0e999999999",
        "1e1000000",
        "1e29",
    ),
    *(
        "9" * 5000,
        "-" + "9" * 5000,
        "9" * 5000 + ".5",
        "0x" + "f" * 5000,
        "0o" + "7" * 6000,
        "0b" + "1" * 20_000,
    ),
    *("nan", "-nan", "inf", "-inf", "2.5e1", "250e-1", "0.0", "-0.0", "1_000", "25." + "0" * 5000),
    *(
        "2.50000000000000000000000000000000001",
        "9223372036854775808",
        "true",
        "1979-05-27T07:32:00Z",
        "07:32:00",
    ),
]
OTHERS = [
    *(
        '""',
        "''",
        '"""\n"""',
        '"\\u202e"',
        '"\\u0000"',
        '"' + "x" * 5000 + '"',
        "'nan'",
        "'1e999999999'",
        "[]",
        "{}",
    ),
    *(
        "[" * 3000 + "]" * 3000,
        "{a=" * 3000 + "1" + "}" * 3000,
        "[[1]]",
        "{a = 1}",
        "[1, 'x']",
        "[0x" + "f" * 5000 + "]",
    ),
]
BREAKS = [
    *(
        "\ufeff",
        "\0",
        "\r",
        "\r\n",
        "\x1b",
        "\u2028",
        "\u202e",
        "\u200b",
        '"""',
        "'''",
        "[[",
        "]]",
        "=",
        "\\",
        "#",
        "{",
    ),
    *(
        "[bands]\n",
        "[bands]\n[bands]\n",
        "[[component]]\n",
        "[component]\n",
        "name = 1\n",
        "a.b.c = 1\n",
        "[" * 5000,
    ),
    *(
        ".".join(["a"] * 90_000) + " = 1\n",
        "\n".join(f"a{at} = 1" for at in range(20_000)),
        "[[component]]\n" * 9_000,
    ),
    *("x = [", "x = {", 'x = "', ".".join(["a"] * 3000) + " = 1\n", "[" + ".".join(["a"] * 3000) + "]\n"),
]
PLACE = re.compile(
    r"line \d+: "
    r"|the rubric is not valid TOML: .* \(at line \d+(, column \d+|, the end)?\)"
    r"(: write (straight quotes|a point), .*)?$"
    r"|the rubric has "
)


def judged(text):
    """What is wrong with a rubric, None for nothing."""
    begun = time.process_time()
    try:
        Rubric.parse(text)
    except RubricError as error:
        said = str(error)
        assert PLACE.match(said), said
        assert "\n" not in said
        assert len(said) < 500
        return said
    finally:
        assert time.process_time() - begun < 5
    return None


def with_value(text, at, value):
    """The text with the value of its assignment number `at`, of those that are on a line, exchanged."""
    found = [*re.finditer(r"(?<== )[^\s,{}\[\]]+", text)]
    one = found[at % len(found)]
    return f"{text[: one.start()]}{value}{text[one.end() :]}", text.count("\n", 0, one.start()) + 1


@pytest.mark.parametrize("value", NUMBERS + OTHERS)
def test_a_value_of_any_kind_at_the_maximum_of_a_component(value):
    text = SSI_TEXT.replace("max = ", f"max = {value} # ", 1)
    line = SSI_TEXT[: SSI_TEXT.index("max = ")].count("\n") + 1
    said = judged(text)
    assert said is not None
    if "add up to" not in said and "missing" not in said:  # these are about another line
        assert f"line {line}" in said


@given(st.integers(0, 10_000), st.sampled_from(NUMBERS + OTHERS))
def test_a_value_of_any_kind_anywhere(at, value):
    text, _ = with_value(SSI_TEXT, at, value)
    judged(text)


@given(
    st.lists(
        st.tuples(st.integers(0, len(SSI_TEXT)), st.sampled_from(BREAKS) | st.text(max_size=9)), max_size=4
    )
)
def test_anything_put_in_anywhere(changes):
    text = SSI_TEXT
    for at, word in changes:
        text = text[:at] + word + text[at:]
    judged(text)


@given(st.integers(0, len(SSI_TEXT)), st.integers(0, len(SSI_TEXT)), st.integers(0, len(SSI_TEXT)))
def test_parts_left_out_or_doubled(begin, end, to):
    part = SSI_TEXT[min(begin, end) : max(begin, end)]
    judged(SSI_TEXT[:begin] + SSI_TEXT[end:])
    judged(SSI_TEXT[:to] + part + SSI_TEXT[to:])


@given(
    st.lists(
        st.sampled_from(BREAKS + NUMBERS + OTHERS + ["x = ", "\n", "name"]) | st.text(max_size=5), max_size=15
    )
)
def test_any_text(parts):
    judged("".join(parts))


@given(st.binary(max_size=60), st.integers(0, 16_000))
def test_any_bytes_of_a_file(tmp_path_factory, data, at):
    path = tmp_path_factory.getbasetemp() / "rubric.toml"
    made = SSI_TEXT.encode()
    for content in (data, made[:at] + data + made[at:]):
        path.write_bytes(content)
        try:
            rubric_file.load(path)
        except UserError as error:
            name, _, said = str(error).partition(": ")
            assert name == str(path)
            assert PLACE.match(said), said


def test_rubrics_from_the_field(tmp_path, capsys):
    assert rubric_file.load(CASES / "41-rubric-bom.toml") == SSI
    path = CASES / "42-rubric-huge-number.toml"
    events = tmp_path / "none.ndjson"
    events.write_bytes(b"")
    assert _run(["score", str(events), "--rubric", str(path)]) == 2
    line = next(at for at, text in enumerate(path.read_text().splitlines(), 1) if "1e999999999" in text)
    said = capsys.readouterr().err
    assert said.startswith(f"pillarscore: {path}: line {line}: ")
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda text: text.replace(b"title", b"titl\xe9", 1), "line {title}: not UTF-8"),
        (lambda text: text.decode().encode("utf-16"), "line 1: not UTF-8"),
        (
            lambda text: b"\xef\xbb\xbf" + text.replace(b"version = 1", b"version = 0"),
            "line {version}: 'version' is '0'",
        ),
        (
            lambda text: text.replace(b"\n", b"\r\n").replace(b"version = 1", b"version = 0"),
            "line {version}: 'version'",
        ),
        (lambda text: text + b"[bands]\n", "twice (at line {end}, column"),
        (lambda text: text + b"x = [\n", "(at line {end}, the end)"),
        (lambda text: text + b"# " + "é".encode() * MAX_TEXT, "the rubric has "),
        (lambda text: text + b"#" + "😀".encode() * MAX_TEXT, "the rubric has "),
    ],
)
def test_the_line_is_that_of_the_file(tmp_path, change, says):
    text = SSI_TEXT.encode()
    lines = text.splitlines()
    places = {
        name: next(n for n, line in enumerate(lines, 1) if line.startswith(name.encode()))
        for name in ("title", "version")
    }
    path = tmp_path / "rubric.toml"
    path.write_bytes(change(text))
    with pytest.raises(UserError) as caught:
        rubric_file.load(path)
    assert says.format(end=len(lines) + 1, **places) in str(caught.value)
    assert str(caught.value).startswith(f"{path}: ")


def test_points_are_exact():
    for value, hundredths in (
        ("2.5e1", 2_500),
        ("250e-1", 2_500),
        ("25." + "0" * 5000, 2_500),
        ("0x19", 2_500),
    ):
        text = SSI_TEXT.replace("max = ", f"max = {value} # ", 1)
        assert "add up to" in judged(text), hundredths
    assert "at most two decimals" in judged(
        SSI_TEXT.replace("max = ", "max = 6.00000000000000000000000000000000001 # ", 1)
    )
