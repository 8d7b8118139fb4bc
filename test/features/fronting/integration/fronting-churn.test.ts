/**
 * Requests at random through this server, to an application of HTTP/2 that at any moment resets them, answers before it has
 * read them, sends GOAWAY and cuts its connections, with clients that leave: every request ends. SEED=N repeats a run.
 */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import type { ClientHttp2Session } from 'node:http2';
import process from 'node:process';
import { test } from 'node:test';
import { SeededRandom } from '../../../../src/core/repeatable/seeded-random.ts';
import { ErrorCode } from '../../../../src/proxy/http2/error-code.ts';
import { encodeHeaders } from '../../../../src/proxy/http2/hpack/hpack-encoder.ts';
import type { Http2Stream, StreamSink } from '../../../../src/proxy/http2/streams/stream.ts';
import { frame, T, uint32 } from '../../../support/http2-frames.ts';
import { engineApp, FrontedHttp2 } from '../fronted-http2.ts';

const REQUESTS = 400;
const AT_A_TIME = 50;
/** Requests without a fault, one after another, in which one of the others must have ended. */
const PROBES = 200;
const SIZES = [0, 0, 100, 5000, 70_000, 200_000];
const CODES = [
  ErrorCode.NO_ERROR,
  ErrorCode.NO_ERROR,
  ErrorCode.CANCEL,
  ErrorCode.INTERNAL_ERROR,
  ErrorCode.REFUSED_STREAM,
];
const FAULTS = ['reset', 'reset', 'reset', 'early', 'early', 'cut', 'goaway', 'goaway-none', 'goaway-error'];
const PHASES = ['head', 'data', 'end', 'answer'];

const HEAD = encodeHeaders([[':status', '200']]);
const TRAILERS = encodeHeaders([['x-end', 'true']]);

/** What the application does with one request: "/fault/phase/code". */
class Whim implements StreamSink {
  readonly #stream: Http2Stream;
  readonly #fault: string;
  readonly #phase: string;
  readonly #code: number;
  #isDone = false;
  #isAnswering = false;
  #isFinished = false;

  constructor(stream: Http2Stream, path: string) {
    const [, fault, phase, code] = path.split('/');
    this.#stream = stream;
    this.#fault = fault!;
    this.#phase = phase!;
    this.#code = Number(code);
  }

  onHead(): void {
    this.#at('head');
  }

  onData(chunk: Uint8Array): void {
    this.#at('data');
    this.#stream.consume(chunk.length);
  }

  onEnd(): void {
    this.#at('end');
    this.#answer();
    this.#at('answer');
    this.#finish();
  }

  onWritable(): void {}

  onClose(): void {
    this.#isDone = true;
  }

  #at(phase: string): void {
    if (this.#isDone || phase !== this.#phase) return;
    this.#isDone = true;
    const { duplex } = this.#stream;
    const goaway = (lastId: number, code: number): unknown => duplex.write(frame(T.GOAWAY, 0, 0, uint32(lastId, code)));
    if (this.#fault === 'reset') this.#stream.reset(this.#code);
    else if (this.#fault === 'early') {
      this.#answer();
      this.#finish();
    } else if (this.#fault === 'cut') duplex.destroy();
    else if (this.#fault === 'goaway') goaway(this.#stream.id, ErrorCode.NO_ERROR);
    else if (this.#fault === 'goaway-none') {
      goaway(0, ErrorCode.NO_ERROR);
      duplex.end();
    } else if (this.#fault === 'goaway-error') goaway(this.#stream.id, ErrorCode.INTERNAL_ERROR);
  }

  #answer(): void {
    if (this.#isAnswering) return;
    this.#isAnswering = true;
    this.#stream.respond(HEAD);
    this.#stream.write(Buffer.alloc(100_000));
  }

  #finish(): void {
    if (!this.#isFinished) this.#stream.end(TRAILERS);
    this.#isFinished = true;
  }
}

class Load {
  readonly #random: SeededRandom;
  readonly #sessions: readonly ClientHttp2Session[];
  #begun = 0;
  #ended = 0;
  readonly open = new Map<number, string>();

  constructor(random: SeededRandom, sessions: readonly ClientHttp2Session[]) {
    this.#random = random;
    this.#sessions = sessions;
  }

  /** Resolves when all have ended, or PROBES others have come and gone while none did. */
  async run(): Promise<void> {
    for (let i = 0; i < AT_A_TIME; i++) this.#next();
    let ended = -1;
    for (let i = 0; i < PROBES && this.open.size > 0; i++) {
      if (this.#ended !== ended) i = 0;
      ended = this.#ended;
      await new Promise<void>((resolve) => this.#ask('/none/none/0', 0, resolve));
    }
  }

  #next(): void {
    if (this.#begun >= REQUESTS) return;
    const number = this.#begun++;
    const isFaulty = this.#random.uniform() < 0.4;
    const path = isFaulty ? `/${this.#pick(FAULTS)}/${this.#pick(PHASES)}/${this.#pick(CODES)}` : '/none/none/0';
    const size = this.#pick(SIZES);
    this.open.set(number, `${path} of ${size} bytes`);
    const leave = this.#ask(path, size, () => {
      this.open.delete(number);
      this.#ended += 1;
      this.#next();
    });
    if (this.#random.uniform() < 0.05) setImmediate(leave);
  }

  /** `ended` is called once, when the answer is read to its end or the stream has closed. Gives how to leave. */
  #ask(path: string, size: number, ended: () => void): () => void {
    const stream = this.#pick(this.#sessions).request({ ':method': 'POST', ':path': path });
    let isOver = false;
    const over = (): void => {
      if (!isOver) ended();
      isOver = true;
    };
    // node's client never closes a stream that was answered before it was sent.
    stream.once('end', () => setImmediate(over));
    stream.once('close', over);
    stream.on('error', () => undefined);
    stream.resume();
    stream.write(Buffer.alloc(size));
    setImmediate(() => stream.end());
    return () => stream.close(ErrorCode.CANCEL);
  }

  #pick<T>(of: readonly T[]): T {
    return of[Math.floor(this.#random.uniform() * of.length)]!;
  }
}

test('whatever an application does to its connections, every request ends', async (t) => {
  const seed = Number(process.env['SEED'] ?? Math.floor(Math.random() * 2 ** 31));
  t.diagnostic(`SEED=${seed}`);
  const app = await engineApp(
    (stream, headers) => {
      const whim = new Whim(stream, headers.path);
      stream.sink = whim;
      whim.onHead();
    },
    { maxConcurrentStreams: 20 },
  );
  const fronted = await new FrontedHttp2({ app: 'h2c', address: app.address }).start();
  const load = new Load(new SeededRandom(seed), [fronted.session(), fronted.session(), fronted.session()]);
  await load.run();
  assert.deepEqual([...load.open.values()], [], `SEED=${seed}`);
  assert.deepEqual(fronted.internalErrors, []);
  await fronted.close();
  app.close();
});
