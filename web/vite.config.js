// Builds the GraphiQL page into the Python package, which serves it; it must produce nothing that a strict
// Content-Security-Policy refuses: no inline script, no data: fonts, no blob: workers.
import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

export default defineConfig({
  root: 'graphiql',
  base: '/static/graphiql/',
  plugins: [react()],
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
