/** Texts for a terminal whose parts callers and models have chosen. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ModelsReport } from '../../../src/admin/models-report.ts';
import { noSidecar } from '../../../src/cli/ask-admin.ts';
import { callersTable, statusTable } from '../../../src/cli/status.ts';

const EVIL = '\u001b]0;x\u0007\u202e\nready';
/** Characters that a terminal acts upon; line breaks of the text itself are not among them. */
const ACTED_UPON = /[^\P{Cc}\n]|\p{Cf}/u;

function assertHarmless(text: string, lines: number): void {
  assert.doesNotMatch(text, ACTED_UPON);
  assert.equal(
    text
      .trimEnd()
      .split('\n')
      .filter((line) => !line.startsWith('      ')).length,
    lines,
    text,
  );
}

describe('a table for a terminal', () => {
  it('of models shows what would act on it by numbers', () => {
    const version = { version: '1', state: 'AVAILABLE', warnings: [EVIL], runtime: { kind: EVIL } };
    const report = { ready: true, plan: {}, waits_for: [EVIL], models: [{ name: EVIL, versions: [version] }] };
    assertHarmless(
      statusTable(report as unknown as ModelsReport, () => [EVIL]),
      6,
    );
  });

  it('of callers does', () => {
    const caller = { caller: EVIL, cores: 1, core_seconds: 1, requests: 1, waiting_rows: 0 };
    assertHarmless(callersTable({ callers: [caller], known: 1 } as unknown as Parameters<typeof callersTable>[0]), 2);
  });

  it('is not there if something else answers, which says what it likes', () => {
    assertHarmless(noSidecar('127.0.0.1:1', new Error(EVIL)), 1);
  });
});
