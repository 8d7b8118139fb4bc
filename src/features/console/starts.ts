/**
 * How often the server has started with its --state_dir: a file there counts. Without the directory nobody knows, and
 * nothing is told.
 */
import * as v from 'valibot';
import type { Clock } from '../../core/clock.ts';
import type { StateFiles } from '../../files/state-files.ts';

const FILE = 'starts.json';

const STARTS = v.object({ starts: v.pipe(v.number(), v.safeInteger(), v.minValue(0)), since_ms: v.number() });

/** `starts`: this one included. `since_ms`: the time of the first one, in ms since 1970. */
export type Starts = v.InferOutput<typeof STARTS>;

/** Counts this start. A file that is not what it should be counts from now on. Rejects if it is not read or written. */
export async function countStart(files: Pick<StateFiles, 'read' | 'write'>, clock: Clock): Promise<Starts> {
  const before = v.safeParse(STARTS, parsed(await files.read(FILE)));
  const { starts, since_ms } = before.success ? before.output : { starts: 0, since_ms: Math.round(clock.wallMs()) };
  const counted = { starts: starts + 1, since_ms };
  await files.write(FILE, `${JSON.stringify(counted)}\n`);
  return counted;
}

function parsed(text: string | undefined): unknown {
  try {
    return JSON.parse(text ?? '');
  } catch {
    return undefined;
  }
}
