"""The golden members of the default rubric, made of the personas: `pillarscore rubric check` tries them.

    python -m perf.golden

writes rubrics/golden/ssi.toml; `make docs` runs it, and a test compares them. A golden member does in each week what
the persona does in an average week of all simulations.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from perf.calibration import LAST, MOST, RANGES, SEEDS, TOLERANCE, Simulation
from perf.descriptions import DESCRIBED
from pipeline.common.tile_keys import WINDOW
from pipeline.scoring.member import Member
from schemas.signals import Signal

ROOT = Path(__file__).parents[1]
FILE = Path("rubrics/golden/ssi.toml")
ONE_DAY = ("burst-poster",)
"""Personas with single days instead of weeks: those of the first simulation."""
_RECEIVED = {
    *(Signal.REACTION_RECEIVED, Signal.COMMENT_RECEIVED, Signal.SHARE_RECEIVED, Signal.MENTION_RECEIVED),
    *(Signal.PROFILE_VIEW_RECEIVED, Signal.ENDORSEMENT_RECEIVED, Signal.RECOMMENDATION_RECEIVED),
    *(Signal.SPAM_REPORTED, Signal.SPAM_REPORTER, Signal.OWN_INVITATION_DECLINED, Signal.DECLINER),
    *(Signal.CONNECTION_REMOVED, Signal.REACTOR, Signal.COMMENTER, Signal.SHARER, Signal.ENDORSER),
}
"""What is no own action."""


def render(simulations: Sequence[Simulation]) -> str:
    """The file."""
    own = [signal.name.lower() for signal in Signal if signal not in _RECEIVED]
    parts = [
        "# Golden members: who the default rubric is expected to give which score.\n"
        "# `pillarscore rubric check` tries it. Made by `make docs` from samples/personas.py: what each one does\n"
        f"# in an average week. The scores are the aims of docs/explanation/personas.md, {TOLERANCE} points more\n"
        "# or less.\n",
        "# Own actions, of which more must not lower a score on that day.",
        "never_lower = [",
        *(f'    "{name}",' for name in own),
        "]",
    ]
    for name, about in DESCRIBED.items():
        if name in RANGES:
            low, high = RANGES[name][0] - TOLERANCE, RANGES[name][1] + TOLERANCE
        elif name in MOST:
            low, high = 0, MOST[name]
        else:
            continue
        parts += [
            "\n[[member]]",
            f'name = "{name}"',
            f'about = "{about}"',
            f"score = [{low:g}, {high:g}]",
            *_facts(name, [one.personas[name].member(LAST) for one in simulations]),
        ]
    return "\n".join(parts) + "\n"


def _facts(name: str, members: Sequence[Member]) -> list[str]:
    registers = {register.name.lower(): value for register, value in members[0].numbers.items() if value}
    lines = [f"registers = {_table(registers)}"]
    if name in ONE_DAY:
        days: dict[int, dict[str, int]] = defaultdict(dict)
        for (signal, day), count in sorted(members[0].tiles.items()):
            if LAST - day < WINDOW:
                days[LAST - day][signal.name.lower()] = count
        return [
            *lines,
            "on = [",
            *(f"    {{ age = {a}, signals = {_table(s)} }}," for a, s in days.items()),
            "]",
        ]
    weekly = {}
    for signal in Signal:
        total = sum(
            count
            for member in members
            for (of, day), count in member.tiles.items()
            if of == signal and LAST - day < WINDOW
        )
        rate = round(total * 7 / WINDOW / len(members), 2)
        if rate > 0:
            weekly[signal.name.lower()] = rate
    return [*lines, *(f"weekly.{signal} = {rate:g}" for signal, rate in weekly.items())]


def _table(values: Mapping[str, int]) -> str:
    return "{ " + ", ".join(f"{name} = {value}" for name, value in values.items()) + " }"


def main() -> None:
    """Write it."""
    (ROOT / FILE).write_text(render([Simulation.of(seed) for seed in SEEDS]), encoding="utf-8")


if __name__ == "__main__":
    main()
