/** Trace and log settings: what is told, what may be changed, and what is refused. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ServerSettings } from '../../../src/features/open-inference/server-settings.ts';
import type { SettingValue } from '../../../src/features/open-inference/setting-changes.ts';
import type { AuditLog } from '../../../src/ledger/log/audit-log.ts';
import { LOG_LEVELS } from '../../../src/ledger/log/log.ts';
import { samplerFromEnv } from '../../../src/ledger/tracing/sampler.ts';
import { Sampling } from '../../../src/ledger/tracing/sampling.ts';
import type { RequestContext } from '../../../src/proxy/request-context.ts';

type Changes = Readonly<Record<string, SettingValue | undefined>>;

const CONTEXT = {} as RequestContext;

function settings(level = 'info', areChangeable = true, isTracing = true) {
  const log = {
    level,
    setLevel: (wanted: string) => {
      log.level = wanted;
    },
  };
  const audited: string[] = [];
  const audit = { request: (_: unknown, outcome: string) => audited.push(outcome) } as unknown as AuditLog;
  const sampling = isTracing ? new Sampling(samplerFromEnv({})) : undefined;
  const all = new ServerSettings({ log, sampling, areChangeable, audit });
  const mapOf = (changes: Changes): ReadonlyMap<string, SettingValue | undefined> => new Map(Object.entries(changes));
  return {
    ...{ log, sampling, audited, all },
    changeLog: (changes: Changes) => all.changeLog(mapOf(changes), CONTEXT),
    changeTrace: (changes: Changes, model = '') => all.changeTrace(mapOf(changes), model, CONTEXT),
  };
}

describe('log settings', () => {
  for (const [level, info, warning, error, verbose] of [
    ['debug', true, true, true, 1],
    ['info', true, true, true, 0],
    ['warn', false, true, true, 0],
    ['error', false, false, true, 0],
    ['fatal', false, false, false, 0],
    ['silent', false, false, false, 0],
  ] as const) {
    it(`tell what is logged at ${level}`, () => {
      assert.deepEqual(Object.fromEntries(settings(level).all.log), {
        ...{ log_file: '', log_info: info, log_warning: warning, log_error: error },
        ...{ log_verbose_level: verbose, log_format: 'default' },
      });
    });
  }

  for (const [from, changes, to] of [
    ['info', { log_verbose_level: 1 }, 'debug'],
    ['info', { log_verbose_level: 4 }, 'debug'],
    ['debug', { log_verbose_level: 0 }, 'info'],
    ['info', { log_info: false }, 'warn'],
    ['info', { log_info: false, log_warning: false }, 'error'],
    ['info', { log_info: false, log_warning: false, log_error: false }, 'fatal'],
    ['silent', { log_error: true }, 'error'],
    ['error', { log_warning: true, log_info: true, log_verbose_level: 1 }, 'debug'],
    ['info', { log_file: '', log_format: 'default' }, 'info'],
  ] as const) {
    it(`${JSON.stringify(changes)} makes ${from} ${to}`, () => {
      const { log, changeLog, audited } = settings(from);
      changeLog(changes);
      assert.equal(log.level, to);
      assert.deepEqual(audited, ['done']);
    });
  }

  it('without a value are as the server was started', () => {
    for (const level of LOG_LEVELS) {
      const { log, all, changeLog } = settings(level);
      changeLog({ log_verbose_level: 1, log_info: true, log_warning: true, log_error: true });
      assert.equal(log.level, 'debug');
      changeLog(Object.fromEntries([...all.log.keys()].map((name) => [name, undefined])));
      assert.equal(log.level, level);
    }
  });

  it('may be sent back as they were read', () => {
    for (const level of LOG_LEVELS) {
      const { log, all, changeLog } = settings(level);
      changeLog(Object.fromEntries(all.log));
      assert.equal(log.level, level);
    }
  });

  for (const [changes, kind, text] of [
    [{ log_file: '/etc/passwd' }, 'unsupported', /"log_file" cannot be changed: .*no caller chooses a file/],
    [{ log_format: 'ISO8601' }, 'unsupported', /"log_format" cannot be changed: each line is a JSON object/],
    [
      { log_warning: false },
      'invalid_request',
      /^log_verbose_level is on and log_warning is off, .*send log_verbose_level 0 or log_warning true too/,
    ],
    [{ log_info: 1 }, 'invalid_request', /"log_info" is 1; send true or false/],
    [{ log_verbose_level: true }, 'invalid_request', /"log_verbose_level" is true; send a whole number/],
    [{ log_verbose_level: -1 }, 'invalid_request', /is -1; send a whole number/],
    [{ log_verbose_level: ['1'] }, 'invalid_request', /is \["1"\]; send a whole number/],
    [{ constructor: true }, 'invalid_request', /no setting "constructor"; the settings are "log_file", "log_info"/],
  ] as const) {
    it(`refuse ${JSON.stringify(changes)}, and change nothing`, () => {
      const { log, changeLog, audited } = settings();
      assert.throws(() => changeLog({ log_verbose_level: 1, ...changes } as Changes), { kind, message: text });
      assert.equal(log.level, 'info');
      assert.deepEqual(audited, ['failed']);
    });
  }
});

describe('trace settings', () => {
  it('tell whether requests are traced, and how many', () => {
    const told = (isTracing: boolean) => Object.fromEntries(settings('info', true, isTracing).all.trace);
    const fixed = { trace_mode: ['opentelemetry'], trace_count: ['-1'], log_frequency: ['0'], trace_file: [''] };
    assert.deepEqual(told(true), { trace_level: ['TIMESTAMPS'], trace_rate: ['1'], ...fixed });
    assert.deepEqual(told(false), { trace_level: ['OFF'], trace_rate: ['0'], ...fixed });
  });

  it('change the sampling, and without a value go back', () => {
    const { sampling, all, changeTrace } = settings();
    changeTrace({ trace_level: ['OFF'], trace_rate: ['100'] });
    assert.deepEqual([sampling!.isOn, sampling!.rate], [false, 100]);
    changeTrace({ trace_level: 'TIMESTAMPS', trace_rate: 7 });
    assert.deepEqual([all.trace.get('trace_level'), all.trace.get('trace_rate')], [['TIMESTAMPS'], ['7']]);
    changeTrace({ trace_level: 'OFF' });
    changeTrace({ trace_level: undefined, trace_rate: undefined });
    assert.deepEqual([sampling!.isOn, sampling!.rate], [true, 1]);
  });

  it('may be sent back as they were read', () => {
    for (const isTracing of [true, false]) {
      const { all, changeTrace, sampling } = settings('info', true, isTracing);
      const read = [...all.trace].filter(([name]) => isTracing || !['trace_level', 'trace_rate'].includes(name));
      changeTrace(Object.fromEntries(read));
      assert.equal(sampling?.rate, isTracing ? 1 : undefined);
    }
  });

  for (const [changes, kind, text] of [
    [{ trace_file: ['/tmp/x'] }, 'unsupported', /"trace_file" cannot be changed: .*no caller chooses a file/],
    [{ trace_count: ['5'] }, 'unsupported', /"trace_count" cannot be changed/],
    [{ trace_mode: ['triton'] }, 'unsupported', /"trace_mode" cannot be changed/],
    [{ trace_level: ['TIMESTAMPS', 'TENSORS'] }, 'unsupported', /spans have no tensors/],
    [{ trace_level: ['MAX'] }, 'invalid_request', /"trace_level" is \["MAX"\]; send TIMESTAMPS or OFF/],
    [{ trace_rate: ['0'] }, 'invalid_request', /"trace_rate" is \["0"\]; send a whole number/],
    [{ trace_rate: ['1', '2'] }, 'invalid_request', /"trace_rate" is \["1","2"\]; send a whole number/],
    [{ trace_rate: '99999999999' }, 'invalid_request', /send a whole number/],
    [{ toString: ['1'] }, 'invalid_request', /no setting "toString"/],
  ] as const) {
    it(`refuse ${JSON.stringify(changes)}, and change nothing`, () => {
      const { sampling, changeTrace, audited } = settings();
      const wanted = { trace_level: ['OFF'], trace_rate: ['9'], ...changes } as Changes;
      assert.throws(() => changeTrace(wanted), { kind, message: text });
      assert.deepEqual([sampling!.isOn, sampling!.rate], [true, 1]);
      assert.deepEqual(audited, ['failed']);
    });
  }

  it('are of all models, and need an exporter', () => {
    assert.throws(() => settings().changeTrace({ trace_rate: ['9'] }, 'm'), /all models are traced by one rule/);
    settings().changeTrace({}, 'm');
    const { changeTrace } = settings('info', true, false);
    assert.throws(() => changeTrace({ trace_level: ['TIMESTAMPS'] }), /exports no traces.*OTEL_EXPORTER_OTLP_ENDPOINT/);
  });
});

it('without --allow_client_settings nothing can be changed', () => {
  const { changeLog, changeTrace, audited, log } = settings('info', false);
  for (const change of [() => changeLog({ log_info: true }), () => changeTrace({ trace_level: ['OFF'] })]) {
    assert.throws(change, { kind: 'unsupported', message: /cannot be changed by request.*--allow_client_settings/ });
  }
  changeLog({ log_info: undefined });
  changeTrace({});
  assert.deepEqual([log.level, audited], ['info', []]);
});
