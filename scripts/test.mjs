/**
 * npm test: sets up what is missing, compiles, runs every test. `npm test -- scheduler` runs the files whose path holds
 * the word; `npm test -- envoy`, or another suite's name as the first word, runs what npm test leaves alone, and records it;
 * `npm test -- suites` says which of them are due.
 */
import process from 'node:process';
import { chooseFiles, runTestFiles, testFiles } from './lib/node-tests.mjs';
import { ensureBuiltForTests } from './lib/setup.mjs';
import { recordRun, showSuites } from './lib/suite-runs/record-run.mjs';
import { SUITES } from './lib/suites.mjs';
import { runUsualTests } from './lib/usual-tests.mjs';
import { isHelp, listWords, refuse } from './lib/words.mjs';

/** It runs nothing. */
const SHOWN = {
  suites: { says: 'when each of these last passed, how many commits touch what it tests since, and which are due' },
};

const USAGE = `Usage: npm test -- [WORD…]

Without a word: every test of unit, contract, property, fault and integration, and the corpora of fuzzing. A word that
is part of their paths, such as unit, scheduler or integration/rest: those files. One of these as the first word: that
suite, which npm test alone leaves out. Words after it choose among its files or cases. Its run is recorded.

${listWords({ ...SUITES, ...SHOWN })}`;

async function runSuite(name, words) {
  const { run, takesWords, takesOptions, ending, files, prepare, options } = SUITES[name];
  if (!words.some(isHelp)) recordRun(name, words);
  if (run !== undefined) {
    if (words.length > 0 && !takesWords && !takesOptions)
      refuse(`This suite takes no words, and got "${words.join(' ')}".`, USAGE);
    return run(words);
  }
  const env = await prepare();
  ensureBuiltForTests();
  runTestFiles(choose(files ?? testFiles(ending), words), { options, env });
}

function choose(files, words) {
  const { chosen, unknown } = chooseFiles(files, words);
  if (unknown.length > 0) refuse(`No test file's path holds "${unknown.join('" or "')}".`, USAGE);
  return chosen;
}

const words = process.argv.slice(2);
const option = words.find((word) => word.startsWith('-'));
const takesOptions = SUITES[words[0]]?.takesOptions === true;
if (words.some(isHelp) && !takesOptions) console.log(USAGE);
else if (option !== undefined && !takesOptions) refuse(`There is no option ${option}.`, USAGE);
else if (words[0] === 'suites' && words.length === 1) showSuites();
else if (words.length > 0 && Object.hasOwn(SUITES, words[0])) await runSuite(words[0], words.slice(1));
else {
  ensureBuiltForTests();
  await runUsualTests(choose(testFiles('.test.js'), words));
}
