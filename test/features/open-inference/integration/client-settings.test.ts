/**
 * --allow_client_settings in a sidecar of its own: the level of the log and the sampling of traces are changed over gRPC
 * and REST, by whom the authorization file allows it.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import type { ClientHttp2Session } from 'node:http2';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { newKey } from '../../../../src/cli/key.ts';
import { writeAccessFile } from '../../../support/access-file.ts';
import { hasFeature } from '../../../support/has-feature.ts';
import { type OtlpReceiver, startHttpReceiver } from '../../../support/otlp-receiver.ts';
import { decode, encode, type Fields } from '../../../support/proto-registry.ts';
import { frame, openSession, type RawAnswer, rawCall } from '../../../support/raw-grpc.ts';
import { DIGITS, killSidecars, type Sidecar, startSidecar } from '../../../support/sidecar.ts';

const keys = { operator: newKey(), watcher: newKey() };
const ALL = ['*'];

describe('settings that callers may change', { skip: !hasFeature('authorization') }, () => {
  const directory = mkdtempSync(join(tmpdir(), 'pillion-'));
  let receiver: OtlpReceiver;
  let sidecar: Sidecar;
  let session: ClientHttp2Session;

  before(async () => {
    receiver = await startHttpReceiver();
    const file = writeAccessFile(directory, [
      { name: 'operator', keys: [keys.operator.hash], may: [{ models: ALL, methods: ['settings', 'predict'] }] },
      { name: 'watcher', keys: [keys.watcher.hash], may: [{ models: ALL, methods: ['predict', 'load'] }] },
    ]);
    const args = [...DIGITS, '--allow_client_settings', `--authorization_file=${file}`];
    sidecar = await startSidecar(args, {
      OTEL_EXPORTER_OTLP_ENDPOINT: receiver.endpoint,
      OTEL_BSP_SCHEDULE_DELAY: '50',
    });
    session = openSession(sidecar.grpc);
  });

  after(async () => {
    session.close();
    assert.equal(await sidecar.stop(), 0);
    killSidecars();
    await receiver.close();
    rmSync(directory, { recursive: true, force: true });
  });

  const grpc = (method: string, settings: Fields, by = keys.operator): Promise<RawAnswer> =>
    rawCall(
      session,
      `/inference.GRPCInferenceService/${method}`,
      frame(encode(`inference.${method}Request`, { settings })),
      { 'x-api-key': by.key },
    );
  const settingsOf = (method: string, { message }: RawAnswer): Fields =>
    decode(`inference.${method}Response`, message!)['settings'] as Fields;
  const rest = async (path: string, body?: object, by = keys.operator): Promise<readonly [number, Fields]> => {
    const answer = await fetch(`${sidecar.rest}${path}`, {
      headers: { 'x-api-key': by.key },
      ...(body !== undefined && { method: 'POST', body: JSON.stringify(body) }),
    });
    return [answer.status, (await answer.json()) as Fields];
  };
  const infer = async (): Promise<void> => {
    const [status] = await rest('/v2/models/digits/infer', {
      inputs: [{ name: 'pixels', shape: [1, 64], datatype: 'FP32', data: Array(64).fill(0) }],
    });
    assert.equal(status, 200);
  };

  it('the level of the log, over both surfaces; whatever it is, the change is in the audit log', async () => {
    const bool = (value: boolean): Fields => ({ parameterChoice: { case: 'boolParam', value } });
    const quiet = await grpc('LogSettings', { log_info: bool(false), log_warning: bool(false) });
    assert.equal(quiet.grpcStatus, 0, quiet.grpcMessage);
    const told = settingsOf('LogSettings', quiet) as Record<string, { parameterChoice: { value: unknown } }>;
    assert.deepEqual(
      ['log_info', 'log_error', 'log_verbose_level'].map((name) => told[name]!.parameterChoice.value),
      [false, true, 0],
    );
    await sidecar.line(
      (line) => line['audit'] === true && line['method'] === 'LogSettings' && line['by'] === 'principal:operator',
    );
    const [status, verbose] = await rest('/v2/logging', { log_info: true, log_warning: true, log_verbose_level: 1 });
    assert.deepEqual([status, verbose['log_verbose_level']], [200, 1]);
    assert.deepEqual((await rest('/v2/logging', { log_verbose_level: null }))[1]['log_verbose_level'], 0);
    const [refused, { error }] = await rest('/v2/logging', { log_verbose_level: 1, log_file: '/tmp/x' });
    assert.deepEqual([refused, (await rest('/v2/logging'))[1]['log_verbose_level']], [501, 0]);
    assert.match(String(error), /no caller chooses a file/);
  });

  it('which requests are traced, over both surfaces', async () => {
    const off = await grpc('TraceSetting', { trace_level: { value: ['OFF'] } });
    assert.deepEqual((settingsOf('TraceSetting', off)['trace_level'] as { value: string[] }).value, ['OFF']);
    const traced = () => receiver.spans.filter(({ name }) => name === 'ModelInfer digits').length;
    await infer();
    const [, on] = await rest('/v2/trace/setting', { trace_level: null, trace_rate: '1' });
    assert.deepEqual([on['trace_level'], on['trace_rate']], [['TIMESTAMPS'], '1']);
    await infer();
    // Spans are sent in their order: that of the first would be there with that of the second.
    while (traced() === 0) await rest('/v2/logging');
    assert.equal(traced(), 1);
    assert.deepEqual((await rest('/v2/trace/setting', { trace_rate: '50' }))[1]['trace_rate'], '50');
    assert.deepEqual((await grpc('TraceSetting', { trace_rate: {} })).grpcStatus, 0);
    assert.deepEqual((await rest('/v2/models/digits/trace/setting'))[1]['trace_rate'], '1');
  });

  it('not by others, who may read them', async () => {
    const denied = await grpc('LogSettings', { log_info: {} }, keys.watcher);
    assert.equal(denied.grpcStatus, 7);
    assert.equal((await rest('/v2/trace/setting', { trace_rate: '9' }, keys.watcher))[0], 403);
    assert.equal((await grpc('TraceSetting', {}, keys.watcher)).grpcStatus, 0);
    assert.equal((await rest('/v2/logging', undefined, keys.watcher))[0], 200);
  });
});
