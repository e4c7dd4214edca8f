"""Write the reference pages that are made from code and rubric.

    python -m agents.docs        # writes docs/reference/factors.md

The text is made by pure functions in `pipeline/`; this is only their way to the disk. A test compares the
committed page with what they make.
"""

from pathlib import Path

from pipeline import factors_page
from pipeline.rubric import Rubric

ROOT = Path(__file__).parents[1]


def pages() -> dict[Path, str]:
    """Every page made here, by its path in the project."""
    rubric = Rubric.parse((ROOT / "rubrics" / "ssi.toml").read_text(encoding="utf-8"))
    return {Path("docs/reference/factors.md"): factors_page.render(rubric)}


def main() -> None:
    """Write the pages."""
    for path, text in pages().items():
        (ROOT / path).parent.mkdir(parents=True, exist_ok=True)
        (ROOT / path).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
