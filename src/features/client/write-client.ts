/** `pillion client`: the signature of a served model → the text of a client. */
import { writeFileSync } from 'node:fs';
import process from 'node:process';
import { modelPath, servedSignature } from '../../cli/served-inputs.ts';
import { type ServerOptions, serverAddress } from '../../cli/server-address.ts';
import { print } from '../../kernel/command.ts';
import type { ClientSource } from './client-source.ts';
import { goClient } from './languages/go.ts';
import { pythonClient } from './languages/python.ts';
import { typescriptClient } from './languages/typescript.ts';

/** The options of command.ts. */
interface ClientOptions extends ServerOptions {
  readonly model: string;
  readonly version: string;
  readonly signature: string;
  readonly lang: string;
  /** Empty = standard output. */
  readonly out: string;
}

const WRITERS: Readonly<Record<string, (source: ClientSource) => string>> = {
  ts: typescriptClient,
  python: pythonClient,
  go: goClient,
};

/** Resolves with the exit status. */
export async function writeClient(options: ClientOptions): Promise<number> {
  const { model, version, signature, lang, out } = options;
  const { inputs, outputs } = await servedSignature(serverAddress(options), options);
  const text = WRITERS[lang]!({ path: `${modelPath(model, version)}:predict`, signature, inputs, outputs });
  if (out === '') print(text);
  else if (!isWritten(out, text)) {
    process.stderr.write(`pillion: ${out} exists already, and nothing was written\n`);
    return 1;
  }
  return 0;
}

function isWritten(file: string, text: string): boolean {
  try {
    writeFileSync(file, text, { flag: 'wx' });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}
