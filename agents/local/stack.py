"""All of Pillarscore on this machine: broker, topics, and a worker in a process of its own.

Started in this order and stopped in the reverse one, so that the worker can commit what it has done. A
broker that a person has started is used and left running.
"""

import asyncio
import os
import socket
import sys
from datetime import date
from pathlib import Path

import aiohttp

from agents.config.errors import UserError
from agents.config.settings import PREFIX, Settings
from agents.local import orders
from agents.local.broker import Broker, connected
from agents.local.in_use import Report, join, leave
from agents.local.ports import reserve_web_port
from agents.topics.creation import ensure

READY_S = 90.0
STOP_S = 30.0
_WORKER = "from agents.cli import main; main()"


class Stack:
    """connect() gives the settings with the broker's address; stop() ends what was started.

    report: takes lines about what happens.
    """

    def __init__(self, settings: Settings, report: Report) -> None:
        self.settings = settings
        self.log = settings.state_dir / "worker.log"
        self._report = report
        self._broker: Broker | None = None
        self._held: socket.socket | None = None
        self._worker: asyncio.subprocess.Process | None = None
        self._running = asyncio.Event()

    @property
    def url(self) -> str:
        """Where the pages are, without a slash at the end."""
        host = self.settings.web_host
        return f"http://{f'[{host}]' if ':' in host else host}:{self.settings.web_port}"

    async def connect(self) -> Settings:
        """Broker and topics. Raises UserError, one line."""
        # held until the worker starts, so that nobody else takes the port meanwhile
        self.settings, self._held = reserve_web_port(self.settings, self._report)
        if not self.settings.broker:
            self._broker = Broker.of(self.settings, self._report)
            await asyncio.to_thread(join, self._broker, self._report)
            address = await asyncio.to_thread(self._broker.start, temporary=True)
            self.settings = self.settings.model_copy(update={"broker": address})
        self.settings = await asyncio.to_thread(connected, self.settings)
        await ensure(self.settings)
        return self.settings

    async def start(self, today: date | None) -> None:
        """A worker, to which it is `today` until it is given another day; returns once it is ready."""
        self._report(f"Kafka answers at {self.settings.broker}. Starting a worker …")
        await self._launch(today)
        await self._ready()

    async def set_today(self, day: date | None) -> None:
        """Tell the worker what day is today; None: the real one."""
        assert self._worker is not None
        try:
            await orders.set_today(self._worker, day)
        except ConnectionError:
            raise UserError(f"The worker exited unexpectedly: see {self.log}") from None

    async def _launch(self, today: date | None) -> None:
        self.log.parent.mkdir(parents=True, exist_ok=True)
        if self.log.exists():
            os.replace(self.log, self.log.with_suffix(".log.1"))
        environment = os.environ | {
            f"{PREFIX}BROKER": self.settings.broker,
            f"{PREFIX}STATE_DIR": str(self.settings.state_dir),
            f"{PREFIX}WEB_PORT": str(self.settings.web_port),
        }
        if self.settings.sources is None:
            environment[f"{PREFIX}SOURCES"] = "open"  # a member of the sample leaves and is erased
        if today is not None:
            environment[f"{PREFIX}AS_OF"] = today.isoformat()
        if self._held is not None:
            self._held.close()
        with self.log.open("wb") as log:
            # it stops when our end of its standard input closes, so it can't outlive us unnoticed
            self._worker = await asyncio.create_subprocess_exec(
                *(sys.executable, "-c", _WORKER, "worker", "--with-stdin"),
                stdin=asyncio.subprocess.PIPE,
                stdout=log,
                stderr=log,
                env=environment,
                start_new_session=True,
            )
        self._running.set()

    async def _ready(self) -> None:
        """Wait until /ready answers 200."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + READY_S
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(2)) as client:
            while True:
                try:
                    async with client.get(f"{self.url}/ready") as answer:
                        if answer.status == 200:
                            return
                except (aiohttp.ClientError, TimeoutError):
                    pass  # it has not come so far
                if loop.time() > deadline:
                    raise UserError(f"The worker is not ready after {READY_S:.0f} s: see {self.log}")
                await asyncio.sleep(0.1)

    async def death(self) -> str:
        """Wait until the worker or the local broker has ended by itself; a line about it."""
        await self._running.wait()
        assert self._worker is not None
        ended = asyncio.create_task(self._worker.wait())
        try:
            while not ended.done():
                await asyncio.wait({ended}, timeout=1.0)
                if self._broker is not None and not ended.done():
                    status = await asyncio.to_thread(self._broker.status)
                    if status.process is None:
                        return f"The local broker exited unexpectedly: see {self._broker.log}"
            code = ended.result()
            return f"The worker exited unexpectedly (exit code {code}): {_last(self.log)}see {self.log}"
        finally:
            ended.cancel()

    async def stop(self) -> None:
        """End the worker in order, with force after half a minute; then the broker, unless others need it."""
        if self._held is not None:
            self._held.close()
        worker = self._worker
        if worker is not None and worker.returncode is None:
            self._report("Stopping the worker …")
            worker.terminate()
            try:
                await asyncio.wait_for(worker.wait(), STOP_S)
            except TimeoutError:
                worker.kill()
                await worker.wait()
        await asyncio.to_thread(leave)


def _last(log: Path) -> str:
    """The last line of a log that is for the user, to be followed by where the log is."""
    lines = log.read_text("utf-8", "replace").splitlines()
    messages = [line for line in lines if line.startswith("pillarscore: ")]
    return f"{messages[-1].removeprefix('pillarscore: ')}; " if messages else ""
