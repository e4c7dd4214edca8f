"""Write the reference pages and manifests that are made from code and rubric.

    python -m agents.docgen.write

The text is made by pure functions; this is only their way to the disk. A test compares the committed pages
with what they make.
"""

from pathlib import Path

import agents
from agents.config.rubric_file import SHIPPED, load
from agents.docgen import acls, cli, lifecycle, metrics, settings, strimzi, topics
from pipeline.docgen import asyncapi, factors

ROOT = Path(agents.__file__).parent.parent


def pages() -> dict[Path, str]:
    """Every page made here, by its path in the project."""
    made = {
        "factors": factors.render(load(None), SHIPPED, "[Version 1](factors-1.md) is bundled too."),
        "factors-1": factors.render(load(Path("ssi")), "ssi.toml", "The default is [version 2](factors.md)."),
        "cli": cli.render(),
        "metrics": metrics.render(),
        "topics": topics.render(),
        "lifecycle": lifecycle.render(),
        "settings": settings.render(),
        "messages": asyncapi.render(),
        "acls": acls.page(),
    }
    manifests = {"topics": strimzi.topics(), "users": strimzi.users()}
    return (
        {Path("docs/reference") / f"{name}.md": text for name, text in made.items()}
        | {Path("k8s/components/strimzi") / f"{name}.yaml": text for name, text in manifests.items()}
        | {Path(acls.SCRIPT): acls.script()}
    )


def main() -> None:
    """Write the pages."""
    for path, text in pages().items():
        (ROOT / path).parent.mkdir(parents=True, exist_ok=True)
        (ROOT / path).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
