// GraphQL Yoga as its docs teach it, with a DataLoader per edge and request.
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import DataLoader from 'dataloader'
import { GraphQLScalarType } from 'graphql'
import { createSchema, createYoga } from 'graphql-yoga'
import pg from 'pg'
import { database, host, poolOptions, port } from '../data.js'
import { makeContext, makeResolvers } from '../resolvers.js'

const db = database(new pg.Pool(poolOptions))
const typeDefs = readFileSync(new URL('../schema.graphql', import.meta.url), 'utf8')
const schema = createSchema({ typeDefs, resolvers: makeResolvers(db, GraphQLScalarType) })
const yoga = createYoga({ schema, logging: false, context: () => makeContext(db, DataLoader) })
createServer(yoga).listen(port, host)
