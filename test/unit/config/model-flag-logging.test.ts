import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseModelFlag } from '../../../src/config/model-flag.ts';

const DEFAULTS = { executionProvider: 'cpu' };

function loggingOf(text: string) {
  const parsed = parseModelFlag(text, DEFAULTS);
  return 'error' in parsed ? parsed.error : parsed.value.logging;
}

describe('--model with a request log', () => {
  it('says where, and how much', () => {
    assert.deepEqual(loggingOf('m=/m,log=/var/log/m,log_rate=0.5'), {
      filenamePrefix: '/var/log/m',
      samplingRate: 0.5,
    });
    assert.deepEqual(loggingOf('m=/m,log_rate=1,log=/var/log/m'), { filenamePrefix: '/var/log/m', samplingRate: 1 });
    assert.equal(loggingOf('m=/m'), undefined);
  });

  it('writes one request in a hundred unless told otherwise', () => {
    assert.deepEqual(loggingOf('m=/m,log=l'), { filenamePrefix: 'l', samplingRate: 0.01 });
  });

  it('refuses what is no share, and a share of nowhere', () => {
    for (const rate of ['2', '-0.1', 'NaN', 'half']) {
      assert.match(String(loggingOf(`m=/m,log=l,log_rate=${rate}`)), /wants a number from 0 to 1/);
    }
    assert.match(String(loggingOf('m=/m,log_rate=0.5')), /say where with log=PATH_PREFIX/);
  });
});
