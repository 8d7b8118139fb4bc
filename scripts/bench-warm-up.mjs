/** npm run bench:warm-up: prepares the model, then times first requests. */
import { join } from 'node:path';
import { ensureBenchModels } from './lib/bench-setup.mjs';
import { ensureBuilt, ensureBuiltForTests, run } from './lib/setup.mjs';

ensureBuilt();
ensureBuiltForTests();
run(process.execPath, [
  join('build', 'bench', 'warm-up', 'first-request.js'),
  ensureBenchModels(['mlp_big']),
  ...process.argv.slice(2),
]);
