/**
 * Bundles what bin/pillion starts (dist/bundle/): src/ and the packages that it imports, in few files. With 900 small
 * ones a start takes twice the CPU time.
 *
 * - Each module that a thread or process begins with is an entry of its own, as is each backend, which is imported by
 *   its URL. Modules that several entries use, and those that are imported only when they are needed, are in chunks of
 *   their own.
 * - A module's import.meta.url is as if it lay in the bundle in src's folders. So it finds what lies beside it.
 * - ONNX Runtime, plug-ins and TensorFlow's libraries stay where they are.
 * - Names of functions stay, so that stacks can be read; `pillion places` finds the places in TypeScript by the maps.
 *
 *   node scripts/lib/bundle/build-bundle.mjs DIRECTORY
 */

import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { dirname, join, relative } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { buildServe, buildThread } from './build-scripts.mjs';

const [directory] = process.argv.slice(2);
if (directory === undefined) {
  console.error('say where to: node scripts/lib/bundle/build-bundle.mjs DIRECTORY');
  process.exit(2);
}
const root = fileURLToPath(new URL('../../../', import.meta.url));
const source = join(root, 'src');
const out = join(root, directory);

/** Modules that begin a thread or a process, and backends, relative to src/. */
const THREAD_ENTRY = join('backends', 'host', 'thread', 'thread-entry.ts');
const ENTRY = /-entry\.ts$|^backends\/(?!onnx\/)\w+\/[\w-]+-backend\.ts$/;
const entries = readdirSync(source, { recursive: true }).filter((file) => ENTRY.test(file));

/** `bundle`: the bundle's folder as modules see it. */
const inFolders = (bundle) => ({
  name: 'import.meta.url of src',
  setup(plan) {
    plan.onLoad({ filter: /\.ts$/ }, ({ path }) => {
      const place = JSON.stringify(`${bundle}/${compiled(relative(source, path))}`);
      const text = readFileSync(path, 'utf8');
      return { loader: 'ts', contents: text.replaceAll('import.meta.url', `new URL(${place}, import.meta.url).href`) };
    });
  },
});

/**
 * ONNX Runtime's exports, by name. Node 20.19 finds the names of a package in CommonJS by WebAssembly, which it does
 * not have under --disallow-code-generation-from-strings (bin/pillion).
 */
const RUNTIME = 'onnxruntime-node';
const RUNTIME_NAMES = ['InferenceSession', 'listSupportedBackends', 'Tensor'];
const runtimeByName = {
  name: 'exports of ONNX Runtime',
  setup(plan) {
    plan.onResolve({ filter: new RegExp(`^${RUNTIME}$`), namespace: 'file' }, () => ({
      path: RUNTIME,
      namespace: 'by-name',
    }));
    plan.onLoad({ filter: /./, namespace: 'by-name' }, () => ({
      contents: `import runtime from '${RUNTIME}'; export const { ${RUNTIME_NAMES.join(', ')} } = runtime;`,
      resolveDir: root,
    }));
  },
};

/**
 * Finds packages that are imported when they are needed, by name. Esbuild makes of CommonJS a module with a default
 * export alone, so `const { Client } = await import('@grpc/grpc-js')` would find nothing.
 */
const packagesByName = {
  name: 'exports of packages imported later',
  setup(plan) {
    plan.onResolve({ filter: /^[@\w]/, namespace: 'file' }, ({ path, kind }) => {
      if (kind !== 'dynamic-import' || isBuiltin(path) || path.startsWith(`${RUNTIME}/`)) return undefined;
      return { path, namespace: 'later' };
    });
    plan.onLoad({ filter: /./, namespace: 'later' }, async ({ path }) => {
      const names = Object.keys(await import(path)).filter(
        (name) => /^[A-Za-z_$][\w$]*$/.test(name) && name !== 'default',
      );
      return {
        contents: `import * as all from '${path}'; export const { ${names.join(', ')} } = all;`,
        resolveDir: root,
      };
    });
  },
};

const options = {
  bundle: true,
  splitting: true,
  platform: 'node',
  format: 'esm',
  target: 'node20',
  external: ['onnxruntime-node'],
  // Packages in CommonJS ask for Node's modules so.
  banner: { js: "import{createRequire as requireOf}from'node:module';const require=requireOf(import.meta.url);" },
  minifyWhitespace: true,
  minifySyntax: true,
  // Node shows the line of an error that nobody catches.
  lineLimit: 160,
  sourcemap: true,
  sourcesContent: false,
  // The packages themselves are installed too, with their licences.
  legalComments: 'none',
  logLevel: 'warning',
};
rmSync(out, { recursive: true, force: true });
await build({
  ...options,
  entryPoints: Object.fromEntries(['main.ts', ...entries].map((file) => [flat(file), join(source, file)])),
  outdir: out,
  plugins: [inFolders('.'), runtimeByName, packagesByName],
});
const inScripts = { ...options, plugins: [inFolders('..'), runtimeByName, packagesByName] };
await buildServe(source, out, inScripts);
const threadEntry = await buildThread(source, out, inScripts);
for (const file of entries) {
  const path = join(out, compiled(file));
  mkdirSync(dirname(path), { recursive: true });
  const up = '../'.repeat(file.split('/').length - 1);
  writeFileSync(
    path,
    file === THREAD_ENTRY ? threadEntry(up) : `export * from ${JSON.stringify(`${up}${flat(file)}.js`)};\n`,
  );
}

function compiled(file) {
  return file.replace(/\.ts$/, '.js');
}

/** All bundled files lie in one folder: names say from where. */
function flat(file) {
  return file.replace(/\.ts$/, '').replaceAll('/', '.');
}
