// What all clients are asked to do, and how they report it: the same documents, counted requests, JSON on stdout.
export const { ENDPOINT, TOKEN } = process.env;
export const SIZE = 100;
export const headers = { authorization: `Bearer ${TOKEN}` };

export const PAGE = `
  query Page($first: Int, $after: String, $last: Int, $before: String) {
    features(first: $first, after: $after, last: $last, before: $before) {
      edges { cursor node { id name owner { id name } } }
      pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
    }
  }
`;

export const CREATE = `
  mutation Create($input: CreateFeatureInput!) {
    createFeature(input: $input) {
      feature { id name version }
      userErrors { __typename code path ... on DuplicateNameError { existingId } }
    }
  }
`;

/** `fetch` that notes of each request its method, its status, the media type and the first error's code. */
export function countedFetch() {
  const calls = [];
  const counted = async (address, options = {}) => {
    const response = await fetch(address, options);
    const { errors } = await response.clone().json();
    calls.push({
      method: options.method ?? 'GET',
      status: response.status,
      media: response.headers.get('content-type'),
      code: errors?.[0]?.extensions?.code ?? null,
    });
    return response;
  };
  return { calls, fetch: counted };
}

export const report = (found) => console.log(JSON.stringify(found));
