/** npm run bench:crash: prepares the models and the load generator, then kills a model's process under load. */
import { join } from 'node:path';
import { ensureBenchModels, ensureLoadGenerators } from './lib/bench-setup.mjs';
import { ensureBuilt, ensureBuiltForTests, run } from './lib/setup.mjs';

ensureBuilt();
ensureBuiltForTests();
ensureLoadGenerators();
run(process.execPath, [
  join('build', 'bench', 'crash', 'crash-bench.js'),
  ensureBenchModels(['mlp_small', 'mlp_big']),
  ...process.argv.slice(2),
]);
