/** Finds out what is believed of a fronted request's client, by the trusted proxy that its peer is, or by its certificate. */

import { plainIPv4 } from '../../../ledger/plain-ipv4.ts';
import type { ClientSide } from '../client-and-app.ts';
import type { FrontedParts } from '../fronted-parts.ts';
import type { ClientTrust } from './app-headers.ts';
import { certificateText } from './client-certificate.ts';
import { joinedValues, valuesOf } from './hop-headers.ts';

/** Call it while the connection is open. */
export function clientTrust({ connection, head }: ClientSide, parts: FrontedParts): ClientTrust {
  const { callers, tellsCertificate, unbelieved } = parts;
  const isTrusted = callers.trusts(connection);
  if (!isTrusted && unbelieved !== undefined && valuesOf(head.headers, 'x-forwarded-proto').length > 0) {
    unbelieved.note(plainIPv4(head.peerAddress));
  }
  return {
    isTrusted,
    told: isTrusted ? callers.clientOf(connection, (name) => joinedValues(head.headers, name)) : undefined,
    certificate: tellsCertificate === true ? certificateText(connection) : undefined,
  };
}
