"""Seniority: how far up a person stands, as upstream systems and people write it, in the few levels that we credit.

The levels follow what professional networks offer for search and advertising (unpaid, training, entry,
senior, manager, director, VP, CXO, partner, owner). Upstream sends a level, or a job title as somebody wrote it.
Both differ and new ones appear, so any text is accepted: what is not known counts as `other`, and never makes an
event a dead letter.

A title is read in whole words, without regard to case, accents and punctuation:

1. It is cut into parts at commas, bars, slashes, `&` and the like; what follows "at" or "@" is a company's name.
2. In each part the phrases of `TITLES` are found, the longest first. `NO_LEVEL` has phrases that contain a word of
   `TITLES` and mean something else, such as "product owner".
3. A phrase does not count when it is somebody else's ("assistant to the CEO", "CEO's office"), or past or hoped for
   ("former CEO"). A part about an assistant or a secretary has no level.
4. An intern or a junior is one whatever else the part says ("junior account manager"); otherwise the highest counts.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from typing import Literal, get_args

Seniority = Literal[
    "intern", "junior", "mid", "other", "senior", "manager", "director", "vp", "c_level", "partner", "owner"
]
LEVELS: tuple[str, ...] = get_args(Seniority)

SENIOR = frozenset({"senior", "manager", "director", "vp", "c_level", "partner", "owner"})
"""Levels credited as senior people and decision makers; one set, so that an upstream with only the
three levels junior, other and senior is credited like one with all of them."""

JUNIOR = frozenset({"intern", "junior"})
"""Levels credited as juniors. `mid` and `other` are neither."""

SPELLINGS = {
    "intern": "unpaid, training, in training, student",
    "junior": "entry, entry level",
    "mid": "mid level, mid senior level, associate, mid career",
    "senior": "mid senior",
    "manager": "experienced manager, entry level manager",
    "director": "head",
    "c_level": "executive, chief",
}
"""What a whole text may be beside a level's own name; in a longer title these words say nothing."""

TITLES = {
    "intern": "intern, internship, trainee, apprentice, working student, student assistant, phd student, "
    "praktikant(in), werkstudent(in), auszubildende(r), azubi, lehrling, volontär(in), dualer student, "
    "duale studentin, stagiaire, alternant(e), apprenti(e), becario, becaria, practicante, estagiário, estagiária, "
    "stagista, tirocinante, stagiair",
    "junior": "junior, jr, jnr, entry level, graduate, berufseinsteiger(in), débutant(e)",
    "mid": "associate",
    "senior": "senior, sr, snr, lead, principal",
    "manager": "manager(in), assistant manager, partner manager, channel partner manager, team leader, supervisor, "
    "teamleiter(in), gruppenleiter(in), projektleiter(in), filialleiter(in), schichtleiter(in), "
    "chef de projet, chef d équipe, chef de service, responsable, gerente, jefe, jefa, responsabile, leidinggevende",
    "director": "director(a), directeur, directrice, direktor(in), direttore, direttrice, diretor(a), dyrektor, "
    "assistant director, head of, global head, group head, department head, regional head, country head, "
    "sales head, marketing head, general manager, leiter(in), leitung, vertriebsleiter(in), vertriebsleitung, "
    "verkaufsleiter(in), marketingleiter(in), personalleiter(in), abteilungsleiter(in), bereichsleiter(in), "
    "betriebsleiter(in), werksleiter(in), standortleiter(in), niederlassungsleiter(in), entwicklungsleiter(in), "
    "produktionsleiter(in), prokurist(in), hoofd",
    "vp": "vp, svp, evp, avp, rvp, vice president(e), vice presidenta, vicepresident(e), vicepresidenta, "
    "assistant vice president, vizepräsident(in), vice präsident(in)",
    "c_level": "ceo, cto, cfo, coo, cmo, cio, ciso, cro, cpo, chro, cdo, cso, cco, cxo, c level, c suite, "
    "chief executive, president(e), presidenta, präsident(in), pdg, président directeur général, directeur général, "
    "directrice générale, director general, directora general, direttore generale, diretor geral, gerente general, "
    "gérant(e), managing director, geschäftsführer(in), geschäftsführende(r) gesellschafter(in), "
    "geschäftsleiter(in), mitglied der geschäftsleitung, mitglied der geschäftsführung, geschäftsführung, "
    "geschäftsleitung, generaldirektor(in), vorstand, vorständin, vorstandsmitglied, mitglied des vorstands, "
    "mitglied des vorstandes, vorstandsvorsitzende(r), vorsitzende(r) des vorstands, "
    "vorsitzende(r) der geschäftsführung, amministratore delegato, amministratrice delegata, consejero delegado, "
    "consejera delegada, algemeen directeur, bestuurder, verkställande direktör, chairman, chairwoman, chairperson, "
    "vice chairman, board member, member of the board, board of directors, non executive director",
    "partner": "partner(in), managing partner, senior partner, junior partner, equity partner, founding partner, "
    "general partner, associé(e), associé gérant, gesellschafter(in), socio, socia, sócio, sócia",
    "owner": "owner, co owner, founder, co founder, cofounder, proprietor, inhaber(in), eigentümer(in), gründer(in), "
    "mitgründer(in), fondateur, fondatrice, cofondateur, cofondatrice, propriétaire, fundador(a), cofundador(a), "
    "propietario, propietaria, dueño, dueña, titolare, fondatore, oprichter, eigenaar, eigenaresse",
}
"""Phrases that are found in a title, by level; (in) and the like mean a form with these letters and one without."""

