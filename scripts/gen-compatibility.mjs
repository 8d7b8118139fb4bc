/** npm run gen:compatibility: acts out the rows of docs/compatibility.md against a real sidecar and writes its tables. */
import process from 'node:process';
import { run } from './lib/setup.mjs';

process.env['PILLION_WRITE_DOCS'] = '1';
run(process.execPath, ['scripts/test.mjs', 'integration/compatibility']);
