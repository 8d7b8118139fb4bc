/** Splits a child process's output into lines, for the log. The end of a line over MAX_CHARACTERS is dropped. */
import type { Buffer } from 'node:buffer';
import type { Readable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';

const MAX_CHARACTERS = 2000;

/** Calls `onLine` for each line that is not blank, without its newline. */
export function readLines(stream: Readable, onLine: (line: string) => void): void {
  const decoder = new StringDecoder('utf8');
  let line = '';
  const take = (text: string): void => {
    const [first, ...more] = text.split('\n');
    line = (line + first!).slice(0, MAX_CHARACTERS);
    for (const next of more) {
      if (line.trim() !== '') onLine(line.trimEnd());
      line = next.slice(0, MAX_CHARACTERS);
    }
  };
  stream.on('data', (chunk: Buffer) => take(decoder.write(chunk)));
  stream.on('end', () => take(`${decoder.end()}\n`));
  stream.on('error', () => undefined);
}
