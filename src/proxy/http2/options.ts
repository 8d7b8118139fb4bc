/**
 * Every option of the engine: name, unit, default, reason. Nearly all are bounds.
 */

export interface Http2Options {
  /** Streams that one connection may have open; announced, and enforced with REFUSED_STREAM. */
  readonly maxConcurrentStreams: number;
  /** Bytes of one request's body that may be under way, or unread by its handler. */
  readonly streamWindowBytes: number;
  /** Bytes of all bodies of one connection that may be under way, or unread by their handlers. */
  readonly connectionWindowBytes: number;
  /** Bytes beyond these that paced streams (Http2Stream.isPaced) of one connection may leave unread. */
  readonly loanBytes: number;
  /**
   * Bytes that paced streams of all connections may leave unread. Past it a stream that adds more is reset, unless its
   * connection holds none; past twice it, in any case.
   */
  readonly maxUnreadBytes: number;
  /** Largest frame that we accept; a connection holds at most one frame that has not arrived whole. */
  readonly maxFrameBytes: number;
  /** CONNECT may name a protocol, a WebSocket's say (RFC 8441); announced. Else such a request is malformed. */
  readonly takesTunnels: boolean;
  /** Largest header list (name + value + 32 for each field); announced. A request past it is answered with 431. */
  readonly maxHeaderListBytes: number;
  /** CONTINUATION frames in one header block. */
  readonly maxContinuations: number;
  /** Answer bytes that wait for the client's windows. Past it new streams are refused; past twice it writes fail. */
  readonly maxWaitingBytes: number;
  /** Bytes that the kernel has not taken from the socket, past which a connection neither reads nor sends more. */
  readonly socketHighWaterBytes: number;
  /** Bytes of one stream that wait, past which `write` returns false. */
  readonly streamHighWaterBytes: number;
  /** The time from connect to the end of the client's preface and first SETTINGS, in ms. */
  readonly prefaceTimeoutMs: number;
  /** How long the rest of a frame or header block may take that has begun to arrive. */
  readonly frameTimeoutMs: number;
  /** If streams are open and nothing came for this long, in ms, a PING asks whether the client is still there … */
  readonly keepaliveMs: number;
  /** … and the connection is closed when nothing comes back within this. */
  readonly keepaliveTimeoutMs: number;
  /** How long answer bytes may wait without progress: for a stream's window (reset), or for the socket (closed). */
  readonly stallTimeoutMs: number;
  /** How long a connection waits for the client to close it after its last GOAWAY. */
  readonly lingerMs: number;
  /** Requests that a client may reset at once, and per second from then on; each answered one earns one back. */
  readonly resetBurst: number;
  readonly resetsPerSecond: number;
  /** Resets that a client's malformed frames may cause at once, and per second from then on (CVE-2025-8671). */
  readonly mistakeBurst: number;
  readonly mistakesPerSecond: number;
  /** Values in one SETTINGS frame. */
  readonly maxSettings: number;
  /** Burst and rate of SETTINGS frames: each costs a look at every open stream. */
  readonly settingsBurst: number;
  readonly settingsPerSecond: number;
  /** Burst and rate of frames that cause work but are no request (connection-core.ts). */
  readonly controlBurst: number;
  readonly controlPerSecond: number;
  /** Interval of the checks of all connections: the precision of every timeout here. */
  readonly tickMs: number;
  /** How long the event loop polls for a fast client's next request instead of sleeping (flush-turn.ts); 0 = never. */
  readonly spinMs: number;
  /** Called each time with how long it has polled. Default: nobody is. */
  readonly onSpun?: ((spunMs: number) => void) | undefined;
}

export const DEFAULT_HTTP2_OPTIONS: Http2Options = {
  // Ten times the 100 that gRPC clients put on one connection by themselves.
  maxConcurrentStreams: 1024,
  // A 600 KB tensor arrives without a round trip in between.
  streamWindowBytes: 1024 * 1024,
  connectionWindowBytes: 8 * 1024 * 1024,
  // This is enough for some 60 stalled uploads.
  loanBytes: 64 * 1024 * 1024,
  // Four connections of stalled uploads.
  maxUnreadBytes: 256 * 1024 * 1024,
  // Larger frames gain nothing, and a partial one costs its size in memory.
  maxFrameBytes: 16_384,
  takesTunnels: false,
  // Twice what gRPC libraries allow by default.
  maxHeaderListBytes: 16_384,
  // The list fits one frame: a client that needs more than a few means harm.
  maxContinuations: 16,
  maxWaitingBytes: 64 * 1024 * 1024,
  socketHighWaterBytes: 256 * 1024,
  streamHighWaterBytes: 64 * 1024,
  prefaceTimeoutMs: 10_000,
  frameTimeoutMs: 30_000,
  keepaliveMs: 60_000,
  keepaliveTimeoutMs: 20_000,
  stallTimeoutMs: 60_000,
  lingerMs: 2000,
  // nghttp2's numbers since CVE-2023-44487.
  resetBurst: 1000,
  resetsPerSecond: 33,
  // A client that makes mistakes has a bug; one that makes a hundred means harm.
  mistakeBurst: 100,
  mistakesPerSecond: 1,
  // nghttp2's; the standard has six.
  maxSettings: 32,
  settingsBurst: 100,
  settingsPerSecond: 10,
  controlBurst: 2000,
  controlPerSecond: 200,
  tickMs: 1000,
  // The CPU belongs to the application: only who knows what the machine can spare turns it on.
  spinMs: 0,
};
