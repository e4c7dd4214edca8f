"""How setuptools makes the wheel and the sdist complete: with the bundle, whose files are outside of the packages.

Named in pyproject.toml. `agents/bundle/contents.py` lists the files; an editable install needs no copy of them.
"""

import runpy
from pathlib import Path

from setuptools.command.build_py import build_py

ROOT = Path(__file__).parents[1]
BUNDLE = Path("agents/bundle")
OWN = ("deploy/packing.py",)


def bundled() -> list[str]:
    """The paths of all files of the bundle, relative to the repository."""
    contents = runpy.run_path(str(ROOT / BUNDLE / "contents.py"))
    return contents["matching"](ROOT, contents["PROGRAM"] + contents["OPERATORS"])


class BuildPy(build_py):
    """Copies the bundle beside the module that finds it; and names it as source, so that the sdist has it too."""

    def run(self) -> None:
        super().run()
        if self.editable_mode:
            return
        for name in bundled():
            target = Path(self.build_lib) / BUNDLE / "packed" / name
            self.mkpath(str(target.parent))
            self.copy_file(str(ROOT / name), str(target))

    def get_source_files(self) -> list[str]:
        return [*super().get_source_files(), *bundled(), *OWN]
