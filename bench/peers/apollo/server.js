// Apollo Server as its docs teach it: the standalone server, with a DataLoader per edge and request.
import { readFileSync } from 'node:fs'
import { ApolloServer } from '@apollo/server'
import { startStandaloneServer } from '@apollo/server/standalone'
import DataLoader from 'dataloader'
import { GraphQLScalarType } from 'graphql'
import pg from 'pg'
import { database, host, poolOptions, port } from '../data.js'
import { makeContext, makeResolvers } from '../resolvers.js'

const db = database(new pg.Pool(poolOptions))
const typeDefs = readFileSync(new URL('../schema.graphql', import.meta.url), 'utf8')
const server = new ApolloServer({ typeDefs, resolvers: makeResolvers(db, GraphQLScalarType) })
await startStandaloneServer(server, { listen: { host, port }, context: async () => makeContext(db, DataLoader) })
