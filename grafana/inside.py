"""The lower half of the dashboard Pipeline: commits, event loop and batches, and the workers."""

from grafana.panels import GREEN, RED, YELLOW, Column, Panel, board, series, states
from grafana.queries import Query, top

RATE = "[$__rate_interval]"


def quantiles(metric: str, by: str = "", *, of: str = "W", legend: str = "") -> list[Query]:
    """p50, p95 and p99 of a histogram, for each value of the label `by`."""
    labels = f"{by}, le" if by else "le"
    return [
        Query(
            f"histogram_quantile({q}, sum by ({labels}) (rate({metric}_bucket<{of}>{RATE})))",
            f"{name}{legend}",
        )
        for q, name in ((0.5, "p50"), (0.95, "p95"), (0.99, "p99"))
    ]


def time() -> list[list[Panel]]:
    """Commits, the event loop, and sizes of batches."""
    # one table of panels, so it is long
    return [
        [
            series(
                "Commit",
                "s",
                "Duration of a commit: writing stamp and blocks, and Kafka's answer.",
                "p50 high: Kafka's disks or replicas are slow (PillarscoreCommitSlow). Only p99 high: blocks are "
                "large, or the event loop stalls.",
                *quantiles("pillarscore_commit_seconds", of="P"),
                steps=[(1, RED)],
            ),
            series(
                "Transactions",
                "ops",
                "Transactions committed per second, over all partitions, and those aborted.",
                "Aborted above 0: a partition failed or was fenced, PillarscoreTransactionsAborted. Committed falls "
                "under load by design: one per second when there is a backlog.",
                Query(f"sum(rate(pillarscore_transactions_total<P>{RATE}))", "committed"),
                Query(f"sum(rate(pillarscore_transaction_aborts_total<P>{RATE}))", "aborted"),
                colors={"aborted": RED},
            ),
            series(
                "Event loop delay",
                "s",
                "Delay with which the event loop wakes a sleeping task (p99), by worker. All work of a worker runs "
                "in it.",
                "Above half a second: too little CPU, or too much work at once. From 10 s the worker loses its "
                "partitions: PillarscoreEventLoopStalled.",
                Query(
                    "histogram_quantile(0.99, sum by (instance, le) "
                    f"(rate(pillarscore_event_loop_lag_seconds_bucket<W>{RATE})))",
                    "{{instance}}",
                ),
                steps=[(0.5, YELLOW), (1, RED)],
            ),
        ],
        [
            series(
                "Events per ingest batch",
                "short",
                "Events that ingest reads in one round. Small batches have less delay, large ones cost less.",
                "Constantly at PILLARSCORE_BATCH_EVENTS: ingest is at its limit, add workers.",
                *quantiles("pillarscore_ingest_batch_events"),
            ),
            series(
                "Rows per frame",
                "short",
                "Rows per frame: one for the actor of an event, one for its counterpart.",
                "Tiny frames at a high event rate cost CPU: too many partitions for the load, or "
                "PILLARSCORE_CYCLE_MS is too small.",
                *quantiles("pillarscore_frame_rows"),
            ),
            series(
                "Members per flush",
                "short",
                "Members whose scores are emitted in one flush.",
                "Constantly very large: there is a backlog, so flushes are rare; see the lags.",
                *quantiles("pillarscore_flush_members"),
            ),
        ],
        [
            series(
                "Frame bytes written",
                "binBps",
                "Bytes per second written to activity.frames.",
                "Far more than upstream sends: many dead letters, which are sent whole; see Data quality.",
                Query(f"sum by (instance) (rate(pillarscore_frame_bytes_sum<W>{RATE}))", "{{instance}}"),
                stack=True,
            ),
            series(
                "Bytes of state blocks",
                "binBps",
                "Bytes of state written to member.ledger per second, so that a restore has little to replay.",
                "0 for longer than PILLARSCORE_BLOCK_CYCLE_S while events arrive: blocks are not written, "
                "PillarscoreReplayLong.",
                Query(
                    f"sum by (partition) (rate(pillarscore_block_bytes_total<P>{RATE}))",
                    "partition {{partition}}",
                ),
                stack=True,
            ),
            series(
                "Frames a restore would replay",
                "short",
                "Frames with changes that are not in a block yet, by partition.",
                "Should rise and fall within PILLARSCORE_BLOCK_CYCLE_S. Growing without limit: "
                "PillarscoreReplayLong.",
                Query("max by (partition) (pillarscore_replay_frames<P>)", "partition {{partition}}"),
                steps=[(20_000, YELLOW)],
            ),
        ],
    ]


