/**
 * npm run bench -- WORD [options]: prepares what the benchmark needs, then measures. Options go to the benchmark's own
 * program, build/bench/FILE.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { ensurePeers } from './lib/bench-peers.mjs';
import { ensureBenchModels, ensureLoadGenerators } from './lib/bench-setup.mjs';
import { ensureCheckout } from './lib/checkouts.mjs';
import { ensureEnvoy } from './lib/envoy.mjs';
import { ensureBuilt, ensureBuiltForTests, ensurePython, root, run } from './lib/setup.mjs';
import { ensureTextModel } from './lib/text-model.mjs';
import { isHelp, listWords, refuse } from './lib/words.mjs';
import { ensureZoo } from './lib/zoo.mjs';

/**
 * `models` are those of bench/models/export.py; their directory, or what `directory` prepares, is the program's first
 * argument. `options` is what the program takes, with the values that it has without them; where it is missing the
 * program has a --help of its own.
 */
const BENCHES = {
  ratchet: {
    says: 'this checkout beside a pinned commit, in ten or forty minutes; fails where more than 3 % was lost',
    file: 'ratchet/ratchet.js',
    models: ['half_plus_two', 'mlp_small', 'mlp_big', 'image_mean', 'mlp_mid', 'mlp_wide'],
    needs: [ensureBuilt, ensureLoadGenerators, namePinned],
  },
  load: {
    says: 'Pillion beside plain servers, at several numbers of connections; needs wrk and h2load',
    file: 'load/load-bench.js',
    models: ['mlp_small'],
    needs: [ensureBuilt, ensureLoadGenerators],
    options: '--seconds=3 --rounds=5 --connections=1,8,32,64',
  },
  compare: {
    says: 'beside the peers of the field, each in an environment of its own',
    file: 'compare/compare.js',
    models: ['half_plus_two', 'mlp_small', 'mlp_big', 'image_mean'],
    needs: [ensureBuilt, ensureLoadGenerators, ensurePeers],
  },
  heavy: {
    says: 'five real heavy models: default settings beside the best of all fixed plans, in half an hour',
    file: 'heavy/heavy.js',
    needs: [ensureBuilt],
    directory: ensureZoo,
    options: '--models=A,B --plans=default,1x1x8,… --rounds=3 --seconds=5 --publish',
  },
  memory: {
    says: 'what four of them take of memory while 32 callers ask, and what stays, in ten minutes',
    file: 'heavy/memory.js',
    needs: [ensureBuilt],
    directory: ensureZoo,
    options: '--models=A,B --seconds=20 --main=dist/bundle/main.cjs',
  },
  micro: {
    says: 'each codec and part beside its alternatives, in a minute',
    file: 'micro/bench-micro.js',
    options: '[SUBJECT…] --rounds=N',
  },
  overload: {
    says: 'scheduling policies under more load than can be served, in about two hours; goes on after a stop',
    file: 'overload/overload.js',
    models: ['mlp_big', 'mlp_mid', 'mlp_wide'],
    needs: [ensureBuilt, () => ensurePeers(['--peers=triton'])],
  },
  simulate: {
    says: 'the same workloads on the scheduler under a fake clock, in seconds',
    file: '../test/features/what-if/simulate/simulate.js',
  },
  large: {
    says: 'what each spelling of one large body does to the small requests beside it, in three minutes',
    file: 'large/large-bench.js',
    options: '--seconds=3 --only=REGULAR_EXPRESSION',
  },
  'shared-memory': {
    says: "images in system shared memory beside the same in gRPC's messages, in half a minute",
    file: 'shared-memory/shared-memory-bench.js',
    models: ['image_mean'],
    options: '--seconds=2 --rounds=5 --callers=32 --rows=1',
  },
  fronting: {
    says: 'what standing in front of an application costs, beside Envoy, in five minutes; needs h2load',
    file: 'fronting/fronting-bench.js',
    models: ['half_plus_two'],
    needs: [ensureBuilt, ensureLoadGenerators, nameEnvoy],
    options: '--rates=500,2000 --rounds=20 --seconds=3 --connections=16',
  },
  'load-reports': {
    says: 'three sidecars, one slow, behind Envoy and grpc-js by load reports and in turn, in five minutes',
    file: 'load-reports/load-reports-bench.js',
    needs: [nameEnvoy],
    options: '--rounds=3 --seconds=6 --load=0.65 --slowness=3 --only=PART_OF_A_NAME',
  },
  text: {
    says: 'embeddings of single texts beside a FastAPI service, Infinity and sentence-transformers, in ten minutes; fetches 3 GB',
    file: 'text/text-bench.js',
    needs: [ensureBuilt, nameTextPeers],
    directory: () => {
      const { base, source } = ensureTextModel();
      return [base, source];
    },
    options:
      '--starts=3 --rounds=3 --seconds=6 --callers=32 --only=pillion,peer,infinity-onnx,infinity-torch,sentence-transformers',
  },
  footprint: {
    says: 'start, and memory by what it is, beside bare Node, Envoy and Triton, in three minutes; needs wrk',
    file: 'footprint/footprint.js',
    models: ['mlp_small'],
    needs: [ensureBuilt, ensureLoadGenerators, nameEnvoy, () => ensurePeers(['--peers=triton'])],
    options: '--rounds=5 --seconds=3 --idle=3 --main=dist/bundle/main.cjs',
  },
  telemetry: {
    says: 'the cost of telemetry: off, at 1 % and at 100 %, in one run; needs h2load',
    file: 'telemetry/telemetry-bench.js',
    models: ['mlp_small'],
    needs: [ensureBuilt, ensureLoadGenerators],
    options: '--seconds=2 --rounds=7 --connections=32',
  },
  swap: {
    says: "loading one model: another's latency, and memory over 200 swaps; needs h2load",
    file: 'swap/swap-bench.js',
    models: ['mlp_small', 'mlp_big'],
    needs: [ensureBuilt, ensureLoadGenerators],
    options: '--rounds=4 --swaps=5 --rate=5000 --cycles=200',
  },
  'beside-app': {
    says: 'what a saturated model does to the application that shares its cores, in three minutes; needs wrk and h2load',
    file: 'beside-app/beside-app.js',
    models: ['mlp_big'],
    needs: [ensureBuilt, ensureLoadGenerators],
    options:
      "--rates=200,500 --rounds=5 --seconds=4 --connections=32 --model=mlp_big --surface=grpc --apart --server='pillion dist/bundle/main.cjs [FLAG…]' (any number)",
  },
  crash: {
    says: "killing one model's process: another's latency, and its own requests; needs h2load",
    file: 'crash/crash-bench.js',
    models: ['mlp_small', 'mlp_big'],
    needs: [ensureBuilt, ensureLoadGenerators],
    options: '--rounds=5 --kills=10 --every=1000 --rate=1000',
  },
  reliability: {
    says: 'attacks, faults, restarts, fuzzing and a soak, and writes docs/results/reliability.md: an hour and a half',
    file: 'reliability/reliability.js',
    needs: [ensureBuilt],
    options: '--only=attacks,faults,restarts,fuzz,soak --render',
  },
  attacks: {
    says: 'every attack on the delivered server, beside a neighbour, in half an hour',
    file: 'attacks/attacks.js',
    needs: [ensureBuilt],
    options: '--only=NAME,… --seconds=6',
  },
  http2: {
    says: 'the HTTP/2 engine beside node:http2 and grpc-js; needs h2load',
    file: 'micro/http2-echo.js',
    needs: [ensureLoadGenerators],
    options: '[ROUNDS=5 [SECONDS=2 [BYTES=100]]]',
  },
  'warm-up': {
    says: 'the first request to a version, cold and warmed up',
    file: 'warm-up/first-request.js',
    models: ['mlp_big'],
    needs: [ensureBuilt],
    options: '--rounds=7 --rows=16',
  },
  refusals: {
    says: 'what each kind of refusal costs beside the right request, on every surface, in three minutes',
    file: 'refusals/refusals.js',
    models: ['half_plus_two', 'mlp_small'],
    needs: [ensureBuilt],
    options: '--rounds=7 --requests=2000 --model=half_plus_two --only=WORD --server=CHECKOUT',
  },
  path: {
    says: "the files, functions and calls of one warm Predict, by V8's coverage",
    file: 'path/path-coverage.js',
    options: '[--list | --json]',
  },
  profile: {
    says: "where a request's microseconds go, by stage; needs Linux's perf, wrk and h2load",
    file: 'profile/request-path.js',
    models: ['mlp_small'],
    needs: [ensureBuilt, ensureLoadGenerators],
    options: '--seconds=5 --connections=32',
  },
};

