"""The faults, in the order in which they are played; those that take longest come last."""

import asyncio
import signal
from pathlib import Path

from tests.gameday.drill import Fault, run
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
_BURNT = {
    "PillarscoreAvailabilityBurnsFast": "nothing holds it back once Kafka is there again, and the errors of minutes "
    "without Kafka stay in its windows for as long"
}
_SCORING_DOWN = dict.fromkeys(
    ("PillarscorePartitionsMissing", "PillarscorePartitionUnowned", "PillarscoreAvailabilityBurnsFast"),
    "scoring has to be down for frames to go uncounted, here for longer than a minute",
)


def _kill(site: Site) -> Seat:
    seat = site.seats[1]
    seat.stop(kill=True)
    return seat


def _freeze(site: Site) -> Seat:
    seat = site.seats[1]
    seat.signal(signal.SIGSTOP)
    return seat


def _restart(site: Site) -> None:
    """SIGTERM, then SIGKILL after 25 s, as the runbook says of a worker; then start it."""
    seat = site.seats[1]
    seat.stop()
    seat.start()
    seat.wait_ready()


def _kafka_away(site: Site) -> Seat:
    site.brokers.kill()
    return site.seats[0]


def _bad_events(site: Site) -> Seat:
    site.upstream.bad = 0.3
    return site.seats[0]


def _good_events(site: Site) -> None:
    site.upstream.bad = 0.0


def _silent(site: Site) -> Seat:
    site.upstream.pause()
    return site.seats[0]


def _slow(site: Site) -> Seat:
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
    _quota(site, seat, f"--add-config consumer_byte_rate={SLOW_BYTES_PER_S}")
    return seat


def _quota(site: Site, seat: Seat, change: str) -> None:
    from agents.kafka.clients import client_id

    name = client_id(site.settings.model_copy(update={"web_port": seat.port}))
    tool = f"kafka-configs --bootstrap-server {site.settings.broker} --alter --entity-type clients"
    code, said, _ = run(f"{tool} --entity-name {name} {change}", site.folder, site.environment, False)
    if code:
        raise RuntimeError(f"Kafka takes no quota: {said}")


def _add_workers(site: Site) -> None:
    """Up to the number of partitions of events."""
    added = site.seats[WORKERS + 1 :]
    for seat in added:
        seat.start("ingest")
    site.watch(site.seats)
    for seat in added:
        seat.wait_ready()


def _no_quota(site: Site) -> None:
    _quota(site, site.seats[WORKERS], "--delete-config consumer_byte_rate")
    for seat in site.seats:
        seat.stop()
    site.usual_workers()


def _frames_gone(site: Site) -> Seat:
    """Of a Pillarscore whose scoring is down while ingest goes on, all frames that were not counted."""
    return _gone(site, events=False)


def _events_gone(site: Site) -> Seat:
    """The same, and with them the events of a source partition."""
    return _gone(site, events=True)


def _gone(site: Site, events: bool) -> Seat:
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


def _publish_again(site: Site) -> None:
    """All events since long before the loss, most of which were counted; then nothing new until it is checked."""
    site.upstream.pause()
    site.upstream.repeat(AGAIN)
    site.wait_counted()


def _as_before(site: Site) -> None:
    site.upstream.resume()
    site.usual_workers()


def _garbage(site: Site) -> Seat:
    """In the ledger of every partition, before a worker restores them."""
    seat = site.seats[0]
    seat.stop()
    records = [(b"stamp", b"{}"), (b"stamp", None), (b"block/0", b"garbage"), (b"unheard of", b"x")]
    for partition in range(site.settings.frame_partitions):
        asyncio.run(send_raw(site.settings, "ledger", partition, *records))
    seat.start()
    seat.worker.wait_metric("pillarscore_foreign_records_total", 1)
    return seat


def _clock_file(seat: Seat) -> Path:
    return seat.folder / "clock"


def _clock_off(site: Site) -> Seat:
    """The worker's clock is that of a file, by libfaketime."""
    seat = site.seats[1]
    seat.stop()
    _clock_file(seat).write_text(f"+{AHEAD_S}s\n")
    seat.start(
        LD_PRELOAD=str(tool(FAKETIME)),
        FAKETIME_TIMESTAMP_FILE=str(_clock_file(seat)),
        FAKETIME_CACHE_DURATION="1",
        FAKETIME_DONT_FAKE_MONOTONIC="1",
    )
    return seat


def _clock_right(site: Site) -> None:
    _clock_file(site.seats[1]).write_text("+0s\n")


def _real_clock(site: Site) -> None:
    site.seats[1].stop()
    site.usual_workers()


def _filler(seat: Seat) -> Path:
    return Path(f"/proc/{seat.pid}/root{seat.state_dir}/large-file")


