/**
 * Applications and clients of HTTP/2 that do anything at any moment: each request ends, and the server serves the next. What
 * they do is drawn from a seed; when it meets is the machine's affair.
 */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import type { ClientHttp2Session, ServerHttp2Stream } from 'node:http2';
import { test } from 'node:test';
import { seededRandom } from '../../../fuzz/engine/mutator.ts';
import { answerOf, FrontedHttp2 } from '../fronted-http2.ts';

const REQUESTS = 1500;
const CLIENTS = 16;
const GRPC = { 'content-type': 'application/grpc', te: 'trailers' };

test('whatever either side does, each request ends, and a good one is answered', async () => {
  const below = seededRandom(7);
  const soon = (act: () => void): unknown => setTimeout(act, below(8));

  const ok = (stream: ServerHttp2Stream, body: string | Buffer): void => {
    if (stream.closed || stream.destroyed) return;
    stream.respond({ ':status': 200 });
    stream.end(body);
  };
  const answers: readonly ((stream: ServerHttp2Stream) => void)[] = [
    (stream) => ok(stream, 'early'),
    (stream) => stream.resume().once('end', () => ok(stream, 'whole')),
    (stream) => soon(() => ok(stream.resume(), 'late')),
    (stream) => stream.close(below(14)),
    (stream) => {
      ok(stream, 'early');
      soon(() => stream.close(0));
    },
    (stream) => {
      stream.respond({ ':status': 200 });
      stream.write(Buffer.alloc(below(200_000)));
      soon(() => stream.close(below(14)));
    },
    (stream) => {
      stream.session?.goaway(0);
      soon(() => ok(stream, 'last'));
    },
    (stream) => soon(() => stream.session?.destroy()),
    (stream) => {
      stream.respond({ ':status': 200 }, { waitForTrailers: true });
      stream.once('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
      stream.end(Buffer.alloc(below(200_000)));
    },
  ];
  const fronted = new FrontedHttp2({ app: 'h2c' });
  fronted.onStream = (stream) => answers[below(answers.length)]!(stream);
  await fronted.start();

  let sent = 0;
  const client = async (session: ClientHttp2Session): Promise<void> => {
    while (sent < REQUESTS) {
      sent += 1;
      const call = below(2) === 0 ? {} : { ...GRPC, 'grpc-timeout': `${1 + below(20)}m` };
      const stream = session.request({ ':method': 'POST', ':path': '/app', ...call });
      const closed = new Promise((resolve) => stream.once('close', resolve));
      const leave = (): unknown => soon(() => stream.destroy());
      stream.on('error', () => undefined);
      // node's client never closes a stream of whose request bytes wait for a window.
      stream.once('end', leave);
      if (below(3) > 0) stream.resume();
      else setTimeout(leave, 20);
      stream.write(Buffer.alloc(below(80_000)));
      const end = below(4);
      if (end === 0) stream.end();
      else if (end > 1) soon(() => stream.end());
      else
        soon(() => {
          stream.close(below(14));
          leave();
        });
      await closed;
    }
  };
  await Promise.all(Array.from({ length: CLIENTS }, () => client(fronted.session())));

  assert.deepEqual(fronted.internalErrors, []);
  fronted.onStream = (stream) => ok(stream, 'well');
  assert.equal((await answerOf(fronted.session().request({ ':path': '/' }))).body.toString(), 'well');
  await fronted.close();
});
