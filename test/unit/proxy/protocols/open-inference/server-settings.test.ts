import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  checkNoChanges,
  logSettings,
  traceSettings,
} from '../../../../../src/proxy/protocols/open-inference/server-settings.ts';

describe('trace and log settings', () => {
  for (const [level, info, warning, error, verbose] of [
    ['trace', true, true, true, 2],
    ['debug', true, true, true, 1],
    ['info', true, true, true, 0],
    ['warn', false, true, true, 0],
    ['error', false, false, true, 0],
    ['silent', false, false, false, 0],
  ] as const) {
    it(`tell what is logged at ${level}`, () => {
      const settings = Object.fromEntries(logSettings({ logLevel: level, isTracing: false }));
      assert.deepEqual(settings, {
        ...{ log_file: '', log_info: info, log_warning: warning, log_error: error },
        ...{ log_verbose_level: verbose, log_format: 'ISO8601' },
      });
    });
  }

  it('tell whether requests are traced', () => {
    const level = (isTracing: boolean) => traceSettings({ logLevel: 'info', isTracing }).get('trace_level');
    assert.deepEqual([level(true), level(false)], [['TIMESTAMPS'], ['OFF']]);
  });

  it('are read only', () => {
    checkNoChanges('log', []);
    assert.throws(
      () => checkNoChanges('log', ['log_file']),
      /log setting "log_file" cannot be changed by request; start/,
    );
    assert.throws(() => checkNoChanges('trace', ['trace_file']), /trace setting "trace_file" .*OTEL_TRACES_SAMPLER/);
  });
});
