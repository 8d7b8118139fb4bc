/** Odd request lines: methods, targets, versions, and how lines end. */
import { group, hex, type OddRequest, type Row } from './odd-request.ts';

const host = '\r\nhost: a\r\n\r\n';
const withMethod = (method: string): string => `${method} /c HTTP/1.1${host}`;
const withTarget = (target: string): string => `GET ${target} HTTP/1.1${host}`;
const withVersion = (version: string): string => `GET /c${version}${host}`;
const row =
  (make: (value: string) => string) =>
  (value: string): Row => [
    value.length > 100 ? `${JSON.stringify(value.slice(0, 10))} of ${value.length} bytes` : JSON.stringify(value),
    make(value),
  ];

const METHODS = [
  ...['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'PROPFIND', 'M-SEARCH', 'QUERY', 'PURGE'],
  ...[
    'get',
    'Get',
    'GETT',
    'GE',
    'BREW',
    'PRI',
    'SOURCE',
    'DESCRIBE',
    '',
    ' GET',
    '\tGET',
    'GET\t',
    'G ET',
    'GET ',
    'G\0T',
  ],
  ...[..."!#$%&'*+-.^_`|~"].map((char) => `X${char}`),
  ...[...'()<>@,;:\\"/[]?={}'].map((char) => `X${char}`),
  ...['G\x80T', 'G\xffT', 'X'.repeat(300)],
];

const TARGETS = [
  ...['/', '//', '///c', '/c?', '/c?a=1&a=2', '/c?a?b', '/c#f', '/#', '?a=1', '', '*', 'c', '.', './c', '../c'],
  ...[
    '/..',
    '/../c',
    '/a/../c',
    '/a/./c',
    '/a//c',
    '/a/..;/c',
    '/%2e%2e/c',
    '/a/%2E%2E/c',
    '/..%2fc',
    '/%2f',
    '/a%2fb',
  ],
  ...[
    '/%',
    '/%0',
    '/%zz',
    '/%00',
    '/%0a',
    '/%0d%0aset-cookie:%20a=1',
    '/%25',
    '/%20',
    '/+',
    '/a;b=c',
    '/a,b',
    "/a'b",
    '/a"b',
  ],
  ...[
    '/a<b',
    '/a>b',
    '/a\\b',
    '/\\..\\c',
    '/a^b',
    '/a`b',
    '/a|b',
    '/a{b}',
    '/[a]',
    '/a b',
    '/a\tb',
    '/a  b',
    '/é',
    '/\xff\xfe',
  ],
  ...[
    'http://a/c',
    'HTTP://a/c',
    'http://a',
    'http://a?q',
    'http://a:80/c',
    'http://a:0/c',
    'http://a:99999/c',
    'http://:80/c',
  ],
  ...[
    'http://',
    'http:///c',
    'http://b/c',
    'http://u:p@a/c',
    'http://u@a@b/c',
    'http://[::1]/c',
    'http://[::1]:80/c',
    'http://[/c',
  ],
  ...[
    'http://a/../c',
    'http://a#f',
    'http://a b/c',
    'http://a\\b/c',
    'https://a/c',
    'ws://a/c',
    'ftp://a/c',
    'file:///c',
    'a:80',
  ],
  ...[
    'a',
    'http:/c',
    'http:c',
    'javascript:x',
    '/http://b/c',
    '/:80',
    '@a',
    '/@a',
    'a/c',
    '*c',
    '**',
    '/*',
    'http://A.Example/c',
  ],
  ...[
    'http://a/c?d=http://b',
    `/${'x'.repeat(2000)}`,
    `/${'x'.repeat(7000)}`,
    `/${'x'.repeat(100_000)}`,
    `/?${'%41'.repeat(2000)}`,
  ],
];

/** Every byte that is no visible character, in the middle of a path. */
const CONTROLS = [...Array(32).keys(), 127, 128, 160, 173, 255].filter((code) => code !== 10);

const VERSIONS = [
  ...[
    ' HTTP/1.1',
    ' HTTP/1.0',
    ' HTTP/1.2',
    ' HTTP/1.9',
    ' HTTP/0.9',
    ' HTTP/2',
    ' HTTP/2.0',
    ' HTTP/3.0',
    ' HTTP/9.9',
    ' HTTP/1',
  ],
  ...[
    ' HTTP/1.',
    ' HTTP/.1',
    ' HTTP/11',
    ' HTTP/1.10',
    ' HTTP/01.1',
    ' HTTP/1,1',
    ' http/1.1',
    ' Http/1.1',
    ' HTTPS/1.1',
    ' HTTP 1.1',
  ],
  ...[
    ' HTTP/-1.1',
    ' HTTP/1.1 ',
    ' HTTP/1.1\t',
    ' HTTP/1.1x',
    ' HTTP/1.1 x',
    '  HTTP/1.1',
    '\tHTTP/1.1',
    ' HTTP/1.1\0',
    ' ICE/1.0',
  ],
  ...[' RTSP/1.0', ' SIP/2.0', '', ' ', ' HTTP', ' HTTP/', ' HTTP/x.y', ' HTTP/\x31.\xb1', ' /d HTTP/1.1'],
];

const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';
const line = 'GET /c HTTP/1.1';

const ENDINGS: readonly Row[] = [
  ['all LF', `${line}\nhost: a\n\n`],
  ['LF behind the line', `${line}\nhost: a\r\n\r\n`],
  ['LF behind a field', `${line}\r\nhost: a\nx: y\r\n\r\n`],
  ['LF behind the last field', `${line}\r\nhost: a\n\r\n`],
  ['LF at the end', `${line}\r\nhost: a\r\n\n`],
  ['CR alone behind the line', `${line}\rhost: a\r\n\r\n`],
  ['CR alone behind a field', `${line}\r\nhost: a\rx: y\r\n\r\n`],
  ['CR alone at the end', `${line}\r\nhost: a\r\n\r`],
  ['CR CR LF behind a field', `${line}\r\nhost: a\r\r\n\r\n`],
  ['CR CR LF behind the line', `${line}\r\r\nhost: a\r\n\r\n`],
  ['CR CR LF at the end', `${line}\r\nhost: a\r\n\r\r\n`],
  ['LF CR', `${line}\n\rhost: a\n\r\n\r`],
  ['an empty line first', `\r\n${line}${host}`],
  ['three empty lines first', `\r\n\r\n\r\n${line}${host}`],
  ['an LF first', `\n${line}${host}`],
  ['a space first', ` ${line}${host}`],
  ['a NUL first', `\0${line}${host}`],
  ['a byte order mark first', `\xef\xbb\xbf${line}${host}`],
  ['vertical tab for CR', `${line}\v\nhost: a\r\n\r\n`],
  ['NEL for a line end', `${line}\x85host: a\r\n\r\n`],
  ['no end', `${line}\r\nhost: a\r\n`],
  ['half a line', 'GET /c HT'],
  ['only line ends', '\r\n\r\n\r\n\r\n'],
  ['HTTP/0.9', 'GET /c\r\n'],
  ['HTTP/0.9, LF', 'GET /c\n'],
  ['HTTP/0.9 with fields', 'GET /c\r\nhost: a\r\n\r\n'],
  ['TLS', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'],
  ['SSH', 'SSH-2.0-OpenSSH_9.6\r\n'],
  ['the preface of HTTP/2', PREFACE],
  ['an answer', 'HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n'],
  ['PROXY protocol', `PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n${line}${host}`],
  ['a line split by a NUL', `GET /c\0/d HTTP/1.1${host}`],
];

export function oddLines(): OddRequest[] {
  return [
    ...group('method', METHODS.map(row(withMethod))),
    ...group('target', TARGETS.map(row(withTarget))),
    ...group(
      'target byte',
      CONTROLS.map((code) => [hex(code), withTarget(`/c${String.fromCharCode(code)}d`)]),
    ),
    ...group('version', VERSIONS.map(row(withVersion))),
    ...group('line ends', ENDINGS),
    ...group(
      'CONNECT',
      ['a:80', 'a', '/c', 'http://a/c', '*', '[::1]:443', ''].map(row((to) => `CONNECT ${to} HTTP/1.1${host}`)),
    ),
    ...group(
      'OPTIONS',
      ['*', '/', '*/c', 'http://a', 'http://a/', '**'].map(row((to) => `OPTIONS ${to} HTTP/1.1${host}`)),
    ),
  ];
}
