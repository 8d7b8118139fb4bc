/**
 * `remote.yaml` in a version directory: which model of which server stands behind the version.
 *
 *   address: inference.internal:8500     # host:port, [v6]:port or unix:/path
 *   model: digits                        # as that server calls it
 *   label: stable                        # or version: 3; by default its latest
 *   protocol: tensorflow-serving         # or v2, the Open Inference Protocol
 *   tls: {ca: ca.pem}                    # paths count from the version directory
 *
 * docs/remote-models.md has every key. All that is wrong with the file is told at once, with its place.
 */
import type { Buffer } from 'node:buffer';
import { readFile, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Node } from 'yaml';
import { type Range, type YamlEntry, YamlReader } from '../../config/yaml/yaml-reader.ts';
import { ServingError } from '../../core/errors.ts';

export const REMOTE_FILE = 'remote.yaml';

export const PROTOCOLS = ['tensorflow-serving', 'v2'] as const;
export type ProtocolName = (typeof PROTOCOLS)[number];

/** PEM texts. */
export interface RemoteTls {
  /** Authorities that may have signed the server's certificate; undefined = the system's. */
  readonly ca: Buffer | undefined;
  /** What we show of ourselves: both or neither. */
  readonly cert: Buffer | undefined;
  readonly key: Buffer | undefined;
  /** The name in the server's certificate; undefined = the address's host. */
  readonly serverName: string | undefined;
}

export interface RemoteConfig {
  readonly address: string;
  readonly model: string;
  /** At most one of version and label. */
  readonly version: bigint | undefined;
  readonly label: string | undefined;
  readonly protocol: ProtocolName;
  /** Calls at once. */
  readonly concurrency: number;
  /** Longest that a call may take, whatever the requests' deadlines are. */
  readonly timeoutMs: number;
  /** Longest that a load waits for the server to be there. */
  readonly connectTimeoutMs: number;
  /** Rows of several requests may go together where the signature's dim 0 is free. */
  readonly isBatching: boolean;
  /** Undefined = without TLS. */
  readonly tls: RemoteTls | undefined;
}

const KEYS = [
  'address',
  'model',
  'version',
  'label',
  'protocol',
  'concurrency',
  'timeout_ms',
  'connect_timeout_ms',
  'batching',
  'tls',
] as const;
const TLS_KEYS = ['ca', 'cert', 'key', 'server_name'] as const;

/** Enough to keep a server of several cores busy; above it, requests wait here and make larger batches. */
const DEFAULT_CONCURRENCY = 8;
const DEFAULT_TIMEOUT_MS = 30_000;
const DEFAULT_CONNECT_TIMEOUT_MS = 10_000;

const CONCURRENCY: Range = { min: 1, max: 1024 };
const DURATION_MS: Range = { min: 1, max: 3_600_000 };
const VERSION: Range = { min: 0, max: 2n ** 63n - 1n };
/** Bytes, of the file and of each PEM file. */
const MAX_BYTES = 1 << 20;
const ADDRESS = /^(unix:.+|(\[[0-9a-fA-F:.]+\]|[^\s:/[\]]+):\d{1,5})$/;

export async function hasRemoteFile(versionDirectory: string): Promise<boolean> {
  return stat(join(versionDirectory, REMOTE_FILE)).then(
    (stats) => stats.isFile(),
    () => false,
  );
}

/** Rejects with `load_failed`, every mistake of the file in its text. */
export async function readRemoteFile(versionDirectory: string): Promise<RemoteConfig> {
  const path = join(versionDirectory, REMOTE_FILE);
  const errors: string[] = [];
  const bytes = await readSmall(path, errors, path);
  const reader = bytes === undefined ? undefined : new YamlReader(path, bytes, errors);
  const file = reader?.root === undefined ? undefined : new RemoteFileReader(reader, versionDirectory);
  const config = await file?.read();
  if (bytes !== undefined && file === undefined && errors.length === 0) errors.push(`${path}: the file is empty`);
  if (config === undefined || errors.length > 0) throw new ServingError('load_failed', errors.join('\n'));
  return config;
}

class RemoteFileReader {
  readonly #reader: YamlReader;
  readonly #directory: string;
  readonly #entries: readonly YamlEntry[];

  constructor(reader: YamlReader, directory: string) {
    this.#reader = reader;
    this.#directory = directory;
    this.#entries = reader.entries(reader.root, REMOTE_FILE, KEYS) ?? [];
  }

