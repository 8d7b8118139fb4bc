/**
 * npm run bench: prepares the models and the load generators, then measures Pillion beside plain servers. Arguments go
 * to build/bench/load/load-bench.js, such as --seconds=5 --rounds=7.
 */
import { ensureBenchModels, ensureLoadGenerators } from './lib/bench-setup.mjs';
import { ensureBuilt, ensureBuiltForTests, run } from './lib/setup.mjs';

ensureBuilt();
ensureBuiltForTests();
ensureLoadGenerators();
const models = ensureBenchModels(['mlp_small']);
run(process.execPath, ['build/bench/load/load-bench.js', models, ...process.argv.slice(2)]);
