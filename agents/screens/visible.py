"""Texts from outside as they can be shown to a person: nothing hidden, and no two that look alike.

Three degrees, each with what the one before does:

- `printable`: what is not printable is shown by its escape: control characters, marks of direction, most
  characters without width, blanks other than the space. For data.
- `visible`: so is what leaves no trace though it counts as a letter, and accents that are characters of their own
  where there is one character for both. For messages.
- `identity`: so are blanks at the ends and in a row, and dashes that pass for a hyphen; scripts are named where a
  word mixes them or passes for Latin. For ids and names: different ones are never shown alike.
"""

import re
import unicodedata
from itertools import pairwise

_MARKS = 4
"""Accents that a letter may have; the others are shown by their escapes."""
# Letters and marks to Unicode, nothing to the eye; and strokes through a letter, which make another of it.
_INVISIBLE = re.compile(
    "[\u0334-\u0338\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0"
    "\U0001d159\U000e0100-\U000e01ef]"
)
_PUNCTUATION = re.compile("[\u02d7\u2010-\u2012\u2024\u2044\u2212\u2215\u2236\u29f8\ua789]")
_BACKSLASH = re.compile(r"\\(?=[\\ntr]|x[0-9a-f]{2}|u[0-9a-f]{4}|U[0-9a-f]{8})")
_BLANKS = re.compile(r"^ +| +$|(?<= ) +")
_WORD = re.compile(r"[^\W_]+")
# Letters of other scripts that pass for Latin ones in common fonts.
_LATIN_LOOK = frozenset(
    "асԁеһіјӏорԛѕԝхуѵүАВСЕНІЈКМОРЅТХУԌԚԜҺӀҮѴ"  # Cyrillic
    "αικνορυϲϳΑΒΕΖΗΙΚΜΝΟΡΤΥΧϹͿ"  # Greek
    "գհոսցօքյՍՏՕԼ"  # Armenian
    "ⲟⲣⲥⲭⲞⲢⲤⲬ"  # Coptic
    "ᎪᎬᎻᎫᎡᎢᎳᏃᏟᏢᏔᏚᏞᏦᏴ"  # Cherokee
)
_PHONETIC = re.compile("[ɑɡɩɪʏɴʀʙʜʟ\u1d00-\u1d22]")
_TOGETHER = (
    frozenset({"Latin", "Han", "Hiragana", "Katakana"}),
    frozenset({"Latin", "Han", "Bopomofo"}),
    frozenset({"Latin", "Han", "Hangul"}),
)
"""Scripts that are written together in one word."""
_SCRIPTS = {
    "Cjk": "Han",
    "Ideographic": "Han",
    "Halfwidth": "Katakana",
    "Katakana-hiragana": "",
    "Arabic-indic": "Arabic",
    "Extended": "Arabic",
    "Modifier": "",
    "Masculine": "Latin",
    "Feminine": "Latin",
}
"""Scripts by the first word of a character's name, where that is not the script's name."""


def _escape(text: str) -> str:
    return text.encode("unicode_escape", "surrogatepass").decode()


def printable(text: str) -> str:
    """A text with what is not printable shown by its escape."""
    return text if text.isprintable() else "".join(c if c.isprintable() else _escape(c) for c in text)


def visible(text: str) -> str:
    """A printable text on which every character leaves a trace of its own."""
    text = printable(text)
    if text.isascii():
        return text
    text = _INVISIBLE.sub(lambda found: _escape(found.group()), text)
    return "".join(map(_letter, _letters(text)))


def identity(text: str) -> str:
    """An id or a name so that it cannot be confused with another: `ada`, `\\x20ada`, `аda [Cyrillic+Latin]`."""
    shown = _traced(text)
    if "\\" in text and (shown != text or _BACKSLASH.search(text)):
        shown = _traced(text.replace("\\", r"\\"))  # so that an escape is not taken for what it stands for
    if text.isascii():
        return shown
    scripts = _suspect(unicodedata.normalize("NFC", text))
    return f"{shown} [{'+'.join(scripts)}]" if scripts else shown


def _traced(text: str) -> str:
    """A visible text with its blanks and what passes for punctuation shown too."""
    text = _BLANKS.sub(lambda found: r"\x20" * len(found.group()), visible(text))
    return _PUNCTUATION.sub(lambda found: _escape(found.group()), text)


def _letters(text: str) -> list[str]:
    """A text in letters, each with the marks that stand on it."""
    starts = [at for at, c in enumerate(text) if not at or not unicodedata.category(c).startswith("M")]
    return [text[begin:end] for begin, end in pairwise([*starts, len(text)])]


def _letter(letter: str) -> str:
    if letter.isascii():
        return letter
    if unicodedata.normalize("NFC", letter) != letter or unicodedata.category(letter[0]).startswith("M"):
        return "".join(c if c.isascii() else _escape(c) for c in letter)
    return letter[: 1 + _MARKS] + "".join(map(_escape, letter[1 + _MARKS :]))


def _suspect(text: str) -> list[str]:
    """The scripts of a text of which a word mixes scripts, or which passes for Latin as a whole; else none."""
    for word in _WORD.findall(text):
        scripts = {script for c in word if (script := _script(c))}
        if len(scripts) > 1 and not any(scripts <= together for together in _TOGETHER):
            return sorted(scripts)
    foreign = {c: script for c in text if (script := _script(c)) not in ("", "Latin")}
    if foreign and all(c in _LATIN_LOOK or script == "Compatibility" for c, script in foreign.items()):
        return sorted(set(foreign.values()))
    return []


def _script(c: str) -> str:
    """The script of a letter or digit; empty for what is of no script, or of all."""
    if c.isascii():
        return "Latin" if c.isalpha() else ""
    if _PHONETIC.match(c):
        return "Phonetic"
    kind = unicodedata.category(c)
    if not kind.startswith("L") and kind not in ("Nd", "Nl", "So"):
        return ""
    plain = unicodedata.normalize("NFKC", c)
    if plain != c and plain.isascii() and plain.isalnum() and c not in "ªº":
        return "Compatibility"  # such as the wide and the mathematical forms of Latin letters
    if kind == "So":
        return ""
    first = unicodedata.name(c, "").split(" ")[0].capitalize()
    return _SCRIPTS.get(first, first)
