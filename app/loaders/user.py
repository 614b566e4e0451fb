"""The batches of users: one statement each per level, however many keys."""

from app.loaders.words import batch

named_users_by_id = batch(lambda context: context.user.get_many_named)
user_counts = batch(lambda context: context.user.count_many)
