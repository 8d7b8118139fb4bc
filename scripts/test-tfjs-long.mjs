/**
 * npm run test:tfjs-long: what takes too long for npm test, of models of TensorFlow: memory over many loads and predicts,
 * and the models of an npm package on a real photo.
 */
import { cpSync, existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { ensureBuiltForTests, root, run, say } from './lib/setup.mjs';
import { ensureTfjsNatives } from './lib/tfjs-natives.mjs';

ensureBuiltForTests();
const natives = join(root, '.cache', 'natives');
await ensureTfjsNatives(natives);
const human = join(root, '.cache', 'human');
if (!existsSync(join(human, 'node_modules', '.package-lock.json'))) {
  say('Fetching @vladmandic/human (28 MB), whose models and photo are used');
  mkdirSync(human, { recursive: true });
  cpSync(join(root, 'test', 'long', 'human'), human, { recursive: true });
  run('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'], { cwd: human });
}
const files = readdirSync(join(root, 'build', 'test', 'long'))
  .filter((name) => name.endsWith('.long.js'))
  .filter((name) => process.argv.length === 2 || process.argv.slice(2).some((filter) => name.includes(filter)))
  .map((name) => join('build', 'test', 'long', name));
run(process.execPath, ['--enable-source-maps', '--test', '--test-reporter=spec', ...files], {
  env: { ...process.env, PILLION_NATIVES_DIRECTORY: natives, PILLION_TEST_HUMAN: human },
});