def workers() -> list[list[Panel]]:
    """Owners of partitions, restores and restarts."""
    # one table of panels, so it is long
    return [
        [workers_board()],
        [
            states(
                "Partition owners",
                "short",
                "The worker that owns each partition: live or restoring. If there are many, those that were live for "
                "the shortest time.",
                "A partition without a band has no owner (PillarscorePartitionUnowned). Bands that change often: "
                "PillarscoreFencedRepeatedly. Restoring for long: PillarscoreRestoreSlow.",
                Query(
                    top(
                        "max by (partition, instance) (pillarscore_partition_live<P>)",
                        "partition, instance",
                        least=True,
                        count=16,
                    ),
                    "{{partition}} on {{instance}}",
                ),
                {"0": ("restoring", YELLOW), "1": ("live", GREEN)},
                height=10,
            ),
            series(
                "Silence of Kafka, by worker",
                "s",
                "Time since the worker's clients last heard from Kafka, while one of them waits for an answer.",
                "All workers: Kafka is down, PillarscoreKafkaUnreachable. Some: the network between them and Kafka.",
                Query("max by (instance) (pillarscore_kafka_silence_seconds<W>)", "{{instance}}"),
                width=12,
                height=10,
                steps=[(30, YELLOW), (60, RED)],
            ),
        ],
        [
            series(
                "Restore",
                "percentunit",
                "Progress of a restore: the ledger is the first half, frames are the second.",
                "A line that does not rise: the worker's log says what it waits for; PillarscoreRestoreSlow.",
                Query(
                    "min by (partition) (pillarscore_restore_progress_ratio<P>)", "partition {{partition}}"
                ),
                width=6,
                most=1,
                lowest=True,
            ),
            series(
                "Duration of the last restore",
                "s",
                "By partition; for a restore in progress, so far.",
                "Minutes: lower PILLARSCORE_BLOCK_CYCLE_S, or spread the partitions over more workers.",
                Query("max by (partition) (pillarscore_restore_seconds<P>)", "partition {{partition}}"),
                width=6,
                steps=[(180, YELLOW)],
            ),
            series(
                "Restarts",
                "short",
                "In the last 15 minutes: restores of partitions after an error (failed) or after another worker "
                "had taken them (fenced), and restarts of ingest.",
                "Once: an outage of Kafka. Repeatedly: PillarscorePartitionFailing, PillarscoreFencedRepeatedly, "
                "PillarscoreIngestRestarting.",
                Query("sum(increase(pillarscore_failures_total<P>[15m]))", "failed"),
                Query("sum(increase(pillarscore_fenced_total<P>[15m]))", "fenced"),
                Query("sum(increase(pillarscore_ingest_failures_total<W>[15m]))", "ingest"),
                Query(
                    "sum(increase(pillarscore_undelivered_frames_total<P>[15m]))",
                    "undelivered frames",
                ),
                width=6,
                steps=[(3, RED)],
            ),
            series(
                "Members left to roll over",
                "short",
                "After the rollover all members are rescored as of the new day; events have priority.",
                "Above 0 for half an hour: PillarscoreDayTurnStuck.",
                Query("max by (partition) (pillarscore_unrolled_members<P>)", "partition {{partition}}"),
                width=6,
                stack=True,
            ),
        ],
    ]


