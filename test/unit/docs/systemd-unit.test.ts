/** deploy/systemd/pillion.service is taken by systemd, and fits what the server says of its end. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, it } from 'node:test';
import { EXIT_USAGE } from '../../../src/cli/exit-usage.ts';
import { SERVE_OPTIONS } from '../../../src/config/options/serve-options.ts';
import { tempDirectory } from '../../support/temp-directory.ts';

const UNIT = readFileSync('deploy/systemd/pillion.service', 'utf8');
const VERIFY = 'systemd-analyze';

function settingOf(key: string): string {
  return new RegExp(`^${key}=(.*)$`, 'm').exec(UNIT)![1]!;
}

describe('deploy/systemd/pillion.service', () => {
  const isThere = spawnSync(VERIFY, ['--version']).error === undefined;
  it('is a unit without mistakes', { skip: isThere ? false : `no ${VERIFY} on this machine` }, (t) => {
    const file = join(tempDirectory(t), 'pillion.service');
    writeFileSync(file, UNIT.replaceAll('/usr/local/bin/pillion', resolve('bin/pillion')));
    const { status, stderr } = spawnSync(VERIFY, ['verify', '--man=no', file], { encoding: 'utf8' });
    assert.deepEqual([status, stderr], [0, '']);
  });

  it('waits longer for the end than the drain takes, and does not repeat a mistake', () => {
    assert.ok(Number(settingOf('TimeoutStopSec')) * 1000 > SERVE_OPTIONS.drain_timeout_ms.default);
    assert.equal(Number(settingOf('RestartPreventExitStatus')), EXIT_USAGE);
    const awaited = Number(/await --timeout=(\d+)/.exec(UNIT)![1]);
    assert.ok(Number(settingOf('TimeoutStartSec')) > awaited);
  });
});
