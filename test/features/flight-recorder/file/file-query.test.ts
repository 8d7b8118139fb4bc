/** Queries of the file stop where no more can match, and answer what a reading of all of it would. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import fc from 'fast-check';
import type { RequestEntry } from '../../../../src/admin/request-entry.ts';
import {
  findRequests,
  findTraffic,
  orderOf,
  type RingSource,
  type WrittenRequest,
} from '../../../../src/features/flight-recorder/file/file-query.ts';
import { type NewRecord, RingFile } from '../../../../src/features/flight-recorder/file/ring-file.ts';
import { matchesEntry, type RequestQuery } from '../../../../src/features/flight-recorder/query/request-query.ts';

const MIB = 2 ** 20;
const START = Date.UTC(2026, 10, 30);
const SECOND_MS = 1000;
const directory = mkdtempSync(join(tmpdir(), 'pillion-query-'));
after(() => rmSync(directory, { recursive: true, force: true }));

let files = 0;
const newPath = (): string => join(directory, `ring-${++files}`);

interface Facts {
  readonly endMs: number;
  readonly tookMs: number;
  readonly model?: string;
  readonly error?: string | undefined;
}

function entryOf({ endMs, tookMs, model = 'digits', error }: Facts, i: number): RequestEntry {
  return {
    ...{ id: `r${i}`, surface: 'grpc', method: 'Predict', model, version: '1', signature: 's', rows: 1 },
    ...{ request_bytes: 1, response_bytes: 1, outcome: error === undefined ? 'ok' : 'backend_failed' },
    ...(error !== undefined && { error: { kind: 'backend_failed', message: error } }),
    ...{ peer: '10.0.0.1:1', received_at: new Date(endMs - tookMs).toISOString(), duration_ms: tookMs },
    ...{ stages: [], kept: error === undefined ? 'slow' : 'failed', has_payload: false },
  } as unknown as RequestEntry;
}

function recordOf(entry: RequestEntry): NewRecord {
  const text = JSON.stringify({ run: START, entry, padding: 'x'.repeat(1000) });
  return { kind: 'request', wallMs: Date.parse(entry.received_at), text };
}

/** A file with a start record and these requests, and a source that counts the parts that are read. */
async function fileOf(entries: readonly RequestEntry[]) {
  const file = await RingFile.open(newPath(), 8 * MIB);
  const start: NewRecord = {
    ...{ kind: 'start', wallMs: START },
    text: JSON.stringify({ run: START, version: '1', before: { at_ms: START - 9, reason: 'drained' } }),
  };
  for (const ring of ['traffic', 'requests'] as const) await file.append(ring, [start]);
  for (let i = 0; i < entries.length; i += 100) {
    await file.append('requests', entries.slice(i, i + 100).map(recordOf));
  }
  let parts = 0;
  const source: RingSource = {
    async *read(ring, notAfterMs) {
      for await (const part of file.read(ring, notAfterMs)) {
        parts += 1;
        yield part;
      }
    },
  };
  return { file, source, parts: () => parts };
}

const steady = (count: number, everyMs: number): RequestEntry[] =>
  Array.from({ length: count }, (_, i) => entryOf({ endMs: START + i * everyMs, tookMs: 5 + (i % 97) }, i));

const query = (changes: Partial<RequestQuery>): RequestQuery => ({ order: 'newest', limit: 50, ...changes });

/** What a reading of all of it finds. */
function naive(entries: readonly RequestEntry[], asked: RequestQuery): string[] {
  return entries
    .filter((entry) => matchesEntry(entry, asked))
    .map((entry): WrittenRequest => ({ run: START, entry }))
    .sort(orderOf(asked))
    .slice(0, asked.limit)
    .map(({ entry }) => entry.id);
}

