/**
 * Names for the numbers in a frame (RFC 9113, 4.1 and 6).
 *
 *    0        3      4       5                9
 *   ┌────────┬──────┬───────┬────────────────┬───────────────┐
 *   │ length │ type │ flags │ 0 │ stream id  │ payload       │
 *   │ 24 bit │   8  │   8   │ 1 │  31 bit    │ length bytes  │
 *   └────────┴──────┴───────┴────────────────┴───────────────┘
 */

export const FrameType = {
  DATA: 0x0,
  HEADERS: 0x1,
  PRIORITY: 0x2,
  RST_STREAM: 0x3,
  SETTINGS: 0x4,
  PUSH_PROMISE: 0x5,
  PING: 0x6,
  GOAWAY: 0x7,
  WINDOW_UPDATE: 0x8,
  CONTINUATION: 0x9,
} as const;

export const Flag = {
  /** DATA, HEADERS */
  END_STREAM: 0x1,
  /** SETTINGS, PING */
  ACK: 0x1,
  /** HEADERS, CONTINUATION */
  END_HEADERS: 0x4,
  /** DATA, HEADERS */
  PADDED: 0x8,
  /** HEADERS */
  PRIORITY: 0x20,
} as const;

export const FRAME_HEAD_BYTES = 9;

/** Both the smallest and the default SETTINGS_MAX_FRAME_SIZE. */
export const MIN_MAX_FRAME_BYTES = 16_384;
export const MAX_MAX_FRAME_BYTES = 0xff_ff_ff;

/** No flow-control window may grow past this. */
export const MAX_WINDOW_BYTES = 0x7f_ff_ff_ff;
/** Size of every window until SETTINGS or WINDOW_UPDATE change it. */
export const DEFAULT_WINDOW_BYTES = 65_535;

/** The client sends this before its first frame. */
export const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';
