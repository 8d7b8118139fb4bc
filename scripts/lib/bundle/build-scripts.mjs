/**
 * Builds one script that `pillion serve` starts with, and one that a model's thread starts with.
 *
 * Compiling is the largest part of a start's CPU time, and V8 takes a code cache for scripts, not for ES modules. So
 * all that a server loads before it is ready is one script (dist/bundle/serve/, dist/bundle/main.cjs). All that a
 * thread loads for an ONNX model is another (dist/bundle/thread/): importing it as 35 modules takes longer than the
 * thread itself. It has no cache, which would count for other flags of V8 than those that the server sets for its
 * machine.
 *
 * Modules that are loaded later stay modules; the files of those that were merged only pass on what the script exports,
 * so that nothing is there twice.
 */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { init, parse } from 'es-module-lexer';
import { build } from 'esbuild';

await init;

/** The modules that are loaded before a server is ready, relative to src/. main.ts is the last, since it begins. */
const START = ['config/serve-config.ts', 'cli/serve.ts', 'kernel/assembly/app.ts', 'main.ts'];
/** The module that a model's thread begins with. */
const THREAD = 'backends/host/thread/serve-thread.ts';
/** It is in both scripts, and is run when it is needed: it loads its runtime. */
const LATER = 'backends/onnx/onnx-backend.ts';
/** The line that build-bundle.mjs puts before each module: the script has `require` anyway. */
const BANNER = /^(#!.*\n)?import\{createRequire as requireOf\}.*\n/;

/**
 * A script out of a code cache cannot import modules, not even with `importModuleDynamically` (Node 20.20): main.cjs
 * does it. What is an import is not told by its text: methods have that name, and esbuild may end a line after any token.
 */
export function withImportsLater(script) {
  const [found] = parse(script);
  let text = '';
  let end = 0;
  for (const { type, importStart } of found) {
    if (type !== 'dynamic') continue;
    text += `${script.slice(end, importStart)}importLater`;
    end = importStart + 'import'.length;
  }
  return text + script.slice(end);
}

/** The files by which features install when a server starts. */
function installsIn(source) {
  const files = readdirSync(join(source, 'features')).map((name) => join('features', name, 'install.ts'));
  return files.filter((file) => existsSync(join(source, file)));
}

/**
 * @param {string} source src/
 * @param {string} out the bundle's folder
 * @param {import('esbuild').BuildOptions} options of the bundle
 */
export async function buildServe(source, out, options) {
  const folder = join(out, 'serve');
  const chunks = await buildChunks(folder, join(source, 'main.ts'), options);
  const starts = [...installsIn(source), ...START].map((file) => chunkOf(chunks, file));
  const { merged, file } = await merge(folder, chunks, starts, {
    ...options,
    banner: { js: '(function(exports,require,module,importLater,urlOfScript){' },
    footer: { js: '})' },
  });
  const text = withImportsLater(readFileSync(file, 'utf8'));
  const name = `start-${createHash('sha256').update(text).digest('hex').slice(0, 12)}.cjs`;
  writeFileSync(join(folder, name), text.replace('start.cjs.map', `${name}.map`));
  renameSync(`${file}.map`, join(folder, `${name}.map`));
  rmSync(file);
  passOn(folder, chunks, merged, '../main.cjs');
  const places = merged.map((chunk, n) => `${JSON.stringify(`./${chunk}`)}: 'c${n}'`);
  const launcher = readFileSync(new URL('launch-bundle.cjs', import.meta.url), 'utf8');
  writeFileSync(
    join(out, 'main.cjs'),
    launcher
      .replace("'start.cjs'", `'${name}'`)
      .replace('const MERGED = {}', `const MERGED = { ${places.join(', ')} }`),
    { mode: 0o755 },
  );
}

/**
 * Parameters as of buildServe. Returns the text of the module, in `up` below the bundle, that stands for
 * thread-entry.ts.
 */
export async function buildThread(source, out, options) {
  const folder = join(out, 'thread');
  const chunks = await buildChunks(folder, join(source, THREAD), options);
  const start = chunkOf(chunks, THREAD);
  const { merged } = await merge(folder, chunks, [start], {
    ...options,
    banner: { js: "const urlOfScript=require('node:url').pathToFileURL(__filename).href;" },
  });
  passOn(folder, chunks, merged, './start.cjs');
  return (up) => [...requireScript(`${up}thread/start.cjs`), 'await script.c0.serveThread();', ''].join('\n');
}

/** Bundles in ES modules; resolves with their facts by file name. */
async function buildChunks(folder, entry, options) {
  const { metafile } = await build({ ...options, entryPoints: [entry], outdir: folder, metafile: true });
  return new Map(Object.entries(metafile.outputs).map(([path, output]) => [basename(path), output]));
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
  for (const name of found) for (const each of importsOf(chunks, name)) found.add(each);
  return found;
}

function importsOf(chunks, name) {
  const { imports = [] } = chunks.get(name);
  const atOnce = imports.filter(({ kind, external }) => kind === 'import-statement' && !external);
  return atOnce.map(({ path }) => basename(path));
}

/**
 * The chunks of the script: `merged` are run at its start, those of `later` when it imports LATER. No other chunk
 * imports one of `later`, which would be there twice.
 */
function parts(chunks, starts) {
  const all = closure(chunks, [...starts, chunkOf(chunks, LATER)]);
  const shared = [...chunks.keys()]
    .filter((name) => !all.has(name))
    .flatMap((name) => importsOf(chunks, name).filter((each) => all.has(each)));
  const merged = closure(chunks, [...starts, ...shared]);
  for (const name of merged) {
    if (chunks.get(name).imports.some(({ path }) => path === 'onnxruntime-node'))
      throw new Error(`${name} would load ONNX Runtime at the start: others than ${LATER} import it`);
  }
  return { merged: [...merged], later: [...all].filter((name) => !merged.has(name)) };
}

/** Writes the script start.cjs and its map. */
async function merge(folder, chunks, starts, options) {
  const { merged, later } = parts(chunks, starts);
  const order = starts.map((name) => `import './${name}';`);
  const exported = merged.map((name, n) => `export * as c${n} from './${name}';`);
  const file = join(folder, 'start.cjs');
  await build({
    ...options,
    entryPoints: undefined,
    stdin: { contents: [...order, ...exported].join('\n'), resolveDir: folder },
    splitting: false,
    outdir: undefined,
    outfile: file,
    format: 'cjs',
    define: { 'import.meta.url': 'urlOfScript' },
    plugins: [
      {
        name: 'parts of a script',
        setup(plan) {
          plan.onResolve({ filter: /./ }, ({ kind, path }) =>
            kind === 'dynamic-import' && !later.includes(basename(path)) ? { path, external: true } : undefined,
          );
          plan.onLoad({ filter: /\.js$/ }, ({ path }) => ({
            contents: readFileSync(path, 'utf8').replace(BANNER, '$1\n'),
          }));
        },
      },
    ],
  });
  for (const name of [...merged, ...later]) for (const end of ['', '.map']) rmSync(join(folder, `${name}${end}`));
  return { merged, file };
}

/**
 * The lines by which a module gets the script. An import would first look for the names of what the script exports,
 * with a compiler of its own.
 */
function requireScript(script) {
  return [
    "import { createRequire } from 'node:module';",
    `const script = createRequire(import.meta.url)('${script}');`,
  ];
}

/** Writes in the place of each merged chunk a module with what the script exports. */
function passOn(folder, chunks, merged, script) {
  for (const [n, name] of merged.entries()) {
    const constants = chunks.get(name).exports.map((each) => `export const ${each} = c${n}.${each};`);
    const lines = [...requireScript(script), `const { c${n} } = script;`, ...constants, ''];
    writeFileSync(join(folder, name), lines.join('\n'));
  }
}
