"""The faults, in the order in which they are played; those that take longest come last."""

from tests.gameday import injections as do
from tests.gameday.drill import Fault
from tests.gameday.site import Site

_BURNT = {
    "PillarscoreAvailabilityBurnsFast": "nothing holds it back once Kafka is there again, and the errors of minutes "
    "without Kafka stay in its windows for as long"
}
_SCORING_DOWN = dict.fromkeys(
    ("PillarscorePartitionsMissing", "PillarscorePartitionUnowned", "PillarscoreAvailabilityBurnsFast"),
    "scoring has to be down for frames to go uncounted, here for longer than a minute",
)

FAULTS = [
    Fault(
        "kill",
        "PillarscoreWorkerDown",
        "SIGKILL for one of two workers",
        do.kill,
        within_s=100,
        steps={"Restart the worker": do.restart},
        restore=Site.usual_workers,
    ),
    Fault(
        "bad-events",
        "PillarscoreDeadLetterRatioHigh",
        "30 % of the events lack their type",
        do.bad_events,
        within_s=180,
        over_s=200,
        steps={"Inform the owner of the system": do.good_events},
        restore=do.good_events,
    ),
    Fault(
        "freeze",
        "PillarscoreWorkerDown",
        "SIGSTOP for one of two workers",
        do.freeze,
        within_s=100,
        steps={"Restart the worker": do.restart},
        restore=Site.usual_workers,
    ),
    Fault(
        "kafka-away",
        "PillarscoreKafkaUnreachable",
        "SIGKILL for the only broker",
        do.kafka_away,
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
        do.silent,
        within_s=450,
        steps={"Call the owner of the publishing system": lambda site: site.upstream.resume()},
        restore=lambda site: site.upstream.resume(),
    ),
    Fault(
        "clock-off",
        "PillarscoreClockSkew",
        "the clock of one of two workers is 20 minutes ahead",
        do.clock_off,
        within_s=120,
        over_s=200,
        steps={"Synchronise the clock": do.clock_right},
        restore=do.real_clock,
    ),
    Fault(
        "disk-full",
        "PillarscoreDiskAlmostFull",
        f"{do.DISK_LEFT_MB} of {do.DISK_MB} MB are free on a disk that is the state folder of one worker alone",
        do.disk_full,
        within_s=100,
        steps={"Free some space at once": do.free_space},
        restore=do.real_clock,
    ),
    Fault(
        "frames-gone",
        "PillarscoreFramesMissing",
        "frames are removed while ingest goes on and scoring is down",
        do.frames_gone,
        within_s=60,
        over_s=750,
        also=_SCORING_DOWN,
        restore=do.as_before,
    ),
    Fault(
        "events-gone",
        "PillarscoreEventsLost",
        "frames are removed while scoring is down, and events of one source partition too",
        do.events_gone,
        within_s=60,
        over_s=400,
        steps={
            "Publish the events of these offsets again": do.publish_again,
            "If you have all events in files, compare": lambda site: site.upstream.resume(),
        },
        also=_SCORING_DOWN,
        restore=do.as_before,
    ),
    Fault(
        "slow-consumer",
        "PillarscoreIngestLagGrowing",
        "the only worker that reads events gets half of them from Kafka (a quota)",
        do.slow,
        within_s=330,
        over_s=400,
        steps={"Add workers": do.add_workers},
        also=dict.fromkeys(
            ("PillarscoreFreshnessBurnsFast", "PillarscoreAvailabilityBurnsFast"),
            "scores are late by more than the objectives allow while it lasts, so a page has to follow the ticket",
        ),
        restore=do.no_quota,
    ),
    Fault(
        "garbage-in-ledger",
        "PillarscoreForeignRecords",
        "another program writes to the ledger of every partition",
        do.garbage,
        within_s=60,
        verify_code=1,
        over_s=750,
    ),
    Fault(
        "lost-quorum",
        "PillarscoreKafkaUnreachable",
        "SIGKILL for two of three brokers",
        do.kafka_away,
        within_s=200,
        over_s=400,
        steps={"Repair Kafka or the network": lambda site: site.brokers.start()},
        also=_BURNT,
        restore=lambda site: site.brokers.start(),
        brokers=3,
    ),
]
