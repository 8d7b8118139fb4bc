/**
 * npm run bench:overload: prepares the models, then runs contestants under overload. Arguments go to
 * build/bench/overload/overload.js: --help lists them.
 */
import { ensureBenchModels } from './lib/bench-setup.mjs';
import { ensureBuilt, ensureBuiltForTests, run } from './lib/setup.mjs';

const args = process.argv.slice(2);
const isMeasuring = !args.includes('--help') && !args.includes('--render');

ensureBuiltForTests();
if (isMeasuring) ensureBuilt();
const models = isMeasuring ? ensureBenchModels(['mlp_big', 'mlp_mid', 'mlp_wide']) : '.';
run(process.execPath, ['build/bench/overload/overload.js', models, ...args]);
