"""A headless Chromium, taken out of Debian's packages; and Grafana's components, bundled for it."""

import functools
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from agents.config.errors import UserError
from agents.local.kafka_jars import locked
from tests.kit.dashboards import ROOT
from tests.kit.tools import unpack

SOURCES = ROOT / "grafana" / "render"
FOLDER = ROOT / ".pillarscore" / "shots"
BROWSER = FOLDER / "chromium"
SITE = FOLDER / "site"
PACKAGES = (
    *("chromium-headless-shell", "chromium-common", "libdouble-conversion3", "libogg0", "libflac12"),
    *("libharfbuzz-subset0", "libminizip1", "libopenh264-7", "libopenjp2-7", "libopus0", "libasyncns0"),
    *(
        "libmp3lame0",
        "libmpg123-0",
        "libvorbis0a",
        "libvorbisenc2",
        "libsndfile1",
        "libpulse0",
        "libxnvctrl0",
    ),
)
"""The browser and the libraries that a machine without a desktop lacks."""
LOADERS = ("ttf", "woff", "woff2", "svg")
INSTALL_S, BUILD_S, SHOT_S = 900, 300, 180


def program() -> Path:
    """Chromium; fetched on first use. UserError when it can't be had."""
    BROWSER.mkdir(parents=True, exist_ok=True)
    found = BROWSER / "usr" / "lib" / "chromium" / "chromium-headless-shell"
    with locked(BROWSER / "lock"):
        if not found.exists():
            unpack(PACKAGES, BROWSER)
    if not found.exists():
        raise UserError("Debian's packages have no chromium-headless-shell: dashboards can't be drawn here.")
    return found


def build() -> Path:
    """The folder of the page that draws, built from `grafana/render`. UserError when npm fails."""
    if shutil.which("npm") is None:
        raise UserError("npm is missing: install Node.js 20 or newer (Debian: apt-get install nodejs npm).")
    SITE.mkdir(parents=True, exist_ok=True)
    for source in SOURCES.iterdir():
        shutil.copy(source, SITE / source.name)
    if not (SITE / "node_modules" / ".complete").exists():
        arguments = ("--no-package-lock", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error")
        _run(INSTALL_S, "npm", "install", *arguments)
        (SITE / "node_modules" / ".complete").touch()
    loaders = [f"--loader:.{ending}=dataurl" for ending in LOADERS]
    # the modules for browsers import others in a way that only the bundlers of Grafana understand
    same = [
        f"--alias:@grafana/{name}=./node_modules/@grafana/{name}/dist/cjs/index.cjs"
        for name in ("data", "ui")
    ]
    mode = '--define:process.env.NODE_ENV="production"'
    _run(
        BUILD_S,
        *("node", "node_modules/esbuild/bin/esbuild", "main.jsx", "--bundle", "--minify", "--outfile=out.js"),
        *(*loaders, *same, mode, "--log-level=error"),
    )
    return SITE


def _run(seconds: float, *command: str) -> None:
    done = subprocess.run(command, cwd=SITE, capture_output=True, text=True, check=False, timeout=seconds)
    if done.returncode:
        raise UserError(f"{' '.join(command[:3])} failed: {done.stderr.strip()[-1500:]}")


@contextmanager
def served(folder: Path, failures: list[str]) -> Iterator[str]:
    """The address at which a folder is served, on the loopback interface. failures: gets what pages report."""

    class Quiet(SimpleHTTPRequestHandler):
        def do_POST(self) -> None:
            failures.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def shoot(url: str, width: int, height: int, file: Path) -> None:
    """A PNG of a page, once it is at rest."""
    browser = program()
    folders = [*browser.parents[1].glob("*-linux-gnu"), *browser.parents[1].glob("*-linux-gnu/pulseaudio")]
    file.parent.mkdir(parents=True, exist_ok=True)
    file.unlink(missing_ok=True)
    done = subprocess.run(
        [
            browser,
            *(
                "--no-sandbox",
                "--disable-gpu",
                "--hide-scrollbars",
                "--no-first-run",
                "--disable-dev-shm-usage",
            ),
            *("--run-all-compositor-stages-before-draw", "--virtual-time-budget=15000"),
            *(f"--window-size={width},{height}", f"--screenshot={file}", url),
        ],
        env=os.environ | {"LD_LIBRARY_PATH": os.pathsep.join(map(str, folders)), "HOME": str(FOLDER)},
        capture_output=True,
        text=True,
        check=False,
        timeout=SHOT_S,
    )
    if not file.exists():
        raise UserError(f"Chromium drew nothing: {done.stderr.strip()[-1000:]}")
