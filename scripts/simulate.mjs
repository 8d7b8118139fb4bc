/** npm run simulate: compiles, then simulates. Arguments go to build/bench/simulate/simulate.js: --help lists them. */
import { ensureBuiltForTests, run } from './lib/setup.mjs';

ensureBuiltForTests();
run(process.execPath, ['build/bench/simulate/simulate.js', ...process.argv.slice(2)]);
