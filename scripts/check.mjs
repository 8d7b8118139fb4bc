/**
 * npm run check: what to run before each commit, meant to take two minutes. Licences, format, lint and layers, types,
 * generated code, and the tests of unit, contract and property without what takes long in the contract
 * (PILLION_TEST_QUICK). Ends at the first part that fails. `npm run check -- --no-tests` leaves the tests out, where
 * npm test -- all follows.
 */
import process from 'node:process';
import { testFiles } from './lib/node-tests.mjs';
import { checkPackages } from './lib/packages.mjs';
import { ensureBuiltForTests, ensurePackages, run } from './lib/setup.mjs';
import { runUsualTests } from './lib/usual-tests.mjs';
import { isHelp, refuse } from './lib/words.mjs';

const USAGE = `Usage: npm run check [-- --no-tests]

The packages' licences and vulnerabilities, format, lint and layers, types, generated code, and the tests of unit, contract and property.

  --no-tests   leaves those tests out: npm test -- all runs them, too`;

const words = process.argv.slice(2);
if (words.some(isHelp)) {
  console.log(USAGE);
  process.exit();
}
const unknown = words.find((word) => word !== '--no-tests');
if (unknown !== undefined) refuse(`There is no word ${unknown}.`, USAGE);

const PARTS = {
  'npm packages': ensurePackages,
  'licences and vulnerabilities': checkPackages,
  'format, lint, layers': () => run(process.execPath, ['node_modules/@biomejs/biome/bin/biome', 'ci']),
  types: ensureBuiltForTests,
  'generated code': () => run(process.execPath, ['scripts/gen.mjs', '--check']),
  ...(words.length === 0 && { 'unit, contract and property tests': runQuickTests }),
};

async function runQuickTests() {
  const files = testFiles('.test.js').filter((path) => /^(unit|contract|property)\b/.test(path));
  await runUsualTests(files, { PILLION_TEST_QUICK: '1' });
}

let current;
process.on('exit', (status) => {
  if (status !== 0) console.error(`\nnpm run check failed at: ${current}`);
});
const took = [];
for (const [name, part] of Object.entries(PARTS)) {
  current = name;
  const start = performance.now();
  await part();
  took.push(`  ${((performance.now() - start) / 1000).toFixed(1).padStart(6)} s  ${name}`);
}
console.log(`\nnpm run check: all is well\n${took.join('\n')}`);
