"""The batches of users: one statement each per level, however many keys."""

from app.loaders.words import batch, batch_for

named_users_by_id = batch(lambda context: context.user.get_many_named)
user_counts = batch(lambda context: context.user.count_many)
user_entry_pages = batch_for(lambda context: context.administration.entry_pages)
user_entry_counts = batch(lambda context: context.administration.entry_counts)
