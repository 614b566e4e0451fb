// Apollo Client with graphql-codegen's client preset: `graphql` knows the type of every document by its text.
import { ApolloClient, HttpLink, InMemoryCache, type TypedDocumentNode } from '@apollo/client';

import { type FragmentType, graphql, useFragment } from './__generated__/index.js';
import type { FeatureStatus } from './__generated__/graphql.js';

export const card = graphql(`
  fragment Card on Feature { id name status owner { name } tags updatedAt }
`);

export const page = graphql(`
  query Features($first: Int!, $after: String, $filter: FeatureFilter) {
    features(first: $first, after: $after, filter: $filter) {
      nodes { ...Card }
      pageInfo { hasNextPage endCursor }
    }
  }
`);

export const rename = graphql(`
  mutation Rename($input: UpdateFeatureInput!) {
    updateFeature(input: $input) {
      feature { id name version }
      userErrors { code message ... on StaleVersionError { currentVersion } }
    }
  }
`);

const client = new ApolloClient({
  link: new HttpLink({ uri: '/graphql' }),
  cache: new InMemoryCache(),
  clientAwareness: { name: 'sample', version: '1.0' },
});

export async function names(): Promise<string[]> {
  const { data } = await client.query({ query: page, variables: { first: 10, filter: { status: ['ACTIVE'] } } });
  return (data?.features.nodes ?? []).map((node) => title(node));
}

function title(node: FragmentType<typeof card>): string {
  const feature = useFragment(card, node);
  const status: FeatureStatus = feature.status;
  // @ts-expect-error: it was not selected
  void feature.description;
  // @ts-expect-error: a name is never null
  const never: null = feature.name;
  return `${feature.name} (${status}) of ${feature.owner.name}${never ?? ''}`;
}

export async function renamed(id: string, name: string, expectedVersion: number): Promise<number | null> {
  const { data } = await client.mutate({ mutation: rename, variables: { input: { id, name, expectedVersion } } });
  return data?.updateFeature.feature?.version ?? null;
}

// @ts-expect-error: `first` is required
void client.query({ query: page, variables: {} });
// @ts-expect-error: there is no such status
void client.query({ query: page, variables: { first: 1, filter: { status: ['NOPE'] } } });

export type Page = typeof page extends TypedDocumentNode<infer Data, infer _> ? Data : never;
