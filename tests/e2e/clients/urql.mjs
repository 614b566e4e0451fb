// urql with its normalised cache: pages through everything with its own Relay pagination, and writes.
import { Client, fetchExchange } from '@urql/core';
import { cacheExchange } from '@urql/exchange-graphcache';
import { relayPagination } from '@urql/exchange-graphcache/extras';

import { CREATE, PAGE, ENDPOINT, SIZE, countedFetch, headers, report } from './common.mjs';

function connect() {
  const { calls, fetch } = countedFetch();
  const cache = cacheExchange({ resolvers: { Query: { features: relayPagination() } } });
  const client = new Client({
    url: ENDPOINT,
    exchanges: [cache, fetchExchange],
    fetch,
    fetchOptions: { headers },
    preferGetMethod: false,
  });
  return { calls, client };
}

async function done(operation) {
  const { data, error } = await operation.toPromise();
  if (error) throw error;
  return data;
}

async function page(forward) {
  const { calls, client } = connect();
  let variables = forward ? { first: SIZE } : { last: SIZE };
  let merged;
  for (let pages = 1; pages < 100; pages += 1) {
    merged = (await done(client.query(PAGE, variables))).features;
    const { hasNextPage, hasPreviousPage, startCursor, endCursor } = merged.pageInfo;
    if (!(forward ? hasNextPage : hasPreviousPage)) break;
    variables = forward ? { first: SIZE, after: endCursor } : { last: SIZE, before: startCursor };
  }
  return { ids: merged.edges.map(({ node }) => node.id), calls };
}

const { client, calls } = connect();
const create = async (name) => (await done(client.mutation(CREATE, { input: { name } }))).createFeature;
const name = `by urql ${process.pid}`;
const forward = await page(true);
const backward = await page(false);
const created = await create(name);
const refused = await create(name);
report({ forward, backward, created, refused, calls });
