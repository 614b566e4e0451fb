"""The batches of API tokens: one statement each per level, however many keys."""

from app.loaders.words import batch, batch_for

token_pages_by_user = batch_for(lambda context: context.api_token.pages_of_users)
token_counts = batch(lambda context: context.api_token.count_many)
