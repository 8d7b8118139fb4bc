/** npm run bench:micro: measures each part beside its alternatives. Arguments go to build/bench/micro/bench-micro.js. */
import { ensureBuiltForTests, run } from './lib/setup.mjs';

ensureBuiltForTests();
run(process.execPath, ['build/bench/micro/bench-micro.js', ...process.argv.slice(2)]);
