"""What of an object will be looked at, so that no more of it is read."""

# Names of a domain object's fields. Among them may be an object that it names (a feature's `owner`): then that comes
# along in the same statement, with the fields that are named as `owner.name`. None: every field, and nobody along.
type Want = frozenset[str] | None