def _disk_full(site: Site) -> Seat:
    """The worker's state folder is on a small disk of its own: a tmpfs that only this process and its like see.

    Kafka's data is not on it, so Kafka does not stop, as the local broker would on the same disk.
    """
    seat = site.seats[1]
    seat.stop()
    mounted = f'mount -t tmpfs -o size={DISK_MB}m none "{seat.state_dir}" && exec "$@"'
    prefix = ["unshare", "--map-root-user", "--mount", "sh", "-c", mounted, "sh"]
    seat.start(prefix=prefix)
    seat.wait_ready()
    with _filler(seat).open("wb") as file:
        file.write(b"x" * ((DISK_MB - DISK_LEFT_MB) << 20))
    return seat


def _free_space(site: Site) -> None:
    _filler(site.seats[1]).unlink()


FAULTS = [
    Fault(
        "kill",
        "PillarscoreWorkerDown",
        "SIGKILL for one of two workers",
        _kill,
        within_s=100,
        steps={"Restart the worker": _restart},
        restore=Site.usual_workers,
    ),
    Fault(
        "bad-events",
        "PillarscoreDeadLetterRatioHigh",
        "30 % of the events lack their type",
        _bad_events,
        within_s=180,
        over_s=200,
        steps={"Inform the owner of the system": _good_events},
        restore=_good_events,
    ),
    Fault(
        "freeze",
        "PillarscoreWorkerDown",
        "SIGSTOP for one of two workers",
        _freeze,
        within_s=100,
        steps={"Restart the worker": _restart},
        restore=Site.usual_workers,
    ),
    Fault(
        "kafka-away",
        "PillarscoreKafkaUnreachable",
        "SIGKILL for the only broker",
        _kafka_away,
        within_s=150,
        over_s=400,
        steps={"Repair Kafka or the network": lambda site: site.brokers.start()},
        also=_BURNT,
        restore=lambda site: site.brokers.start(),
    ),
    Fault(
        "silent-upstream",
        "PillarscoreNoEvents",
        "nothing is published any more",
        _silent,
        within_s=450,
        steps={"Call the owner of the publishing system": lambda site: site.upstream.resume()},
        restore=lambda site: site.upstream.resume(),
    ),
    Fault(
        "clock-off",
        "PillarscoreClockSkew",
        "the clock of one of two workers is 20 minutes ahead",
        _clock_off,
        within_s=120,
        over_s=200,
        steps={"Synchronise the clock": _clock_right},
        restore=_real_clock,
    ),
    Fault(
        "disk-full",
        "PillarscoreDiskAlmostFull",
        f"{DISK_LEFT_MB} of {DISK_MB} MB are free on a disk that is the state folder of one worker alone",
        _disk_full,
        within_s=100,
        steps={"Free some space at once": _free_space},
        restore=_real_clock,
    ),
    Fault(
        "frames-gone",
        "PillarscoreFramesMissing",
        "frames are removed while ingest goes on and scoring is down",
        _frames_gone,
        within_s=60,
        over_s=750,
        also=_SCORING_DOWN,
        restore=Site.usual_workers,
    ),
    Fault(
        "events-gone",
        "PillarscoreEventsLost",
        "frames are removed while scoring is down, and events of one source partition too",
        _events_gone,
        within_s=60,
        over_s=400,
        steps={
            "Publish the events of these offsets again": _publish_again,
            "Mark the loss as handled": lambda site: site.upstream.resume(),
        },
        also=_SCORING_DOWN,
        restore=_as_before,
    ),
    Fault(
        "slow-consumer",
        "PillarscoreIngestLagGrowing",
        "the only worker that reads events gets half of them from Kafka (a quota)",
        _slow,
        within_s=330,
        over_s=400,
        steps={"Add workers": _add_workers},
        also=dict.fromkeys(
            ("PillarscoreFreshnessBurnsFast", "PillarscoreAvailabilityBurnsFast"),
            "scores are late by more than the objectives allow while it lasts, so a page has to follow the ticket",
        ),
        restore=_no_quota,
    ),
    Fault(
        "garbage-in-ledger",
        "PillarscoreForeignRecords",
        "another program writes to the ledger of every partition",
        _garbage,
        within_s=60,
        verify_code=1,
        over_s=750,
    ),
    Fault(
        "lost-quorum",
        "PillarscoreKafkaUnreachable",
        "SIGKILL for two of three brokers",
        _kafka_away,
        within_s=200,
        over_s=400,
        steps={"Repair Kafka or the network": lambda site: site.brokers.start()},
        also=_BURNT,
        restore=lambda site: site.brokers.start(),
        brokers=3,
    ),
]
