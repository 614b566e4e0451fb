// graphql-inspector's verdicts: for each pair [old, new] of schemas on standard input the changes that it finds.
import { text } from 'node:stream/consumers';

import { diff } from '@graphql-inspector/core';
import { buildSchema } from 'graphql';

const pairs = JSON.parse(await text(process.stdin));
const schemas = new Map();
const schema = (sdl) => schemas.get(sdl) ?? schemas.set(sdl, buildSchema(sdl, { assumeValid: true })).get(sdl);
const found = [];
for (const [before, after] of pairs) {
  const changes = await diff(schema(before), schema(after));
  found.push(changes.map(({ criticality, path, type }) => ({ level: criticality.level, where: path ?? '', type })));
}
process.stdout.write(JSON.stringify(found));
