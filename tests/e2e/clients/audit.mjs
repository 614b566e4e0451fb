// The published audit of GraphQL over HTTP, as the user whose token is given; prints its results as JSON.
import { auditServer } from 'graphql-http';

const { ENDPOINT: url, TOKEN: token } = process.env;

const fetchFn = (address, options = {}) =>
  fetch(address, { ...options, headers: { ...options.headers, authorization: `Bearer ${token}` } });

const results = [];
for (const { id, name, status, reason } of await auditServer({ url, fetchFn })) {
  results.push({ id, name, status, reason: reason ?? null });
}
console.log(JSON.stringify(results));
