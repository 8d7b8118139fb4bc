/**
 * The layers of src: which folder may import from which, and why. Imports of types count as well, and go down only.
 * To add a folder: say here what it stands on.
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, extname, join } from 'node:path/posix';
import { test } from 'node:test';
import { specifiersOf } from '../support/imports.ts';

/**
 * A place is a file, `a/*` = the files of a folder, or `a/**` = those of its subfolders as well; `**` = all there is. The
 * first layer that has a file in it is the file's. Each may import from itself.
 */
interface Layer {
  readonly of: string;
  /** Places, with spaces between them. */
  readonly may: string;
  readonly because: string;
}

const TRANSPORT = 'a transport moves bytes; it knows no protocol, no handler and no model';
/** Backends that features install. */
const BACKENDS = ['remote', 'tfjs', 'trees'];

const LAYERS: readonly Layer[] = [
  { of: 'core/**', may: 'core/**', because: 'core is what everything else stands on' },
  { of: 'gen/*', may: 'core/**', because: 'what is generated is data' },
  { of: 'internals/*', may: 'core/**', because: 'what leans on private parts of others must be easy to replace' },
  { of: 'files/*', may: 'core/**', because: 'every file is watched and written by the same rules, whatever is in it' },
  { of: 'codec/**', may: 'core/** gen/*', because: 'a codec turns bytes into values and back, whoever asks for it' },
  { of: 'config/**', may: 'core/** files/* codec/**', because: 'options are read before there is anything else' },
  { of: 'ledger/**', may: 'core/** codec/**', because: 'telemetry is told by all, and asks nobody' },
  {
    of: 'scheduler/**',
    may: 'core/** ledger/**',
    because: 'the scheduler knows tasks, deadlines and an Executor; no protocol, model file or runtime',
  },
  {
    of: 'backends/graph/**',
    may: 'core/** backends/backend.ts',
    because: 'rows behave alike in graphs of every format',
  },
  ...BACKENDS.map((name) => ({
    of: `backends/${name}/feature.ts`,
    may: `kernel/* backends/host/sibling-module.ts backends/${name}/*`,
    because: 'it installs the backend in a server, as a feature does',
  })),
  ...['onnx', ...BACKENDS].map((name) => ({
    of: `backends/${name}/**`,
    may: `core/** codec/** config/** ledger/** internals/* backends/* backends/graph/**`,
    because: 'a backend knows artifacts and sessions, nothing above them, and no other backend',
  })),
  {
    of: 'backends/**',
    may: 'core/** codec/** config/** ledger/** internals/*',
    because: 'a registry and hosts know no more than a backend does',
  },
  {
    of: 'codec-thread/*',
    may: 'core/** codec/** backends/host/error-message.ts backends/host/sibling-module.ts backends/host/thread-priority.ts',
    because: 'it does the work of codecs on a thread, which starts and answers as the threads of models do',
  },
  {
    of: 'models/**',
    may: 'core/** files/* codec/** codec-thread/* config/** ledger/** scheduler/** backends/**',
    because: 'models are below whoever asks for one',
  },
  {
    of: 'proxy/*',
    may: 'core/** ledger/** proxy/net/peer-address.ts',
    because: 'a request is the same thing on every surface',
  },
  {
    of: 'proxy/net/*',
    may: 'core/** files/* config/** internals/*',
    because: 'a socket does not know what is said on it',
  },
  {
    of: 'proxy/http1/**',
    may: 'core/** codec/** ledger/** internals/* proxy/* proxy/net/*',
    because: TRANSPORT,
  },
  {
    of: 'proxy/http2-rest/*',
    may: 'core/** proxy/* proxy/net/* proxy/http1/** proxy/http2/**',
    because: 'a stream is what REST is read from and written to: the rest of REST does not know the version of HTTP',
  },
  {
    of: 'proxy/fronting/feature.ts proxy/fronting/install.ts proxy/fronting/options.ts proxy/fronting/check-options.ts',
    may: 'core/** config/** ledger/** kernel/* backends/host/thread-priority.ts proxy/**',
    because: 'they install the application in a server, as a feature does',
  },
  {
    of: 'proxy/fronting/**',
    may: 'core/** ledger/** proxy/* proxy/net/* proxy/http1/* proxy/http2/** proxy/grpc/*',
    because: 'what goes to an application is passed on as it came: no protocol of inference is known to it',
  },
  { of: 'proxy/http2/**', may: 'core/** internals/* proxy/net/*', because: TRANSPORT },
  {
    of: 'proxy/grpc/*',
    may: 'core/** codec/** ledger/** internals/* proxy/* proxy/net/* proxy/http2/**',
    because: TRANSPORT,
  },
  {
    of: 'proxy/handlers/*',
    may: 'core/** config/** ledger/** models/** proxy/* codec/tensorflow/prediction-log.ts',
    because: 'a handler serves every protocol, and reaches the runtime through models',
  },
  {
    of: 'proxy/protocols/**',
    may: 'core/** codec/** codec-thread/* ledger/** proxy/* proxy/handlers/* proxy/grpc/engine.ts proxy/grpc/grpc-errors.ts proxy/grpc/grpc-wire.ts',
    because: 'a protocol converts: handlers say what is done with a request, transports how bytes travel',
  },
  {
    of: 'proxy/records/*',
    may: 'core/** files/* codec/** config/** ledger/** models/** proxy/* proxy/handlers/*',
    because: 'a record is the same whichever surface a request came by',
  },
  {
    of: 'proxy/servers/*',
    may: 'core/** codec-thread/* ledger/** proxy/**',
    because: 'a server joins a transport, protocols and handlers',
  },
  {
    of: 'admin/**',
    may: 'core/** codec-thread/* config/** ledger/** backends/** models/** proxy/** version.ts',
    because: 'the admin server shows what is below it',
  },
  {
    of: 'cli/**',
    may: 'kernel/** version.ts internals/* core/** files/* codec/** config/** ledger/** backends/native-steps.ts backends/onnx/prepare-cuda.ts models/** admin/**',
    because: 'a command starts a server, or asks a running one',
  },
  {
    of: 'kernel/**',
    may: 'admin/** backends/** codec/** codec-thread/* config/** core/** files/* gen/* internals/* kernel/** models/** proxy/** scheduler/** ledger/** version.ts',
    because: 'all parts are joined here',
  },
  {
    of: 'features/**',
    may: 'core/** files/* codec/** codec-thread/* config/** ledger/** scheduler/** backends/** models/** proxy/** admin/** cli/sidecar-command.ts cli/ask-admin.ts cli/ask-server.ts cli/server-address.ts cli/served-inputs.ts cli/connection-text.ts cli/exit-usage.ts cli/text-table.ts cli/prometheus-text.ts kernel/* gen/* version.ts',
    because: 'a feature stands on the seams of the kernel, and on the features that it requires',
  },
  {
    of: 'pillion.ts',
    may: `features/** kernel/* proxy/fronting/feature.ts ${BACKENDS.map((name) => `backends/${name}/feature.ts`).join(' ')}`,
    because: 'it lists the features; nothing else knows them',
  },
  {
    of: 'api/contract/*',
    may: 'core/** backends/**',
    because: 'the suite for backends runs in the tests of others, too, and knows no more than a backend does',
  },
  {
    of: 'api/*',
    may: 'kernel/** backends/* config/** core/** pillion.ts version.ts',
    because: 'it lists what other packages may import, and does little itself',
  },
  {
    of: '*',
    may: 'cli/run-command.ts pillion.ts version.ts core/**',
    because: 'main.ts runs a command line with the features; nothing else is decided there',
  },
];

