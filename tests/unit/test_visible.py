"""Ids and texts as a person sees them: nothing hidden, and different ones are never shown alike."""

import csv
import io
import json
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from agents.cli import _run, app
from agents.screens.scores_export import harmless
from agents.screens.visible import identity, printable, visible
from tests.kit.files import event, ndjson, small_rubric

CASES = Path(__file__).parent.parent / "fixtures" / "cases"
NOON = "2025-11-20T12:00:00Z"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("ada", "ada"),
        ("josé", "josé"),
        ("jose\u0301", r"jose\u0301"),  # the same to the eye
        ("\u212angstrom", r"\u212angstrom"),  # KELVIN SIGN
        (" ada", r"\x20ada"),
        ("ada  ", r"ada\x20\x20"),
        ("a  b", r"a \x20b"),
        ("a\u00a0b", r"a\xa0b"),
        ("a\x1b[31mb", r"a\x1b[31mb"),
        ("a\nb\tc\rd\x7fe\x85", r"a\nb\tc\rd\x7fe\x85"),
        ("\u202egnp.ada", r"\u202egnp.ada"),
        ("a\u2066b\u2069\u200f\u061c", r"a\u2066b\u2069\u200f\u061c"),
        ("a\u200bb\u200c\u200d\u2060\ufeff\u00ad", r"a\u200bb\u200c\u200d\u2060\ufeff\xad"),
        ("a\U000e0041", r"a\U000e0041"),  # a tag
        ("a\u3164b\u115f\u2800\ufe0f\u034f", r"a\u3164b\u115f\u2800\ufe0f\u034f"),  # of no width
        ("a\ud800", r"a\ud800"),
        ("a\ue000\uffff", r"a\ue000\uffff"),
        ("\u0301ada", r"\u0301ada"),  # would stand on what is before it
        ("ज" + "\u0902" * 9, "ज" + "\u0902" * 4 + r"\u0902" * 5),
        ("o\u0338", r"o\u0338"),  # ø
        ("m\u201042", r"m\u201042"),  # another hyphen
        ("a\u2215b\u2236\u2024", r"a\u2215b\u2236\u2024"),
        # words that mix scripts
        ("\u0430da", "\u0430da [Cyrillic+Latin]"),
        ("ad\u03b1", "ad\u03b1 [Greek+Latin]"),
        ("x\u0578y", "x\u0578y [Armenian+Latin]"),
        ("ad\uff41", "ad\uff41 [Compatibility+Latin]"),
        ("\u0261o", "\u0261o [Latin+Phonetic]"),
        ("a\u0661", "a\u0661 [Arabic+Latin]"),
        # words of another script that pass for Latin
        ("\u0441\u043e\u0441\u043e", "\u0441\u043e\u0441\u043e [Cyrillic]"),
        ("\u0391\u0392\u0395-1", "\u0391\u0392\u0395-1 [Greek]"),
        ("\uff41\uff44\uff41", "\uff41\uff44\uff41 [Compatibility]"),
        ("\U0001d41a\U0001d41d\U0001d41a", "\U0001d41a\U0001d41d\U0001d41a [Compatibility]"),
        # an escape that is there as it is
        (r"a\u202eb", r"a\\u202eb"),
        (r"a\nb", r"a\\nb"),
        ("ACME\\ada", "ACME\\ada"),
        ("a\\\n", r"a\\\n"),
        # none of it
        ("Анна Иванова", "Анна Иванова"),
        ("Отдел продаж EMEA", "Отдел продаж EMEA"),
        ("Ελένη", "Ελένη"),
        ("東京タワーTower", "東京タワーTower"),
        ("김 team", "김 team"),
        ("हिन्दी", "हिन्दी"),
        ("ไทยดี", "ไทยดี"),
        ("שָׁלוֹם", "שָׁלוֹם"),
        ("محمد ٤٢", "محمد ٤٢"),
        ("Việt Łódź Þór œuvre straße 1ª m²", "Việt Łódź Þór œuvre straße 1ª m²"),
        ("L’Oréal – EMEA", "L’Oréal – EMEA"),
        ("🚀 team", "🚀 team"),
    ],
)  # fmt: skip
def test_ids_show_what_they_are(text, shown):
    assert identity(text) == shown


TEXTS = st.text(
    st.characters()
    | st.sampled_from("aeo \\\\nux0123 \u0301\u0338\u0430\u043e\u202e\u200b\u3164\u2010\n\r\u00e9\u212b[]+")
)


@given(st.lists(TEXTS, min_size=2, max_size=2, unique=True))
def test_different_ids_are_shown_differently(texts):
    first, second = map(identity, texts)
    assert first != second
    # and whatever is shown is in one normal form, so that no two are equal to one who compares those
    assert unicodedata.normalize("NFC", first) != unicodedata.normalize("NFC", second)


@given(TEXTS)
def test_what_is_shown_is_printable_and_is_shown_as_it_is(text):
    for show in (printable, visible, identity):
        shown = show(text)
        assert shown.isprintable()
        assert visible(shown) == shown or show is printable
    if text.isascii() and text.isprintable():
        assert visible(text) == printable(text) == text


@given(st.text(st.characters(codec="ascii", exclude_characters="\\")).filter(lambda text: "  " not in text))
def test_plain_ids_stay(text):
    if text.isprintable() and text.strip() == text:
        assert identity(text) == text


