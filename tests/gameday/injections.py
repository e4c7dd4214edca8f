"""What breaks an installation, and what an operator does about it; each gives the seat that an alert is about."""

import asyncio
import signal
from pathlib import Path

from tests.gameday.drill import run
from tests.gameday.site import WORKERS, Seat, Site, within
from tests.kit.chaos import ends, remove_before, send_raw
from tests.kit.tools import FAKETIME, tool

DISK_MB, DISK_LEFT_MB = 64, 2
SLOW_BYTES_PER_S = 25_000
"""What Kafka gives a slow consumer: about half of all events, and more than a quarter of them."""
FRAMES_S = 30.0
AHEAD_S = 1200
AGAIN = 20_000
"""How many events are published again after a loss; far fewer than are remembered."""


def kill(site: Site) -> Seat:
    seat = site.seats[1]
    seat.stop(kill=True)
    return seat


def freeze(site: Site) -> Seat:
    seat = site.seats[1]
    seat.signal(signal.SIGSTOP)
    return seat


def restart(site: Site) -> None:
    """SIGTERM, then SIGKILL after 25 s, as the runbook says of a worker; then start it."""
    seat = site.seats[1]
    seat.stop()
    seat.start()
    seat.wait_ready()


def kafka_away(site: Site) -> Seat:
    site.brokers.kill()
    return site.seats[0]


def bad_events(site: Site) -> Seat:
    site.upstream.bad = 0.3
    return site.seats[0]


def good_events(site: Site) -> None:
    site.upstream.bad = 0.0


def silent(site: Site) -> Seat:
    site.upstream.pause()
    return site.seats[0]


def slow(site: Site) -> Seat:
    """Workers with one role each; of the role ingest a single one, which Kafka's quota slows down."""
    for seat in site.seats[:WORKERS]:
        seat.stop()
    seat = site.seats[WORKERS]
    seat.start("ingest")
    for other in site.seats[:WORKERS]:
        other.start("score")
    site.watch(site.seats[: WORKERS + 1])
    for one in site.seats[: WORKERS + 1]:
        one.wait_ready()
    quota(site, seat, f"--add-config consumer_byte_rate={SLOW_BYTES_PER_S}")
    return seat


def quota(site: Site, seat: Seat, change: str) -> None:
    from agents.kafka.clients import client_id

    name = client_id(site.settings.model_copy(update={"web_port": seat.port}))
    tool = f"kafka-configs --bootstrap-server {site.settings.broker} --alter --entity-type clients"
    code, said, _ = run(f"{tool} --entity-name {name} {change}", site.folder, site.environment, False)
    if code:
        raise RuntimeError(f"Kafka takes no quota: {said}")


def add_workers(site: Site) -> None:
    """Up to the number of partitions of events."""
    added = site.seats[WORKERS + 1 :]
    for seat in added:
        seat.start("ingest")
    site.watch(site.seats)
    for seat in added:
        seat.wait_ready()


def no_quota(site: Site) -> None:
    quota(site, site.seats[WORKERS], "--delete-config consumer_byte_rate")
    for seat in site.seats:
        seat.stop()
    site.usual_workers()


def frames_gone(site: Site) -> Seat:
    """Of a Pillarscore whose scoring is down while ingest goes on, all frames that were not counted."""
    return gone(site, events=False)


def events_gone(site: Site) -> Seat:
    """The same, and with them the events of a source partition."""
    return gone(site, events=True)


def gone(site: Site, events: bool) -> Seat:
    ingest = site.seats[WORKERS]
    ingest.start("ingest")
    ingest.wait_ready()
    for seat in site.seats[:WORKERS]:
        seat.signal(signal.SIGTERM)
    for seat in site.seats[:WORKERS]:
        seat.stop()
    partitions = site.settings.frame_partitions
    before = asyncio.run(ends(site.settings, "frames", partitions))

    def grown() -> bool:
        now = asyncio.run(ends(site.settings, "frames", partitions))
        # an offset of each commit is Kafka's own mark
        return all(now[p] > before[p] + 2 for p in before)

    if within(grown, FRAMES_S) is None:
        raise TimeoutError("no new frames")
    for partition in range(partitions):
        asyncio.run(remove_before(site.settings, "frames", partition, -1))
    if events:
        asyncio.run(remove_before(site.settings, "events", 1, -1))
    site.usual_workers(ready=False)  # events that are lost are a problem, and then a worker is not ready
    return site.seats[0]


def publish_again(site: Site) -> None:
    """All events since long before the loss, most of which were counted; then nothing new until it is checked."""
    site.upstream.pause()
    site.upstream.repeat(AGAIN)
    site.wait_counted()


def as_before(site: Site) -> None:
    """New workers: a Prometheus that begins with counters above 0 would take them for something new."""
    for seat in site.seats:
        seat.stop()
    site.usual_workers()
    site.upstream.resume()


def garbage(site: Site) -> Seat:
    """In the ledger of every partition, before a worker restores them."""
    seat = site.seats[0]
    seat.stop()
    records = [(b"stamp", b"{}"), (b"stamp", None), (b"block/0", b"garbage"), (b"unheard of", b"x")]
    for partition in range(site.settings.frame_partitions):
        asyncio.run(send_raw(site.settings, "ledger", partition, *records))
    seat.start()
    seat.worker.wait_metric("pillarscore_foreign_records_total", 1)
    return seat


def clock_file(seat: Seat) -> Path:
    return seat.folder / "clock"


def clock_off(site: Site) -> Seat:
    """The worker's clock is that of a file, by libfaketime."""
    seat = site.seats[1]
    seat.stop()
    clock_file(seat).write_text(f"+{AHEAD_S}s\n")
    seat.start(
        LD_PRELOAD=str(tool(FAKETIME)),
        FAKETIME_TIMESTAMP_FILE=str(clock_file(seat)),
        FAKETIME_CACHE_DURATION="1",
        FAKETIME_DONT_FAKE_MONOTONIC="1",
    )
    return seat


def clock_right(site: Site) -> None:
    clock_file(site.seats[1]).write_text("+0s\n")


def real_clock(site: Site) -> None:
    site.seats[1].stop()
    site.usual_workers()


def filler(seat: Seat) -> Path:
    return Path(f"/proc/{seat.pid}/root{seat.state_dir}/large-file")


def disk_full(site: Site) -> Seat:
    """The worker's state folder is on a small disk of its own: a tmpfs that only this process and its like see.

    Kafka's data is not on it, so Kafka does not stop, as the local broker would on the same disk.
    """
    seat = site.seats[1]
    seat.stop()
    mounted = f'mount -t tmpfs -o size={DISK_MB}m none "{seat.state_dir}" && exec "$@"'
    prefix = ["unshare", "--map-root-user", "--mount", "sh", "-c", mounted, "sh"]
    seat.start(prefix=prefix)
    seat.wait_ready()
    with filler(seat).open("wb") as file:
        file.write(b"x" * ((DISK_MB - DISK_LEFT_MB) << 20))
    return seat


def free_space(site: Site) -> None:
    filler(site.seats[1]).unlink()
