/**
 * Headers that end at each hop (RFC 9110, 7.6.1), and what a message keeps without them. Lists are node's raw ones: names
 * and values in turn, as they came.
 */

export type RawHeaders = readonly string[];

/**
 * The headers of one connection, whether or not `connection` names them. `proxy-*` are for proxies that clients choose;
 * this is none. The next connection frames the message as it likes.
 */
const HOP_BY_HOP: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
]);

/** Never taken out, though `connection` names them: they say what the message is, or for whom. */
const NEVER_NAMED: ReadonlySet<string> = new Set(['host', 'content-length']);

/** The fields that RFC 9110, 6.5.1 keeps out of trailers: framing, routing, credentials, and how to read the body. */
const NO_TRAILERS: ReadonlySet<string> = new Set([
  ...HOP_BY_HOP,
  'host',
  'content-length',
  'content-encoding',
  'content-type',
  'content-range',
  'trailer',
  'authorization',
  'cookie',
  'set-cookie',
  'expect',
  // Proxies describe a client in these, and it could make them up here.
  'forwarded',
  'x-real-ip',
  'via',
]);

/** Every header, with its name in lower case and as it came. */
export function* fieldsOf(raw: RawHeaders): Generator<readonly [lower: string, name: string, value: string]> {
  for (let i = 0; i < raw.length; i += 2) yield [raw[i]!.toLowerCase(), raw[i]!, raw[i + 1]!];
}

/**
 * The name (lower case) that applications may read for this one: CGI, WSGI, Rack and PHP make one of `-` and `_`, so that
 * a client's x_forwarded_for would stand in the place of the x-forwarded-for that this server writes.
 */
export function readAs(name: string): string {
  return name.includes('_') ? name.replaceAll('_', '-') : name;
}

/** All values of a header, `name` in lower case. */
export function valuesOf(raw: RawHeaders, name: string): string[] {
  const values: string[] = [];
  for (let i = 0; i < raw.length; i += 2) {
    // Names of other lengths are most, and need not be spelled anew.
    if (raw[i]!.length === name.length && raw[i]!.toLowerCase() === name) values.push(raw[i + 1]!);
  }
  return values;
}

/** All values of a header as one (RFC 9110, 5.3); undefined without it. `name` in lower case. */
export function joinedValues(raw: RawHeaders, name: string): string | undefined {
  const values = valuesOf(raw, name);
  return values.length === 0 ? undefined : values.join(',');
}

/** The members of all values of a header that is a list, in lower case. */
export function tokensOf(raw: RawHeaders, name: string): string[] {
  return valuesOf(raw, name)
    .flatMap((value) => value.split(','))
    .map((token) => token.trim().toLowerCase())
    .filter((token) => token !== '');
}

/** Names and values in turn of all headers that go on to the next hop, but for those in `without` (lower case). */
export function endToEnd(raw: RawHeaders, without: (name: string) => boolean = () => false): string[] {
  const named = new Set(tokensOf(raw, 'connection'));
  const kept: string[] = [];
  for (const [lower, name, value] of fieldsOf(raw)) {
    const isNamed = named.has(lower) && !NEVER_NAMED.has(lower);
    if (!isNamed && !HOP_BY_HOP.has(lower) && !without(lower)) kept.push(name, value);
  }
  return kept;
}

/**
 * The headers as node:http takes them: it throws where a message that is not in chunks announces trailers, which HTTP/2
 * allows, and for which HTTP/1.1 has no place.
 */
export function announced(raw: RawHeaders, isChunked: boolean): string[] {
  const kept: string[] = [];
  for (const [lower, name, value] of fieldsOf(raw)) if (isChunked || lower !== 'trailer') kept.push(name, value);
  return kept;
}

/** The trailers that go on, as node's addTrailers takes them. */
export function trailersOf(raw: RawHeaders): [string, string][] {
  const kept: [string, string][] = [];
  for (const [lower, name, value] of fieldsOf(raw)) {
    const read = readAs(lower);
    if (!NO_TRAILERS.has(read) && !read.startsWith('x-forwarded-')) kept.push([name, value]);
  }
  return kept;
}

/** `via` with this server behind those that were there (RFC 9110, 7.6.3). */
export function viaOf(raw: RawHeaders, httpVersion: string): string {
  return [...valuesOf(raw, 'via'), `${httpVersion} pillion`].join(', ');
}
