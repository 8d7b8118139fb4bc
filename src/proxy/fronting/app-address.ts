/** Where the application is: `--app` as node:http takes it. */

/** One of the two: a socket file, or a host and a port. */
export interface AppAddress {
  /** For people: "http://127.0.0.1:8080", "unix:/run/app.sock". */
  readonly text: string;
  /** As a Host. */
  readonly authority: string;
  readonly socketPath?: string;
  readonly host?: string;
  readonly port?: number;
}

const HTTP_PORT = 80;

/** Reads a value of `--app` whose form has been checked (config/options/app-options.ts). */
export function parseAppAddress(text: string): AppAddress {
  const socketPath = /^unix:(?:\/\/)?(\/.*)$/.exec(text)?.[1];
  if (socketPath !== undefined) return { text, authority: 'localhost', socketPath };
  const match = /^http:\/\/(?:\[([^\]]+)\]|([^:/]+))(?::(\d+))?\/?$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  if (host === undefined) throw new Error(`${text} is no address of an application`);
  const port = match?.[3] === undefined ? HTTP_PORT : Number(match[3]);
  return { text, authority: text.replace(/^http:\/\/|\/$/g, ''), host, port };
}
