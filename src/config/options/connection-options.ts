/** Options of `pillion serve` about connections: how many, for how long, and who may open the Unix sockets. */
import { COUNT, integer, type Option, patternText } from './option-types.ts';

export const CONNECTION_OPTIONS = {
  max_connections: integer({
    ...COUNT,
    default: 0,
    help: 'Most connections of gRPC, and as many of REST. At the cap the longest idle one is ended for a new one; if none is idle the new one is refused. 0 = as many as file descriptors allow, up to 10,000.',
  }),
  max_connections_per_peer: integer({
    ...COUNT,
    default: 0,
    help: 'Most connections of one address (IPv6: one /64) to gRPC, and as many to REST. Loopback and Unix sockets have no such cap. 0 = half of max_connections.',
  }),
  idle_connection_timeout_s: integer({
    min: 1,
    max: 86_400,
    default: 620,
    help: 'How long a connection without an open request or stream stays. Longer than the 10 minutes of load balancers, so that they close first.',
  }),
  answer_stall_timeout_s: integer({
    min: 1,
    max: 86_400,
    default: 60,
    help: 'How long a client may take nothing of an answer that waits for it, of a model or of the application. Then it is cut off; over HTTP/1.1 after half of this at the earliest.',
  }),
  socket_mode: patternText(
    {
      default: '',
      placeholder: 'OCTAL',
      help: 'Permissions of the Unix sockets, such as 0660; who may write may connect. Empty: as the umask has it.',
    },
    /^(?:0?[0-7]{3})?$/,
    'three octal digits, such as 0660',
  ),
  socket_group: patternText(
    {
      default: '',
      placeholder: 'GID',
      help: 'Group of the Unix sockets, by number. Empty: the process’s own.',
    },
    /^\d{0,9}$/,
    'the number of a group',
  ),
} satisfies Record<string, Option<unknown>>;
