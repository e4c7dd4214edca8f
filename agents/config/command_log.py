"""What a command shows of what its Kafka clients log: that an address does not answer, once for each.

Why a command fails is its own last line; what clients log on the way is not for whoever called it. A worker sets
up its own logging.
"""

import logging
import sys

_UNREACHABLE = 'Unable connect to "%s:%s": %s'


class _Unreachable(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self._shown: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        """Show it, unless it was shown or somebody else shows what is logged."""
        arguments = record.args
        if logging.getLogger().handlers or record.msg != _UNREACHABLE or not isinstance(arguments, tuple):
            return
        address = f"{arguments[0]}:{arguments[1]}"
        if address not in self._shown:
            self._shown.add(address)
            print(f"pillarscore: no Kafka answers at {address}; trying the other addresses", file=sys.stderr)


def install() -> None:
    """Take over from Python, which prints all warnings when nobody handles them. May be called again."""
    for name in ("aiokafka", "kafka", "faust", "mode"):
        logger = logging.getLogger(name)
        if not any(isinstance(handler, _Unreachable) for handler in logger.handlers):
            logger.addHandler(_Unreachable())
