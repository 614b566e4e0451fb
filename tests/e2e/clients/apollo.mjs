// Apollo Client: pages through everything with its own Relay policy, writes, and registers its queries on the way.
import { createHash } from 'node:crypto';
import { ApolloClient, ApolloLink, HttpLink, InMemoryCache, gql } from '@apollo/client/core';
import { PersistedQueryLink } from '@apollo/client/link/persisted-queries';
import { relayStylePagination } from '@apollo/client/utilities';

import { CREATE, PAGE, ENDPOINT, SIZE, countedFetch, headers, report } from './common.mjs';

const possibleTypes = { UserError: ['ValidationError', 'NotFoundError', 'DuplicateNameError', 'LimitExceededError'] };

function connect() {
  const { calls, fetch } = countedFetch();
  const persisted = new PersistedQueryLink({
    sha256: (text) => createHash('sha256').update(text).digest('hex'),
    useGETForHashedQueries: true,
  });
  const client = new ApolloClient({
    link: ApolloLink.from([persisted, new HttpLink({ uri: ENDPOINT, headers, fetch })]),
    cache: new InMemoryCache({
      possibleTypes,
      typePolicies: { Query: { fields: { features: relayStylePagination() } } },
    }),
  });
  return { calls, client };
}

// A document that no server has seen yet: its name is of this run.
const query = gql(PAGE.replace('Page', `Page_${process.pid}_${Date.now()}`));

async function page(forward) {
  const { calls, client } = connect();
  const variables = forward ? { first: SIZE } : { last: SIZE };
  await client.query({ query, variables });
  const watched = client.watchQuery({ query, variables });
  const watching = watched.subscribe({});
  let merged;
  for (let pages = 1; pages < 100; pages += 1) {
    merged = client.readQuery({ query, variables }).features;
    const { hasNextPage, hasPreviousPage, startCursor, endCursor } = merged.pageInfo;
    if (!(forward ? hasNextPage : hasPreviousPage)) break;
    await watched.fetchMore({ variables: forward ? { after: endCursor } : { before: startCursor } });
  }
  watching.unsubscribe();
  return { ids: merged.edges.map(({ node }) => node.id), calls };
}

const { client, calls } = connect();
const create = (name) => client.mutate({ mutation: gql(CREATE), variables: { input: { name } } });
const name = `by Apollo ${process.pid}`;
const forward = await page(true);
const backward = await page(false);
const created = (await create(name)).data.createFeature;
const refused = (await create(name)).data.createFeature;
report({ forward, backward, created, refused, calls });