/** The program reads where Envoy is as the tests do. */
function nameEnvoy() {
  process.env.PILLION_TEST_ENVOY = ensureEnvoy();
}

/** The program reads which Python has the peers' packages; torch is not fetched for those that do not need it. */
function nameTextPeers(args) {
  process.env.PILLION_BENCH_PYTHON = ensurePython('text-peer', 'bench/text/requirements.txt');
  const { only = 'infinity,sentence-transformers' } = parseArgs({
    ...{ args, strict: false, options: { only: { type: 'string' } } },
  }).values;
  if (!/infinity|sentence-transformers/.test(only)) return;
  process.env.PILLION_BENCH_TORCH_PYTHON = ensurePython('text-contestants', 'bench/text/torch-requirements.txt');
}

/** The program reads where it is. */
function namePinned(args) {
  const { against } = parseArgs({ args, strict: false, options: { against: { type: 'string' } } }).values;
  const { commit } = JSON.parse(readFileSync(join(root, 'bench', 'ratchet', 'pinned.json'), 'utf8'));
  process.env.PILLION_BENCH_PINNED = ensureCheckout(against ?? commit);
}

const USAGE = `Usage: npm run bench -- WORD [options]

${listWords(BENCHES)}

npm run bench -- WORD --help lists a benchmark's options; bench/README.md says how to read what it measures.`;

function measure({ file, models, directory: prepare, needs = [], options }, word, args) {
  const isHelpWanted = args.some(isHelp);
  if (isHelpWanted && options !== undefined) {
    console.log(`Usage: npm run bench -- ${word} ${options}`);
    return;
  }
  ensureBuiltForTests();
  // These two measure nothing.
  const isMeasuring = !isHelpWanted && !args.includes('--render');
  if (isMeasuring) for (const ensure of needs) ensure(args);
  const ensureDirectory = prepare ?? (models && (() => ensureBenchModels(models)));
  const directory = ensureDirectory === undefined ? [] : [isMeasuring ? ensureDirectory() : '.'].flat();
  run(process.execPath, [`build/bench/${file}`, ...directory, ...args]);
}

const [word, ...args] = process.argv.slice(2);
if (word === undefined) refuse('Which benchmark?', USAGE);
else if (isHelp(word)) console.log(USAGE);
else if (!Object.hasOwn(BENCHES, word)) refuse(`There is no benchmark "${word}".`, USAGE);
else measure(BENCHES[word], word, args);
