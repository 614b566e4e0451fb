"""The batches of features: one statement each per level, however many keys."""

from app.loaders.words import batch, batch_for

features_by_id = batch(lambda context: context.feature.get_many)
feature_pages_by_owner = batch_for(lambda context: context.feature.pages_of_owners)
feature_counts = batch(lambda context: context.feature.count_many)
