"""Which files are in the bundle, and where it is.

In the repository they are where operators and tests look for them; the build (`deploy/packing.py`) copies them
into the wheel, beside this module. The standard library only: the build runs this file before anything is installed.
"""

from pathlib import Path

PROGRAM = ("broker/pom.xml",)
"""What commands need."""
OPERATORS = (
    "docker-compose.yml",
    "docker-compose.cluster.yml",
    "docker-compose.secured.yml",
    "Dockerfile",
    ".dockerignore",
    "requirements.txt",
    "deploy/*.sh",
    "grafana/dashboards/*.json",
    "grafana/provisioning/*/*.yml",
    "prometheus/prometheus*.yml",
    "prometheus/alertmanager.yml",
    "prometheus/rules/*.yml",
    "k8s/base/*",
    "k8s/components/*/*",
    "k8s/overlays/example/*",
)
"""What `pillarscore init` writes."""
PACKED = Path(__file__).parent / "packed"
"""The bundle in an installed wheel."""
REPOSITORY = Path(__file__).parents[2]


def root() -> Path:
    """The folder that the paths in the bundle are relative to."""
    return PACKED if PACKED.is_dir() else REPOSITORY


def matching(folder: Path, patterns: tuple[str, ...]) -> list[str]:
    """The files in `folder` that the patterns name, as sorted paths with slashes.

    Raises FileNotFoundError for a pattern that names none: something is missing then.
    """
    found: set[str] = set()
    for pattern in patterns:
        files = {path.relative_to(folder).as_posix() for path in folder.glob(pattern) if path.is_file()}
        if not files:
            raise FileNotFoundError(f"{folder} has no {pattern}")
        found |= files
    return sorted(found)
