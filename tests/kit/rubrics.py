"""Random rubrics and members, of every kind of component, and the bundled rubrics."""

from itertools import pairwise
from pathlib import Path

from hypothesis import strategies as st

from agents.config.rubric_file import load
from pipeline.rubric.components import PILLARS, WEEKS
from pipeline.rubric.model import PILLAR_MAX, Rubric
from pipeline.scoring.member import Member
from schemas.registers import TEXTS, Register
from schemas.signals import Signal

DAY = 20_412
SSI_TEXT = (Path(__file__).parents[2] / "rubrics" / "ssi.toml").read_text(encoding="utf-8")
SSI = Rubric.parse(SSI_TEXT)
"""Version 1, for tests of its arithmetic."""
DEFAULT = load(None)
"""What workers and commands use where no rubric is named."""

SIGNALS = tuple(signal.name.lower() for signal in Signal)
NUMBERS = tuple(register for register in Register if register not in TEXTS)

signal_names = st.sampled_from(SIGNALS)
few_or_full = st.integers(1, 6) | st.integers(1, 65_535)
half_lives = st.none() | st.integers(1, 40) | st.just(365)


def uses(load):
    """Signals with caps and weights, within `load` in all."""
    cap = min(load // 4, 65_535)
    most = {"cap": cap, "weight": load // 4 // cap}
    use = st.fixed_dictionaries({"cap": st.integers(1, 50), "weight": st.integers(1, 9)}) | st.just(most)
    weekly = st.tuples(st.integers(2, 6), st.integers(1, 3), st.integers(1, 9)).map(
        lambda drawn: {"cap": drawn[0], "week": drawn[0] * 2 + drawn[1], "weight": drawn[2]}
    )
    use |= weekly
    return st.dictionaries(signal_names, use, min_size=1, max_size=4)


@st.composite
def curves(draw):
    part = {
        "signals": draw(uses(9_000_000)),
        draw(st.sampled_from(["half", "target"])): draw(st.integers(1, 200) | st.just(1_000_000_000)),
    }
    if half_life := draw(half_lives):
        part["half_life"] = half_life
    return part


@st.composite
def rhythms(draw):
    period = draw(st.sampled_from(["day", "week"]))
    over = draw(st.integers(1, 90 if period == "day" else WEEKS))
    return {
        "kind": "rhythm",
        "signals": draw(st.lists(signal_names, min_size=1, max_size=4, unique=True)),
        "period": period,
        "over": over,
        "target": draw(st.integers(1, over)),
    }


@st.composite
def rates(draw):
    above = draw(st.integers(0, 99))
    part = {
        "kind": "rate",
        "successes": draw(uses(390_000)),
        "above": above,
        "full": draw(st.integers(above + 1, above + 900 if above < 99 else 1_000)),
        "prior": draw(st.integers(1, 20) | st.just(1_000_000)),
    }
    if half_life := draw(half_lives):
        part["half_life"] = half_life
    if draw(st.booleans()):
        part["trials"] = draw(uses(390_000))
        if draw(st.booleans()):
            part["grace"] = draw(st.integers(1, 12) | st.just(89))
    else:
        part["trials_register"] = draw(st.sampled_from(NUMBERS)).name.lower()
    if draw(st.booleans()):
        part["needs_trial"] = True
    return part


@st.composite
def registers(draw):
    section = st.fixed_dictionaries(
        {"weight": st.integers(1, 9), "target": st.sampled_from([1, 2, 3, 5, 7, 1_000])}
    )
    names = st.sampled_from(NUMBERS).map(lambda register: register.name.lower())
    return {"kind": "register", "registers": draw(st.dictionaries(names, section, min_size=1, max_size=4))}


volumes = curves().map(lambda part: {"kind": "volume", **part})
penalties = curves().map(lambda part: {"kind": "penalty", **part})


@st.composite
def rubrics(draw):
    """A valid rubric with one to three components in each pillar and up to two penalties, mixed up."""
    components = []
    for pillar in PILLARS:
        cuts = draw(st.lists(st.integers(1, PILLAR_MAX - 1), max_size=2, unique=True))
        edges = [0, *sorted(cuts), PILLAR_MAX]
        for low, high in pairwise(edges):
            part = draw(st.one_of(volumes, rhythms(), rates(), registers()))
            components.append({**part, "pillar": pillar, "max": _points(high - low)})
    for part in draw(st.lists(penalties, max_size=2)):
        components.append({**part, "max": _points(draw(st.integers(1, 10_000)))})
    components = draw(st.permutations(components))
    named = [{**part, "name": f"c{at}", "factor": "any"} for at, part in enumerate(components)]
    return Rubric.model_validate({"name": "random", "version": 1, "component": named})


def _points(hundredths):
    return f"{hundredths // 100}.{hundredths % 100:02d}"


def tiles(day=DAY, youngest=0, oldest=89):
    """Counts on days of the window of `day` (or of other ages)."""
    where = st.tuples(st.sampled_from(Signal), st.integers(day - oldest, day - youngest))
    return st.dictionaries(where, few_or_full, max_size=40)


numbers = st.dictionaries(
    st.sampled_from(NUMBERS), st.integers(0, 8) | st.integers(-(2**31), 2**31 - 1), max_size=8
)
members = st.builds(Member, tiles(oldest=100), numbers)
