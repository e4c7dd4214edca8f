"""One worker: its machine, its work, its partitions and its state."""

from typing import Any

from grafana.frame import dashboard
from grafana.inside import RATE, quantiles
from grafana.panels import GREEN, RED, YELLOW, Panel, heat, number, series, states
from grafana.queries import Query, top

UID = "pillarscore-worker"


def build() -> dict[str, Any]:
    """The dashboard, as Grafana's JSON model."""
    return dashboard(
        UID,
        "Pillarscore / One worker",
        "One worker: its machine, its ingest, its partitions and its state.",
        [
            ("Overview", [_numbers()]),
            ("Machine", _machine()),
            ("Ingest", _ingest()),
            ("Scoring", _partitions()),
            ("State", _state()),
        ],
        single=True,
    )


def _numbers() -> list[Panel]:
    return [
        number(
            "Ready",
            "bool_yes_no",
            "Whether each of its roles has its partitions, all are restored, and there are no problems.",
            "No for minutes: PillarscoreNotReady.",
            Query("pillarscore_ready<W>"),
            words={"0": ("no", RED), "1": ("yes", GREEN)},
        ),
        number(
            "Uptime",
            "dtdurations",
            "Time since the process started.",
            "Short repeatedly: PillarscoreWorkerRestarting.",
            Query("time() - process_start_time_seconds<W>"),
        ),
        number(
            "Version",
            "string",
            "Version, rubric and role of the worker.",
            "Differs from the other workers: PillarscoreVersionsMixed.",
            Query("pillarscore_build_info<W>", "{{version}} · {{rubric}} · {{role}}"),
            names=True,
            width=6,
        ),
        number(
            "Partitions",
            "short",
            "Member partitions that it owns.",
            "0 with the role score: there are more workers than partitions; this one is on standby.",
            Query("count(pillarscore_partition_live<P>) or vector(0)"),
        ),
        number(
            "Members",
            "short",
            "Members in its partitions.",
            "Far more than other workers: it owns more partitions; they are assigned by number, not by size.",
            Query("sum(pillarscore_members<P>) or vector(0)"),
        ),
        number(
            "Memory",
            "bytes",
            "Resident memory of the process.",
            "Near the limit of its container: it will be killed. Give it more memory, or spread the partitions over "
            "more workers; 'State, by kind' below shows what grows.",
            Query("process_resident_memory_bytes<W>"),
        ),
        number(
            "Free disk",
            "bytes",
            "Free space on the file system of its state folder.",
            "Low: PillarscoreDiskFilling, PillarscoreDiskAlmostFull.",
            Query("min(pillarscore_disk_free_bytes<W>)"),
            steps=[(1e9, YELLOW), (5e9, GREEN)],
            below=True,
        ),
    ]


