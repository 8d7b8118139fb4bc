/** A large answer as JSON, slice by slice: each is printed on the codec thread when it is asked for. */
import { Buffer } from 'node:buffer';
import { type AnswerPiece, entriesOf } from '../codec/json/answer-slices.ts';
import { CancelSignal } from '../core/cancel.ts';
import { inSlices } from '../core/in-slices.ts';
import { copied } from './carried-tensors.ts';
import { bufferOf } from './codec-jobs.ts';
import type { CodecThread, Wanted } from './codec-thread.ts';

/** Nobody cancels it: its answer has begun, and is broken off if its client leaves. */
const BEGUN: Wanted = { cancel: new CancelSignal(), hasBegun: true };

/**
 * The first slice is for the request, which may be cancelled or refused until then; the others take their turn however
 * many wait. Throws what the thread rejects with.
 */
export async function* printedSlices(
  pieces: Iterable<AnswerPiece>,
  thread: CodecThread,
  request: Wanted,
): AsyncGenerator<Buffer, undefined> {
  let text = '';
  let wanted = request;
  for (const piece of pieces) {
    if (typeof piece === 'string') {
      text += piece;
      continue;
    }
    const carried = await inSlices(copied(piece.outputs));
    const printed = bufferOf(await thread.ask(wanted, 'printOutputs', carried, piece.format, 0));
    if (text !== '') yield Buffer.from(text);
    yield entriesOf(printed, piece);
    text = '';
    wanted = BEGUN;
  }
  yield Buffer.from(text);
  return undefined;
}
