"""What events of a kind have in common."""

# Objects whose keys are the users' own.
FREE = {"MessageAttributes", "messageAttributes", "Keys", "NewImage", "OldImage", "data", "detail", "records"}


def shape(value, constant=(), where="", key=""):
    """{(where, type)} of all that is in *value*; of a key that is *constant*, (where, value)."""
    found = {(where, value if key in constant else type(value).__name__)}
    if isinstance(value, dict) and key not in FREE:
        return found.union(*(shape(each, constant, f"{where}.{name}", name) for name, each in value.items()))
    return found.union(*(shape(each, constant, where) for each in value)) if isinstance(value, list) else found


def records(event):
    """The records of an event, Kafka's of all partitions; or the event itself."""
    found = event.get("Records") or event.get("records") or [event]
    return [record for each in found.values() for record in each] if isinstance(found, dict) else found
