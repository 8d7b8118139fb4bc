/** The Rust crate triton-client, by every call that it has, on the digits of both runtimes: `npm test -- triton-rust`. */

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import process from 'node:process';
import { after, it } from 'node:test';
import { promisify } from 'node:util';
import { answeredIn, DIGIT_MODELS, DigitAnswers } from '../support/digit-answers.ts';
import { ENGINE_NAMES, engineFlags } from '../support/engine-names.ts';
import { killSidecars, startSidecar } from '../support/sidecar.ts';

const ROWS = 5;

after(killSidecars);

for (const engine of ENGINE_NAMES) {
  it(`triton-client for Rust gets the runtimes' bits, on ${engine}`, async (t) => {
    const program = process.env['PILLION_TRITON_RUST'];
    assert.ok(program, 'PILLION_TRITON_RUST names the program of test/triton-rust; npm test sets it');
    const digits = await DigitAnswers.open(ROWS);
    const sidecar = await startSidecar([...DIGIT_MODELS, '--model_control_mode=explicit', ...engineFlags(engine)]);
    const { stdout } = await promisify(execFile)(program, [`http://${sidecar.grpc}`, digits.fileOfRows(t)]);
    assert.match(stdout, /\nok\n$/);
    digits.checkAnswered(answeredIn(stdout), ['raw', 'typed', 'stream']);
    await digits.checkServed(sidecar);
    assert.equal(await sidecar.stop(), 0);
  });
}
