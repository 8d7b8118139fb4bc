/** The page about the application: each of its sentences in a state where it is so, and in one where it is not. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ServingError } from '../../../../src/core/errors.ts';
import { AppReport } from '../../../../src/proxy/fronting/telemetry/app-report.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { type FrontedFacts, frontedRecord } from '../fronted-record.ts';

/** The report of ten seconds with these requests. */
function reportOf(requests: readonly FrontedFacts[], { inFlight = 0, isWatched = true } = {}) {
  const clock = new FakeClock();
  const report = new AppReport(clock, { inFlight });
  if (isWatched) report.watch(true);
  for (const facts of requests) report.record(frontedRecord(facts));
  clock.advance(10_000);
  return report.read();
}

const said = (...args: Parameters<typeof reportOf>): string =>
  reportOf(...args)
    .sentences.map(({ text, tone }) => `${tone}: ${text}`)
    .join('\n');

const FAILED: readonly FrontedFacts[] = [
  { status: 503 },
  { outcome: 'app_cut' },
  { error: new ServingError('backend_failed', 'it could not be asked'), outcome: 'backend_failed' },
  { arrival: { route: 'grpc', method: 'POST' }, outcome: 'ok', grpc: { status: 13, message: undefined } },
];

const ABANDONED: readonly FrontedFacts[] = [
  { outcome: 'client_left' },
  { outcome: 'client_stalled' },
  { outcome: 'deadline_exceeded' },
];

describe('the report on the application', () => {
  it('says how much it gets, and how much it has now', () => {
    assert.equal(said([{}, {}], { inFlight: 3 }), 'plain: The application gets 0.2 requests per second. It has 3 now.');
    assert.equal(said([]), 'plain: No request for the application has ended lately. It has none now.');
  });

  it('warns of requests that failed, and not of answers that say no', () => {
    for (const facts of FAILED) assert.match(said([facts]), /^warn: 0\.1 per second failed: /m);
    for (const facts of [{}, { status: 404 }, ...ABANDONED]) assert.doesNotMatch(said([facts]), /failed/);
  });

  it('warns of requests that were abandoned, and not of others', () => {
    for (const facts of ABANDONED) assert.match(said([facts]), /^warn: 0\.1 per second were abandoned: /m);
    for (const facts of [{}, ...FAILED]) assert.doesNotMatch(said([facts]), /abandoned/);
  });

  it('says what the times of streams are only where there are some', () => {
    const stream: FrontedFacts = { arrival: { route: 'upgrade' }, outcome: 'upgraded', status: 101 };
    assert.match(said([stream]), /event streams and upgrades are those until the answer began/);
    assert.doesNotMatch(said([{}]), /event streams/);
  });

  it('has a row for each method of gRPC, and each method and route of HTTP, the busiest first', () => {
    const call: FrontedFacts = {
      arrival: { route: 'grpc', method: 'POST' },
      grpc: { status: 0, message: undefined },
      rpcMethod: 'shop.Cart/Add',
    };
    const odd: FrontedFacts = { arrival: { method: 'MADE-UP' } };
    const [table] = reportOf([call, call, {}, odd]).tables!;
    assert.deepEqual(
      table!.rows.map(({ kind, requests }) => [kind, requests]),
      [
        ['grpc shop.Cart/Add', 0.2],
        ['http GET /cart', 0.1],
        ['http _OTHER /cart', 0.1],
      ],
    );
    const [first] = table!.rows;
    assert.ok(Math.abs(Number(first!['p50']) - 50) < 3, String(first!['p50']));
  });

  it('has the busiest routes of a client that makes paths up, a bounded number of rows, and says so', () => {
    const path = (target: string): FrontedFacts => ({ arrival: { target } });
    const word = (n: number) => [...String(n).padStart(5, '0')].map((digit) => 'abcdefghij'[Number(digit)]).join('');
    const requests = Array.from({ length: 4000 }, (_, i) => path(i % 10 === 0 ? '/orders/7' : `/made/up-${word(i)}`));
    const { sentences, tables } = reportOf(requests);
    const { rows } = tables![0]!;
    assert.equal(rows.length, 40);
    assert.deepEqual(
      rows.slice(0, 2).map(({ kind }) => kind),
      ['http GET (other paths)', 'http GET /orders/{id}'],
    );
    assert.equal(rows[1]!['requests'], 40);
    assert.ok(sentences.some(({ text }) => /^The table has the busiest 40 of \d\d routes\.$/.test(text)));
    assert.doesNotMatch(said([path('/a'), path('/b')]), /The table has/);
  });

  it('names no route that the application does not have, until it has answered it otherwise', () => {
    const asked = (target: string, status: number | undefined): FrontedFacts => ({ arrival: { target }, status });
    const given = [asked('/wp-admin', 404), asked('/late', undefined), asked('/users/7', 200), asked('/users/8', 404)];
    const kinds = reportOf(given).tables![0]!.rows.map(({ kind, requests }) => [kind, requests]);
    assert.deepEqual(kinds, [
      ['http GET (other paths)', 0.2],
      ['http GET /users/{id}', 0.2],
    ]);
  });

  it('counts nothing while nobody looks', () => {
    assert.match(said([{}, {}], { isWatched: false }), /^plain: No request/);
  });
});
