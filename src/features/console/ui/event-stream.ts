/**
 * Server-sent events over fetch. The browser's own EventSource can send no headers, and so no token.
 */
import { ask } from './api.ts';

/** Calls `onEvent` for each event, and `onOpen` before. Resolves at the end of the stream; rejects with ApiError. */
export async function streamEvents(
  path: string,
  onOpen: () => void,
  onEvent: (name: string, data: string) => void,
): Promise<void> {
  const { body } = await ask(path);
  if (body === null) return;
  onOpen();
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    const events = (text + part.value).split('\n\n');
    text = events.pop()!;
    for (const event of events) emit(event, onEvent);
  }
}

/** Our server's events have one line of data each. */
function emit(event: string, onEvent: (name: string, data: string) => void): void {
  const name = /^event: (.*)$/m.exec(event)?.[1];
  const data = /^data: (.*)$/m.exec(event)?.[1];
  if (name !== undefined && data !== undefined) onEvent(name, data);
}
