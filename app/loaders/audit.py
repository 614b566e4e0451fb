"""The batches of audit entries: one statement each per level, however many keys."""

from app.loaders.words import batch, batch_for

entry_pages_by_feature = batch_for(lambda context: context.audit.pages_of_features)
entry_pages_by_actor = batch_for(lambda context: context.audit.pages_of_actors)
entry_counts = batch(lambda context: context.audit.count_many)