/** Modules of others that few may import. `not`: all may but these. */
const MODULES: readonly {
  readonly name: RegExp;
  readonly only?: string;
  readonly not?: string;
  readonly because: string;
}[] = [
  {
    name: /^@opentelemetry\//,
    only: 'features/otlp/* features/sdk-exporters/*',
    because: 'all others record instants, and telemetry and its exporters make spans of them',
  },
  {
    name: /^onnxruntime-node(\/|$)/,
    only: 'internals/ort-library.ts',
    because: 'a runtime is known to its own backend alone',
  },
  {
    name: /^node:(fs|net|tls|dgram|http|https|http2|child_process|worker_threads)(\/|$)/,
    not: 'core/** codec/**',
    because: 'core and codecs do no I/O',
  },
];

/** More cannot be looked over at a glance. */
const MOST_FILES = 25;

const files = readdirSync('src', { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile())
  .map((entry) => join(entry.parentPath, entry.name).slice('src/'.length));
const modules = files.filter((file) => ['.ts', '.tsx'].includes(extname(file)));
/** By file: what it imports, files by their paths below src. */
const imports = new Map(modules.map((file) => [file, importsOf(file)]));

function importsOf(file: string): readonly string[] {
  const names = specifiersOf(readFileSync(join('src', file), 'utf8'));
  return names.map((name) => (name.startsWith('.') ? join(dirname(file), name) : name));
}

function isIn(file: string, places: string): boolean {
  return places.split(' ').some((place) => {
    if (place.endsWith('**')) return file.startsWith(place.slice(0, -2));
    return place.endsWith('*') ? dirname(file) === dirname(place) : file === place;
  });
}

/** The files of a cycle that `file` leads into; `done` have been looked at. */
function cycleFrom(file: string, path: readonly string[], done: Set<string>): readonly string[] | undefined {
  if (path.includes(file)) return [...path.slice(path.indexOf(file)), file];
  if (done.has(file)) return undefined;
  done.add(file);
  for (const next of imports.get(file) ?? []) {
    const cycle = cycleFrom(next, [...path, file], done);
    if (cycle !== undefined) return cycle;
  }
  return undefined;
}

test('every folder of src is in a layer', () => {
  assert.deepEqual(
    modules.filter((file) => !LAYERS.some(({ of }) => isIn(file, of))),
    [],
  );
});

test('imports point down only', () => {
  const broken: string[] = [];
  for (const [file, imported] of imports) {
    const layer = LAYERS.find(({ of }) => isIn(file, of));
    for (const target of imported) {
      if (layer === undefined || !imports.has(target) || isIn(target, layer.of) || isIn(target, layer.may)) continue;
      broken.push(
        `src/${file} imports src/${target}; ${layer.of} may import ${layer.may || 'nothing'}: ${layer.because}`,
      );
    }
  }
  assert.deepEqual(broken, []);
});

/** The folders of the features that require this one, and go with it. */
function requirersOf(feature: string): readonly string[] {
  const list = readFileSync('src/pillion.ts', 'utf8');
  const requirers = [...list.matchAll(/feature: (\w+),[^}]*requires: \[([^\]]*)\]/g)];
  const named = requirers.filter(([, , required]) => required!.includes(`'${feature}'`)).map(([, name]) => name);
  return named.map((name) => new RegExp(`import \\{ ${name} \\} from '\\S*/([^/]+)/feature\\.ts'`).exec(list)![1]!);
}

