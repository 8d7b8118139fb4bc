/** Every name that is written as an attribute, held against OpenTelemetry's package of names. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { RpcAttributes } from '../../../src/ledger/tracing/rpc-attributes.ts';
import { SCHEMA_URL } from '../../../src/ledger/tracing/schema-url.ts';
import { SemanticConventions } from '../../support/semantic-conventions.ts';

const conventions = new SemanticConventions();

/** The texts of all files of src/ that make spans, resources, metrics or lines of the log. */
const sources: readonly string[] = (readdirSync('src', { recursive: true }) as string[])
  .filter((file) => file.endsWith('.ts') && !file.startsWith('gen/'))
  .map((file) => readFileSync(join('src', file), 'utf8'));

/** The names that are written only where OTEL_SEMCONV_STABILITY_OPT_IN asks for them. */
const OPTED_IN: readonly string[] = ['rpc.system', 'rpc.service', 'rpc.grpc.status_code'];

function faultsOf(keys: Iterable<string>): readonly string[] {
  return [...new Set(keys)].flatMap((key) => conventions.faultOf(key) ?? []);
}

describe('names of attributes', () => {
  it('are judged by a package that has them', () => {
    assert.ok(conventions.size > 900);
    assert.equal(conventions.faultOf('rpc.status_code'), undefined);
    assert.equal(conventions.faultOf('http.method'), 'http.method is deprecated');
    assert.equal(conventions.faultOf('http.made.up'), 'http.made.up does not exist');
    assert.equal(conventions.faultOf('inference.request.id'), undefined);
    assert.equal(SCHEMA_URL, `https://opentelemetry.io/schemas/${conventions.version}`);
  });

  it('of spans exist there and are not deprecated', () => {
    const keys = sources.flatMap((text) => [...text.matchAll(/new AttributeKey\('([^']+)'/g)].map(([, key]) => key!));
    assert.ok(keys.length > 40);
    assert.deepEqual(faultsOf(keys.filter((key) => !OPTED_IN.includes(key))), []);
    for (const key of OPTED_IN) assert.ok(keys.includes(key) && conventions.faultOf(key) !== undefined, key);
  });

  it('of events, resources, metrics and the log, too', () => {
    // Keys of objects, with a dot: no label of a metric has one, nor a field of the log.
    const keys = sources.flatMap((text) =>
      [...text.matchAll(/^[\s{,]*'([a-z_]+(?:\.[a-z_]+)+)':/gm)].map(([, key]) => key!),
    );
    assert.ok(keys.includes('service.name') && keys.includes('inference.stage'));
    const others = /^(?:grpc\.)/;
    assert.deepEqual(faultsOf(keys.filter((key) => !others.test(key))), []);
  });

  it('of calls without an opt-in are the stable ones', () => {
    const keysOf = (optIn: string) =>
      new RpcAttributes({ OTEL_SEMCONV_STABILITY_OPT_IN: optIn }).of('a.B/C', 0).map(([{ name }]) => name);
    assert.deepEqual(faultsOf(keysOf('rpc')), []);
    assert.deepEqual(keysOf('rpc'), keysOf(''));
    assert.deepEqual(keysOf('rpc/dup').slice(3).sort(), [...OPTED_IN].sort());
  });
});
