/**
 * Commands that have words of their own, such as `npm run bench -- load`: the first argument is the word, the rest is
 * the word's. `--help` lists them; what nobody knows is refused with the same list.
 */
import process from 'node:process';

/** A command that was called wrongly ends with this, as the C library's sysexits.h has it. */
export const USAGE_STATUS = 64;

/** The words with what each does, a line each. @param {Record<string, {says: string}>} words */
export function listWords(words) {
  const width = Math.max(...Object.keys(words).map((word) => word.length));
  return Object.entries(words)
    .map(([word, { says }]) => `  ${word.padEnd(width)}  ${says}`)
    .join('\n');
}

export const isHelp = (arg) => arg === '--help' || arg === '-h';

/** Ends this process: `problem` first, then how the command is called. */
export function refuse(problem, usage) {
  console.error(`${problem}\n\n${usage}`);
  process.exit(USAGE_STATUS);
}
