/**
 * npm test -- fuzz: coverage-guided fuzzing of what reads bytes that others made (test/fuzz). Each target is bundled
 * with counters in the product's code and runs on a thread; a run that does not end is a fault too.
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join, sep } from 'node:path';
import process from 'node:process';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import { ensureBuiltForTests, root, say } from './setup.mjs';
import { tellCounts } from './suite-runs/counts.mjs';
import { isHelp, refuse } from './words.mjs';

const compiled = join(root, 'build', 'test', 'fuzz');
const product = join(root, 'build', 'src') + sep;
/** Inputs that show a fault. */
const findings = join(root, '.cache', 'fuzz-findings');

/** A run takes microseconds; the machine may be busy. */
const HANG_MS = 20_000;
const MOST_INPUT_BYTES = 65_536;
const MOST_MIB = 768;

const USAGE = `Usage: npm test -- fuzz [TARGET…] [--seconds=N] [--keep] [--seed=N]

Makes up inputs for readers of foreign bytes, keeps those that reach new code, and looks for one that breaks a promise.
A fault's input is written to .cache/fuzz-findings/.

  --seconds=N   time for all targets together; default 120
  --keep        adds the inputs that reach more to test/fuzz/corpora; with all targets, also writes
                bench/results/fuzz.json
  --seed=N      repeats a run; default: the time

Targets: ${targetNames().join(' ')}`;

function targetNames() {
  return readdirSync(join(root, 'test', 'fuzz', 'targets'))
    .map((file) => file.replace(/\.ts$/, ''))
    .sort();
}

export async function runFuzz(words) {
  if (words.some(isHelp)) {
    console.log(USAGE);
    return;
  }
  const { names, seconds, keeps, seed } = readWords(words);
  ensureBuiltForTests();
  const lanes = Math.min(availableParallelism(), names.length);
  const ms = (seconds * 1000 * lanes) / names.length;
  say(`Fuzzing ${names.length} targets for ${(ms / 1000).toFixed(1)} s each, seed ${seed}`);
  const waiting = [...names];
  const results = [];
  const lane = async () => {
    for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
      results.push(await fuzzTarget(name, { ms, keeps, seed }));
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  const runs = results.reduce((sum, each) => sum + each.runs, 0);
  const faults = results.filter(({ file }) => file !== undefined);
  tellCounts({ passed: names.length - faults.length, of: names.length });
  if (keeps && names.length === targetNames().length) writeResults({ seconds, seed, runs, targets: results });
  console.log(`\n${runs.toLocaleString('en')} runs of ${names.length} targets, ${faults.length} with a fault`);
  if (faults.length > 0) process.exit(1);
}

function writeResults({ targets, ...rest }) {
  const sorted = targets.sort((a, b) => a.name.localeCompare(b.name));
  writeFileSync(
    join(root, 'bench', 'results', 'fuzz.json'),
    `${JSON.stringify({ ...rest, targets: sorted }, undefined, 2)}\n`,
  );
}

function readWords(words) {
  const options = { seconds: { type: 'string' }, keep: { type: 'boolean' }, seed: { type: 'string' } };
  let given;
  try {
    given = parseArgs({ args: words, options, allowPositionals: true });
  } catch (error) {
    refuse(error.message, USAGE);
  }
  const { positionals, values } = given;
  const seconds = Number(values.seconds ?? 120);
  const seed = Number(values.seed ?? Date.now() % 2 ** 31);
  if (!(seconds > 0)) refuse(`--seconds=${values.seconds} is no time.`, USAGE);
  if (!Number.isInteger(seed)) refuse(`--seed=${values.seed} is no whole number.`, USAGE);
  const unknown = positionals.filter((name) => !targetNames().includes(name));
  if (unknown.length > 0) refuse(`There is no target ${unknown.join(', ')}.`, USAGE);
  return { names: positionals.length > 0 ? positionals : targetNames(), seconds, keeps: values.keep === true, seed };
}

async function fuzzTarget(name, { ms, keeps, seed }) {
  const module = pathToFileURL(await bundle(name)).href;
  const current = new SharedArrayBuffer(8 + MOST_INPUT_BYTES);
  const report = await runWorker({ name, module, seed, ms, keeps, current });
  const { runs, kept, reached, of, finding } = report;
  const covered = of === undefined ? '' : `, ${kept} inputs reach ${reached} of ${of} places`;
  console.log(`${finding === undefined ? '✔' : '✖'} ${name}: ${runs.toLocaleString('en')} runs${covered}`);
  if (finding === undefined) return { name, runs, kept, reached, of };
  mkdirSync(findings, { recursive: true });
  const file = join(findings, `${name}-${seed}.bin`);
  writeFileSync(file, finding.input);
  console.log(`${finding.text}\n  input (base64): ${Buffer.from(finding.input).toString('base64')}\n  in ${file}`);
  return { name, runs, file };
}

/** The target with all that it imports in one file; the product's code counts what it reaches. */
async function bundle(name) {
  // They are not there before the first compilation of a fresh checkout.
  const { build } = await import('esbuild');
  const { default: instrument } = await import('istanbul-lib-instrument');
  const outfile = join(root, 'build', 'fuzz', `${name}.mjs`);
  rmSync(outfile, { force: true });
  const instrumenter = instrument.createInstrumenter({
    coverageVariable: 'fuzzCounters',
    esModules: true,
    compact: true,
    parserPlugins: ['importAttributes'],
  });
  const counted = {
    name: 'counted',
    setup(bundling) {
      bundling.onLoad({ filter: /\.js$/ }, ({ path }) => {
        const isOurs = path.startsWith(product) && !path.includes(`${sep}gen${sep}`);
        const text = readFileSync(path, 'utf8');
        return { contents: isOurs ? instrumenter.instrumentSync(text, path) : text, loader: 'js' };
      });
    },
  };
  await build({
    entryPoints: [join(compiled, 'targets', `${name}.js`)],
    outfile,
    bundle: true,
    format: 'esm',
    platform: 'node',
    packages: 'external',
    logLevel: 'warning',
    plugins: [counted],
  });
  return outfile;
}

/** Resolves with the thread's report, or with a finding of our own if a run does not end, or ends the thread. */
function runWorker(order) {
  const worker = new Worker(join(compiled, 'engine', 'fuzz-worker.js'), {
    workerData: order,
    resourceLimits: { maxOldGenerationSizeMb: MOST_MIB },
  });
  const head = new Int32Array(order.current, 0, 2);
  const broken = (text) => {
    const input = new Uint8Array(order.current, 8, head[1]).slice();
    return { runs: head[0], finding: { input, text } };
  };
  return new Promise((resolve) => {
    let before = -1;
    const watch = setInterval(() => {
      if (head[0] === before) finish(broken(`a run did not end within ${HANG_MS / 1000} s`));
      before = head[0];
    }, HANG_MS);
    const finish = (report) => {
      clearInterval(watch);
      void worker.terminate().then(() => resolve(report));
    };
    worker.once('message', finish);
    worker.once('error', (error) => finish(broken(String(error?.stack ?? error))));
  });
}