NO_LEVEL = (
    "product owner, process owner, service owner, system owner, data owner, application owner, platform owner, "
    "project owner, domain owner, feature owner, risk owner, control owner, asset owner, budget owner, home owner, "
    "business partner, people partner, talent partner, talent acquisition partner, recruiting partner, hr partner, "
    "client partner, channel partner, technology partner, sales partner, partner success, partner marketing, "
    "partner account, partner sales, partner development, partner enablement, partner program, partner relations, "
    "partner operations, partner solutions, partner engineer, partner management, "
    "lead generation, lead gen, lead management, lead qualification, lead nurturing, lead development"
)
"""Phrases that say nothing of the level, though a word of theirs would."""


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


ASSISTANTS = _set(
    "assistant assistants assistent assistentin assistenz assistante assistantes asistente assistente "
    "sekretar sekretaer sekretarin sekretaerin secretary secretaire secretario secretaria segretario segretaria "
    "referent referentin vorstandsassistent vorstandsassistentin vorstandsassistenz vorstandsreferent "
    "vorstandsreferentin geschaftsfuhrungsassistenz geschaeftsfuehrungsassistenz direktionsassistent "
    "direktionsassistentin"
)
PAST = _set(
    "ex former formerly past retired aspiring future ehemals ehemalige ehemaliger ehem angehende angehender ancien "
    "ancienne antiguo antigua"
)
TO = _set(
    "to for of by with under from du de des del della dello dell al alla au aux van der zum zur beim vom im fur fuer"
)
ARTICLES = _set("the our a an den dem die la le l el il lo")
COMPANY = _set("at bei chez")

_PARTS = re.compile(r"[,;|/&+•·\n]|\s[-–—]\s|\s(?:and|und|et|y|e|en)\s")
_WORDS = re.compile(r"[^\W_]+")
_OTHERS = re.compile(r"[^\W_]+['’]s\b")
_DOTTED = re.compile(r"\b(?:[^\W\d_]\.){2,}")
_FEMININE = re.compile(r"(?<=\w)(?:[:*_/]-?|\(-?)(?:in|innen)\b\)?")
_OPTIONAL = re.compile(r"\((\w+)\)")
_UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue"})
MOST = 200
"""Characters of a title that are looked at."""
_REMEMBERED = 1 << 16


