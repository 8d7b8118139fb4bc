/**
 * What developers point at a gRPC server first, pointed at `pillion serve` with half_plus_two, on both engines: grpcurl
 * and ghz by server reflection, and h2load, which knows no gRPC. Fails unless each sees what it should.
 * Usage: `node test/conformance/grpc-tools.mjs`. Compiled code is taken from build/; h2load is Debian's nghttp2-client.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { pathToFileURL } from 'node:url';
import { ensureGoProgram } from '../../scripts/lib/go-program.mjs';
import { root } from '../../scripts/lib/setup.mjs';
import { tellCounts } from '../../scripts/lib/suite-runs/counts.mjs';
import { runClient } from './interop/run-client.mjs';

const SERVICE = 'tensorflow.serving.PredictionService';
const HEALTH = 'grpc.health.v1.Health';
const CALLS = 4000;
const CONCURRENCY = 32;
/** grpcurl ends with 64 and the status code. */
const NOT_FOUND = 64 + 5;
const DEADLINE_EXCEEDED = 64 + 4;

process.chdir(root);
const load = (path) => import(pathToFileURL(join(root, 'build', path)).href);
const { killSidecars, startSidecar } = await load('test/support/sidecar.js');
const { encode } = await load('test/support/proto-registry.js');
const { frame, openSession, rawCall } = await load('test/support/raw-grpc.js');

const grpcurl = ensureGoProgram({
  name: 'grpcurl',
  directory: 'test/conformance/grpcurl',
  main: 'github.com/fullstorydev/grpcurl/cmd/grpcurl',
  megabytes: 60,
});
const ghz = ensureGoProgram({
  name: 'ghz',
  directory: 'test/conformance/ghz',
  main: 'github.com/bojand/ghz/cmd/ghz',
  megabytes: 50,
});
if (grpcurl === undefined || ghz === undefined) process.exit(1);

const predictRequest = (model) =>
  JSON.stringify({
    model_spec: { name: model },
    inputs: { x: { dtype: 'DT_FLOAT', tensor_shape: { dim: [{ size: 3 }] }, float_val: [1, 2, 5] } },
  });

/** Runs a client that must end well; returns what it wrote. */
async function succeed(command, args) {
  const { output, problem } = await runClient(command, args);
  assert.equal(problem, undefined, problem);
  return output;
}

async function fail(command, args, status) {
  const { problem } = await runClient(command, args);
  assert.match(problem ?? 'it ended well', new RegExp(`\\(ended with ${status}\\)$`));
  return problem;
}

/** Each is given "host:port". */
const CASES = {
  async 'grpcurl list'(address) {
    const services = (await succeed(grpcurl, ['-plaintext', address, 'list'])).trim().split('\n');
    for (const name of [SERVICE, 'tensorflow.serving.ModelService', HEALTH]) assert.ok(services.includes(name), name);
  },

  async 'grpcurl describe'(address) {
    const text = await succeed(grpcurl, ['-plaintext', address, 'describe', SERVICE]);
    assert.match(text, /rpc Predict \( \.tensorflow\.serving\.PredictRequest \) returns/);
    await succeed(grpcurl, ['-plaintext', address, 'describe', '.tensorflow.TensorProto']);
  },

  async 'grpcurl predict'(address) {
    const data = predictRequest('half_plus_two');
    const answer = JSON.parse(await succeed(grpcurl, ['-plaintext', '-d', data, address, `${SERVICE}/Predict`]));
    assert.deepEqual(answer.outputs.y.floatVal, [2.5, 3, 4.5]);
  },

  async 'grpcurl health'(address) {
    assert.match(await succeed(grpcurl, ['-plaintext', address, `${HEALTH}/Check`]), /"status": "SERVING"/);
  },

  async 'grpcurl, no such model'(address) {
    const problem = await fail(
      grpcurl,
      ['-plaintext', '-d', predictRequest('none'), address, `${SERVICE}/Predict`],
      NOT_FOUND,
    );
    assert.match(problem, /Code: NotFound\n\s+Message: .*half_plus_two/);
  },

  async 'grpcurl, a deadline that a watch outlives'(address) {
    const watch = ['-plaintext', '-max-time', '0.3', address, `${HEALTH}/Watch`];
    assert.match(await fail(grpcurl, watch, DEADLINE_EXCEEDED), /"status": "SERVING"/);
  },

  async ghz(address) {
    const report = JSON.parse(
      await succeed(ghz, [
        '--insecure',
        `--call=${SERVICE}.Predict`,
        `--data=${predictRequest('half_plus_two')}`,
        `--total=${CALLS}`,
        `--concurrency=${CONCURRENCY}`,
        '--connections=4',
        '--format=json',
        address,
      ]),
    );
    assert.deepEqual(report.statusCodeDistribution, { OK: CALLS });
    assert.equal(report.count, CALLS);
  },

  async h2load(address) {
    const body = frame(
      encode('tensorflow.serving.PredictRequest', {
        modelSpec: { name: 'half_plus_two' },
        inputs: { x: { dtype: 1, tensorShape: { dim: [{ size: 3n }] }, floatVal: [1, 2, 5] } },
      }),
    );
    const session = openSession(address);
    const { message } = await rawCall(session, `/${SERVICE}/Predict`, body);
    session.destroy();
    const directory = mkdtempSync(join(tmpdir(), 'pillion-h2load-'));
    try {
      writeFileSync(join(directory, 'body'), body);
      const output = await succeed('h2load', [
        ...['-t1', '-c4', '-m8', `-n${CALLS}`, '-d', join(directory, 'body')],
        ...['-H', 'content-type: application/grpc', '-H', 'te: trailers'],
        `http://${address}/${SERVICE}/Predict`,
      ]);
      assert.match(output, new RegExp(`status codes: ${CALLS} 2xx, 0 3xx, 0 4xx, 0 5xx`));
      // A gRPC error is a 200 without data.
      assert.match(output, new RegExp(`\\(${CALLS * frame(message).length}\\) data`));
    } finally {
      rmSync(directory, { recursive: true });
    }
  },
};

/** Returns how many cases failed. */
async function runAll(engine) {
  const model = '--model=half_plus_two=examples/half_plus_two/models/half_plus_two';
  const sidecar = await startSidecar([model, ...(engine === 'pillion' ? [] : [`--http2_engine=${engine}`])]);
  let failed = 0;
  for (const [name, run] of Object.entries(CASES)) {
    try {
      await run(sidecar.grpc);
      process.stdout.write(`ok   ${engine} ← ${name}\n`);
    } catch (error) {
      failed += 1;
      process.stdout.write(`FAIL ${engine} ← ${name}\n${error.message}\n`);
    }
  }
  const status = await sidecar.stop();
  const complaints = sidecar.lines.filter(({ level }) => level === 'error' || level === 'fatal');
  for (const line of complaints) process.stdout.write(`logged: ${JSON.stringify(line)}\n`);
  const total = Object.keys(CASES).length;
  tellCounts({ passed: total - failed, of: total });
  process.stdout.write(`${engine}: ${total - failed} of ${total} tools passed; the sidecar ended with ${status}\n`);
  return failed + complaints.length + (status === 0 ? 0 : 1);
}

try {
  const failed = (await runAll('pillion')) + (await runAll('grpc-js'));
  process.exitCode = failed === 0 ? 0 : 1;
} finally {
  killSidecars();
}
