"""The lower half of the dashboard Pipeline: where the time is, and the workers."""

from grafana.panels import GREEN, RED, YELLOW, Panel, Query, rows, series, states

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
    """Where the time is: commits, the event loop, how much is taken at once."""
    return [
        [
            series(
                "Commit",
                "s",
                "How long a transaction takes to commit: stamp, blocks and Kafka's answer.",
                "p50 high: Kafka's disks or replicas (PillarscoreCommitSlow). Only p99: blocks are large "
                "or the event loop stalls.",
                *quantiles("pillarscore_commit_seconds", of="P"),
                steps=[(1, RED)],
            ),
            series(
                "Transactions",
                "ops",
                "Transactions committed per second, over all partitions, and those aborted.",
                "Aborted above 0: a partition failed or was fenced, PillarscoreTransactionsAborted. "
                "Committed falls under load by design: one each second when behind.",
                Query(f"sum(rate(pillarscore_transactions_total<P>{RATE}))", "committed"),
                Query(f"sum(rate(pillarscore_transaction_aborts_total<P>{RATE}))", "aborted"),
                colors={"aborted": RED},
            ),
            series(
                "Event loop comes late",
                "s",
                "How much later than asked for the event loop woke (p99), by worker. All of a worker runs "
                "in it.",
                "Above half a second the worker has too little CPU or does too much at once; from 10 s on it "
                "loses its partitions: PillarscoreEventLoopStalled.",
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
                "Events taken at once",
                "short",
                "Events that ingest takes in one round. Small rounds wait less, large ones cost less.",
                "At PILLARSCORE_BATCH_EVENTS all the time: ingest is at its limit, add workers.",
                *quantiles("pillarscore_ingest_batch_events"),
            ),
            series(
                "Rows of a frame",
                "short",
                "Rows of a frame, one for the actor of an event and one for its counterpart.",
                "Tiny frames at a high rate of events cost CPU: too many partitions for the load, or a "
                "PILLARSCORE_CYCLE_MS that is too small.",
                *quantiles("pillarscore_frame_rows"),
            ),
            series(
                "Members scored at once",
                "short",
                "Members whose scores go out in one flush.",
                "Very large all the time: scoring is behind and flushes seldom; see the lags.",
                *quantiles("pillarscore_flush_members"),
            ),
        ],
        [
            series(
                "Bytes of frames",
                "binBps",
                "Bytes per second written to activity.frames.",
                "Far more than upstream sends: many dead letters travel whole, see Data quality.",
                Query(f"sum by (instance) (rate(pillarscore_frame_bytes_sum<W>{RATE}))", "{{instance}}"),
                stack=True,
            ),
            series(
                "Bytes of state blocks",
                "binBps",
                "Bytes per second of state written to member.ledger, so that a restore has little to replay.",
                "0 for longer than PILLARSCORE_BLOCK_CYCLE_S while events come in: blocks are not written, "
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
                "Frames with changes that are in no block yet, by partition.",
                "It should go up and down within PILLARSCORE_BLOCK_CYCLE_S. Growing without end: "
                "PillarscoreReplayLong.",
                Query("max by (partition) (pillarscore_replay_frames<P>)", "partition {{partition}}"),
                steps=[(20_000, YELLOW)],
            ),
        ],
    ]


def workers() -> list[list[Panel]]:
    """Who has what, and how well they start."""
    address = "/d/pillarscore-worker?var-job=${job}&var-instance=${__value.raw}&${__url_time_range}"
    return [
        [
            states(
                "Who has which partition",
                "short",
                "For each partition the worker that has it: live, or restoring.",
                "A partition without a band is nobody's (PillarscorePartitionUnowned). Bands that change "
                "often: PillarscoreFencedRepeatedly. Restoring for long: PillarscoreRestoreSlow.",
                Query(
                    "max by (partition, instance) (pillarscore_partition_live<P>)",
                    "{{partition}} on {{instance}}",
                ),
                {"0": ("restoring", YELLOW), "1": ("live", GREEN)},
            ),
            rows(
                "Workers",
                "short",
                "The workers there are, and what they run. A click on one leads to its own dashboard.",
                "Different versions or rubrics for longer than a roll-out: PillarscoreVersionsMixed.",
                Query(
                    "max by (instance, role, version, rubric, python) (pillarscore_build_info<W>)"
                    " * on (instance) group_right (role, version, rubric, python)"
                    " (time() - max by (instance) (process_start_time_seconds<W>))"
                ),
                {
                    "instance": "Worker",
                    "role": "Role",
                    "version": "Version",
                    "rubric": "Rubric",
                    "python": "Python",
                    "Value": "Runs for",
                },
                units={"Runs for": "dtdurations"},
                links={"Worker": ("Open ${__value.raw}", address)},
                width=12,
            ),
        ],
        [
            series(
                "Restore",
                "percentunit",
                "How far a restore is: the ledger is the first half, the frames are the second.",
                "A line that does not rise: the worker's log says what it waits for; PillarscoreRestoreSlow.",
                Query(
                    "min by (partition) (pillarscore_restore_progress_ratio<P>)", "partition {{partition}}"
                ),
                width=6,
                most=1,
            ),
            series(
                "Duration of the last restore",
                "s",
                "By partition; while one is under way, so far.",
                "Minutes: lower PILLARSCORE_BLOCK_CYCLE_S, or spread the partitions over more workers.",
                Query("max by (partition) (pillarscore_restore_seconds<P>)", "partition {{partition}}"),
                width=6,
                steps=[(180, YELLOW)],
            ),
            series(
                "Started again",
                "short",
                "In the last 15 minutes: partitions that restored after an error (failed) or because "
                "another worker had taken them (fenced), and ingest that began again.",
                "Once is an outage of Kafka. Again and again: PillarscorePartitionFailing, "
                "PillarscoreFencedRepeatedly, PillarscoreIngestRestarting.",
                Query("sum(increase(pillarscore_failures_total<P>[15m]))", "failed"),
                Query("sum(increase(pillarscore_fenced_total<P>[15m]))", "fenced"),
                Query("sum(increase(pillarscore_ingest_failures_total<W>[15m]))", "ingest"),
                Query(
                    "sum(increase(pillarscore_undelivered_frames_total<P>[15m]))",
                    "frames fetched, not delivered",
                ),
                width=6,
                steps=[(3, RED)],
            ),
            series(
                "Members left to score for the day",
                "short",
                "After the day's turn every member is scored as of the new day, events first.",
                "Above 0 for half an hour: PillarscoreDayTurnStuck.",
                Query("max by (partition) (pillarscore_unrolled_members<P>)", "partition {{partition}}"),
                width=6,
                stack=True,
            ),
        ],
    ]
