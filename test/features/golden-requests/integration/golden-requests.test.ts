/** Golden requests, against the real sidecar. */
import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { floats, predictLog, writeRecords } from '../../../support/prediction-logs.ts';
import { copyModel } from '../../../support/recorded-models.ts';
import { killSidecars, runPillion, startSidecar } from '../../../support/sidecar.ts';

const ANY_PORTS = ['--port=0', '--rest_api_port=0', '--admin_port=0', '--bind_address=127.0.0.1'];

afterEach(killSidecars);

describe('golden requests', () => {
  it('keep a version that answers otherwise from being served, and say where it differs', async (t) => {
    const model = copyModel(t);
    writeRecords(model.goldenFile(), predictLog({ inputs: { x: floats(1, 2) }, outputs: { y: floats(2.5, 3.5) } }));
    const wrong = runPillion(['serve', model.flag(), ...ANY_PORTS]);
    assert.equal(await wrong.exited, 1);
    assert.match(
      wrong.output(),
      /golden requests failed: .*record 1 .*output \\?"y\\?" differs at \[1\]: 3, but 3\.5 was recorded/,
    );
    writeRecords(model.goldenFile(), predictLog({ inputs: { x: floats(1, 2) }, outputs: { y: floats(2.5, 3) } }));
    const sidecar = await startSidecar([model.flag()]);
    assert.ok(sidecar.lines.some((line) => line['what'] === 'golden' && line['records'] === 1));
    assert.equal(await sidecar.stop(), 0);
  });
});
