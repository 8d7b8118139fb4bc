/** Odd fields of a head: names, values, Host, Connection, Expect, Upgrade, sizes. */
import { get, group, hex, type OddRequest, post, type Row } from './odd-request.ts';

const SEPARATORS = [...'()<>@,;:\\"/[]?={} \t'];
const TOKENS = [..."!#$%&'*+-.^_`|~"];

const NAMES: readonly Row[] = [
  ...SEPARATORS.map((char): Row => [`x${char}y`, get(`x${char}y: 1`)]),
  ...TOKENS.map((char): Row => [`x${char}y`, get(`x${char}y: 1`)]),
  ['empty', get(': 1')],
  ['only a colon', get(':')],
  ['no colon', get('x')],
  ['space before the colon', get('x : 1')],
  ['tab before the colon', get('x\t: 1')],
  ['space before the name', get(' x: 1')],
  ['folded', get('x: 1', ' 2')],
  ['folded by a tab', get('x: 1', '\t2')],
  ['folded, empty', get('x: 1', ' ', 'y: 2')],
  ['folded first field', 'GET /c HTTP/1.1\r\n host: a\r\n\r\n'],
  ['folded Host', 'GET /c HTTP/1.1\r\nhost:\r\n a\r\n\r\n'],
  ['NUL', get('x\0y: 1')],
  ['CR', get('x\ry: 1')],
  ['high byte', get('x\xe9: 1')],
  ['DEL', get('x\x7f: 1')],
  ['of 9,000 bytes', get(`${'x'.repeat(9000)}: 1`)],
  ['pseudo', get(':authority: b')],
  ['pseudo method', get(':method: POST')],
  ['two colons', get('x:: 1')],
  ['upper case', get('X-UPPER: 1')],
  ['underscore', get('content_length: 5')],
  ['__proto__', get('__proto__: 1', 'constructor: 2', 'hasOwnProperty: 3')],
];

const VALUES: readonly Row[] = [
  ...[...Array(32).keys(), 127, 128, 160, 233, 255]
    .filter((code) => code !== 10)
    .map((code): Row => [hex(code), get(`x: 1${String.fromCharCode(code)}2`)]),
  ['empty', get('x:')],
  ['spaces', get('x:   ')],
  ['spaces around', get('x:  \t 1 \t ')],
  ['no space', get('x:1')],
  ['twice', get('x: 1', 'x: 2')],
  ['cookies twice', get('cookie: a=1', 'cookie: b=2')],
  ['quoted CR LF', get('x: "a\r\n b"')],
  ['UTF-8', get('x: \xc3\xa9\xe2\x82\xac')],
  ['of 7,000 bytes', get(`x: ${'v'.repeat(7000)}`)],
  ['of 200,000 bytes', get(`x: ${'v'.repeat(200_000)}`)],
  ['90 fields', get(...Array.from({ length: 90 }, (_, i) => `x-${i}: 1`))],
  ['3,000 fields', get(...Array.from({ length: 3000 }, (_, i) => `x-${i}: 1`))],
];

const hosted = (...lines: readonly string[]): string => ['GET /c HTTP/1.1', ...lines, '', ''].join('\r\n');
const HOSTS: readonly Row[] = [
  ['none', hosted()],
  ['none, HTTP/1.0', 'GET /c HTTP/1.0\r\n\r\n'],
  ['twice', hosted('host: a', 'host: b')],
  ['twice the same', hosted('host: a', 'host: a')],
  ['twice, HTTP/1.0', 'GET /c HTTP/1.0\r\nhost: a\r\nhost: b\r\n\r\n'],
  ['twice, one by another spelling', hosted('Host: a', 'HOST: b')],
  ['twice beside a whole URL', 'GET http://a/c HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n'],
  ['none beside a whole URL', 'GET http://a/c HTTP/1.1\r\n\r\n'],
  ['another than the URL', 'GET http://a/c HTTP/1.1\r\nhost: b\r\n\r\n'],
  ['space before the colon, and another', hosted('host : b', 'host: a')],
  ...[
    ...[
      '',
      'a,b',
      'a b',
      'a/b',
      'a@b',
      'u:p@a',
      'a:80',
      'a:',
      ':80',
      'a:b',
      'a:99999',
      'a:-1',
      'a#b',
      'a?b',
      '[::1]',
      '[::1]:80',
    ],
    ...[
      '[::1',
      '::1',
      '[x]',
      'a\\b',
      'a\tb',
      'a<b',
      'é',
      '%61',
      'a%00',
      '*',
      '.',
      '..',
      'a..b',
      'http://a',
      '_',
      'A',
      'a;b',
      "a'b",
    ],
  ].map((value): Row => [`"${value}"`, hosted(`host: ${value}`)]),
];