describe('a query of the file', () => {
  it('of the newest reads some parts of a large file, and has the restarts all the same', async () => {
    const { file, source, parts } = await fileOf(steady(2500, SECOND_MS));
    const found = await findRequests(source, query({}));
    assert.deepEqual(
      found.requests.map(({ entry }) => entry.id),
      Array.from({ length: 50 }, (_, i) => `r${2499 - i}`),
    );
    assert.equal(found.restarts.length, 1);
    assert.ok(parts() <= 4, String(parts()));
    await file.close();
  });

  it('of a span that is over begins at its end', async () => {
    const { file, source, parts } = await fileOf(steady(2500, 60 * SECOND_MS));
    const asked = query({ since: START + 3600_000, until: START + 2 * 3600_000, limit: 1000 });
    const found = await findRequests(source, asked);
    assert.deepEqual(
      found.requests.map(({ entry }) => entry.id),
      Array.from({ length: 60 }, (_, i) => `r${120 - i}`),
    );
    assert.ok(parts() <= 4, String(parts()));
    await file.close();
  });

  it('finds a request that took long, and one whose record came late', async () => {
    const entries = steady(2000, SECOND_MS);
    const long = entryOf({ endMs: START + 1_999_000, tookMs: 1_900_000 }, 5000);
    const late = entryOf({ endMs: START + 1_900_000, tookMs: 500 }, 5001);
    const { file, source } = await fileOf([...entries, long, late]);
    const ids = async (asked: RequestQuery) =>
      (await findRequests(source, asked)).requests.map(({ entry }) => entry.id);
    assert.deepEqual(await ids(query({ since: START, until: START + 100_000, order: 'slowest', limit: 1 })), ['r5000']);
    assert.ok((await ids(query({ since: START + 1_890_000, limit: 1000 }))).includes('r5001'));
    await file.close();
  });

  it('is what a reading of all of it finds, whatever is asked', async () => {
    const facts = fc.record({
      gapMs: fc.integer({ min: 0, max: 4000 }),
      tookMs: fc.oneof(fc.integer({ min: 0, max: 100 }), fc.integer({ min: 0, max: 300_000 })),
      model: fc.constantFrom('digits', 'words', '"model":"digits"'),
      error: fc.option(fc.constantFrom('boom', ',"duration_ms":9999', 'Boom "x"'), { nil: undefined }),
    });
    const asked = fc.record({
      order: fc.constantFrom('newest', 'slowest'),
      limit: fc.integer({ min: 1, max: 60 }),
      since: fc.option(fc.integer({ min: START, max: START + 4_000_000 }), { nil: undefined }),
      until: fc.option(fc.integer({ min: START, max: START + 4_000_000 }), { nil: undefined }),
      model: fc.option(fc.constantFrom('digits', 'words', '"model":"digits"'), { nil: undefined }),
      outcome: fc.option(fc.constantFrom('ok', 'failed', 'backend_failed'), { nil: undefined }),
      kept: fc.option(fc.constantFrom('slow', 'failed'), { nil: undefined }),
      error: fc.option(fc.constant('boom'), { nil: undefined }),
      id: fc.option(fc.constantFrom('r3', 'r700'), { nil: undefined }),
    }) as fc.Arbitrary<RequestQuery>;
    const some = fc.array(facts, { minLength: 400, maxLength: 1500, size: 'max' });
    await fc.assert(
      fc.asyncProperty(some, fc.array(asked, { minLength: 20, maxLength: 40 }), async (given, queries) => {
        let endMs = START;
        const entries = given.map(({ gapMs, ...rest }, i) => {
          endMs += gapMs;
          return entryOf({ ...rest, endMs }, i);
        });
        const { file, source } = await fileOf(entries);
        for (const one of queries) {
          const { requests } = await findRequests(source, one);
          const wanted = naive(entries, one);
          const order = orderOf(one);
          // Of requests that are equal in the order, either may stand first.
          assert.equal(requests.length, wanted.length);
          for (const [i, found] of requests.entries()) {
            const entry = entries.find(({ id }) => id === wanted[i])!;
            assert.equal(order(found, { run: START, entry }), 0, JSON.stringify(one));
          }
        }
        await file.close();
      }),
      { numRuns: 8 },
    );
  });

  it('of traffic reads what is after its span’s beginning', async () => {
    const { file, source, parts } = await fileOf([]);
    const ticks = Array.from({ length: 2000 }, (_, i): NewRecord => {
      const at_ms = START + i * 30_000;
      const tick = { run: START, at_ms, span_ms: 30_000, cpu_cores: 1, versions: [], padding: 'x'.repeat(300) };
      return { kind: 'traffic', wallMs: at_ms, text: JSON.stringify(tick) };
    });
    await file.append('traffic', ticks);
    const found = await findTraffic(source, { since: START + 1000 * 30_000, until: START + 1010 * 30_000 });
    assert.equal(found.ticks.length, 10);
    assert.ok(parts() <= 3, String(parts()));
    await file.close();
  });
});
