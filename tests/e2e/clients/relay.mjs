// Relay: pages through everything with the connections of its store, and writes. Its compiler left nothing but ids of
// the documents in the artifacts, so that each request names a trusted document.
import { Environment, Network, RecordSource, Store, commitMutation, createOperationDescriptor, fetchQuery } from 'relay-runtime';

import { ENDPOINT, SIZE, countedFetch, headers, report } from './common.mjs';
import backwardQuery from './relay/__generated__/featuresBackwardQuery.graphql.js';
import createMutation from './relay/__generated__/featuresCreateMutation.graphql.js';
import forwardQuery from './relay/__generated__/featuresForwardQuery.graphql.js';

function connect() {
  const { calls, fetch } = countedFetch();
  const network = Network.create(async ({ id, text }, variables) => {
    const response = await fetch(ENDPOINT, {
      method: 'POST',
      headers: { ...headers, 'content-type': 'application/json', accept: 'application/graphql-response+json' },
      body: JSON.stringify({ documentId: id, ...(text && { query: text }), variables }),
    });
    return response.json();
  });
  return { calls, environment: new Environment({ network, store: new Store(new RecordSource()) }) };
}

async function page(query, forward) {
  const { calls, environment } = connect();
  const first = createOperationDescriptor(query, { count: SIZE });
  environment.retain(first);
  let connection;
  let cursor = null;
  for (let pages = 1; pages < 100; pages += 1) {
    await fetchQuery(environment, query, { count: SIZE, cursor }, { fetchPolicy: 'network-only' }).toPromise();
    connection = environment.lookup(first.fragment).data.features;
    const { pageInfo } = connection;
    if (!(forward ? pageInfo.hasNextPage : pageInfo.hasPreviousPage)) break;
    cursor = forward ? pageInfo.endCursor : pageInfo.startCursor;
  }
  return { ids: connection.edges.map(({ node }) => node.id), calls };
}

const { environment, calls } = connect();
const create = (name) =>
  new Promise((resolve, reject) => {
    const variables = { input: { name } };
    const onCompleted = ({ createFeature }) => resolve(createFeature);
    commitMutation(environment, { mutation: createMutation, variables, onCompleted, onError: reject });
  });
const name = `by Relay ${process.pid}`;
const forward = await page(forwardQuery, true);
const backward = await page(backwardQuery, false);
const created = await create(name);
const refused = await create(name);
report({ forward, backward, created, refused, calls });
