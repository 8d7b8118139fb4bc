/**
 * Sends bytes and says what came of them: the answers, and whether the connection was still good for a request behind
 * them. Silence is an outcome of its own.
 */
import { Buffer } from 'node:buffer';
import { connect } from 'node:net';
import type { OddRequest } from './odd/odd-request.ts';

/** A proxy that has not answered for so long waits for more bytes. */
const SILENCE_MS = 2000;

const PROBE = Buffer.from('GET /probe HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n');

export interface Outcome {
  /** Status of each answer, without 100 to 199 but for 101. */
  readonly answers: readonly number[];
  /**
   * `served`: a request behind it was answered as such. `closed`: the connection was closed. `silent`: neither. `tunnel`:
   * it is no HTTP any more. Anything else is the answer to the request behind it, which is another request's.
   */
  readonly probe: string;
}

export interface Answer {
  readonly status: number;
  readonly saw: string;
  /** The connection ends with it. */
  readonly isLast: boolean;
  /** Where it ends. */
  readonly end: number;
}

export function exchange(address: string, { bytes, answers: expected, isHead }: OddRequest): Promise<Outcome> {
  const [host, port] = address.split(':');
  return new Promise((resolve) => {
    const socket = connect({ host: host!, port: Number(port) });
    let text = '';
    let isProbed = false;
    let isClosed = false;
    const answers: Answer[] = [];
    const finish = (): void => {
      clearTimeout(silence);
      socket.destroy();
      const isEnded = isClosed || answers.at(-1)?.isLast === true;
      resolve(outcomeOf(answers, isProbed ? expected : answers.length, isEnded));
    };
    const read = (): void => {
      for (;;) {
        const answer = nextAnswer(text, isHead && answers.length === 0, isClosed);
        if (answer === undefined) break;
        text = text.slice(answer.end);
        if (answer.status >= 200 || answer.status === 101) answers.push(answer);
      }
      const latest = answers.at(-1);
      if (latest?.status === 101 || latest?.isLast === true) finish();
      else if (!isProbed && answers.length >= expected) {
        isProbed = true;
        socket.write(PROBE);
      }
    };
    const silence = setTimeout(finish, SILENCE_MS);
    socket.on('data', (chunk) => {
      silence.refresh();
      text += chunk.toString('latin1');
      read();
    });
    socket.on('error', () => undefined);
    socket.on('close', () => {
      isClosed = true;
      read();
      finish();
    });
    socket.on('end', () => socket.end());
    socket.write(bytes);
  });
}

/** All answers until the server closes the connection, or is silent. The bytes end with a request that asks for that. */
export function exchangeAll(address: string, bytes: Buffer): Promise<readonly Answer[]> {
  const [host, port] = address.split(':');
  return new Promise((resolve) => {
    const socket = connect({ host: host!, port: Number(port) });
    let text = '';
    const answers: Answer[] = [];
    const finish = (): void => {
      clearTimeout(silence);
      socket.destroy();
      for (let next = nextAnswer(text, false, true); next !== undefined; next = nextAnswer(text, false, true)) {
        answers.push(next);
        text = text.slice(next.end);
      }
      resolve(answers);
    };
    const silence = setTimeout(finish, SILENCE_MS);
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
    });
    socket.on('error', () => undefined);
    socket.on('close', finish);
    socket.write(bytes);
  });
}

function outcomeOf(all: readonly Answer[], expected: number, isClosed: boolean): Outcome {
  const answers = all.slice(0, expected).map(({ status }) => status);
  if (answers.at(-1) === 101) return { answers, probe: 'tunnel' };
  const behind = all[expected];
  if (behind === undefined) return { answers, probe: isClosed ? 'closed' : 'silent' };
  const isServed = behind.status === 200 && behind.saw === 'GET%20%2Fprobe';
  return { answers, probe: isServed ? 'served' : `${behind.status} ${behind.saw}` };
}

/** The first answer of a text, once all of it is there. `x-saw` says which request it answers. */
function nextAnswer(text: string, isHead: boolean, isClosed: boolean): Answer | undefined {
  const headEnd = text.indexOf('\r\n\r\n');
  if (headEnd < 0) return undefined;
  const head = text.slice(0, headEnd + 2);
  const bodyAt = headEnd + 4;
  const status = Number(/^HTTP\/1\.[01] (\d{3})/.exec(head)?.[1] ?? Number.NaN);
  const isLast = /\r\nconnection: close\r\n/i.test(head);
  const saw = /\r\nx-saw: (.*)\r\n/i.exec(head)?.[1] ?? '';
  const length = /\r\ncontent-length: (\d+)\r\n/i.exec(head)?.[1];
  if (status < 200 || status === 204 || status === 304 || isHead) return { status, saw, isLast, end: bodyAt };
  if (length !== undefined) {
    const end = bodyAt + Number(length);
    return text.length >= end ? { status, saw, isLast, end } : undefined;
  }
  if (/\r\ntransfer-encoding: chunked\r\n/i.test(head)) {
    const end = /(?:^|\r\n)0\r\n\r\n/.exec(text.slice(bodyAt));
    return end === null ? undefined : { status, saw, isLast, end: bodyAt + end.index + end[0].length };
  }
  return isClosed ? { status, saw, isLast, end: text.length } : undefined;
}
