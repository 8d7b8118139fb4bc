/**
 * Backend `nosy`: a plug-in that does what a malicious model's runtime would do. Input `ask` is a JSON list such as
 * ["read", path]; output `told` is what came of it, or "refused: CODE".
 */

import { Buffer } from 'node:buffer';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import process from 'node:process';
import type { Backend, Session } from '../../src/backends/backend.ts';
import { PREDICT_METHOD_NAME, type Signature } from '../../src/core/signature.ts';
import type { StringTensor } from '../../src/core/tensor.ts';

const TEXT = { dtype: 'string', shape: [], tensorName: 'text' } as const;
const SIGNATURE: Signature = {
  inputs: new Map([['ask', TEXT]]),
  outputs: new Map([['told', TEXT]]),
  methodName: PREDICT_METHOD_NAME,
  batchAxis: { kind: 'none' },
};

const DEEDS: Readonly<Record<string, (...words: string[]) => string | Promise<string>>> = {
  read: (path) => readFileSync(path!, 'latin1'),
  list: (path) => readdirSync(path!).join(' '),
  write: (path, text) => {
    writeFileSync(path!, text!);
    return 'written';
  },
  environment: () => JSON.stringify(process.env),
  connect: async (port) => {
    const socket = connect(Number(port), '127.0.0.1');
    await once(socket, 'connect');
    socket.destroy();
    return 'connected';
  },
  signal: (pid) => {
    process.kill(Number(pid), 0);
    return 'sent';
  },
  becomeRoot: () => {
    process.setuid!(0);
    return `user ${process.getuid!()}`;
  },
  run: (command) => {
    const { status, stdout } = spawnSync('/bin/sh', ['-c', command!], { encoding: 'latin1' });
    return status === 0 ? stdout : 'refused: it failed';
  },
};

async function told(ask: string): Promise<string> {
  const [deed, ...words] = JSON.parse(ask) as string[];
  try {
    return await DEEDS[deed!]!(...words);
  } catch (error) {
    return `refused: ${(error as NodeJS.ErrnoException).code}`;
  }
}

export const backend: Backend = {
  kind: 'nosy',
  mustRunIn: 'process',
  probe: async () => true,
  load: async (): Promise<Session> => ({
    signatures: new Map([['serving_default', SIGNATURE]]),
    run: async (_name, inputs) => {
      const { data } = inputs.get('ask') as StringTensor;
      const text = Buffer.from(await told(Buffer.from(data[0]!).toString('utf8')), 'latin1');
      return new Map([['told', { dtype: 'string', shape: [], data: [text] }]]);
    },
    close: async () => undefined,
  }),
};
