// Builds the GraphiQL page into the Python package, which serves it; it must produce nothing that a strict
// Content-Security-Policy refuses: no inline script, no data: fonts, no blob: workers.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';

import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

// Beside each file of text lies it compressed as far as can be, for the server to hand out: 6.6 MB become 1.5.
function compressed() {
  let folder;
  return {
    name: 'compressed',
    apply: 'build',
    configResolved(config) {
      folder = config.build.outDir.startsWith('/') ? config.build.outDir : join(config.root, config.build.outDir);
    },
    closeBundle() {
      for (const name of readdirSync(join(folder, 'assets'))) {
        if (!/\.(js|css|ttf)$/.test(name)) continue;
        const file = join(folder, 'assets', name);
        const content = readFileSync(file);
        writeFileSync(`${file}.br`, brotliCompressSync(content, {
          params: {
            [constants.BROTLI_PARAM_MODE]: constants.BROTLI_MODE_TEXT,
            [constants.BROTLI_PARAM_LGWIN]: 22,
            [constants.BROTLI_PARAM_SIZE_HINT]: content.length,
          },
        }));
        writeFileSync(`${file}.gz`, gzipSync(content, { level: 9 }));
      }
    },
  };
}

export default defineConfig({
  root: 'graphiql',
  base: '/static/graphiql/',
  plugins: [react(), compressed()],
  worker: { format: 'es' },
  build: {
    outDir: '../../app/web/static/graphiql',
    emptyOutDir: true,
    target: 'es2022',
    assetsInlineLimit: 0,
    // One style sheet, so that ours stays behind Monaco's, whichever chunk arrives first.
    cssCodeSplit: false,
    // Monaco is one chunk of some 3 MB and loaded on demand; the warning would be there for ever.
    chunkSizeWarningLimit: 4500,
    reportCompressedSize: false,
    rolldownOptions: {
      onwarn(warning, warn) {
        // "use no memo" speaks to React's compiler, which does not run here.
        if (warning.code !== 'MODULE_LEVEL_DIRECTIVE') warn(warning);
      },
    },
  },
});
