/**
 * npm test: sets up what is missing, compiles, runs the core of the tests, in a few minutes; `npm test -- all` runs
 * every one. `npm test -- scheduler` runs the files whose path holds the word; `npm test -- envoy`, or another suite's
 * name as the first word, runs what npm test leaves alone, and records it; `npm test -- suites` says which of them are
 * due.
 */
import process from 'node:process';
import { chooseFiles, runTestFiles, testFiles } from './lib/node-tests.mjs';
import { ensureBuiltForTests } from './lib/setup.mjs';
import { recordRun, showSuites } from './lib/suite-runs/record-run.mjs';
import { SUITES } from './lib/suites.mjs';
import { runCoreTests, runUsualTests } from './lib/usual-tests.mjs';
import { isHelp, listWords, refuse } from './lib/words.mjs';

/** It runs nothing. */
const SHOWN = {
  suites: { says: 'when each of these last passed, how many commits touch what it tests since, and which are due' },
};

const USAGE = `Usage: npm test -- [WORD…]

Without a word: the tests of unit and property, the contracts without their slow parts, the corpora of fuzzing, and requests
over each surface, as far as they need no more than npm's packages and start no server of their own. The word all: every test
of unit, contract, property, simulation, fault, features and integration, with TensorFlow's libraries and Python's clients. Another word, such as unit, scheduler or
integration/rest: the files whose path holds it. One of these as the first word: that suite, which all leaves out.
Words after it choose among its files or cases. Its run is recorded.

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
  const files = testFiles('.test.js');
  if (words.length === 0) runCoreTests(files);
  else await runUsualTests(words.length === 1 && words[0] === 'all' ? files : choose(files, words));
}
