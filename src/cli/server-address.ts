/** Commands that ask a running server as its callers do: where it is, and how they say who they are. */
import type { Buffer } from 'node:buffer';
import process from 'node:process';
import { createSecureContext } from 'node:tls';
import { readConfigFile } from '../config/config-file.ts';
import { patternText, text } from '../config/options/option-types.ts';
import { UNIX } from './sidecar-command.ts';

/** A server, as the options of a command name it. */
export interface ServerOptions {
  readonly server: string;
  readonly ca_file: string;
  readonly cert_file: string;
  readonly key_file: string;
  readonly token_file: string;
  readonly token_env: string;
  readonly deadline: string;
}

/** PEM, for mutual TLS. */
export interface TlsIdentity {
  readonly cert: Buffer;
  readonly key: Buffer;
}

/** A server that is asked. */
export interface ServerAddress {
  /** The address as it was given, for texts. */
  readonly shown: string;
  /** The beginning of every URL, without "/" at its end: "http://127.0.0.1:8501". */
  readonly base: string;
  /** A Unix socket in place of the URL's host. */
  readonly socketPath: string | undefined;
  /** PEM of authorities; undefined = those that Node trusts. */
  readonly ca: Buffer | undefined;
  /** PEM of the caller's own certificate and private key; undefined = it has none. */
  readonly identity: TlsIdentity | undefined;
  /** Undefined = the caller is nobody. */
  readonly token: string | undefined;
  /** How long one answer may take, in ms. */
  readonly timeoutMs: number;
}

/** A time above zero that a timer takes: below 12 days. */
export const DEADLINE = /^(?!0*(\.0*)?(ms|s)?$)(\d{1,9}(\.\d+)?ms|\d{1,6}(\.\d+)?s?)$/;
export const DEADLINE_TEXT = 'a time such as 500ms or 2s';

/** Options of every such command. */
export const SERVER_OPTIONS = {
  server: text({
    default: '',
    placeholder: 'ADDRESS',
    help: 'The server: HOST:PORT, http://HOST:PORT[/PREFIX], https://…, or unix:PATH. Empty = 127.0.0.1:8501, and 8500 for gRPC.',
  }),
  ca_file: text({
    default: '',
    placeholder: 'FILE',
    help: 'PEM of the authorities that https:// is checked by. Empty = those that Node trusts.',
  }),
  cert_file: text({
    default: '',
    placeholder: 'FILE',
    help: 'PEM of the caller’s own certificate, then its chain, for a server of mutual TLS; with --key_file.',
  }),
  key_file: text({ default: '', placeholder: 'FILE', help: 'PEM of the unencrypted private key of --cert_file.' }),
  token_file: text({ default: '', placeholder: 'FILE', help: 'A file with the API key or token of the caller.' }),
  token_env: text({
    default: '',
    placeholder: 'NAME',
    help: 'The environment variable with the API key or token, in place of a file.',
  }),
  deadline: patternText(
    {
      default: '60s',
      placeholder: 'TIME',
      help: 'How long the answer may take: 500ms, 2s. The server is told, and stops then.',
    },
    DEADLINE,
    DEADLINE_TEXT,
  ),
} as const;

const ADDRESS = /^(?:(https?):\/\/)?((?:\[[\da-f:.]+\]|[^\s:/?#@[\]]+)(?::\d+)?)((?:\/[^\s?#]*)?)$/i;

/** `port`: that of the protocol. Throws an Error for the user. */
export function serverAddress(options: ServerOptions, port = 8501): ServerAddress {
  const { server, ca_file: ca } = options;
  const shown = server === '' ? `127.0.0.1:${port}` : server;
  const of = {
    shown,
    ca: ca === '' ? undefined : contentOf(ca),
    identity: identityOf(options),
    token: tokenOf(options),
    timeoutMs: timeoutOf(options),
  };
  if (shown.startsWith(UNIX)) return { ...of, base: 'http://localhost', socketPath: shown.slice(UNIX.length) };
  const match = ADDRESS.exec(shown);
  if (match === null) throw new Error(`--server=${shown} wants HOST:PORT, http://HOST:PORT, https://… or unix:PATH`);
  const [, scheme = 'http', host, prefix = ''] = match;
  if (scheme === 'http' && (of.ca ?? of.identity) !== undefined) {
    throw new Error(`--server=${shown} is not asked by TLS; write https://, or leave out the files of TLS`);
  }
  return { ...of, base: `${scheme.toLowerCase()}://${host}${prefix.replace(/\/+$/, '')}`, socketPath: undefined };
}

function timeoutOf({ deadline }: ServerOptions): number {
  const value = Number.parseFloat(deadline);
  return deadline.endsWith('ms') ? value : value * 1000;
}

/** Throws an Error for half of it, or for a pair that is none. */
function identityOf({ cert_file: certFile, key_file: keyFile }: ServerOptions): TlsIdentity | undefined {
  if (certFile === '' && keyFile === '') return undefined;
  if (certFile === '' || keyFile === '') throw new Error('--cert_file and --key_file go together; give both');
  const identity = { cert: contentOf(certFile), key: contentOf(keyFile) };
  try {
    createSecureContext(identity);
  } catch (error) {
    throw new Error(`${certFile} and ${keyFile} are no certificate and its key: ${(error as Error).message}`);
  }
  return identity;
}

function tokenOf({ token_file: file, token_env: name }: ServerOptions): string | undefined {
  if (file === '' && name === '') return undefined;
  const text = file === '' ? process.env[name] : contentOf(file).toString();
  const from = file === '' ? `the variable ${name}` : file;
  if (text === undefined || text.trim() === '') throw new Error(`${from} holds no token`);
  // Anything else would be an odd header, and an error's text would tell it.
  if (!/^[\x21-\x7e]+$/.test(text.trim())) throw new Error(`${from} holds no token: it wants one line without blanks`);
  return text.trim();
}

function contentOf(file: string): Buffer {
  const { bytes, error } = readConfigFile(file);
  if (bytes === undefined) throw new Error(error);
  return bytes;
}