def _machine() -> list[list[Panel]]:
    return [
        [
            series(
                "CPU",
                "percentunit",
                "Cores in use. The event loop and most of the work run on one core.",
                "Near 100 %: the worker is at its limit. Add a worker, up to the number of partitions.",
                Query(f"rate(process_cpu_seconds_total<W>{RATE})", "cores"),
                width=6,
                steps=[(0.9, YELLOW)],
            ),
            series(
                "Memory",
                "bytes",
                "Resident memory of the process.",
                "It grows with the members and then stays constant. Growing without new members is a leak: restart "
                "the worker, and report it with this graph.",
                Query("process_resident_memory_bytes<W>", "resident"),
                width=6,
            ),
            heat(
                "Event loop delay",
                "s",
                "Delay with which the event loop wakes a sleeping task.",
                "Columns up to a second: too little CPU, or too much work at once. From 10 s Kafka reassigns the "
                "partitions: PillarscoreEventLoopStalled.",
                Query(
                    f"sum by (le) (increase(pillarscore_event_loop_lag_seconds_bucket<W>{RATE}))", "{{le}}"
                ),
                width=6,
            ),
            series(
                "Open files",
                "short",
                "File descriptors in use, including connections to Kafka, and their limit.",
                "Near the limit: raise it (`ulimit -n`). Growing: connections to Kafka are lost repeatedly.",
                Query("process_open_fds<W>", "open"),
                Query("process_max_fds<W>", "limit"),
                width=6,
            ),
        ],
        [
            series(
                "Silence of Kafka",
                "s",
                "Time since a client that waits for an answer or a connection last heard from Kafka.",
                "Above PILLARSCORE_OUTAGE_GRACE_S: Kafka does not answer; /ready is 503 until it does.",
                Query("pillarscore_kafka_silence_seconds<W>", "{{client}}"),
                width=6,
            ),
            series(
                "Partitions owned",
                "short",
                "Partitions of each role that this worker owns, and how many all workers together should own.",
                "The sum over workers is lower than expected: start a worker with this role.",
                Query("pillarscore_owned_partitions<W>", "{{role}}"),
                Query("pillarscore_expected_partitions<W>", "{{role}}, all workers"),
                width=6,
            ),
            series(
                "Certificates",
                "s",
                "Time until the certificates expire that the settings name.",
                "Below two weeks: replace the file; it is read again for each new connection.",
                Query("pillarscore_certificate_expiry_seconds<W>", "{{certificate}}"),
                width=6,
            ),
            series(
                "Publishes benchmarks",
                "short",
                "1 when this worker publishes the benchmarks: the owner of partition 0.",
                "The sum over workers is not 1: see the log of the owner of partition 0.",
                Query("pillarscore_benchmark_publisher<W>", "publishes"),
                width=6,
            ),
        ],
    ]


def _ingest() -> list[list[Panel]]:
    return [
        [
            series(
                "Events read",
                "eps",
                "Events read per second, and those that failed validation.",
                "0 while others read: it has no partition of activity.events, or its ingest fails.",
                Query(f"sum(rate(pillarscore_ingest_events_total<W>{RATE}))", "read"),
                Query(f"sum(rate(pillarscore_ingest_invalid_events_total<W>{RATE}))", "invalid"),
                width=6,
                colors={"invalid": RED},
            ),
            series(
                "Unread events",
                "short",
                "Unread events in its source partitions.",
                "Growing while its CPU is near 100 %: add workers. Growing while it is idle: its log says why.",
                Query("max by (source) (pillarscore_ingest_lag_events<W>)", "source {{source}}"),
                width=6,
                stack=True,
            ),
            series(
                "Events per ingest batch",
                "short",
                "Events that ingest reads in one round.",
                "Constantly at PILLARSCORE_BATCH_EVENTS: it is at its limit.",
                *quantiles("pillarscore_ingest_batch_events"),
                width=6,
            ),
            series(
                "Frame size",
                "bytes",
                "Size of the frames that it writes.",
                "Megabytes: many events at once, or large dead letters, which are sent whole.",
                *quantiles("pillarscore_frame_bytes"),
                width=6,
            ),
        ],
    ]


