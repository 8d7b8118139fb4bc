/** The command line as a whole: words that nobody knows, the version, help. */
import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { VERSION } from '../../src/version.ts';
import { killSidecars, runPillion } from '../support/sidecar.ts';

const USAGE = 64;

afterEach(killSidecars);

describe('pillion', () => {
  for (const [args, status, said] of [
    [['srve'], USAGE, /^pillion: unknown command "srve"; did you mean "serve"\?\npillion help lists the commands$/],
    [['frobnicate'], USAGE, /^pillion: unknown command "frobnicate"; the commands are serve, .* and help\n/],
    [['--rest_api_prt=1'], USAGE, /^pillion: unknown option --rest_api_prt; did you mean --rest_api_port\?\n/],
    [['-prt=1'], USAGE, /^pillion: unknown option --prt; did you mean --port\?\n/],
    [['status', '--jsn'], USAGE, /^pillion: unknown option --jsn; did you mean --json\?\npillion status --help lists/],
    [['-v'], 0, new RegExp(`^pillion ${VERSION}$`)],
    [['serve', '-v'], 0, new RegExp(`^pillion ${VERSION}$`)],
    [['-h'], 0, /^pillion: an inference sidecar[\s\S]*pillion completion bash\|zsh\|fish/],
    [['status', '-h'], 0, /^pillion status: /],
    [['completion', 'bash'], 0, /^# bash completion of pillion[\s\S]*--rest_api_port=/],
  ] as const) {
    it(args.join(' '), async () => {
      const ended = runPillion(args);
      assert.equal(await ended.exited, status);
      assert.match(ended.output(), said);
    });
  }
});
