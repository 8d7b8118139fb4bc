import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { it } from 'node:test';
import { elements, type NumericTensor } from '../../../src/core/tensor.ts';
import { recordedInputs } from '../../../src/features/row-proofs/recorded-requests.ts';
import { PredictionLogReplayer } from '../../../src/proxy/records/prediction-log-replayer.ts';
import { WARM_UP_FILE } from '../../../src/proxy/records/recorded-file.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { floats, predictLog, writeRecords } from '../../support/prediction-logs.ts';
import { FLOAT_SIGNATURE } from '../../support/puppet-models.ts';
import { tempDirectory } from '../../support/temp-directory.ts';

it('the inputs of a warm-up file are those that the graph would get, and nothing runs', async (t) => {
  const read = recordedInputs(new PredictionLogReplayer({ clock: new FakeClock(), maxTensorBytes: 2 ** 20 }), 2 ** 20);
  const signatures = new Map([['serving_default', FLOAT_SIGNATURE]]);
  const directory = tempDirectory(t);
  assert.equal((await read(directory, signatures)).size, 0);
  const [input] = FLOAT_SIGNATURE.inputs.keys();
  const logOf = (name: string, ...values: number[]) => predictLog({ inputs: { [name]: floats(...values) } });
  const path = join(directory, WARM_UP_FILE);
  mkdirSync(dirname(path), { recursive: true });
  writeRecords(path, logOf(input!, 1, 2), logOf('misspelt', 3), logOf(input!, 4));
  const recorded = await read(directory, signatures);
  assert.deepEqual([...recorded.keys()], ['serving_default']);
  const numbers = recorded.get('serving_default')!.map((inputs) => [...elements(inputs.get(input!) as NumericTensor)]);
  assert.deepEqual(numbers, [[1, 2], [4]]);
  // The warm-up itself reports a damaged file.
  writeFileSync(path, 'no record');
  assert.equal((await read(directory, signatures)).size, 0);
});
