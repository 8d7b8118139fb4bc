import assert from 'node:assert/strict';
import { it } from 'node:test';
import { disableTelemetry } from '../../../src/internals/runtime-telemetry.ts';

it("ONNX Runtime's telemetry is off unless the operator's variable asks for it", () => {
  const table: readonly (readonly [own: string | undefined, expected: string])[] = [
    [undefined, '1'],
    ['', '1'],
    ['1', '1'],
    ['true', '1'],
    // ONNX Runtime takes them for "on".
    ['2', '1'],
    ['disabled', '1'],
    ['0', '0'],
    ['false', 'false'],
    ['False', 'False'],
    ['no', 'no'],
    ['off', 'off'],
  ];
  for (const [own, expected] of table) {
    const environment = { ORT_DISABLE_TELEMETRY: own, OTHER: 'x' };
    disableTelemetry(environment);
    assert.deepEqual(environment, { ORT_DISABLE_TELEMETRY: expected, OTHER: 'x' });
  }
});
