/** KServe's Python client, over REST and gRPC, on the digits of both runtimes: `npm test -- kserve`. */

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import process from 'node:process';
import { after, it } from 'node:test';
import { promisify } from 'node:util';
import { answeredIn, DIGIT_MODELS, DigitAnswers } from '../support/digit-answers.ts';
import { ENGINE_NAMES, engineFlags } from '../support/engine-names.ts';
import { killSidecars, startSidecar } from '../support/sidecar.ts';

const ROWS = 5;
const HOWS = ['JSON', 'JSON, binary out', 'binary', 'binary, binary out'].map((how) => `REST, ${how}`);

after(killSidecars);

for (const engine of ENGINE_NAMES) {
  it(`KServe's client gets the runtimes' bits, on ${engine}`, async (t) => {
    const python = process.env['PILLION_KSERVE_PYTHON'];
    assert.ok(python, 'PILLION_KSERVE_PYTHON names the environment of test/kserve/requirements.txt; npm test sets it');
    const digits = await DigitAnswers.open(ROWS);
    const sidecar = await startSidecar([...DIGIT_MODELS, '--model_control_mode=explicit', ...engineFlags(engine)]);
    const args = ['test/kserve/kserve_client.py', sidecar.grpc, sidecar.rest, digits.fileOfRows(t)];
    const { stdout } = await promisify(execFile)(python, args);
    assert.match(stdout, /\nok\n$/);
    digits.checkAnswered(answeredIn(stdout), [...HOWS, 'gRPC, typed', 'gRPC, raw']);
    await digits.checkServed(sidecar);
    assert.equal(await sidecar.stop(), 0);
  });
}
