"""`make sbom`: what an installation consists of, as CycloneDX (software bill of materials), and under which licences.

Looks at an environment of its own with exactly what requirements.txt pins: .venv also has the tools for tests. The
jars of the local broker and the images of Compose are not in it.
"""

import json
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.kit.wheel import ROOT, build

ENVIRONMENT = ROOT / ".pillarscore" / "sbom"
INSTALL_S, LOOK_S = 1_800, 300


def fresh_environment() -> Path:
    """The Python of a new environment with the pinned requirements and the project, and not even pip besides."""
    shutil.rmtree(ENVIRONMENT, ignore_errors=True)
    python = ENVIRONMENT / "bin" / "python"
    subprocess.run(
        [sys.executable, "-m", "venv", "--without-pip", ENVIRONMENT], check=True, timeout=INSTALL_S
    )
    pip = (sys.executable, "-m", "pip", "--python", python, "--disable-pip-version-check", "--no-input", "-q")
    wheel = build(ENVIRONMENT / "dist").wheel
    # found by its name, so that no path of this machine is noted
    own = ("--no-deps", "--no-index", "--find-links", wheel.parent, "pillarscore")
    for what in (("--require-hashes", "-r", ROOT / "requirements.txt"), own):
        subprocess.run([*pip, "install", *what], check=True, timeout=INSTALL_S, env=_environment())
    return python


def _environment() -> dict[str, str]:
    # with a PYTHONPATH, what it leads to would count as installed
    return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}


def write(python: Path, out: Path) -> dict[str, Any]:
    """Have cyclonedx-py describe the environment of a Python in the file `out`; what it has written."""
    out.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "cyclonedx_py", "environment", "--output-reproducible"]
    command += ["--pyproject", str(ROOT / "pyproject.toml"), "--output-file", str(out), str(python)]
    subprocess.run(command, check=True, timeout=LOOK_S, env=_environment())
    found: dict[str, Any] = json.loads(out.read_bytes())
    complete(found, python.parents[1].glob("lib/python*/site-packages"))
    out.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    return found


def complete(bom: dict[str, Any], places: Iterable[Path]) -> None:
    """Add what cyclonedx-py does not read: licences that are only in the old field `License`, and our dependencies.

    places: the folders that the packages are in. Our dependencies are in requirements.in, not in pyproject.toml.
    """
    installed = {one.name: one for one in distributions(path=[str(each) for each in places])}
    refs = {canonicalize_name(component["name"]): component.get("bom-ref") for component in bom["components"]}
    ours = (installed["pillarscore"].requires or []) if "pillarscore" in installed else []
    needed = {canonicalize_name(Requirement(text).name) for text in ours}
    for entry in bom.get("dependencies", []):
        if entry["ref"] == "root-component":
            entry["dependsOn"] = sorted(refs[name] for name in needed if name in refs)
    for component in bom["components"]:
        package = installed.get(component["name"])
        stated = package.metadata["License"] if package else None
        if not component.get("licenses") and stated and "\n" not in stated:
            component["licenses"] = [{"license": {"name": stated, "acknowledgement": "declared"}}]


def licences(bom: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    """(name, version, licences) of each component, by name; no licences if the package says nothing."""
    for component in sorted(bom["components"], key=lambda one: str(one["name"]).lower()):
        named = []
        for entry in component.get("licenses", []):
            licence = entry.get("license", {})
            named.append(entry.get("expression") or licence.get("id") or licence.get("name") or "")
        # the same licence is often given twice: as an SPDX identifier and as a classifier's name
        yield component["name"], component.get("version", ""), "; ".join(dict.fromkeys(filter(None, named)))


def main() -> int:
    """Write the file into dist/ and print a line for each package; 1 when one does not say its licence."""
    version = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    out = ROOT / "dist" / f"pillarscore-{version}.cdx.json"
    silent = []
    for name, release, said in licences(write(fresh_environment(), out)):
        print(f"{name:<42} {release:<16} {said or '(none given)'}")
        silent += [] if said else [name]
    print(f"Written: {out.relative_to(ROOT)}", file=sys.stderr)
    if silent:
        print(f"Without a licence: {', '.join(silent)}. Look at their sources.", file=sys.stderr)
    return 1 if silent else 0


if __name__ == "__main__":
    sys.exit(main())
