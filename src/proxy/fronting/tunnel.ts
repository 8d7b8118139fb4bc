/**
 * A connection whose protocol was changed (101), a WebSocket say: bytes pass both ways, and nobody reads them.
 *
 *   one side ends its direction ──▶ so does the other's, after what is under way; the way back stays open
 *   one side is gone            ──▶ what is under way still leaves; a reset is passed on at once
 */
import { Buffer } from 'node:buffer';
import { type IncomingMessage, STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { answerHeaders } from './app-headers.ts';

interface TunnelEnds {
  readonly client: Socket;
  /** What has come behind the request's head. */
  readonly clientHead: Buffer;
  readonly app: Socket;
  readonly appHead: Buffer;
  /** The application's 101. */
  readonly answer: IncomingMessage;
}

export function joinTunnel({ client, clientHead, app, appHead, answer }: TunnelEnds): void {
  for (const [one, other] of [
    [client, app],
    [app, client],
  ] as const) {
    one.setTimeout(0);
    one.setNoDelay(true);
    one.on('error', () => reset(other));
    one.once('close', () => other.destroySoon());
  }
  client.write(headOf(answer));
  if (appHead.length > 0) client.write(appHead);
  if (clientHead.length > 0) app.write(clientHead);
  client.pipe(app);
  app.pipe(client);
}

/** Only a TCP connection can be reset. */
function reset(socket: Socket): void {
  try {
    socket.resetAndDestroy();
  } catch {
    socket.destroy();
  }
}

function headOf({ rawHeaders, httpVersion, headers, statusCode, statusMessage }: IncomingMessage): Buffer {
  const kept = answerHeaders(rawHeaders, httpVersion);
  const lines = [`HTTP/1.1 ${statusCode} ${statusMessage || STATUS_CODES[statusCode!]}`];
  for (let i = 0; i < kept.length; i += 2) lines.push(`${kept[i]}: ${kept[i + 1]}`);
  lines.push('connection: upgrade', `upgrade: ${headers.upgrade ?? ''}`, '', '');
  return Buffer.from(lines.join('\r\n'), 'latin1');
}