def partitions() -> Panel:
    """A row for each partition."""
    return board(
        "Partitions of members",
        "A row for each partition of members, as of now; restarts are those of the last 15 minutes. Click a heading "
        "to sort.",
        "Restoring for long: PillarscoreRestoreSlow. Missing: PillarscorePartitionUnowned. Lag that grows: "
        "PillarscoreScoreLagGrowing. Unaccounted or lost: PillarscoreConservationBroken, PillarscoreEventsLost.",
        "partition",
        [
            Column(
                "State",
                "max by (partition) (pillarscore_partition_live<P>)",
                words={"0": ("restoring", YELLOW), "1": ("live", GREEN)},
            ),
            Column("Workers", "count by (partition) (pillarscore_partition_live<P>)", steps=[(2, YELLOW)]),
            Column(
                "Unread frames",
                "max by (partition) (pillarscore_score_lag_frames<P>)",
                steps=[(1000, YELLOW)],
            ),
            Column(
                "Lag",
                "max by (partition) (pillarscore_score_lag_seconds<P>)",
                "s",
                steps=[(30, YELLOW), (900, RED)],
            ),
            Column(
                "Scores", f"sum by (partition) (rate(pillarscore_scores_total<P>{RATE}))", "recps", decimals=1
            ),
            Column("Members", "max by (partition) (pillarscore_members<P>)"),
            Column(
                "Last restore",
                "max by (partition) (pillarscore_restore_seconds<P>)",
                "s",
                steps=[(180, YELLOW)],
                decimals=1,
            ),
            Column(
                "Restarts",
                "sum by (partition) (increase(pillarscore_failures_total<P>[15m])"
                " + increase(pillarscore_fenced_total<P>[15m]))",
                steps=[(1, YELLOW), (3, RED)],
                decimals=0,
            ),
            Column(
                "Unaccounted",
                "max by (partition) (abs(pillarscore_conservation_difference<P>))",
                steps=[(1, RED)],
            ),
            Column("Lost", "max by (partition) (pillarscore_lost_offsets<P>)", steps=[(1, RED)]),
        ],
        first=[("State", False), ("Lag", True)],
    )


def workers_board() -> Panel:
    """A row for each worker."""
    ready = {"0": ("no", RED), "1": ("yes", GREEN)}
    return board(
        "Workers",
        "A row for each worker, as of now; the delay of the event loop is its p99. Click a worker to open its "
        "dashboard.",
        "Not ready: PillarscoreNotReady. Different versions or rubrics for longer than a roll-out: "
        "PillarscoreVersionsMixed. CPU near 100 %: add workers. Silence: PillarscoreKafkaUnreachable.",
        "instance",
        [
            Column("Ready", "max by (instance) (pillarscore_ready<W>)", words=ready),
            Column(
                "Partitions",
                'sum by (instance) (pillarscore_owned_partitions<W,role="score">)',
            ),
            Column(
                "CPU",
                f"max by (instance) (rate(process_cpu_seconds_total<W>{RATE}))",
                "percentunit",
                [(0.9, YELLOW)],
            ),
            Column("Memory", "max by (instance) (process_resident_memory_bytes<W>)", "bytes"),
            Column(
                "Loop delay",
                "histogram_quantile(0.99, sum by (instance, le) "
                f"(rate(pillarscore_event_loop_lag_seconds_bucket<W>{RATE})))",
                "s",
                [(0.5, YELLOW), (1, RED)],
            ),
            Column(
                "Events",
                f"sum by (instance) (rate(pillarscore_ingest_events_total<W>{RATE}))",
                "eps",
                decimals=1,
            ),
            Column(
                "Kafka silent",
                "round(max by (instance) (pillarscore_kafka_silence_seconds<W>))",
                "s",
                [(30, YELLOW), (60, RED)],
                decimals=0,
            ),
            Column("Problems", "sum by (instance) (pillarscore_problems<W>)", steps=[(1, RED)]),
            Column(
                "Uptime",
                "max by (instance, role, version, rubric) (pillarscore_build_info<W>)"
                " * on (instance) group_left () (time() - max by (instance) (process_start_time_seconds<W>))",
                "dtdurations",
            ),
        ],
        labels={"role": "Role", "version": "Version", "rubric": "Rubric"},
        first=[("Ready", False), ("CPU", True)],
        link="/d/pillarscore-worker?var-job=${job}&var-instance=${__value.raw}&${__url_time_range}",
    )
