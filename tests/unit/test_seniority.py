"""Levels as upstream systems name them, and titles as people write them."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.seniority import JUNIOR, LEVELS, NO_LEVEL, SENIOR, SPELLINGS, TITLES, Titles, level

# what was understood before titles were; upstream may rely on it
NAMES = {
    "unpaid": "intern",
    "training": "intern",
    "in_training": "intern",
    "student": "intern",
    "trainee": "intern",
    "entry": "junior",
    "entry_level": "junior",
    "associate": "mid",
    "mid_level": "mid",
    "mid_senior": "senior",
    "lead": "senior",
    "principal": "senior",
    "experienced_manager": "manager",
    "entry_level_manager": "manager",
    "head": "director",
    "vice_president": "vp",
    "svp": "vp",
    "evp": "vp",
    "cxo": "c_level",
    "c_suite": "c_level",
    "executive": "c_level",
    "founder": "owner",
}


@pytest.mark.parametrize(("text", "found"), [*NAMES.items(), *((one, one) for one in LEVELS)])
def test_names_of_levels_in_any_spelling(text, found):
    words = text.split("_")
    for written in (text, " ".join(words), "-".join(words).upper(), f" {' '.join(words).title()} "):
        assert level(written) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        # the board and those who lead a company
        ("CEO", "c_level"),
        ("C.E.O.", "c_level"),
        ("Chief Executive Officer", "c_level"),
        ("Chief Information Security Officer", "c_level"),
        ("CTO & Head of Engineering", "c_level"),
        ("President", "c_level"),
        ("President and COO", "c_level"),
        ("Managing Director, EMEA", "c_level"),
        ("Geschäftsführer", "c_level"),
        ("Geschäftsführerin", "c_level"),
        ("Geschaeftsfuehrer", "c_level"),
        ("Geschäftsführer*in", "c_level"),
        ("Geschäftsführer/-in", "c_level"),
        ("Geschäftsführer (m/w/d)", "c_level"),
        ("Vorstand", "c_level"),
        ("Vorstand Vertrieb", "c_level"),
        ("Mitglied des Vorstands", "c_level"),
        ("Vorstandsvorsitzende", "c_level"),
        ("PDG", "c_level"),
        ("P.D.G.", "c_level"),
        ("Président-directeur général", "c_level"),
        ("Directrice générale", "c_level"),
        ("Gérant", "c_level"),
        ("Director General", "c_level"),
        ("Gerente general", "c_level"),
        ("Amministratore delegato", "c_level"),
        ("Member of the Board", "c_level"),
        # vice presidents
        ("VP", "vp"),
        ("V.P. Sales", "vp"),
        ("VP of Sales", "vp"),
        ("SVP, Global Marketing", "vp"),
        ("Vice President", "vp"),
        ("Vice-President, Sales", "vp"),
        ("Senior Vice President - Operations", "vp"),
        ("Assistant Vice President", "vp"),
        ("Vizepräsidentin", "vp"),
        ("Vice-président", "vp"),
        ("Vicepresidenta de ventas", "vp"),
        # directors
        ("Director of Sales", "director"),
        ("Sales Director", "director"),
        ("DIRECTOR", "director"),
        ("Senior Director", "director"),
        ("Associate Director", "director"),
        ("Assistant Director", "director"),
        ("Head of Marketing", "director"),
        ("Head, Marketing", "director"),
        ("Head - Sales", "director"),
        ("Leiter Vertrieb", "director"),
        ("Leiterin Einkauf", "director"),
        ("Leiter(in) Vertrieb", "director"),
        ("Vertriebsleiter", "director"),
        ("Leitung Personal", "director"),
        ("Prokurist", "director"),
        ("Directeur commercial", "director"),
        ("Directrice des ventes", "director"),
        ("Directora de ventas", "director"),
        ("Direttore vendite", "director"),
        # managers, seniors
        ("Account Manager", "manager"),
        ("Channel Partner Manager", "manager"),
        ("Senior Product Manager", "manager"),
        ("Teamleiterin Support", "manager"),
        ("Gerente de ventas", "manager"),
        ("Responsable commercial", "manager"),
        ("Chef de projet", "manager"),
        ("Go-to-Market Manager", "manager"),
        ("Senior Software Engineer", "senior"),
        ("Sr. Developer", "senior"),
        ("Tech Lead", "senior"),
        # partners, owners
        ("Partner", "partner"),
        ("Tax Partner", "partner"),
        ("Managing Partner", "partner"),
        ("Junior Partner", "partner"),
        ("Associé gérant", "partner"),
        ("Owner", "owner"),
        ("Owner/Operator", "owner"),
        ("Founder", "owner"),
        ("Co-Founder & CEO", "owner"),
        ("Founder | Investor", "owner"),
        ("Gründerin und Geschäftsführerin", "owner"),
        ("Inhaber", "owner"),
        ("Fundadora", "owner"),
        # beginners, whatever else is said
        ("Intern", "intern"),
        ("Marketing Intern", "intern"),
        ("Intern to the CEO", "intern"),
        ("Management Trainee", "intern"),
        ("Working Student Sales", "intern"),
        ("Werkstudentin im Vorstandsbüro", "intern"),
        ("Praktikant", "intern"),
        ("Stagiaire", "intern"),
        ("Junior Account Manager", "junior"),
        ("Jr. Developer", "junior"),
        ("Sales Associate", "mid"),
    ],
)
def test_titles_as_people_write_them(text, found):
    assert level(text) == found


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        " ",
        "wizard",
        "Software Engineer",
        "Account Executive",
        "Sales Executive",
        "Executive Assistant",
        "Assistant to the CEO",
        "Executive Assistant to CEO",
        "Personal Assistant to the Managing Director",
        "Director's assistant",
        "Director Assistant",
        "CEO's Office",
        "Office of the CEO",
        "Chief of Staff to the CEO",
        "Advisor to the President",
        "Secretary to the Board",
        "Assistenz der Geschäftsführung",
        "Assistentin des Vorstands",
        "Vorstandsassistentin",
        "Referent des Geschäftsführers",
        "Assistante de direction",
        "Assistante du directeur général",
        "Conseiller du président",
        "Asistente del director",
        "Former CEO",
        "Ex-CEO",
        "ex CEO",
        "Aspiring founder",
        "Retired Vice President",
        "Ehemaliger Geschäftsführer",
        "Product Owner",
        "Process Owner",
        "HR Business Partner",
        "Talent Acquisition Partner",
        "Lead Generation Specialist",
        "International Sales",
        "Internal Auditor",
        "Presidential Fellow",
        "Headhunter",
        "Directory Services",
        "Seniority",
        "Begleiter",
        "Partnerschaften",
        "Consultant at Owner Partners",
        "Engineer @ Director Labs",
        "社長",
    ],
)
def test_what_is_not_known_stays_unknown(text):
    assert level(text) == "other"


def test_each_part_of_a_title_is_read_for_itself():
    assert level("Former CEO, now Director of Sales") == "director"
    assert level("Executive Assistant | Founder of a bakery") == "owner"
    assert level("Product Owner, Team Lead") == "senior"
    assert level("Ex-Google | VP at Acme") == "vp"


def test_more_phrases_come_first():
    titles = Titles({"ninja": "senior", "account executive": "manager", "Head of": "other", "VP": "manager"})
    assert titles.level("Sales Ninja") == "senior"
    assert titles.level("ninja") == "senior"
    assert titles.level("Account Executive, EMEA") == "manager"
    assert titles.level("Head of Nothing") == "other"
    assert titles.level("vp") == "manager"
    assert titles.level("Director of Sales") == "director"
    assert level("Sales Ninja") == "other"


def test_every_phrase_of_the_tables_means_its_level():
    for found, listed in (*TITLES.items(), *SPELLINGS.items()):
        for text in listed.split(","):
            for form in (text.replace("(", "").replace(")", ""), re.sub(r"\(\w+\)", "", text)):
                assert level(form) == found, form
    for text in NO_LEVEL.split(","):
        assert level(text) == "other"


def test_levels_are_senior_or_junior_or_neither():
    assert set(LEVELS) >= SENIOR | JUNIOR
    assert not SENIOR & JUNIOR
    assert set(TITLES) | set(SPELLINGS) <= set(LEVELS)


@given(st.text(max_size=300))
def test_any_text_has_a_level(text):
    assert level(text) in LEVELS


@given(
    st.lists(
        st.sampled_from([word for listed in TITLES.values() for word in listed.replace("(", "").split()])
        | st.sampled_from(["of", "the", "to", ",", "&", "/", "-", "'s", "at", "assistant", "x", "(m/w/d)"]),
        max_size=12,
    ).map(" ".join)
)
def test_any_title_has_a_level_whatever_its_case(text):
    assert level(text) in LEVELS
    assert level(text.upper()) == level(text)
