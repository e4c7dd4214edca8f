"""The command line with the defences of transactions switched off: what aiokafka does by itself.

`python -m tests.kit.undefended worker …` is the control of the tests which say that the defences are needed.
"""

from typing import Any

from aiokafka.producer import sender

from agents.cli import main
from agents.kafka import internals
from agents.kafka.transactions import Transactions


async def _not_looked_at(self: Any) -> None:
    """The acknowledgements are dropped, as they were."""
    for sent in self._sent:
        sent.future.add_done_callback(lambda future: future.cancelled() or future.exception())
    self._sent.clear()


if __name__ == "__main__":
    sender.EndTxnHandler = internals.AS_SHIPPED
    Transactions.acknowledged = _not_looked_at  # type: ignore[method-assign]
    main()
