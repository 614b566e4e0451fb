// Mercurius as its docs teach it: loaders against N+1, operations compiled from the first run on (jit: 1).
import { readFileSync } from 'node:fs'
import Fastify from 'fastify'
import { GraphQLScalarType } from 'graphql'
import mercurius from 'mercurius'
import pg from 'pg'
import { database, host, poolOptions, port } from '../data.js'

const db = database(new pg.Pool(poolOptions))

const resolvers = {
  DateTime: new GraphQLScalarType({ name: 'DateTime', serialize: (value) => value.toISOString() }),
  JSON: new GraphQLScalarType({ name: 'JSON' }),
  Query: {
    feature: (_, { id }) => db.feature(id),
    features: (_, { first }) => db.features(first),
  },
  Mutation: {
    createFeature: async (_, { input }) => ({ feature: await db.createFeature(input) }),
  },
}

const loaders = {
  Feature: {
    owner: (queries) => db.users(queries.map(({ obj }) => obj.ownerId)),
    async auditEntries(queries) {
      const pages = new Map()
      for (const first of new Set(queries.map(({ params }) => params.first))) {
        const ids = queries.filter(({ params }) => params.first === first).map(({ obj }) => obj.id)
        const found = await db.entries(ids, first)
        ids.forEach((id, index) => pages.set(`${id} ${first}`, found[index]))
      }
      return queries.map(({ obj, params }) => pages.get(`${obj.id} ${params.first}`))
    },
  },
  AuditEntry: {
    actor: (queries) => db.users(queries.map(({ obj }) => obj.actorId)),
  },
}

const app = Fastify()
const schema = readFileSync(new URL('../schema.graphql', import.meta.url), 'utf8')
app.register(mercurius, { schema, resolvers, loaders, jit: 1 })
await app.listen({ host, port })
