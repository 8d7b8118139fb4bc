/** docs/results/suites.md: the recorded runs of the suites that npm test leaves alone. */
import { join } from 'node:path';
import { root } from '../lib/setup.mjs';
import { PAGE_FILE, renderPage } from '../lib/suite-runs/render.mjs';
import { RUNS_FILE, readRuns } from '../lib/suite-runs/suite-runs.mjs';
import { TESTED_PATHS } from '../lib/suite-runs/tested-paths.mjs';

export function generate() {
  return { [PAGE_FILE]: renderPage(readRuns(join(root, RUNS_FILE)), Object.keys(TESTED_PATHS)) };
}
