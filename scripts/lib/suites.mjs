/**
 * Suites that `npm test` leaves alone: they take long, or programs of others. Each has `says` for the list of words,
 * and one of two forms:
 *
 *   ending, or files  the compiled files below build/test; `prepare()` fetches what they need and returns the
 *                     environment that names it; `options` are node's
 *   run(words)        does it all; refuses words after its name without `takesWords`, and options and --help without
 *                     `takesOptions`; what has counts tells them by tellCounts
 *
 * Each suite's paths, whose changes make it due, are in suite-runs/tested-paths.mjs.
 */
import { cpSync, existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { ensureDebianProgram, installDebianPackages } from './debian-program.mjs';
import { ensureDeployPrograms } from './deploy-programs.mjs';
import { ensureEnvoy } from './envoy.mjs';
import { ensureFrontedApps } from './fronted-apps.mjs';
import { runFuzz } from './fuzz.mjs';
import { runGraphs } from './graphs.mjs';
import { prepareImage } from './image-suite.mjs';
import { ensurePerfAnalyzer } from './perf-analyzer.mjs';
import { runPodSuite } from './pod-programs.mjs';
import { ensureRustProgram } from './rust-program.mjs';
import { ensurePython, root, run, say } from './setup.mjs';
import { ensureNodes, runSmoke, runUnderNodes } from './smoke.mjs';
import { runProgram, runSingleTest } from './suite-programs.mjs';
import { ensureTextClients } from './text-clients.mjs';
import { ensureTextModel } from './text-model.mjs';
import { ensureTextReferences } from './text-references.mjs';
import { ensureTfjsNatives } from './tfjs-natives.mjs';
import { ensureTokenizers } from './tokenizers.mjs';
import { ensureJaeger, ensureZipkin } from './trace-stores.mjs';
import { NATIVES } from './usual-tests.mjs';
import { ensureOnnxSuite, ensureZoo } from './zoo.mjs';

/**
 * The timeout of one file, also on a busy machine: a call that is never answered is a failure, and no reason to wait
 * without end.
 */
const FILE_TIMEOUT_MS = 300_000;

export const SUITES = {
  long: {
    says: 'a million random events on the scheduler',
    files: ['scheduler', 'scheduler-shared', 'scheduler-promise'].map((name) => `property/${name}.test.js`),
    prepare: () => ({ PILLION_PROPERTY_RUNS: '40000' }),
  },
  deletions: {
    says: 'all else compiles and passes without each feature, deleted by itself; ten minutes',
    files: ['integration/features-deleted.test.js'],
    prepare: () => ({ PILLION_TEST_DELETED_AT_ONCE: '1' }),
  },
  graphs: {
    says: 'random ONNX graphs: none judged to keep rows apart mixes them: graphs [--graphs=20000] [--seed=N] [--only=K]',
    run: runGraphs,
    takesOptions: true,
  },
  'length-networks': {
    says: 'seventy networks that are honest in short runs alone, to 32 callers with a thousand rows each; ten minutes',
    files: ['features/row-proofs/integration/length-networks.test.js'],
    prepare: () => ({ PILLION_LENGTH_ANSWERS: '1000' }),
  },
  fuzz: {
    says: 'coverage-guided fuzzing of all readers of foreign bytes: fuzz [TARGET…] [--seconds=N] [--keep]',
    run: runFuzz,
    takesOptions: true,
  },
  soak: {
    says: 'mixed traffic with a fault every few seconds for half an hour: soak [--minutes=N]',
    run: (words) => runSingleTest('build/test/long/soak/soak.js', words),
    takesOptions: true,
  },
  faults: {
    says: 'every fault that a real server must live through, beside a good neighbour, in ten minutes; some need root',
    run: (words) => runProgram('build/bench/faults/fault-bench.js', words),
    takesWords: true,
  },
  processes: {
    says: 'what 200 loads and 50,000 runs in a process of its own leave behind',
    run: () => runSingleTest('build/test/long/process-host.js'),
  },
  restarts: {
    says: '20 restarts under 2,000 requests a second, over every surface and engine, lose no request',
    files: ['integration/restarts.test.js'],
    prepare: () => ({ PILLION_RESTARTS: '20', PILLION_RESTART_RATE: '2000' }),
  },
  h2spec: {
    says: 'HTTP/2 conformance; needs Go 1.26',
    run: (words) => runProgram('test/conformance/h2spec.mjs', words),
    takesWords: true,
  },
  interop: {
    says: 'the interop cases of gRPC-Go, grpc-java and grpcio; needs Go 1.26, Java 17 and Maven 3.8',
    run: (words) => runProgram('test/conformance/grpc-interop.mjs', words),
    takesWords: true,
  },
  'grpc-tools': {
    says: "grpcurl, ghz and h2load against `pillion serve`; needs Go 1.26 and Debian's nghttp2-client",
    run: () => runProgram('test/conformance/grpc-tools.mjs'),
  },
  'fronted-grpc': {
    says: 'interop cases of three languages to gRPC-Go behind this server, its odd moments, h2spec; needs Go 1.26, Java, Maven',
    run: (words) => runProgram('test/conformance/fronted-grpc.mjs', words),
    takesWords: true,
  },
  browser: {
    says: "the console's pages in a real browser; needs Debian's chromium and fonts-dejavu-core",
    ending: '.browser.js',
    prepare: () => ({ PILLION_TEST_CHROMIUM: ensureChromium() }),
    options: [`--test-timeout=${FILE_TIMEOUT_MS}`],
  },
  shells: {
    says: 'what pillion completion prints, in a real zsh and a real fish; needs apt, python3',
    ending: '.shells.js',
    prepare: ensureShells,
    options: [`--test-timeout=${FILE_TIMEOUT_MS}`],
  },
  site: {
    says: 'the pages as a site: npm run site, then each link, the search, and that no other host is asked; needs what browser does',
    ending: '.site.js',
    prepare: () => {
      run('npm', ['run', 'site']);
      return { PILLION_TEST_CHROMIUM: ensureChromium() };
    },
    options: [`--test-timeout=${FILE_TIMEOUT_MS}`],
  },
  envoy: {
    says: 'behind a real Envoy: deadlines, cancelling, health, rolling restarts under load',
    ending: '.mesh.js',
    prepare: () => ({ PILLION_TEST_ENVOY: ensureEnvoy() }),
    options: [`--test-timeout=${FILE_TIMEOUT_MS}`],
  },
  'rolling-restarts': {
    says: '20 rolling restarts of three sidecars behind an Envoy without retries, 2,000 requests a second, none fails',
    files: ['mesh/rolling-restarts.mesh.js'],
    prepare: () => ({ PILLION_TEST_ENVOY: ensureEnvoy(), PILLION_RESTARTS: '20', PILLION_RESTART_RATE: '2000' }),
  },
  'fronting-apps': {
    says: 'in front of Fastify, Starlette, Go, and Django behind TLS, each way they can fail; 700 odd requests beside Envoy; needs Go 1.26',
    ending: '.fronted.js',
    prepare: () => ({ PILLION_TEST_ENVOY: ensureEnvoy(), ...ensureFrontedApps() }),
    options: ['--test-concurrency=1', `--test-timeout=${FILE_TIMEOUT_MS}`],
  },
  'fronting-events': {
    says: 'one stream of events through `pillion serve`, and a silent one: fronting-events [--minutes=N]; needs Go 1.26',
    run: (words) => {
      Object.assign(process.env, ensureFrontedApps());
      runSingleTest('build/test/fronting/long-events.js', words);
    },
    takesOptions: true,
  },
  scaling: {
    says: 'one to three sidecars and back behind a real Envoy, as KEDA scales them by /headroom; no request fails; 2 min',
    files: ['mesh/envoy-scaling.scaling.js'],
    prepare: () => ({ PILLION_TEST_ENVOY: ensureEnvoy() }),
    options: [`--test-timeout=${FILE_TIMEOUT_MS}`],
  },
  observability: {
    says: 'traces (of examples/fronted too), metrics, exemplars and alert rules with a real Jaeger, Zipkin, Prometheus and Envoy; needs Go 1.26, Java 17, Maven and apt',
    ending: '.observability.js',
    prepare: () => {
      // The test of examples/fronted runs its one command, which finds these packages there.
      ensurePython('fronted-example', 'examples/fronted/requirements.txt');
      return {
        PILLION_TEST_JAEGER: orExit(ensureJaeger()),
        PILLION_TEST_ZIPKIN: orExit(ensureZipkin()),
        PILLION_TEST_PROMETHEUS: ensurePrometheus(),
        PILLION_TEST_ENVOY: ensureEnvoy(),
      };
    },
    options: ['--test-concurrency=1', `--test-timeout=${FILE_TIMEOUT_MS}`],
  },
  metrics: {
    says: "promtool and the reference parser of OpenMetrics on a sidecar's metrics; needs Debian's or Ubuntu's apt",
    ending: '.lint.js',
    prepare: () => ({
      PILLION_TEST_PROMTOOL: join(ensurePrometheus(), 'promtool'),
      PILLION_TEST_PYTHON: ensurePython('metrics', 'test/metrics/requirements.txt'),
    }),
  },
  triton: {
    says: "NVIDIA's Python client of the Open Inference Protocol, and grpc-js on its descriptors, by every method",
    ending: '.triton.js',
    prepare: async () => ({
      ...(await tfjsNatives()),
      PILLION_TRITON_PYTHON: ensurePython('triton', 'test/triton/requirements.txt'),
    }),
  },
  kserve: {
    says: "KServe's Python client over REST and gRPC; fetches 77 MB the first time",
    ending: '.kserve.js',
    prepare: async () => ({
      ...(await tfjsNatives()),
      PILLION_KSERVE_PYTHON: ensurePython('kserve', 'test/kserve/requirements.txt'),
    }),
  },
  text: {
    says: 'all-MiniLM-L6-v2 by its real weights, over every protocol, beside numpy; fetches 90 MB the first time',
    ending: '.text.js',
    prepare: () => {
      const { base, source } = ensureTextModel();
      const python = ensurePython('clients', 'test/clients/requirements.txt');
      return { PILLION_TEST_PYTHON: python, PILLION_TEST_TEXT_MODEL: base, PILLION_TEST_TEXT_WEIGHTS: source };
    },
    options: [`--test-timeout=${2 * FILE_TIMEOUT_MS}`],
  },
  'text-references': {
    says: 'small text models by transformers, sentence-transformers and a real NER; fetches 3 GB the first time, most of it torch',
    ending: '.references.js',
    prepare: ensureTextReferences,
    options: [`--test-timeout=${2 * FILE_TIMEOUT_MS}`],
  },
  tokenizers: {
    says: "twenty tokenizers on 10,000 texts of many scripts, beside PyPI's package; fetches 230 MB the first time",
    ending: '.tokenizers.js',
    prepare: () => {
      const python = ensurePython('clients', 'test/clients/requirements.txt');
      return { PILLION_TEST_PYTHON: python, PILLION_TEST_TOKENIZERS: ensureTokenizers(python) };
    },
    options: [`--test-timeout=${2 * FILE_TIMEOUT_MS}`],
  },
  'text-clients': {
    says: 'openai, cohere, Hugging Face, LangChain and LlamaIndex against text models; fetches 200 MB the first time',
    ending: '.clients.js',
    prepare: ensureTextClients,
    options: [`--test-timeout=${FILE_TIMEOUT_MS}`],
  },
  'perf-analyzer': {
    says: "NVIDIA's perf_analyzer over every surface, each answer compared; needs glibc 2.38, or Debian 12's apt",
    ending: '.perf.js',
    prepare: async () => ({ ...(await tfjsNatives()), PILLION_PERF_ANALYZER: ensurePerfAnalyzer() }),
    options: [`--test-timeout=${FILE_TIMEOUT_MS}`],
  },
  'triton-rust': {
    says: 'the Rust crate triton-client, by every call; needs cargo, cmake and g++: its build makes a protoc',
    ending: '.rust.js',
    prepare: async () => ({ ...(await tfjsNatives()), PILLION_TRITON_RUST: ensureTritonRust() }),
  },
  openapi: {
    says: 'schemathesis and a validator of OpenAPI 3.1 on a sidecar and its /openapi.json',
    ending: '.openapi.js',
    prepare: () => ({ PILLION_OPENAPI_PYTHON: ensurePython('openapi', 'test/openapi/requirements.txt') }),
    options: [`--test-timeout=${2 * FILE_TIMEOUT_MS}`],
  },
  'tfjs-long': {
    says: "TensorFlow's models: memory over 200 loads and 200,000 predicts, an npm package's models on a photo",
    ending: '.long.js',
    prepare: async () => {
      await ensureTfjsNatives(NATIVES);
      return { PILLION_NATIVES_DIRECTORY: NATIVES, PILLION_TEST_HUMAN: ensureHuman() };
    },
  },
  zoo: {
    says: 'models of published packages, to 32 callers each, against the runtime alone; fetches 480 MB the first time',
    files: ['zoo/packages.zoo.js', 'zoo/sequences.zoo.js'],
    prepare: async () => {
      await ensureTfjsNatives(NATIVES);
      const directories = { PILLION_TEST_ZOO: ensureZoo(), PILLION_TEST_HUMAN: ensureHuman() };
      return { PILLION_NATIVES_DIRECTORY: NATIVES, ...directories };
    },
  },
  'onnx-suite': {
    says: "the 1,755 models of the onnx package's backend suite, as they are and with a free dim 0",
    files: ['zoo/onnx-suite.zoo.js'],
    prepare: () => ({ PILLION_TEST_ONNX_SUITE: ensureOnnxSuite() }),
  },
  package: {
    says: 'the npm package: packed, installed into an empty folder, run by npx, imported under Node 20.19, 22 and 24',
    ending: '.package.js',
    prepare: () => ({
      PILLION_TEST_PACKAGE: packTarball(),
      PILLION_TEST_NODES: JSON.stringify(ensureNodes()),
    }),
    options: [`--test-timeout=${FILE_TIMEOUT_MS}`],
  },
  image: {
    says: 'the container image: built, linted, run as orchestrators confine it; needs root and apt',
    ending: '.image.js',
    prepare: () => prepareImage('onnx'),
    options: ['--test-concurrency=1', `--test-timeout=${FILE_TIMEOUT_MS}`],
  },
  'image-tfjs': {
    says: "the image with TensorFlow's libraries, on a SavedModel; fetches 600 MB, takes 5 GB of disk",
    ending: '.image-tfjs.js',
    prepare: () => prepareImage('tfjs'),
    options: [`--test-timeout=${FILE_TIMEOUT_MS}`],
  },
  deploy: {
    says: 'the manifests and the chart, by a real API server, Helm, istioctl, Envoy; builds them in 20 minutes once',
    ending: '.deploy.js',
    prepare: ensureDeployPrograms,
    options: [`--test-timeout=${FILE_TIMEOUT_MS}`],
  },
  pod: {
    says: 'the image in pods of a real kubelet: start, drain, rollout under load, crashes, a Job; needs root, Go 1.26, apt',
    run: runPodSuite,
  },
  smoke: {
    says: 'the demo under Node 20.19, 22 and 24',
    run: runSmoke,
  },
  nodes: {
    says: 'the tests of what stands on node:http and node:http2 under Node 20.19, 22 and 24; others by words: nodes WORD…',
    run: runUnderNodes,
    takesWords: true,
  },
};

/** The npm package of this checkout. */
function packTarball() {
  const directory = join(root, 'build', 'package');
  rmSync(directory, { recursive: true, force: true });
  run(process.execPath, ['scripts/package.mjs', `--to=${directory}`]);
  return join(directory, readdirSync(directory)[0]);
}

/** Prepares TensorFlow's libraries for suites with models of TensorFlow.js. */
async function tfjsNatives() {
  await ensureTfjsNatives(NATIVES);
  return { PILLION_NATIVES_DIRECTORY: NATIVES };
}

function ensureTritonRust() {
  const tools = ['cmake', 'make', 'g++'];
  return ensureRustProgram({ name: 'triton-rust', directory: 'test/triton-rust', megabytes: 30, tools });
}

/** Debian's, or the one that the environment names. */
function ensureChromium() {
  const named = process.env['PILLION_TEST_CHROMIUM'];
  const chromium = named ?? '/usr/bin/chromium';
  if (named === undefined && !existsSync(chromium)) installDebianPackages(['chromium', 'fonts-dejavu-core']);
  if (existsSync(chromium)) return chromium;
  console.error(`no browser at ${chromium}; PILLION_TEST_CHROMIUM may name another`);
  process.exit(1);
}

/** zsh's functions and fish's files are in packages of their own, and so is a library of fish. */
function ensureShells() {
  const zsh = ensureDebianProgram('zsh', 'bin/zsh', 1);
  const functions = ensureDebianProgram('zsh-common', 'usr/share/zsh/functions/Completion/compinit', 4);
  cpSync(join(functions, 'usr', 'share'), join(zsh, 'usr', 'share'), { recursive: true });
  const fish = ensureDebianProgram('fish', 'usr/bin/fish', 1);
  const files = ensureDebianProgram('fish-common', 'usr/share/fish', 2);
  const library = ensureDebianProgram('libpcre2-32-0', 'usr/lib', 1);
  for (const [from, path] of [
    [files, 'usr/share'],
    [library, 'usr/lib'],
  ])
    cpSync(join(from, path), join(fish, path), { recursive: true, verbatimSymlinks: true });
  return { PILLION_TEST_ZSH: zsh, PILLION_TEST_FISH: fish };
}

/** The directory of prometheus and promtool. */
function ensurePrometheus() {
  return join(ensureDebianProgram('prometheus', 'usr/bin/promtool', 19), 'usr', 'bin');
}

/** The path. Ends this process where there is none; the reason is said then. */
function orExit(path) {
  if (path === undefined) process.exit(1);
  return path;
}

/** The package whose models and photo are used. */
function ensureHuman() {
  const human = join(root, '.cache', 'human');
  if (existsSync(join(human, 'node_modules', '.package-lock.json'))) return human;
  say('Fetching @vladmandic/human (28 MB), whose models and photo are used');
  mkdirSync(human, { recursive: true });
  cpSync(join(root, 'test', 'long', 'human'), human, { recursive: true });
  run('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'], { cwd: human });
  return human;
}
