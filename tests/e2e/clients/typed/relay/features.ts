// Relay: its compiler writes an artifact with types for each document.
import { Environment, Network, RecordSource, Store, fetchQuery, graphql } from 'relay-runtime';

import type { featuresQuery } from './__generated__/featuresQuery.graphql.ts';

const page = graphql`
  query featuresQuery($count: Int!, $cursor: String, $filter: FeatureFilter) {
    features(first: $count, after: $cursor, filter: $filter) @connection(key: "sample_features", filters: ["filter"]) {
      edges { node { id name status owner { name } } }
    }
  }
`;

const network = Network.create(async ({ id, text }, variables) => {
  const response = await fetch('/graphql', {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      'graphql-client-name': 'sample',
      'graphql-client-version': '1.0',
    },
    body: JSON.stringify({ ...(id ? { documentId: id } : { query: text }), variables }),
  });
  return response.json();
});
const environment = new Environment({ network, store: new Store(new RecordSource()) });

export async function names(): Promise<string[]> {
  const variables = { count: 10, filter: { status: ['ACTIVE'] } } as const;
  const data = await fetchQuery<featuresQuery>(environment, page, variables).toPromise();
  return (data?.features.edges ?? []).map(({ node }) => {
    // @ts-expect-error: it was not selected
    void node.description;
    return `${node.name} (${node.status}) of ${node.owner.name}`;
  });
}

// @ts-expect-error: `count` is required
void fetchQuery<featuresQuery>(environment, page, {});
// @ts-expect-error: there is no such status
void fetchQuery<featuresQuery>(environment, page, { count: 1, filter: { status: ['NOPE'] } });