class Titles:
    """The tables of this module, and more phrases if given: phrase to level, `other` for one that says nothing."""

    def __init__(self, more: Mapping[str, str] | None = None) -> None:
        phrases: dict[tuple[str, ...], str] = dict.fromkeys(_phrases(NO_LEVEL), "other")
        for level, listed in TITLES.items():
            phrases |= dict.fromkeys(_phrases(listed), level)
        whole = {(name,): name for name in LEVELS} | {tuple(name.split("_")): name for name in LEVELS}
        for level, listed in SPELLINGS.items():
            whole |= dict.fromkeys(_phrases(listed), level)
        for text, level in (more or {}).items():
            for phrase in _phrases(text):
                phrases[phrase] = whole[phrase] = level
        self._phrases, self._whole = phrases, whole
        self._longest = max(map(len, phrases))
        self._known: dict[str, str] = {}

    def level(self, text: str | None) -> str:
        """The level (one of `LEVELS`) that a text means; `other` for None, empty and unknown text.

        >>> [Titles().level(text) for text in ("Vice President, Sales", "C-Level", "Assistant to the CEO")]
        ['vp', 'c_level', 'other']
        """
        if not text:
            return "other"
        found = self._known.get(text)
        if found is None:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            found = self._known[text] = self._read(text[:MOST])
        return found

    def _read(self, text: str) -> str:
        text = _plain(text)
        whole = self._whole.get(tuple(_words(text)))
        if whole is not None:
            return whole
        found = [level for part in _PARTS.split(text) if (level := self._of_part(_words(part)))]
        return max(found, key=LEVELS.index, default="other")

    def _of_part(self, words: list[str]) -> str | None:
        """The level of a part of a title; None when it says nothing of it."""
        cut = next((at for at, word in enumerate(words) if at and word in COMPANY), len(words))
        words = words[:cut]
        if words == ["head"]:
            return "director"
        found, rest, past = [], [], False
        for start, phrase, level in self._found(words):
            past |= bool(PAST.intersection(phrase))
            if level is None:
                rest += phrase
            elif level != "other" and not past and not _is_anothers(words[:start]):
                found.append(level)
        if not ASSISTANTS.isdisjoint(rest):
            found = [level for level in found if level in JUNIOR]
        juniors = [level for level in found if level in JUNIOR]
        return max(juniors or found, key=LEVELS.index, default=None)

    def _found(self, words: list[str]) -> Iterator[tuple[int, list[str], str | None]]:
        """(place, words, level) of each phrase, one after the other; None for a word that is in none."""
        at = 0
        while at < len(words):
            length = self._officer(words, at)
            level: str | None = "c_level" if length else None
            for more in range(min(self._longest, len(words) - at), 0, -1):
                known = self._phrases.get(tuple(words[at : at + more]))
                if known is not None and more > length:
                    length, level = more, known
                    break
            yield at, words[at : at + (length or 1)], level
            at += length or 1

    @staticmethod
    def _officer(words: list[str], at: int) -> int:
        """How many words "chief … officer" has here, 0 if it is not here."""
        if words[at] != "chief" or "officer" not in words[at : at + 6]:
            return 0
        return words.index("officer", at) - at + 1


def _is_anothers(before: list[str]) -> bool:
    """Whether the words before a phrase make it that of somebody else: "to the", "du"."""
    if before and before[-1] in ARTICLES and before[-1] not in TO:
        before = before[:-1]
    return bool(before) and before[-1] in TO


def _phrases(listed: str) -> Iterator[tuple[str, ...]]:
    """The phrases of a list with commas between, as words; each with and without optional letters and umlauts."""
    for text in listed.split(","):
        for form in {_OPTIONAL.sub("", text), _OPTIONAL.sub(r"\1", text)}:
            for spelling in {form, form.translate(_UMLAUTS)}:
                words = tuple(_words(_plain(spelling)))
                if words:
                    yield words


def _plain(text: str) -> str:
    """In lower case and without accents, dots of acronyms, feminine endings and what is somebody's."""
    text = "".join(c for c in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(c))
    text = _DOTTED.sub(lambda found: found[0].replace(".", "") + " ", text)
    return _OTHERS.sub(" ", _FEMININE.sub("", text)).replace("@", " at ")


def _words(text: str) -> list[str]:
    return _WORDS.findall(text)


_BUILT_IN = Titles()


def level(text: str | None) -> str:
    """The level that a text means, by the tables of this module alone; see `Titles.level`."""
    return _BUILT_IN.level(text)
