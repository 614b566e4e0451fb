// What relay-compiler makes artifacts and a manifest of; nobody imports this file.
import { graphql } from 'relay-runtime';

export const forward = graphql`
  query featuresForwardQuery($count: Int!, $cursor: String) {
    features(first: $count, after: $cursor) @connection(key: "forward_features") {
      edges { node { id name owner { name } } }
    }
  }
`;

export const backward = graphql`
  query featuresBackwardQuery($count: Int!, $cursor: String) {
    features(last: $count, before: $cursor) @connection(key: "backward_features") {
      edges { node { id name } }
    }
  }
`;

export const create = graphql`
  mutation featuresCreateMutation($input: CreateFeatureInput!) {
    createFeature(input: $input) {
      feature { id name version }
      userErrors { __typename code path ... on DuplicateNameError { existingId } }
    }
  }
`;