  async read(): Promise<RemoteConfig> {
    const reader = this.#reader;
    const integer = (key: string, range: Range): bigint | undefined =>
      this.#optional(key, (node) => reader.integer(node, key, range));
    const duration = (key: string, byDefault: number): number => Number(integer(key, DURATION_MS) ?? byDefault);
    const config: RemoteConfig = {
      address: this.#address(),
      model: this.#required('model'),
      version: integer('version', VERSION),
      label: this.#optional('label', (node) => reader.text(node, 'label')),
      protocol: this.#optional('protocol', (node) => reader.choice(node, 'protocol', PROTOCOLS)) ?? PROTOCOLS[0],
      concurrency: Number(integer('concurrency', CONCURRENCY) ?? DEFAULT_CONCURRENCY),
      timeoutMs: duration('timeout_ms', DEFAULT_TIMEOUT_MS),
      connectTimeoutMs: duration('connect_timeout_ms', DEFAULT_CONNECT_TIMEOUT_MS),
      isBatching: this.#optional('batching', (node) => reader.flag(node, 'batching')) ?? true,
      tls: await this.#tls(),
    };
    this.#checkVersionChoice(config);
    return config;
  }

  #address(): string {
    const address = this.#required('address');
    if (address === '' || ADDRESS.test(address)) return address;
    const { where } = this.#entry('address')!;
    const text = `address wants host:port, [v6]:port or unix:/path, not "${address}"`;
    this.#reader.fail(where, text);
    return address;
  }

  #checkVersionChoice({ version, label, protocol }: RemoteConfig): void {
    const entry = this.#entry('label');
    if (label === undefined || entry === undefined) return;
    if (version !== undefined) this.#reader.fail(entry.where, 'version and label both choose a version; give one');
    if (protocol === 'v2') this.#reader.fail(entry.where, 'protocol v2 has no labels; give a version, or neither');
  }

  #entry(key: string): YamlEntry | undefined {
    return this.#entries.find((each) => each.key === key);
  }

  #optional<T>(key: string, read: (node: Node) => T | undefined): T | undefined {
    const entry = this.#entry(key);
    if (entry === undefined) return undefined;
    if (entry.value === undefined) return this.#reader.fail(entry.where, `${key} has no value`);
    return read(entry.value);
  }

  #required(key: string): string {
    const reader = this.#reader;
    if (this.#entry(key) === undefined) reader.fail(reader.where(reader.root), `there is no ${key}`);
    const value = this.#optional(key, (node) => reader.text(node, key));
    if (value === '') reader.fail(this.#entry(key)!.where, `${key} may not be empty`);
    return value ?? '';
  }

  async #tls(): Promise<RemoteTls | undefined> {
    const reader = this.#reader;
    const node = this.#optional('tls', (value) => value);
    const entries = node === undefined ? undefined : reader.entries(node, 'tls', TLS_KEYS);
    if (entries === undefined) return undefined;
    const texts = new Map<string, { readonly text: string; readonly where: string }>();
    for (const { key, where, value } of entries) {
      const text = reader.text(value, key);
      if (text !== undefined) texts.set(key, { text, where });
    }
    if (texts.has('cert') !== texts.has('key')) {
      reader.fail(reader.where(node), 'cert and key belong together; give both or neither');
    }
    const pem = async (key: string): Promise<Buffer | undefined> => {
      const entry = texts.get(key);
      if (entry === undefined) return undefined;
      return await readSmall(resolve(this.#directory, entry.text), reader.errors, `${entry.where}: ${key}`);
    };
    const [ca, cert, key] = [await pem('ca'), await pem('cert'), await pem('key')];
    return { ca, cert, key, serverName: texts.get('server_name')?.text };
  }
}

/** Undefined, and a line in `errors`, if it cannot be read. */
async function readSmall(path: string, errors: string[], what: string): Promise<Buffer | undefined> {
  try {
    const stats = await stat(path);
    // Opening a pipe would wait for its writer.
    if (!stats.isFile() || stats.size > MAX_BYTES) {
      errors.push(`${what}: "${path}" is no file of at most ${MAX_BYTES} bytes`);
      return undefined;
    }
    return await readFile(path);
  } catch (error) {
    errors.push(`${what}: ${(error as Error).message}`);
    return undefined;
  }
}
