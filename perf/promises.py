"""What personas gain after 28 days of following the advice, beside what the advice has promised.

    python -m perf.promises [RUBRIC] [--seeds 4 5 6 7 8]

A promise is exact for its day: what the score would be if the step had been kept up for the four weeks before
(tests/property/test_promises.py). Here the four weeks come after it, and meanwhile the persona lives on. So the two
differ as much as the persona's own activity has changed.
"""

import argparse
import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from agents.config.rubric_file import load
from perf.calibration import LAST, SEEDS, Facts, Simulation, points
from pipeline.common.units import Day
from pipeline.reports.advice import TOP, gain_together, next_steps, with_step
from pipeline.rubric.model import Rubric, Step
from samples.personas import PERSONAS, POD

WEEKS = 4
ADVISED = LAST - 7 * WEEKS
"""The day of the advice; it is followed from the next day until LAST."""


@dataclass(frozen=True, slots=True)
class Promise:
    """A gain in points as promised on the day of the advice, and how much more the score is after following it."""

    promised: float
    gained: float


@dataclass(frozen=True, slots=True)
class Advised:
    """Of a persona: the step that was the first of most seeds, and medians for it and for the first TOP together."""

    text: str
    first: Promise
    together: Promise


def advised(rubric: Rubric, simulations: Sequence[Simulation]) -> dict[str, Advised]:
    """By persona, one for the whole pod; those are left out who had not joined on the day of the advice."""
    found = {}
    for name in [persona.name for persona in PERSONAS if persona.name not in POD[1:]]:
        lives = [one.personas[name] for one in simulations]
        followed = [_followed(rubric, life) for life in lives if life.member(ADVISED).numbers]
        if followed:
            texts, firsts, together = zip(*followed, strict=True)
            [(text, _)] = Counter(texts).most_common(1)
            found[name] = Advised(text, _median(firsts), _median(together))
    return found


def _followed(rubric: Rubric, life: Facts) -> tuple[str, tuple[int, int], tuple[int, int]]:
    """The first step advised, and (promised, gained) in hundredths: by it, and by the first TOP together."""
    then = life.member(ADVISED)
    gains = next_steps(rubric, Day(ADVISED), then)
    by_text = {step.text: step for step in rubric.steps}
    first = by_text[gains[0].text]
    chosen = {gain.text for gain in gains[:TOP]}
    promised = gain_together(rubric, Day(ADVISED), then, gains=gains[:TOP])
    return (
        first.text,
        (gains[0].gain, _gained(rubric, life, [first])),
        (promised, _gained(rubric, life, [step for step in rubric.steps if step.text in chosen])),
    )


def _gained(rubric: Rubric, life: Facts, steps: Sequence[Step]) -> int:
    without = member = life.member(LAST)
    for step in steps:
        member = with_step(step.model_copy(update={"weeks": WEEKS}), Day(LAST), member)
    before, after = points(rubric, LAST, [without, member]).before_floor().tolist()
    return int(after - before)


def _median(pairs: Sequence[tuple[int, int]]) -> Promise:
    promised, gained = zip(*pairs, strict=True)
    return Promise(statistics.median(promised) / 100, statistics.median(gained) / 100)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("rubric", nargs="?", type=Path)
    parser.add_argument("--seeds", nargs="+", type=int, default=SEEDS)
    given = parser.parse_args()
    print(f"{'':<18} {'promised':>8} {'gained':>7}   {'five':>8} {'gained':>7}  first step")
    for name, one in advised(load(given.rubric), [Simulation.of(seed) for seed in given.seeds]).items():
        first, five = one.first, one.together
        print(
            f"{name:<18} {first.promised:8.2f} {first.gained:7.2f}   {five.promised:8.2f} {five.gained:7.2f}"
            f"  {one.text}"
        )


if __name__ == "__main__":
    main()
