"""Publications as they come from `score.distributions`: taken record by record, complete with their head."""

from dataclasses import dataclass, field

from schemas.distributions import Head, Rows, load_names, parse_key


@dataclass(slots=True)
class Publication:
    """What came of one epoch of a partition up to a head, None while that has not come; rows in order."""

    epoch: int
    names: dict[int, list[tuple[str, str]]] = field(default_factory=dict)
    rows: list[Rows] = field(default_factory=list)
    head: Head | None = None

    def follow(self, later: "Publication") -> None:
        """Add a later one of the same epoch."""
        self.names |= later.names
        self.rows += later.rows
        self.head = later.head


class Publications:
    """Those that have a head and are not merged yet, by partition. kinds: of cohorts, beside `everyone`.

    fresh: whether one has come since they were looked at.
    """

    def __init__(self, partitions: int, kinds: tuple[str, ...]) -> None:
        self.ready: dict[int, Publication] = {}
        self.fresh = False
        self._partitions = partitions
        self._kinds = kinds
        self._open: dict[int, dict[int, Publication]] = {}  # by partition and epoch

    def take(self, key: bytes | None, value: bytes) -> None:
        """A committed record, in order; ValueError when it is none of ours, or can't be read."""
        partition, what = parse_key(key or b"")
        if partition >= self._partitions:
            raise ValueError(f"there is no partition {partition}")
        if what == "head":
            head = Head.load(value)
            if head.partition != partition:
                raise ValueError(f"a head of partition {head.partition} with the key of another")
            self._close(partition, head)
        elif what == "cohorts":
            epoch, first, names = load_names(value)
            self._of(partition, epoch).names[first] = names
        else:
            rows = Rows.load(value, self._kinds)
            self._of(partition, rows.epoch).rows.append(rows)

    def _close(self, partition: int, head: Head) -> None:
        made = self._of(partition, head.epoch)
        made.head = head
        self.fresh = True
        # others are of owners who can't finish them any more
        del self._open[partition]
        before = self.ready.get(partition)
        if before is not None and before.epoch == head.epoch:
            before.follow(made)
        else:
            self.ready[partition] = made

    def _of(self, partition: int, epoch: int) -> Publication:
        of_partition = self._open.setdefault(partition, {})
        found = of_partition.get(epoch)
        if found is None:
            found = of_partition[epoch] = Publication(epoch)
        return found

    def get(self) -> dict[int, Publication]:
        """Take them out, to merge them."""
        ready, self.ready, self.fresh = self.ready, {}, False
        return ready

    def put_back(self, ready: dict[int, Publication]) -> None:
        """Those that could not be merged, before any that have come since."""
        for partition, earlier in ready.items():
            later = self.ready.get(partition)
            if later is not None and later.epoch == earlier.epoch:
                earlier.follow(later)
                self.ready[partition] = earlier
            elif later is None:
                self.ready[partition] = earlier
