"""What to do when a metric looks bad: for who is woken by it, and for the reference page."""

ADVICE: dict[str, tuple[str, str]] = {
    "pillarscore_ready": (
        "0 for minutes",
        "Look at `pillarscore_partition_live` and `pillarscore_restore_progress_ratio`: a restore takes "
        "its time. "
        "Otherwise the log says what the worker waits for.",
    ),
    "pillarscore_event_loop_lag_seconds": (
        "p99 above 0.5",
        "The process has too little CPU, or does too much at once. Give it a core, or share the "
        "partitions among "
        "more workers.",
    ),
    "pillarscore_disk_free_bytes": (
        "below what a local broker needs",
        "The state folder holds the local broker's data: make room, or use a Kafka of your own.",
    ),
    "pillarscore_ingest_invalid_events_total": (
        "a rising share of `pillarscore_ingest_events_total`",
        "Somebody upstream has changed their events: `pillarscore_dead_letters_total` says in what way, "
        "`pillarscore_source_dead_letters_total` where they come in.",
    ),
    "pillarscore_ingest_failures_total": (
        "rising",
        "Nothing is lost, ingest begins again at its committed offsets; the log has the error. Often "
        "Kafka is away.",
    ),
    "pillarscore_ingest_conservation_difference": (
        "anything but 0",
        "An error in Pillarscore: an event was read and not framed. Keep the log and the topics, and "
        "report it.",
    ),
    "pillarscore_ingest_lag_events": (
        "growing for minutes",
        "More comes in than is read: add workers, up to the partitions of `activity.events`; when "
        "`pillarscore_score_lag_frames` grows too, see there first.",
    ),
    "pillarscore_ingest_lag_seconds": (
        "growing for minutes",
        "As with `pillarscore_ingest_lag_events`. Growing as fast as time passes, ingest stands still: "
        "see its log.",
    ),
    "pillarscore_event_latency_seconds": (
        "p99 above what readers expect",
        "Compare with `pillarscore_ingest_lag_seconds`, `pillarscore_score_lag_seconds` and "
        "`pillarscore_commit_seconds`: one of them has the time. If none has, events come late from "
        "upstream.",
    ),
    "pillarscore_commit_seconds": (
        "p99 above 1",
        "Kafka answers slowly: look at its disks, and at replicas out of sync.",
    ),
    "pillarscore_transaction_aborts_total": (
        "rising",
        "A partition failed or was fenced in a transaction; it is counted again, so scores are right. "
        "See the next two.",
    ),
    "pillarscore_fenced_total": (
        "rising again and again",
        "Two workers take a partition from each other: one is too slow to answer Kafka within "
        "`PILLARSCORE_SESSION_TIMEOUT_S`, or two groups share a prefix.",
    ),
    "pillarscore_failures_total": (
        "rising",
        "The log has the error. The partition restores from its ledger and goes on; again and again "
        "means that it "
        "does not get on.",
    ),
    "pillarscore_undelivered_frames_total": (
        "rising steadily",
        "Harmless, they are fetched. Steadily means that Faust does not deliver: restart the worker.",
    ),
    "pillarscore_missing_frames_total": (
        "above 0",
        "Frames were deleted before they were counted; their events are read again. `activity.frames` keeps too "
        "little: lengthen its retention.",
    ),
    "pillarscore_missing_offsets": (
        "above 0 for minutes",
        "Frames are gone and their events could not be read again yet: the log of the worker says why.",
    ),
    "pillarscore_lost_offsets": (
        "above 0",
        "Events are gone that nobody has counted: `pillarscore ledger losses` names them, the run book says what to "
        "do.",
    ),
    "pillarscore_unreadable_frames_total": (
        "above 0",
        "Something else writes to `activity.frames`, or an older worker reads frames of a newer one: upgrade all.",
    ),
    "pillarscore_foreign_records_total": (
        "above 0",
        "Something else writes to `member.ledger` or `member.scores`: the log names offset and key.",
    ),
    "pillarscore_produce_failures_total": (
        "rising",
        "Kafka refuses records, and their partition's scores stand still: the log has topic, size and cause.",
    ),
    "pillarscore_unanswered_commits_total": (
        "rising steadily",
        "Kafka, or the network to it, loses requests. Nothing is lost: the ledger says what was committed.",
    ),
    "pillarscore_torn_transactions_total": (
        "above 0",
        "An error in Pillarscore or Kafka: keep the log and the topics, and report it. All scores are put out again.",
    ),
    "pillarscore_audit_differences_total": (
        "above 0",
        "Readers do not see what was committed: something else writes to `member.scores`, or Kafka has lost records.",
    ),
    "pillarscore_problems": (
        "anything but 0",
        "`/ready` of the worker says what is wrong in words, and `pillarscore status` for all of them.",
    ),
    "pillarscore_clock_skew_seconds": (
        "more than 10 either way",
        "Set the clock of the machine (NTP).",
    ),
    "pillarscore_benchmark_failures_total": (
        "rising",
        "Kafka refuses the benchmarks: the log has topic, size and cause.",
    ),
    "pillarscore_late_events_total": (
        "a jump",
        "A backfill, or an upstream system was cut off: late events count on their own day, nothing is "
        "to be done.",
    ),
    "pillarscore_source_duplicates_total": (
        "a rising share",
        "Upstream sends again what it has sent. They are dropped, but cost as much as others: tell their "
        "owner.",
    ),
    "pillarscore_partition_live": (
        "0 for long, or the sum over workers below the number of partitions",
        "Restoring, fenced or refused: the log of the worker says which. Nobody has it: start a worker.",
    ),
    "pillarscore_restore_seconds": (
        "minutes",
        "Lower `PILLARSCORE_BLOCK_CYCLE_S`, so that there are fewer frames to replay, or spread the "
        "partitions.",
    ),
    "pillarscore_score_lag_frames": (
        "growing for minutes",
        "Scoring does not keep up: add workers, up to the number of partitions.",
    ),
    "pillarscore_score_lag_seconds": (
        "above a few seconds",
        "As with `pillarscore_score_lag_frames`; above 0 with `pillarscore_partition_live` 0 it is a "
        "restore.",
    ),
    "pillarscore_conservation_difference": (
        "anything but 0",
        "An error in Pillarscore: an event came and it is not settled what became of it. Keep the log "
        "and the "
        "topics, compare with `pillarscore verify`, and report it.",
    ),
    "pillarscore_replay_frames": (
        "growing without end",
        "Blocks are not written: a restore would take longer and longer. See the log for errors of the "
        "ledger.",
    ),
    "pillarscore_unrolled_members": (
        "above 0 for hours after midnight",
        "The day's turn does not get on, since events go first: more CPU, or more workers.",
    ),
    "pillarscore_network_age_seconds": (
        "above a day",
        "Networks are not refreshed: `pillarscore_network_unrefreshed_members` says whether a refresh gets "
        "on, the log why not. Scores and ranks in cohorts are not affected.",
    ),
    "pillarscore_network_unrefreshed_members": (
        "above 0 and the same for minutes",
        "A refresh does not get on, since events go first: more CPU, or more workers.",
    ),
    "pillarscore_state_bytes": (
        "near the memory there is",
        "Share the partitions among more workers; `kind` says what grows.",
    ),
    "pillarscore_benchmark_age_seconds": (
        "above 60 on all workers",
        "Ranks and benchmarks stand still, scores don't. The log says why the worker begins to follow again "
        "and again; `pillarscore_rank_merge_seconds` whether merging takes too long.",
    ),
}
"""By metric: what is bad, and what to do then."""