const CONNECTIONS: readonly Row[] = [
  ...[
    ...[
      'close',
      'keep-alive',
      'Close',
      'CLOSE',
      'keep-alive, close',
      'close, keep-alive',
      'x',
      'te',
      'host',
      'content-length',
      'cookie',
    ],
    ...[
      'x-forwarded-for',
      'authorization',
      'via',
      'x-request-id',
      'transfer-encoding',
      'upgrade',
      'connection',
      '',
      ',',
      'x,,y',
      ', close',
    ],
    ...[
      '"close"',
      'close;a',
      'x y',
      'clos\xe9',
      'x-forwarded-host',
      'x-forwarded-proto',
      'traceparent',
      'expect',
      'date',
      ':path',
    ],
  ].map(
    (value): Row => [`"${value}"`, get(`connection: ${value}`, 'cookie: c=1', 'authorization: Basic eA==', 'x: 1')],
  ),
  ['twice', get('connection: x', 'connection: y', 'x: 1', 'y: 2', 'z: 3')],
  ['names the length of a body', post(['connection: content-length', 'content-length: 3'], 'abc')],
  [
    'names the coding of a body',
    post(['connection: transfer-encoding', 'transfer-encoding: chunked'], '3\r\nabc\r\n0\r\n\r\n'),
  ],
  ['proxy-connection', get('proxy-connection: keep-alive')],
  ['keep-alive', get('keep-alive: timeout=5')],
  ['keep-alive, HTTP/1.0', 'GET /c HTTP/1.0\r\nhost: a\r\nconnection: keep-alive\r\n\r\n'],
  ['te trailers', get('te: trailers', 'connection: te')],
  ['te gzip', get('te: gzip, trailers;q=0.5', 'connection: te')],
  ['te unnamed', get('te: trailers')],
  ['proxy-authorization', get('proxy-authorization: Basic eA==')],
];

const EXPECTS: readonly Row[] = [
  ...['100-continue', '100-Continue', '100-continue, x', 'x', '', '200-ok', '100-continue;q=1'].map(
    (value): Row => [`"${value}"`, get(`expect: ${value}`)],
  ),
  ['100-continue and its body at once', post(['expect: 100-continue', 'content-length: 3'], 'abc')],
  ['100-continue in chunks', post(['expect: 100-continue', 'transfer-encoding: chunked'], '3\r\nabc\r\n0\r\n\r\n')],
  ['x and a body', post(['expect: x', 'content-length: 3'], 'abc')],
  ['100-continue twice', post(['expect: 100-continue', 'expect: 100-continue', 'content-length: 3'], 'abc')],
  ['100-continue, HTTP/1.0', 'POST /c HTTP/1.0\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 3\r\n\r\nabc'],
];

const KEY = 'sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==';
const wish = (...lines: readonly string[]): string =>
  get('connection: upgrade', ...lines, KEY, 'sec-websocket-version: 13');
const UPGRADES: readonly Row[] = [
  ['websocket', wish('upgrade: websocket')],
  ['WebSocket', wish('upgrade: WebSocket')],
  ['websocket with a version', wish('upgrade: websocket/13')],
  ['two protocols', wish('upgrade: foo, websocket')],
  ['two fields', wish('upgrade: foo', 'upgrade: websocket')],
  ['empty', wish('upgrade:')],
  ['comma', wish('upgrade: ,')],
  ['unnamed by connection', get('upgrade: websocket', KEY)],
  ['named, not there', get('connection: upgrade')],
  ['h2c', wish('upgrade: h2c', 'http2-settings: AAMAAABkAAQAAP__')],
  ['h2c, unnamed settings', get('connection: upgrade', 'upgrade: h2c', 'http2-settings: AAMAAABkAAQAAP__')],
  ['h2c among others', wish('upgrade: websocket, h2c')],
  ['H2C', wish('upgrade: H2C')],
  ['HTTP/2.0', wish('upgrade: HTTP/2.0')],
  ['TLS/1.0', wish('upgrade: TLS/1.0')],
  ['with a length', post(['connection: upgrade', 'upgrade: websocket', KEY, 'content-length: 3'], 'abc')],
  [
    'with chunks',
    post(['connection: upgrade', 'upgrade: websocket', KEY, 'transfer-encoding: chunked'], '3\r\nabc\r\n0\r\n\r\n'),
  ],
  ['with length 0', post(['connection: upgrade', 'upgrade: websocket', KEY, 'content-length: 0'], '')],
  ['HTTP/1.0', `GET /c HTTP/1.0\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n${KEY}\r\n\r\n`],
  ['and close', get('connection: close, upgrade', 'upgrade: websocket', KEY)],
  ['two lengths', post(['connection: upgrade', 'upgrade: x', 'content-length: 0', 'content-length: 3'], 'abc')],
  [
    'length and coding',
    post(['connection: upgrade', 'upgrade: x', 'content-length: 3', 'transfer-encoding: chunked'], '0\r\n\r\n'),
  ],
  ['two Hosts', get('host: b', 'connection: upgrade', 'upgrade: websocket', KEY)],
  ['a bad length', post(['connection: upgrade', 'upgrade: x', 'content-length: +3'], 'abc')],
];

export function oddFields(): OddRequest[] {
  return [
    ...group('name', NAMES),
    ...group('value', VALUES),
    ...group('Host', HOSTS),
    ...group('Connection', CONNECTIONS),
    ...group('Expect', EXPECTS),
    ...group('Upgrade', UPGRADES),
  ];
}
