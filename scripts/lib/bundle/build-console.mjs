/**
 * Bundles the console's page (src/features/console/ui) into a directory: index.html, and script, styles and icon under
 * names that hold a hash of what is in them; each also compressed, as it is served. Needs no install script: esbuild's
 * binary comes in a package of its own.
 *
 *   node scripts/lib/bundle/build-console.mjs DIRECTORY
 */
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { buildSync } from 'esbuild';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const source = join(root, 'src', 'features', 'console', 'ui');
const [directory] = process.argv.slice(2);
if (directory === undefined) {
  console.error('say where to: node scripts/lib/bundle/build-console.mjs DIRECTORY');
  process.exit(2);
}
const out = join(root, directory);

/** Name → text. */
function bundled() {
  const { outputFiles } = buildSync({
    entryPoints: { console: join(source, 'main.tsx') },
    outdir: out,
    entryNames: '[name]-[hash]',
    bundle: true,
    minify: true,
    write: false,
    format: 'esm',
    target: 'es2022',
    jsx: 'automatic',
    jsxImportSource: 'preact',
    legalComments: 'eof',
    logLevel: 'warning',
  });
  return new Map(outputFiles.map(({ path, text }) => [basename(path), text]));
}

const files = bundled();
const icon = readFileSync(join(source, 'icon.svg'), 'utf8');
files.set(`icon-${createHash('sha256').update(icon).digest('hex').slice(0, 8)}.svg`, icon);
const named = (extension) => [...files.keys()].find((name) => name.endsWith(extension));
const page = readFileSync(join(source, 'index.html'), 'utf8')
  .replace('{script}', named('.js'))
  .replace('{styles}', named('.css'))
  .replace('{icon}', named('.svg'));
files.set('index.html', page);

rmSync(out, { recursive: true, force: true });
mkdirSync(out, { recursive: true });
for (const [name, text] of files) {
  writeFileSync(join(out, name), text);
  writeFileSync(join(out, `${name}.gz`), gzipSync(text, { level: 9 }));
}
