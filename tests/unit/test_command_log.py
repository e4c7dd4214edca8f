"""What commands show of what Kafka's clients log."""

import subprocess
import sys

PROGRAM = """
import logging
from agents.config import command_log
command_log.install(); command_log.install()
log = logging.getLogger("aiokafka")
for _ in range(3):
    log.error('Unable connect to "%s:%s": %s', "kafka-1", 9092, OSError("refused"))
log.error('Unable connect to "%s:%s": %s', "kafka-2", 9092, OSError("refused"))
log.error("Unable connect to node with id %s: %s", 1, OSError("refused"))
logging.getLogger("aiokafka.conn").warning("something else")
logging.basicConfig(format="%(message)s")
log.error('Unable connect to "%s:%s": %s', "kafka-3", 9092, OSError("refused"))
"""


def test_an_address_that_does_not_answer_is_shown_once():
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stderr.splitlines() == [
        "pillarscore: no Kafka answers at kafka-1:9092; trying the other addresses",
        "pillarscore: no Kafka answers at kafka-2:9092; trying the other addresses",
        'Unable connect to "kafka-3:9092": refused',  # whoever sets up logging has all of it
    ]
