/**
 * Comments are plain English: a sentence, or a noun phrase that names its subject. A comment that begins with a
 * preposition, or with "What", names none and mostly has no verb, so that a reader must guess what it is about.
 *
 * To add a folder: mend its comments, and name it here. In the end this is `src`.
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path/posix';
import { test } from 'node:test';

const CLEAN: readonly string[] = [
  ...['api', 'backends', 'codec', 'codec-thread', 'config', 'core', 'files', 'internals'],
  ...['kernel', 'models', 'proxy', 'scheduler'],
  'features',
  'admin',
  'cli',
  'ledger',
];

const CLEAN_BESIDE_SRC: readonly string[] = ['test/support', 'scripts', 'bench'];

const PREPOSITIONS =
  'After Against Among As At Before Behind Beside Between Beyond By During For From In Instead Of On Since To Under Until ' +
  'With Within Without';
const OTHERS = 'About Also And But Likewise That Then Told What Where Which Who Whose';
const BAD_START = new RegExp(`^(?:${`${PREPOSITIONS} ${OTHERS}`.replaceAll(' ', '|')}) `);

/** The first line of each comment: one on a line of its own, the first of several, or that of a block. */
const COMMENT = /(?<!^[ \t]*\/\/[^\n]*\n)^[ \t]*\/\/ (?<line>.*)|\/\*\*(?:\n[ \t]*\*)? (?<block>.*)/gm;

/** "12: Of the rows" for each comment of the text that begins badly. */
function badComments(text: string): readonly string[] {
  return [...text.matchAll(COMMENT)].flatMap(({ index, 0: whole, groups }) => {
    const first = groups!['line'] ?? groups!['block']!;
    const line = text.slice(0, index + whole.length).split('\n').length;
    return BAD_START.test(first) ? [`${line}: ${first}`] : [];
  });
}

function sourcesIn(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((path) => /\.[cm]?[jt]s$/.test(path))
    .map((path) => join(folder, path));
}

for (const folder of [...CLEAN.map((name) => join('src', name)), ...CLEAN_BESIDE_SRC]) {
  test(`the comments of ${folder} begin with their subject or verb`, () => {
    const files = sourcesIn(folder);
    const found = files.flatMap((file) => badComments(readFileSync(file, 'utf8')).map((bad) => `${file}:${bad}`));
    assert.deepEqual(found, []);
  });
}

test('a comment without a subject is found wherever it begins', () => {
  const text = [
    '/** Of the rows. */',
    '/**',
    ' * What it costs.',
    ' * In all.',
    ' */',
    'const a = 1;',
    '  // With a reason.',
    '  // For the next line.',
    '// The rows',
    '// of one batch.',
  ].join('\n');
  assert.deepEqual(badComments(text), ['1: Of the rows. */', '3: What it costs.', '7: With a reason.']);
});
