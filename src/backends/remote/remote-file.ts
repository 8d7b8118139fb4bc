/**
 * `remote.yaml` in a version directory: the server and model that serve the version.
 *
 *   address: inference.internal:8500     # host:port, [v6]:port or unix:/path
 *   model: digits                        # its name on that server
 *   label: stable                        # or version: 3; by default its latest
 *   protocol: tensorflow-serving         # or v2, the Open Inference Protocol
 *   tls: {ca: ca.pem}                    # paths are relative to the version directory
 *
 * docs/how-to/remote-models.md has every key. docs/remote.schema.json, for editors, is generated from the schema below
 * (npm run gen -- schema). All errors of the file are reported together, with their places.
 */
import type { Buffer } from 'node:buffer';
import { readFile, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import * as v from 'valibot';
import { liesUnder } from '../../config/base-path.ts';
import {
  about,
  camelKeys,
  choice,
  count,
  fields,
  flag,
  isMap,
  nonEmptyText,
  optional,
  text,
  together,
  VERSION,
} from '../../config/yaml/kinds.ts';
import { byKeys, readDocument } from '../../config/yaml/problems.ts';
import { YamlDocument } from '../../config/yaml/yaml-document.ts';
import { ServingError } from '../../core/errors.ts';
import { REMOTE_FILE } from './has-remote-file.ts';

const PROTOCOLS = ['tensorflow-serving', 'v2'] as const;

/** Largest size of the file and of each PEM file, in bytes. */
const MAX_BYTES = 1 << 20;
const HOUR_MS = 3_600_000;
const ADDRESS_TEXT = /^(unix:.+|(\[[0-9a-fA-F:.]+\]|[^\s:/[\]]+):\d{1,5})$/;

const ADDRESS = v.pipe(
  nonEmptyText,
  v.check(
    (address) => address === '' || ADDRESS_TEXT.test(address),
    ({ input }) => `address wants host:port, [v6]:port or unix:/path, not "${input}"`,
  ),
);

const TLS = v.pipe(
  fields({
    ca: optional(text(), 'PEM file of the authorities that may have signed its certificate; by default the system’s.'),
    cert: optional(text(), 'PEM file of the certificate that we show of ourselves.'),
    key: optional(text(), 'PEM file of its key.'),
    server_name: optional(text(), 'The name in the server’s certificate; by default the address’s host.'),
  }),
  together(({ cert, key }, say) => {
    if ((cert === undefined) !== (key === undefined)) say('cert and key belong together; give both or neither');
  }),
);

/** The file's schema, from which docs/remote.schema.json is generated. */
export const REMOTE_SCHEMA = v.pipe(
  fields({
    address: about(ADDRESS, 'host:port, [v6]:port or unix:/path.', { pattern: ADDRESS_TEXT.source }),
    model: about(nonEmptyText, 'As that server calls it.'),
    version: optional(VERSION, 'A version of it; by default its latest.'),
    label: optional(text(), 'A label of it; protocol v2 has none.'),
    protocol: v.optional(about(choice(PROTOCOLS), 'What the server speaks.'), PROTOCOLS[0]),
    // Enough to keep a server with several cores busy. Further requests wait here and form larger batches.
    concurrency: v.optional(about(count(1, 1024), 'Calls at once.'), 8n),
    timeout_ms: v.optional(
      about(count(1, HOUR_MS), 'Longest that a call may take, in ms, whatever the deadlines of its requests are.'),
      30_000n,
    ),
    connect_timeout_ms: v.optional(
      about(count(1, HOUR_MS), 'Longest that a load waits for the server to be there, in ms.'),
      10_000n,
    ),
    batching: optional(
      flag,
      'true: rows of several requests may share a call where the signature’s dim 0 is free; false: they never do. By default as the server says.',
    ),
    tls: optional(TLS, 'With TLS. Paths count from the version directory.'),
  }),
  together(({ version, label, protocol }, say) => {
    if (label === undefined) return;
    if (version !== undefined) say('version and label both choose a version; give one', 'label');
    if (protocol === 'v2') say('protocol v2 has no labels; give a version, or neither', 'label');
  }),
  v.transform(({ batching, version, label, ...rest }) => ({
    ...camelKeys(rest),
    version,
    label,
    isBatching: batching,
  })),
);

/** The TLS of the connection, as PEM texts. */
export interface RemoteTls {
  /** Certificate authorities for the server's certificate; undefined = the system's. */
  readonly ca: Buffer | undefined;
  /** Our certificate, with `key`: both or neither. */
  readonly cert: Buffer | undefined;
  readonly key: Buffer | undefined;
  /** The name in the server's certificate; undefined = the address's host. */
  readonly serverName: string | undefined;
}

/** The file's content, with the contents of the files that `tls` names. */
export interface RemoteConfig extends Omit<v.InferOutput<typeof REMOTE_SCHEMA>, 'tls'> {
  /** Undefined = without TLS. */
  readonly tls: RemoteTls | undefined;
}

/**
 * Rejects with `load_failed`; the text lists all errors of the file. `fileRoots`: the files that it names must lie under one
 * of them, or in its directory. Default: anywhere.
 */
export async function readRemoteFile(versionDirectory: string, fileRoots?: readonly string[]): Promise<RemoteConfig> {
  const path = join(versionDirectory, REMOTE_FILE);
  const bytes = await readSmall(path);
  if (typeof bytes === 'string') throw new ServingError('load_failed', `${path}: ${bytes}`);
  const document = new YamlDocument(path, bytes);
  if (document.problems.length === 0 && document.data === null) document.report([], 'the file is empty');
  const tls = await readTls(document, versionDirectory, fileRoots);
  const file = document.data === null ? undefined : readDocument(document, REMOTE_SCHEMA, byKeys(REMOTE_FILE));
  if (file === undefined || document.problems.length > 0) {
    throw new ServingError('load_failed', document.problems.join('\n'));
  }
  return { ...file, tls: file.tls && { ...tls, serverName: file.tls.server_name } };
}

/** Reads the named files, even if the document has other errors. */
async function readTls(
  document: YamlDocument,
  directory: string,
  roots: readonly string[] | undefined,
): Promise<Omit<RemoteTls, 'serverName'>> {
  const { tls } = isMap(document.data) ? document.data : {};
  const pem = async (key: string): Promise<Buffer | undefined> => {
    const name = isMap(tls) ? tls[key] : undefined;
    if (typeof name !== 'string') return undefined;
    const path = resolve(directory, name);
    const isAllowed = roots === undefined || (await liesUnder(path, [directory, ...roots]).catch(() => false));
    const bytes = isAllowed ? await readSmall(path) : outside(path, roots);
    if (typeof bytes !== 'string') return bytes;
    document.reportKey(['tls', key], `${key}: ${bytes}`);
    return undefined;
  };
  return { ca: await pem('ca'), cert: await pem('cert'), key: await pem('key') };
}

function outside(path: string, roots: readonly string[]): string {
  return `"${path}" is not allowed: allowed is what lies in this directory, or under ${roots.join(', ')}; --model_roots=DIR allows more`;
}

/** The bytes, or the reason why they cannot be read. */
async function readSmall(path: string): Promise<Buffer | string> {
  try {
    const stats = await stat(path);
    // Opening a pipe would wait for its writer.
    if (!stats.isFile() || stats.size > MAX_BYTES) return `"${path}" is no file of at most ${MAX_BYTES} bytes`;
    return await readFile(path);
  } catch (error) {
    return (error as Error).message;
  }
}
