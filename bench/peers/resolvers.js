// Resolvers over DataLoader, for the peers that run graphql-js; what they import comes from the peer.

export function makeResolvers(db, GraphQLScalarType) {
  return {
    DateTime: new GraphQLScalarType({ name: 'DateTime', serialize: (value) => value.toISOString() }),
    JSON: new GraphQLScalarType({ name: 'JSON' }),
    Query: {
      feature: (_, { id }) => db.feature(id),
      features: (_, { first }) => db.features(first),
    },
    Mutation: {
      createFeature: async (_, { input }) => ({ feature: await db.createFeature(input) }),
    },
    Feature: {
      owner: ({ ownerId }, _, { users }) => users.load(ownerId),
      auditEntries: ({ id }, { first }, { entries }) => entries(first).load(id),
    },
    AuditEntry: {
      actor: ({ actorId }, _, { users }) => (actorId === null ? null : users.load(actorId)),
    },
  }
}

// The loaders of one request.
export function makeContext(db, DataLoader) {
  const pages = new Map()
  function entries(first) {
    if (!pages.has(first)) pages.set(first, new DataLoader((ids) => db.entries(ids, first)))
    return pages.get(first)
  }
  return { users: new DataLoader((ids) => db.users(ids)), entries }
}
