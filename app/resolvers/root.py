"""The schema: every root field in one place."""

import strawberry
from graphql import GraphQLInputObjectType, GraphQLSchema
from strawberry.schema.config import StrawberryConfig
from strawberry.schema.schema_converter import GraphQLCoreConverter

from app.engine.weights import read_costs
from app.resolvers.api_token import ApiTokenMutation
from app.resolvers.audit import AuditQuery
from app.resolvers.bulk import BulkMutation
from app.resolvers.feature import FeatureMutation, FeatureQuery
from app.resolvers.node import NodeQuery
from app.resolvers.rate_limit import RateLimitQuery
from app.resolvers.security_event import SecurityEventQuery
from app.resolvers.user import UserQuery
from app.resolvers.user_mutation import UserMutation
from app.schema.api_token import ApiToken
from app.schema.audit import AuditEntry
from app.schema.errors import ERROR_TYPES
from app.schema.feature import Feature
from app.schema.scalars import SCALARS
from app.schema.security_event import SecurityEvent
from app.schema.user import User
from app.schema.user_audit import UserAuditEntry


@strawberry.type(description="Every read. Reads have no effect, and may run in any order.")
class Query(NodeQuery, UserQuery, FeatureQuery, AuditQuery, SecurityEventQuery, RateLimitQuery):
    pass


@strawberry.type(description="Every write. Several in one request are several transactions, in their order.")
class Mutation(FeatureMutation, BulkMutation, UserMutation, ApiTokenMutation):
    pass


schema = strawberry.Schema(
    query=Query,
    mutation=Mutation,
    types=[User, Feature, AuditEntry, UserAuditEntry, SecurityEvent, ApiToken, *ERROR_TYPES],
    config=StrawberryConfig(scalar_map=SCALARS),
)

costs = read_costs(schema.as_str())

core: GraphQLSchema = schema._schema  # noqa: SLF001  # graphql-core's own: Strawberry has no public name for it
for kind in core.type_map.values():
    if isinstance(
        kind, GraphQLInputObjectType
    ):  # Strawberry checks it by rules of its own, where it runs what is asked
        kind.is_one_of = kind.extensions[GraphQLCoreConverter.DEFINITION_BACKREF].is_one_of
