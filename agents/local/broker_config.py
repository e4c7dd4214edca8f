"""How the local broker is set up: Kafka's properties, and the options of Java."""

PROPERTIES = """\
# Rewritten at every start by agents/local/broker.py.
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@{host}:{controller}
listeners=CLIENTS://{host}:{port},CONTROLLER://{host}:{controller}
advertised.listeners=CLIENTS://{host}:{port}
listener.security.protocol.map=CLIENTS:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=CLIENTS
controller.listener.names=CONTROLLER
log.dirs={data}
# One node: no replicas, and few partitions for Kafka's internal topics.
default.replication.factor=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
# Topics are created by agents/topics/specs.py; a misspelt name must not create one.
auto.create.topics.enable=false
# A single worker need not wait for others to join its group.
group.initial.rebalance.delay.ms=0
# After a crash the node has to wait for its own former session to end.
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
# Frames and dead letters are sent whole.
message.max.bytes=8388608
# The cleaner's share of a small heap, and compaction without a long pause.
log.cleaner.dedupe.buffer.size=33554432
log.cleaner.backoff.ms=5000
num.network.threads=2
num.io.threads=4
"""

# Java's quick compiler alone. On 2 cores, 330-byte records at 60,000/s: half the CPU of the default while
# that warms up (3.4 against 6.2 s for 1.2 million records), 8 % more once it is warm, after a minute.
JAVA = ["java", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData", "-Djava.awt.headless=true"]
BRIEF = [*JAVA, "-XX:+UseSerialGC"]
LONG_RUNNING = [*JAVA, "-XX:+UseG1GC", "-XX:+ExitOnOutOfMemoryError"]
LOGGING = [
    f"-Dorg.slf4j.simpleLogger.{option}"
    for option in ("defaultLogLevel=warn", "showDateTime=true", "dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSXXX")
]
