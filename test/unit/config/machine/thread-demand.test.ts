import assert from 'node:assert/strict';
import { it } from 'node:test';
import { wantedCoreMs } from '../../../../src/config/machine/thread-demand.ts';

it('is the time on a core and the time that was waited for one', () => {
  const reader = (text: string | undefined) => (path: string) => (path === '/proc/self/schedstat' ? text : undefined);
  assert.equal(wantedCoreMs(reader('176000000 757000000 1114\n')), 933);
  for (const text of [undefined, '', 'x', '1 2', '1 2 3 4']) assert.equal(wantedCoreMs(reader(text)), undefined, text);
});
