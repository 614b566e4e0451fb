// The tabs a new visitor finds. Each must run as it stands (the last wants an id) and stays valid against the schema.
import type { GraphiQL } from 'graphiql';
import type { ComponentProps } from 'react';

type Tabs = NonNullable<ComponentProps<typeof GraphiQL>['defaultTabs']>;

const FIRST_TEN = `# Token: \`feature-api token --role admin\` prints one, and
# \`make run\` one per role. Paste it above, press Ctrl-Enter.
query FirstTen {
  features(first: 10) {
    totalCount
    nodes {
      id
      name
      status
      category
      owner {
        name
      }
      auditEntries(first: 3) {
        nodes {
          action
          createdAt
          actor {
            name
          }
        }
      }
    }
    pageInfo {
      hasNextPage
      endCursor
    }
  }
}
`;

const SEARCH = `# The next tab wants the id and the version of a hit.
query Search($text: String!) {
  features(first: 5, filter: { search: $text }) {
    totalCount
    nodes {
      id
      name
      version
      description
      tags
      viewerPermissions
    }
  }
}
`;

const UPDATE = `# Put a feature's id and version into the variables below.
# The second run is refused: the version is stale by then,
# and userErrors says which one is current.
mutation UpdateFeature($input: UpdateFeatureInput!) {
  updateFeature(input: $input) {
    feature {
      id
      name
      description
      version
      updatedAt
    }
    userErrors {
      __typename
      code
      message
      path
      ... on StaleVersionError {
        expectedVersion
        currentVersion
      }
    }
  }
}
`;

const asJson = (variables: object): string => JSON.stringify(variables, null, 2);

export const EXAMPLES: Tabs = [
  { query: FIRST_TEN },
  { query: SEARCH, variables: asJson({ text: 'css grid' }) },
  {
    query: UPDATE,
    variables: asJson({ input: { id: '', expectedVersion: 1, description: 'Written from GraphiQL.' } }),
  },
];
