"""What to do when a metric looks bad: for operators, and for the reference page."""

ADVICE: dict[str, tuple[str, str]] = {
    "pillarscore_ready": (
        "0 for minutes",
        "Look at `pillarscore_partition_live` and `pillarscore_restore_progress_ratio`: a restore takes time. "
        "Otherwise `/ready` and the log say what the worker waits for.",
    ),
    "pillarscore_event_loop_lag_seconds": (
        "p99 above 0.5",
        "The process has too little CPU, or too much work at once. Give it a full core, or spread the partitions "
        "over more workers.",
    ),
    "pillarscore_disk_free_bytes": (
        "below what a local broker needs",
        "The state folder holds the local broker's data: free disk space, or use your own Kafka.",
    ),
    "pillarscore_kafka_silence_seconds": (
        "above `PILLARSCORE_OUTAGE_GRACE_S`",
        "Kafka does not answer this worker: check Kafka and the network. The label says which client waits; when "
        "only one does, look at the leader of what it reads or writes. Nothing is lost.",
    ),
    "pillarscore_owned_partitions": (
        "the sum over workers is below `pillarscore_expected_partitions`",
        "Partitions have no owner: nobody reads or scores them. Start a worker with this role, or look at the "
        "`/ready` of those that run.",
    ),
    "pillarscore_certificate_expiry_seconds": (
        "below two weeks",
        "Replace the file: `client` is `PILLARSCORE_SSL_CERTFILE`, `ca` the first to expire in "
        "`PILLARSCORE_SSL_CAFILE`. Files are read again for each new connection.",
    ),
    "pillarscore_benchmark_publisher": (
        "the sum over workers is not 1",
        "0: no worker owns partition 0, or the one that does can't publish: see its log. 2 for longer than a "
        "rebalance: the one that was fenced does not know it yet.",
    ),
    "pillarscore_ingest_invalid_events_total": (
        "a rising share of `pillarscore_ingest_events_total`",
        "An upstream system has changed its events: `pillarscore_dead_letters_total` shows how, "
        "`pillarscore_event_source_dead_letters_total` of which system, `pillarscore_source_dead_letters_total` in "
        "which source partition.",
    ),
    "pillarscore_event_source_dead_letters_total": (
        "rising",
        "The label `event_source` names the upstream system: inform its owner. `pillarscore dead-letters list "
        "--source` shows its letters.",
    ),
    "pillarscore_untrusted_timestamps_total": (
        "rising",
        "A producer sets no timestamps, or wrong ones, on a topic with CreateTime. Set `message.timestamp.type` of "
        "`activity.events` to LogAppendTime (`pillarscore topics` shows it), or fix the producer's clock.",
    ),
    "pillarscore_conflicting_events_total": (
        "rising",
        "An upstream system reuses event ids for different events; only the first of them counts. Tell its owner: "
        "`id` must be new for each event of a `source`, and the label `event_source` names it.",
    ),
    "pillarscore_ingest_late_events_total": (
        "a burst",
        "A backfill, a queue that was stuck, or somebody who makes up history; the label `event_source` says whose. "
        "See PillarscoreLateEventsBurst in the runbook.",
    ),
    "pillarscore_member_late_events": (
        "100 or more",
        "Somebody may be buying a score by backdated events: the log of ingest names the member. See "
        "PillarscoreLateEventsOfOneMember in the runbook.",
    ),
    "pillarscore_ingest_not_allowed_events_total": (
        "rising",
        "A source publishes what it may not: give it the permission, or tell its owner. The dead letters say what.",
    ),
    "pillarscore_ingest_failures_total": (
        "rising",
        "Nothing is lost: ingest restarts from its committed offsets. The log has the error; often Kafka is not "
        "reachable.",
    ),
    "pillarscore_ingest_conservation_difference": (
        "anything but 0",
        "A bug in Pillarscore: an event was read but not framed. Keep the log and the topics, and report it.",
    ),
    "pillarscore_ingest_lag_events": (
        "growing for minutes",
        "More events arrive than are read: add workers, up to the number of partitions of `activity.events`. If "
        "`pillarscore_score_lag_frames` grows too, look there first.",
    ),
    "pillarscore_ingest_lag_seconds": (
        "growing for minutes",
        "As for `pillarscore_ingest_lag_events`. If it grows as fast as time passes, ingest is stuck: see its log.",
    ),
    "pillarscore_event_latency_seconds": (
        "p99 above what readers expect",
        "Compare with `pillarscore_ingest_lag_seconds`, `pillarscore_score_lag_seconds` and "
        "`pillarscore_commit_seconds` to find the slow step. If none is slow, events arrive late from upstream.",
    ),
    "pillarscore_commit_seconds": (
        "p99 above 1",
        "Kafka answers slowly: check its disks, and replicas that are out of sync.",
    ),
    "pillarscore_transaction_aborts_total": (
        "rising",
        "A partition failed or was fenced during a transaction. Its events are counted again, so scores are correct. "
        "See the next two metrics.",
    ),
    "pillarscore_fenced_total": (
        "rising repeatedly",
        "Two workers take a partition from each other: one is too slow to answer Kafka within "
        "`PILLARSCORE_SESSION_TIMEOUT_S`, or two groups share a prefix.",
    ),
    "pillarscore_failures_total": (
        "rising",
        "The log has the error. The partition restores from its ledger and continues; if this happens repeatedly, it "
        "makes no progress.",
    ),
    "pillarscore_undelivered_frames_total": (
        "rising steadily",
        "Harmless: the worker fetches these frames itself. If it rises steadily, Faust does not deliver: restart the "
        "worker.",
    ),
    "pillarscore_missing_frames_total": (
        "above 0",
        "Frames were deleted before they were counted; their events are read again. Increase the retention of "
        "`activity.frames`.",
    ),
    "pillarscore_missing_offsets": (
        "above 0 for minutes",
        "Frames are missing and their events could not be read again yet: the log of the worker says why.",
    ),
    "pillarscore_lost_offsets": (
        "above 0",
        "Events were removed before they were counted: `pillarscore ledger losses` lists them; the runbook says what "
        "to do.",
    ),
    "pillarscore_unreadable_frames_total": (
        "above 0",
        "Another program writes to `activity.frames`, or an older worker reads frames of a newer one: upgrade all "
        "workers.",
    ),
    "pillarscore_foreign_records_total": (
        "above 0",
        "Another program writes to `member.ledger` or `member.scores`: the log has offset and key.",
    ),
    "pillarscore_foreign_distributions_total": (
        "above 0",
        "Another program writes to `score.distributions`: `/ready` has the offset.",
    ),
    "pillarscore_source_new_members_total": (
        "a tenth of all members in an hour",
        "An upstream system was connected, or somebody invents members: find out who writes to that partition.",
    ),
    "pillarscore_cohorts_other": (
        "above 0",
        "More cohorts than `PILLARSCORE_COHORT_LIMIT`: did somebody invent teams, or do ids get into such a field?",
    ),
    "pillarscore_incomplete_distributions": (
        "above 0 for minutes",
        "Another program writes to `score.distributions`, or no worker has the partition that `/ready` names.",
    ),
    "pillarscore_produce_failures_total": (
        "rising",
        "Kafka refuses records, so their partition's scores do not change: the log has topic, size and cause.",
    ),
    "pillarscore_unanswered_commits_total": (
        "rising steadily",
        "Kafka, or the network to it, loses requests. No data is lost: the ledger shows what was committed.",
    ),
    "pillarscore_torn_transactions_total": (
        "above 0",
        "A bug in Pillarscore or Kafka: keep the log and the topics, and report it. All scores are emitted again.",
    ),
    "pillarscore_audit_differences_total": (
        "above 0",
        "Readers do not see what was committed: another program writes to `member.scores`, or Kafka lost records.",
    ),
    "pillarscore_problems": (
        "anything but 0",
        "`/ready` of the worker describes its problems; `pillarscore status` shows those of all partitions.",
    ),
    "pillarscore_clock_skew_seconds": (
        "more than 10 in either direction",
        "Set the clock of the machine (NTP).",
    ),
    "pillarscore_benchmark_failures_total": (
        "rising",
        "Kafka refuses the benchmarks: the log has topic, size and cause.",
    ),
    "pillarscore_late_events_total": (
        "a jump",
        "A backfill, or an upstream system was disconnected. Late events count on their own day; no action needed.",
    ),
    "pillarscore_source_duplicates_total": (
        "a rising share",
        "Upstream sends events more than once. They are dropped, but cost as much as others: inform the owner.",
    ),
    "pillarscore_partition_live": (
        "0 for long, or the sum over workers below the number of partitions",
        "The partition restores, is fenced or is refused: the log of the worker says which. If no worker has it, "
        "start one.",
    ),
    "pillarscore_restore_seconds": (
        "minutes",
        "Lower `PILLARSCORE_BLOCK_CYCLE_S`, so that fewer frames have to be replayed, or spread the partitions.",
    ),
    "pillarscore_score_lag_frames": (
        "growing for minutes",
        "Scoring does not keep up: add workers, up to the number of partitions.",
    ),
    "pillarscore_score_lag_seconds": (
        "above a few seconds",
        "As for `pillarscore_score_lag_frames`. If `pillarscore_partition_live` is 0, the partition is restoring.",
    ),
    "pillarscore_conservation_difference": (
        "anything but 0",
        "A bug in Pillarscore: an event has no disposition. Keep the log and the topics, compare with "
        "`pillarscore verify`, and report it.",
    ),
    "pillarscore_replay_frames": (
        "growing without limit",
        "Blocks are not written, so a restore takes longer and longer. See the log for errors of the ledger.",
    ),
    "pillarscore_unrolled_members": (
        "above 0 for hours after midnight",
        "The rollover makes no progress because events have priority: add CPU or workers.",
    ),
    "pillarscore_network_age_seconds": (
        "above a day",
        "Networks are not refreshed: `pillarscore_network_unrefreshed_members` shows whether a refresh makes "
        "progress, the log why it does not. Scores and ranks in cohorts are not affected.",
    ),
    "pillarscore_network_unrefreshed_members": (
        "above 0 and constant for minutes",
        "A refresh makes no progress because events have priority: add CPU or workers.",
    ),
    "pillarscore_state_bytes": (
        "near the available memory",
        "Spread the partitions over more workers; the label `kind` shows what grows.",
    ),
    "pillarscore_benchmark_age_seconds": (
        "above 60 on all workers",
        "Ranks and benchmarks are outdated, scores are not. The log shows why reading the distributions fails; "
        "`pillarscore_rank_merge_seconds` shows whether merging takes too long.",
    ),
}
"""By metric: the sign of trouble, and what to do then."""
