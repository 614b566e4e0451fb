// Sends operations to /graphql with the token; says whom the server takes the token for, and when it refuses it.
import type { Fetcher, FetcherParams, FetcherResult } from '@graphiql/toolkit';

const ENDPOINT = '/graphql';

export interface Viewer {
  name: string;
  role: string;
}

/** What the server made of the token: `viewer` null is a guest. */
export type Standing =
  | { kind: 'unknown' }
  | { kind: 'known'; viewer: Viewer | null }
  | { kind: 'refused' }
  | { kind: 'unreachable' };

function post(body: FetcherParams, token: string, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(ENDPOINT, {
    method: 'POST',
    credentials: 'same-origin',
    headers: {
      accept: 'application/graphql-response+json, application/json',
      'content-type': 'application/json',
      ...(token ? { authorization: `Bearer ${token}` } : {}),
      ...headers, // What the headers editor says wins.
    },
    body: JSON.stringify(body),
  });
}

/** GraphiQL's fetcher for this token. `refused` is told of every 401 that the token (not a typed header) earned. */
export function fetcherFor(token: string, refused: () => void): Fetcher {
  return async (params, options) => {
    const typed = lowerCaseNames(options?.headers ?? {});
    const response = await post(params, token, typed);
    if (response.status === 401 && !('authorization' in typed)) refused();
    const text = await response.text();
    try {
      return JSON.parse(text) as FetcherResult;
    } catch {
      throw new Error(`The server answered ${response.status} ${response.statusText}, and not with JSON: ${text.slice(0, 300)}`);
    }
  };
}

/** Asks the server who the bearer of the token is. */
export async function standingOf(token: string): Promise<Standing> {
  try {
    const response = await post({ query: 'query Viewer { viewer { name role } }', operationName: 'Viewer' }, token);
    if (response.status === 401) return { kind: 'refused' };
    const body = (await response.json()) as { data?: { viewer?: Viewer | null } | null };
    // A server that would not say (no data) leaves it unknown; the query's own result will tell more.
    return body.data ? { kind: 'known', viewer: body.data.viewer ?? null } : { kind: 'unknown' };
  } catch {
    return { kind: 'unreachable' };
  }
}

function lowerCaseNames(headers: Record<string, unknown>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), String(value)]));
}
