"""The section on seniority of the reference page of events: all that decides which level a text means."""

from collections.abc import Iterable

from pipeline.intake.credit_rules import JUNIOR, SENIOR
from schemas.seniority import (
    ARTICLES,
    ASSISTANTS,
    COMPANY,
    LEVELS,
    MOST,
    NO_LEVEL,
    PAST,
    SPELLINGS,
    TITLES,
    TO,
)


def section() -> str:
    """The section, as Markdown."""

    def levels(chosen: Iterable[str]) -> str:
        return ", ".join(level for level in LEVELS if level in chosen)

    neither = levels(frozenset(LEVELS) - SENIOR - JUNIOR)
    rows = ["| level | phrases in a title | as a whole text also |", "|---|---|---|"]
    rows += [f"| {level} | {TITLES.get(level, '')} | {SPELLINGS.get(level, '')} |" for level in LEVELS]
    rows += [f"| (none) | {NO_LEVEL} | |"]
    words = ["| words | |", "|---|---|"]
    for name, of in (("assistant", ASSISTANTS), ("past", PAST), ("to", TO), ("article", ARTICLES)):
        words.append(f"| {name} | {', '.join(sorted(of))} |")
    words.append(f"| company | {', '.join(sorted(COMPANY))} |")
    return f"""## Seniority

A text is a level, or a job title as people write it. {levels(SENIOR)} count as senior (and as
decision makers); {levels(JUNIOR)} as junior; {neither} as neither. What is not known is `other`.

In short: a title is read in whole words, without regard to case, accents, hyphens and dots, and its highest level
counts. But an intern or a junior is one whatever else the title says. A phrase does not count if it is somebody
else's ("assistant to the CEO", "director's assistant"), or past or hoped for ("former CEO").

{chr(10).join(rows)}

(in) and the like mean a form with these letters and one without. ä, ö and ü may be written as ae, oe and ue.

{chr(10).join(words)}

Exactly, in this order:

1. Only the first {MOST} characters are read. They are case folded and decomposed (NFKD), and combining characters are
   removed. Phrases are read in the same way.
2. Two or more letters with a dot after each lose their dots, and a blank follows them: "C.E.O." is "ceo". Endings in
   "in" and "innen" are removed after `:`, `*`, `_` or `/`, each also with a hyphen, and in brackets: "Leiter:in",
   "Leiter/-in", "Leiter(in)". Words that end in 's are removed. `@` is "at".
3. Words are runs of letters and digits. If all words together are the name of a level (also with blanks for
   underscores), or a phrase of the last column, this is the level.
4. Otherwise the text is cut into parts at `,`, `;`, `|`, `/`, `&`, `+`, `•`, `·` and line ends, at a dash (`-`, `–`,
   `—`) between blanks, and at "and", "und", "et", "y", "e" and "en" between blanks.
5. From a part, the first company word that is not its first word is removed, with all that follows. A part that is
   only "head" is a director.
6. In each part, from left to right, the longest phrase that begins at a word is taken, and reading goes on after it.
   A word at which no phrase begins is passed over. "chief" up to an "officer" at most five words later is a phrase
   too, of c_level.
7. A phrase has no level if it is one of (none); if a past word is in it or before it in the part; or if a to word is
   directly before it, or a to word and then an article.
8. If an assistant word was passed over in the part, only intern and junior count in it. The level of a part is the
   higher of intern and junior if it has one of them, otherwise its highest, in the order of the table.
9. The level of the text is the highest of its parts, or `other`.

`PILLARSCORE_SENIORITY_FILE` names a TOML file with more phrases. They come before those of the table; `other` takes a
phrase out of it. Give all workers the same file.

```toml
[titles]
"account executive" = "manager"
ninja = "senior"
```
"""
