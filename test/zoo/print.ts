import process from 'node:process';

/** A line of a suite's own: node's reporter shows what became of tests, not how far they are. */
export function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
