/** Builds the staff page into `page/dist/`, which the gateway serves below /page/. */
import { fileURLToPath } from 'node:url';
import { preact } from '@preact/preset-vite';
import { defineConfig } from 'vite';
import { BUFFER_OF_PACKAGE, withoutNode } from './check/bundle.ts';

export default defineConfig({
  root: fileURLToPath(new URL('.', import.meta.url)),
  base: '/page/',
  plugins: [preact()],
  css: {
    preprocessorOptions: {
      scss: {
        loadPaths: [fileURLToPath(new URL('../node_modules/@uswds/uswds/packages', import.meta.url))],
        quietDeps: true,
      },
    },
  },
  build: {
    outDir: 'dist',
    emptyOutDir: true,
    manifest: true,
    // Data in the style sheet would need a looser Content Security Policy.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    target: 'es2022',
  },
  // One file, so that one answer of the gateway has the policy that allows WebAssembly.
  worker: {
    format: 'iife',
    plugins: () => [withoutNode],
    rolldownOptions: { transform: BUFFER_OF_PACKAGE },
  },
});