test('a feature is imported by the list and by itself alone', () => {
  const folder = new RegExp(`^(?:src/|test/)?(?:features|backends(?=/(?:${BACKENDS.join('|')})/))/([^/]+)/`);
  const featureOf = (path: string): string | undefined =>
    folder.exec(path)?.[1] ?? /^test\/fuzz\/targets\/(\w+)\.ts$/.exec(path)?.[1];
  const tests = readdirSync('test', { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.ts'));
  const inTests = tests.map((path) => [join('test', path), importsOf(join('../test', path))] as const);
  const broken: string[] = [];
  for (const [file, imported] of [...imports, ...inTests]) {
    for (const target of imported) {
      const feature = featureOf(target.replace(/^(\.\.\/)?(src\/)/, '$2'));
      if (feature === undefined || file === 'pillion.ts' || featureOf(file) === feature) continue;
      if (requirersOf(feature).includes(featureOf(file)!)) continue;
      broken.push(`${file} imports ${target}: it could not be deleted alone`);
    }
  }
  assert.deepEqual(broken, []);
});

test('modules of others are imported where they belong', () => {
  const broken: string[] = [];
  for (const [file, imported] of imports) {
    for (const target of imported) {
      for (const { name, only, not, because } of MODULES) {
        const isWrong = (only !== undefined && !isIn(file, only)) || (not !== undefined && isIn(file, not));
        if (isWrong && name.test(target)) broken.push(`src/${file} imports ${target}: ${because}`);
      }
    }
  }
  assert.deepEqual(broken, []);
});

test('nothing that clients see depends on whether requests share runs', () => {
  // A verdict comes while requests are answered: declaredRows() and hasRows() tell what a signature declares.
  const seen = modules.filter(
    (file) => file.startsWith('proxy/') || file === 'features/open-inference/triton-config.ts',
  );
  const reading = seen.filter((file) => readFileSync(join('src', file), 'utf8').includes('batchAxis'));
  assert.deepEqual(reading, []);
});

test('no imports go in a circle, of types neither', () => {
  const done = new Set<string>();
  assert.deepEqual(
    modules.map((file) => cycleFrom(file, [], done)?.join(' → ')).filter((cycle) => cycle !== undefined),
    [],
  );
});

test(`no folder has more than ${MOST_FILES} files`, () => {
  const counts = new Map<string, number>();
  for (const file of files) counts.set(dirname(file), (counts.get(dirname(file)) ?? 0) + 1);
  assert.deepEqual(
    [...counts].filter(([, count]) => count > MOST_FILES),
    [],
  );
});