def _partitions() -> list[list[Panel]]:
    # one table of panels, so it is long
    return [
        [
            states(
                "Partitions",
                "short",
                "The partitions that it owns: live or restoring. If there are many, those that were live for the "
                "shortest time.",
                "Restoring for long: PillarscoreRestoreSlow. Changing often: PillarscoreFencedRepeatedly.",
                Query(
                    top(
                        "max by (partition) (pillarscore_partition_live<P>)",
                        "partition",
                        least=True,
                        count=16,
                    ),
                    "partition {{partition}}",
                ),
                {"0": ("restoring", YELLOW), "1": ("live", GREEN)},
                width=8,
            ),
            series(
                "Scores emitted",
                "recps",
                "Score records per second, by partition.",
                "0 in one partition while it has unread frames: PillarscoreScoresStalled.",
                Query(
                    f"sum by (partition) (rate(pillarscore_scores_total<P>{RATE}))", "partition {{partition}}"
                ),
                stack=True,
            ),
            series(
                "Unread frames",
                "short",
                "Frames of its partitions that are not counted yet.",
                "Growing: the worker does not keep up.",
                Query("max by (partition) (pillarscore_score_lag_frames<P>)", "partition {{partition}}"),
                stack=True,
            ),
        ],
        [
            series(
                "Frames counted",
                "ops",
                "Frames per second whose scores are committed, by partition.",
                "0 with unread frames: PillarscoreScoresStalled. Many with few events: frames are tiny, see "
                "'Rows per frame' in the dashboard Pipeline.",
                Query(
                    f"sum by (partition) (rate(pillarscore_frame_offset<P>{RATE}))", "partition {{partition}}"
                ),
                width=6,
                stack=True,
            ),
            series(
                "Commit, p99",
                "s",
                "Duration that 99 % of the commits do not exceed, by partition.",
                "All partitions: Kafka, or the event loop above. Only one: the broker that leads it.",
                Query(
                    "histogram_quantile(0.99, sum by (partition, le) "
                    f"(rate(pillarscore_commit_seconds_bucket<P>{RATE})))",
                    "partition {{partition}}",
                ),
                width=6,
                steps=[(1, RED)],
            ),
            series(
                "Transactions",
                "ops",
                "Transactions committed and aborted per second.",
                "Aborted above 0: PillarscoreTransactionsAborted.",
                Query(f"sum(rate(pillarscore_transactions_total<P>{RATE}))", "committed"),
                Query(f"sum(rate(pillarscore_transaction_aborts_total<P>{RATE}))", "aborted"),
                width=6,
                colors={"aborted": RED},
            ),
            series(
                "Restarts",
                "short",
                "In the last 15 minutes: partitions that failed or were fenced, and restarts of ingest.",
                "Repeatedly: PillarscorePartitionFailing, PillarscoreFencedRepeatedly, PillarscoreIngestRestarting.",
                Query("sum(increase(pillarscore_failures_total<P>[15m]))", "failed"),
                Query("sum(increase(pillarscore_fenced_total<P>[15m]))", "fenced"),
                Query("sum(increase(pillarscore_ingest_failures_total<W>[15m]))", "ingest"),
                width=6,
                steps=[(3, RED)],
            ),
        ],
    ]


def _state() -> list[list[Panel]]:
    return [
        [
            series(
                "State, by kind",
                "bytes",
                "Memory allocated for the state of its partitions, without the text of names.",
                "seen grows with PILLARSCORE_DEDUPE_EVENTS, the others grow with the members.",
                Query("sum by (kind) (pillarscore_state_bytes<P>)", "{{kind}}"),
                width=6,
                stack=True,
            ),
            series(
                "Bytes per member",
                "bytes",
                "State divided by members. Falls while there are few members, because memory is allocated in "
                "advance.",
                "Rising with a constant number of members: they are more active, or ids of events are kept longer.",
                Query("sum(pillarscore_state_bytes<P>) / (sum(pillarscore_members<P>) > 0)", "bytes"),
                width=6,
            ),
            series(
                "Members and tiles",
                "short",
                "Members with state, and tiles: counts per member, signal and day.",
                "Tiles grow for 90 days and then stay constant. They fall when events no longer arrive.",
                Query("sum(pillarscore_members<P>)", "members"),
                Query("sum(pillarscore_tiles<P>)", "tiles"),
                width=6,
            ),
            series(
                "Restore",
                "s",
                "Duration of the last restore, by partition; for a restore in progress, so far.",
                "Minutes: lower PILLARSCORE_BLOCK_CYCLE_S, or spread the partitions over more workers.",
                Query("max by (partition) (pillarscore_restore_seconds<P>)", "partition {{partition}}"),
                width=6,
                steps=[(180, YELLOW)],
            ),
        ],
    ]
