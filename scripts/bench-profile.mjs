/** npm run bench:profile: prepares the model and the load generators, then profiles. Needs Linux's perf. */
import { join } from 'node:path';
import { ensureBenchModels, ensureLoadGenerators } from './lib/bench-setup.mjs';
import { ensureBuilt, ensureBuiltForTests, run } from './lib/setup.mjs';

ensureBuilt();
ensureBuiltForTests();
ensureLoadGenerators();
run(process.execPath, [
  join('build', 'bench', 'profile', 'request-path.js'),
  ensureBenchModels(['mlp_small']),
  ...process.argv.slice(2),
]);
