// What `graphql-codegen` does with codegen.ts and `gql.tada generate-output` with tsconfig.json, by their libraries; and
// relay-compiler. Nothing is fetched: the schema is the file.
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { minifyIntrospection, outputIntrospectionFile } from '@gql.tada/internal';
import { codegen } from '@graphql-codegen/core';
import { preset } from '@graphql-codegen/client-preset';
import { buildSchema, introspectionFromSchema, parse } from 'graphql';

const here = dirname(fileURLToPath(import.meta.url));
const sdl = readFileSync(join(here, '../../../../schema.graphql'), 'utf8');
const schema = buildSchema(sdl);
for (const client of ['apollo', 'urql', 'relay']) {
  rmSync(join(here, client, '__generated__'), { recursive: true, force: true });
  mkdirSync(join(here, client, '__generated__'), { recursive: true });
}

const source = readFileSync(join(here, 'apollo/features.ts'), 'utf8');
const documents = [...source.matchAll(/graphql\(`([^`]*)`\)/g)].map(([, rawSDL], number) => ({
  location: `features.ts:${number}`,
  document: parse(rawSDL),
  rawSDL,
}));
const config = {
  scalars: { DateTime: 'string', UUID: 'string', JSON: 'unknown' },
  useTypeImports: true,
  enumsAsTypes: true,
  emitLegacyCommonJSImports: false,
  importExtension: '.js',
};
const sections = await preset.buildGeneratesSection({
  baseOutputDir: `${join(here, 'apollo/__generated__')}/`,
  schema: parse(sdl),
  schemaAst: schema,
  documents,
  config,
  presetConfig: {},
  plugins: [],
  pluginMap: {},
  pluginContext: {},
});
for (const section of sections) {
  writeFileSync(section.filename, await codegen(section));
}

const introspection = minifyIntrospection(introspectionFromSchema(schema, { descriptions: false }));
const environment = outputIntrospectionFile(introspection, { fileType: '.d.ts', shouldPreprocess: true });
writeFileSync(join(here, 'urql/__generated__/graphql-env.d.ts'), environment);

execFileSync(process.execPath, [join(here, '../node_modules/relay-compiler/cli.js'), 'relay.config.json'], {
  cwd: here,
  stdio: ['ignore', 'ignore', 'inherit'],
});
