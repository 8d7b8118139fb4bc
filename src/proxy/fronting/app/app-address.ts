/** The places and the protocols of applications: `--app` as sockets take it. */

/** One of the two: a socket file, or a host and a port. */
export interface AppAddress {
  /** The address for people: "http://127.0.0.1:8080", "h2c+unix:/run/app.sock". */
  readonly text: string;
  /** It speaks HTTP/2 without TLS, from the first byte; else HTTP/1.1. */
  readonly isHttp2?: true;
  /** The address as a Host header. */
  readonly authority: string;
  readonly socketPath?: string;
  readonly host?: string;
  readonly port?: number;
}

/** The place as node:http's client takes it. */
export function httpPlaceOf({
  socketPath,
  host,
  port,
}: AppAddress): { socketPath: string } | { host: string; port: number } {
  return socketPath === undefined ? { host: host!, port: port! } : { socketPath };
}

/** The place as `connect` of node:net takes it. */
export function netPlaceOf({ socketPath, host, port }: AppAddress): { path: string } | { host: string; port: number } {
  return socketPath === undefined ? { host: host!, port: port! } : { path: socketPath };
}

/** The kind of requests that an application has, where there are two. */
export type AppKind = 'http' | 'grpc';

/** It stands before each further address: a socket's path may hold a comma, too. */
const BETWEEN = /,(?=(?:http|h2c|grpc):\/\/|(?:(?:h2c|grpc)\+)?unix:)/;

/** The addresses in a value of `--app`, or the URLs in one of `--app_metrics_url`; none if it is empty. */
export function splitAddresses(text: string): readonly string[] {
  return text === '' ? [] : text.split(BETWEEN);
}

/** `h2c` is HTTP's where another application is gRPC's. */
export function kindOf(address: string): AppKind {
  return address.startsWith('grpc') ? 'grpc' : 'http';
}

const HTTP_PORT = 80;

/** Reads an address of `--app` whose form has been checked (check-options.ts). */
export function parseAppAddress(text: string): AppAddress {
  const known = { text, ...(/^(?:h2c|grpc)\b/.test(text) && { isHttp2: true as const }) };
  const socketPath = /^(?:(?:h2c|grpc)\+)?unix:(?:\/\/)?(\/.*)$/.exec(text)?.[1];
  if (socketPath !== undefined) return { ...known, authority: 'localhost', socketPath };
  const match = /^(?:http|h2c|grpc):\/\/(?:\[([^\]]+)\]|([^:/]+))(?::(\d+))?\/?$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  if (host === undefined) throw new Error(`${text} is no address of an application`);
  const port = match?.[3] === undefined ? HTTP_PORT : Number(match[3]);
  return { ...known, authority: text.replace(/^\w+:\/\/|\/$/g, ''), host, port };
}

/** Reads a URL of `--app_metrics_url` whose form has been checked: an address, and the path behind it. */
export function parseAppUrl(text: string): { readonly address: AppAddress; readonly path: string } {
  const [, place, path = ''] = /^(http:\/\/[^/]+|unix:(?:\/\/)?\/[^:]+)(?::?(\/.*))?$/.exec(text) ?? [];
  if (place === undefined) throw new Error(`${text} is no URL`);
  return { address: parseAppAddress(place), path: path === '' ? '/' : path };
}
