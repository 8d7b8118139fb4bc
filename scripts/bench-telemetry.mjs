/** npm run bench:telemetry: prepares the model and the load generator, then measures what telemetry costs. */
import { join } from 'node:path';
import { ensureBenchModels, ensureLoadGenerators } from './lib/bench-setup.mjs';
import { ensureBuilt, ensureBuiltForTests, run } from './lib/setup.mjs';

ensureBuilt();
ensureBuiltForTests();
ensureLoadGenerators();
run(process.execPath, [
  join('build', 'bench', 'telemetry', 'telemetry-bench.js'),
  ensureBenchModels(['mlp_small']),
  ...process.argv.slice(2),
]);