HOSTILE = ["\u202egnp.ada", "jose\u0301", "josé", "\u0430da", "ada", "ada\u200b", " ada", "x\x1b[2J"]
SHOWN = [
    *(r"\u202egnp.ada", r"jose\u0301", "josé", "\u0430da [Cyrillic+Latin]", "ada", r"ada\u200b", r"\x20ada"),
    r"x\x1b[2J",
]


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.setenv("PILLARSCORE_RUBRIC", str(small_rubric(tmp_path)))
    monkeypatch.setenv("PILLARSCORE_AS_OF", "2025-11-20")
    monkeypatch.setenv("PILLARSCORE_STATE_DIR", str(tmp_path / "state"))
    made = [event("post.published", str(at), who, NOON) for at, who in enumerate(HOSTILE)]
    made += [
        event("member.updated", f"t{at}", who, NOON, team="\u202eteam", role="\u200bsales")
        for at, who in enumerate(HOSTILE)
    ]
    made += [event("member.updated", "u", "other", NOON, team="te\u0430m")]
    (tmp_path / "events.ndjson").write_bytes(ndjson(made))
    return tmp_path


def run(*arguments):
    result = CliRunner().invoke(app, list(map(str, arguments)), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result


def test_every_screen_shows_them(here):
    events = here / "events.ndjson"
    page = here / "page.html"
    screens = [
        run("score", events).stdout,
        run("team", "\u202eteam", events, "--html", page).stdout,
        page.read_text(),
        run("team", "--list", events).stdout,
        run("explain", HOSTILE[0], events).stdout,
        run("whatif", events, "--set", f"{HOSTILE[0]}:post=+1").stdout,
    ]
    for screen in screens:
        assert all(line.isprintable() for line in screen.splitlines()), screen
        assert r"\u202e" in screen
    for screen in screens[:3]:
        for shown in SHOWN:
            assert shown in screen
    assert "te\u0430m [Cyrillic+Latin]" in screens[3]
    assert r"team:\u202eteam: rank" in screens[4]


def test_every_message_shows_them(here, capsys):
    events = here / "events.ndjson"
    odd = here / "\u202endjson.\u200b"
    odd.write_bytes(b"{oops\n" + events.read_bytes())
    assert "\u202e" not in run("score", odd).stderr
    for arguments in (
        ["explain", "\u202e", events],
        ["explain", "jose", events],
        ["team", "\u202eteam ", events],
        ["score", here / "\u202e"],
        ["score", events, "--rubric", odd],
    ):
        assert _run(list(map(str, arguments))) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert line.isprintable()


def test_members_from_the_field_are_four():
    shown = run("score", CASES / "normal-forms.ndjson", "--as-of", "2026-11-20").stdout
    names = [line.split("  ")[1].strip() for line in shown.splitlines()[1:]]
    assert sorted(names) == sorted(["josé", r"jose\u0301", r"\x20josé", r"josé\u200b"])


FORMULAS = [
    *(
        "=HYPERLINK(1)",
        "+1",
        "-1",
        "@SUM(A1)",
        " =1",
        "\t=1",
        "\r=1",
        "＝1",
        "＋1",
        "\u00a0=1",
        "=cmd|' /C calc'!A0",
    ),
    *('="x"', "'=1", "\n=1", "-2+3", "=1,2", "=1\n2"),
    *(";=1", "x;=1", "x; +1", "x;\u00a0;@SUM(1)", "a;-1;=2"),  # where a spreadsheet ends cells at semicolons
]


def test_no_cell_of_any_csv_is_a_formula(here):
    made = [
        event("post.published", str(at), who, NOON) for at, who in enumerate([*FORMULAS, "ada", 'a"b,c;d'])
    ]
    made += [event("member.updated", f"t{at}", who, NOON, team="team") for at, who in enumerate(FORMULAS)]
    events = here / "formulas.ndjson"
    events.write_bytes(ndjson(made))
    outputs = [
        run("score", events, "--format", "csv").stdout,
        run("team", "team", events, "--csv", "-").stdout,
    ]
    for output in outputs:
        rows = list(csv.DictReader(io.StringIO(output)))
        assert len(rows) >= len(FORMULAS)
        for row in rows:
            name = row["member"]
            assert not unicodedata.normalize("NFKC", name).lstrip().startswith(("=", "+", "-", "@"))
            assert name.isprintable()
            float(row["score"])
        for cell in [cell for row in csv.reader(io.StringIO(output), delimiter=";") for cell in row[1:]]:
            assert not unicodedata.normalize("NFKC", cell).lstrip().startswith(("=", "+", "-", "@"))
    names = {row["member"] for row in csv.DictReader(io.StringIO(outputs[0]))}
    assert {"'=HYPERLINK(1)", "'+1", "'-1", "'@SUM(A1)", "ada", 'a"b,c;d'} <= names
    # what is not for a spreadsheet has them as they are
    found = [
        json.loads(line)["member"] for line in run("score", events, "--format", "ndjson").stdout.splitlines()
    ]
    assert set(FORMULAS) <= set(found)


@given(st.text(max_size=20))
def test_harmless_cells(text):
    shown = harmless(text)
    assert shown.isprintable()
    assert not unicodedata.normalize("NFKC", shown).lstrip().startswith(("=", "+", "-", "@"))
