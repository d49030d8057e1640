import react from '@vitejs/plugin-react';
import { defineConfig } from 'vitest/config';

// Where the page finds a gateway while it is being developed: `npm run dev:gateway` or a real one.
const gateway = process.env['CORDBOARD'] ?? 'http://127.0.0.1:8080';

export default defineConfig({
  base: '/phone/',
  plugins: [react()],
  define: {
    // JsSIP asks for the name that only Node knows.
    global: 'globalThis',
  },
  css: {
    preprocessorOptions: {
      scss: {
        // The design system's sources still use what newer Sass compilers call deprecated; that is its business.
        loadPaths: ['node_modules'],
        quietDeps: true,
        silenceDeprecations: ['import', 'global-builtin', 'color-functions', 'if-function'],
      },
    },
  },
  build: {
    target: 'es2022',
    // React and JsSIP are most of it, and both are needed at once.
    chunkSizeWarningLimit: 900,
    assetsInlineLimit: 0,
    // The folder is committed with a placeholder, which Vite copies back from public/.
    emptyOutDir: true,
  },
  server: {
    proxy: {
      '/api': { target: gateway },
      '/sip': { target: gateway, ws: true },
    },
  },
  test: {
    include: ['src/**/*.test.ts', 'src/**/*.test.tsx'],
    environment: 'node',
  },
});
