// urql with gql.tada: types come of the text of each document, by TypeScript alone; nothing is generated per document.
import { Client, fetchExchange } from '@urql/core';
import { type ResultOf, initGraphQLTada, readFragment } from 'gql.tada';

import type { introspection } from './__generated__/graphql-env.d.ts';

const graphql = initGraphQLTada<{
  introspection: introspection;
  scalars: { DateTime: string; UUID: string; JSON: unknown };
}>();

const card = graphql(`
  fragment Card on Feature { id name status owner { name } updatedAt }
`);

const page = graphql(
  `
    query Features($first: Int!, $filter: FeatureFilter) {
      features(first: $first, filter: $filter) {
        nodes { ...Card }
        pageInfo { hasNextPage endCursor }
      }
    }
  `,
  [card],
);

const client = new Client({
  url: '/graphql',
  exchanges: [fetchExchange],
  preferGetMethod: false,
  fetchOptions: { headers: { 'graphql-client-name': 'sample', 'graphql-client-version': '1.0' } },
});

export async function names(): Promise<string[]> {
  const { data } = await client.query(page, { first: 10, filter: { status: ['ACTIVE'] } });
  return (data?.features.nodes ?? []).map((node) => {
    const feature = readFragment(card, node);
    // @ts-expect-error: it was not selected
    void feature.description;
    return `${feature.name} (${feature.status}) of ${feature.owner.name}, ${feature.updatedAt.slice(0, 10)}`;
  });
}

// @ts-expect-error: `first` is required
void client.query(page, {});
// @ts-expect-error: there is no such status
void client.query(page, { first: 1, filter: { status: ['NOPE'] } });

export type Page = ResultOf<typeof page>;
