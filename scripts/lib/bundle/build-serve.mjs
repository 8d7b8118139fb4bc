/**
 * What `pillion serve` starts with, as one script that can have a code cache (dist/bundle/serve/, dist/bundle/main.cjs).
 *
 * Compiling is the largest part of a start's CPU time, and V8 takes a cache for scripts, not for ES modules. So all that a
 * server loads before it is ready is one script. What it loads later stays modules; the files of those that were merged
 * only pass on what the script exports, so that nothing is there twice.
 */
import { createHash } from 'node:crypto';
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { build } from 'esbuild';

/** What is loaded before a server is ready, relative to src/. main.ts is the last, since it begins. */
const START = ['config/serve-config.ts', 'app/app.ts', 'main.ts'];
/** A script cannot import modules by itself: main.cjs does it. Methods of that name stay: `import(a,b){`. */
const LATER = /(?<![\w$.])import\((?!\w+(?:,\w+)*\)\{)/g;
/** What build-bundle.mjs puts before each module: the script has `require` anyway. */
const BANNER = /^(#!.*\n)?import\{createRequire as requireOf\}.*\n/;

/**
 * @param {string} source src/
 * @param {string} out the bundle's folder
 * @param {import('esbuild').BuildOptions} options of the bundle
 */
export async function buildServe(source, out, options) {
  const folder = join(out, 'serve');
  const entryPoints = [join(source, 'main.ts')];
  const { metafile } = await build({ ...options, entryPoints, outdir: folder, metafile: true });
  const chunks = new Map(Object.entries(metafile.outputs).map(([path, output]) => [basename(path), output]));
  const starts = START.map((file) => chunkOf(chunks, file));
  const merged = [...closure(chunks, starts)];
  const script = await merge(folder, options, merged, starts);
  for (const [n, name] of merged.entries()) {
    writeFileSync(join(folder, name), facade(n, chunks.get(name).exports));
    rmSync(join(folder, `${name}.map`));
  }
  const places = merged.map((name, n) => `${JSON.stringify(`./${name}`)}: 'c${n}'`);
  const launcher = readFileSync(new URL('launch-bundle.cjs', import.meta.url), 'utf8');
  writeFileSync(
    join(out, 'main.cjs'),
    launcher
      .replace("'start.cjs'", `'${script}'`)
      .replace('const MERGED = {}', `const MERGED = { ${places.join(', ')} }`),
    { mode: 0o755 },
  );
}

function chunkOf(chunks, file) {
  const [name] = [...chunks].find(([, { entryPoint }]) => entryPoint?.endsWith(`src/${file}`)) ?? [];
  if (name === undefined)
    throw new Error(`${file} is no chunk of the bundle: does main.ts import it when it is needed?`);
  return name;
}

/** These chunks, and all that they import at once. */
function closure(chunks, names) {
  const found = new Set(names);
  for (const name of found) {
    for (const { path, kind, external } of chunks.get(name).imports) {
      if (kind === 'import-statement' && !external) found.add(basename(path));
    }
  }
  return found;
}

/** Writes the script and its map; resolves with its name, which is another for another content. */
async function merge(folder, options, merged, starts) {
  const order = starts.map((name) => `import './${name}';`);
  const exported = merged.map((name, n) => `export * as c${n} from './${name}';`);
  const outfile = join(folder, 'start.cjs');
  await build({
    ...options,
    entryPoints: undefined,
    stdin: { contents: [...order, ...exported].join('\n'), resolveDir: folder },
    splitting: false,
    outdir: undefined,
    outfile,
    format: 'cjs',
    define: { 'import.meta.url': 'urlOfScript' },
    banner: { js: '(function(exports,require,module,importLater,urlOfScript){' },
    footer: { js: '})' },
    plugins: [
      {
        name: 'parts of a script',
        setup(plan) {
          plan.onResolve({ filter: /./ }, ({ kind, path }) =>
            kind === 'dynamic-import' ? { path, external: true } : undefined,
          );
          plan.onLoad({ filter: /\.js$/ }, ({ path }) => ({
            contents: readFileSync(path, 'utf8').replace(BANNER, '$1\n'),
          }));
        },
      },
    ],
  });
  const text = readFileSync(outfile, 'utf8').replaceAll(LATER, 'importLater(');
  const name = `start-${createHash('sha256').update(text).digest('hex').slice(0, 12)}.cjs`;
  writeFileSync(join(folder, name), text.replace('start.cjs.map', `${name}.map`));
  renameSync(`${outfile}.map`, join(folder, `${name}.map`));
  rmSync(outfile);
  return name;
}

function facade(n, names) {
  const constants = names.map((name) => `export const ${name} = c${n}.${name};`);
  return ["import script from '../main.cjs';", `const { c${n} } = script;`, ...constants, ''].join('\n');
}
