"""Write the dashboards' JSON: `python -m grafana.build`, or `make dashboards`.

The JSON is committed, so that Grafana needs nothing of this; a test compares it with what is made here.
"""

import json
from pathlib import Path

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from grafana import pipeline, quality, scores, worker

FOLDER = Path(__file__).parent / "dashboards"


def dashboards() -> dict[str, str]:
    """File name -> JSON that ends with a newline."""
    made = {"pipeline": pipeline, "scores": scores, "quality": quality, "worker": worker}
    return {
        f"{name}.json": json.dumps(module.build(), cls=JSONEncoder, indent=2, ensure_ascii=False) + "\n"
        for name, module in made.items()
    }


def main() -> None:
    """Write them."""
    FOLDER.mkdir(exist_ok=True)
    for name, text in dashboards().items():
        (FOLDER / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
