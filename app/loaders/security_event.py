"""The batches of security events."""

from app.loaders.words import batch

security_event_counts = batch(lambda context: context.security_event.count_many)
