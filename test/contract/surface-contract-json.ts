/** REST bodies that are no JSON, or no predict body; and such as look broken and are not. */
import { Buffer } from 'node:buffer';
import type { BadScenario, GoodScenario } from './surface-contract.ts';

type Syntax = readonly [name: string, body: string | Uint8Array, wants: RegExp];

const latin1 = (text: string): Buffer => Buffer.from(text, 'latin1');

/** Text that breaks the grammar: the answer says where, and what is expected there. */
const SYNTAX: readonly Syntax[] = [
  ['one brace', '{', /name of an object member is missing; names are strings/],
  [
    'a lone value after a comma',
    '{"instances":[[1,2,3,4]],}',
    /name of an object member is missing; names are strings/,
  ],
  ['a comma before the end of a list', '{"instances":[[1,2,3,4,]]}', /a value is expected here, but it has "\]"/],
  ['two commas', '{"instances":[[1,,3,4]]}', /a value is expected here, but it has ","/],
  ['no comma', '{"instances":[[1 2 3 4]]}', /a comma or \] is expected/],
  ['no colon', '{"instances" [[1,2,3,4]]}', /the colon after the name .* is missing/],
  ['cut off in a list', '{"instances":[[1,2,3', /a comma or \] is expected/],
  ['cut off in a string', '{"instances":["abc', /no closing quotation mark/],
  ['cut off in a key', '{"inst', /no closing quotation mark/],
  ['cut off in an escape', '{"instances":["\\u12', /\\u wants four hex digits/],
  ['cut off in a number', '{"instances":[[1.', /a digit is missing in a number/],
  ['brackets that do not match', '{"instances":[[1,2,3,4}]', /a comma or \] is expected/],
  ['single quotes', "{'instances':[[1,2,3,4]]}", /names are strings/],
  ['a bare key', '{instances:[[1,2,3,4]]}', /names are strings/],
  ['Python words', '{"instances":[[None,True,False,nan]]}', /a value is expected here, but it has "N"/],
  ['a comment', '{"instances":[[1,2,3,4]] /* rows */}', /a comma or \} is expected/],
  ['a leading zero', '{"instances":[[01,2,3,4]]}', /a comma or \] is expected/],
  ['a plus sign', '{"instances":[[+1,2,3,4]]}', /a value is expected here, but it has "\+"/],
  ['a bare point', '{"instances":[[.5,2,3,4]]}', /a value is expected here, but it has "\."/],
  ['hexadecimal', '{"instances":[[0x10,2,3,4]]}', /a comma or \] is expected/],
  ['a bare exponent', '{"instances":[[1e,2,3,4]]}', /a digit is missing in a number/],
  ['a double minus', '{"instances":[[--1,2,3,4]]}', /a digit is missing in a number/],
  [
    'a number beyond any double',
    '{"instances":[[1e400,2,3,4]]}',
    /too large for a double; send a smaller one, or Infinity/,
  ],
  [
    'a thousand digits',
    `{"instances":[[${'9'.repeat(1000)},2,3,4]]}`,
    /too large for a double; send a smaller one, or Infinity/,
  ],
  ['an unknown escape', '{"instances":["\\x41"]}', /unknown escape .*JSON has/],
  ['half a surrogate pair', '{"instances":["\\ud800"]}', /half of a surrogate pair/],
  ['a raw control character', '{"instances":["a\nb"]}', /write it as an escape/],
  ['a raw NUL', '{"instances":["a\0b"]}', /write it as an escape/],
  ['NUL between values', '{"instances":\0[[1,2,3,4]]}', /a value is expected here/],
  ['a second object', '{"instances":[[1,2,3,4]]}{}', /send one JSON object and nothing after it/],
  ['text after the object', '{"instances":[[1,2,3,4]]} x', /send one JSON object and nothing after it/],
  ['UTF-16', Buffer.from('{"instances":[[1,2,3,4]]}', 'utf16le'), /names are strings/],
  ['bytes', latin1('\xff\xfe\x00\x01\x02'), /a value is expected here/],
  ['a form', 'instances=1&b=2', /a value is expected here, but it has "i"/],
  ['markup', '<predict/>', /a value is expected here, but it has "<"/],
  ['protobuf', latin1('\x0a\x07\x0a\x05float'), /a value is expected here/],
];

const PREDICTIONS = '{"predictions":[[1.0,2.0,3.0,4.0]]}';

/** JSON, but not what predict takes. */
const BODIES: readonly BadScenario[] = [
  body('an empty body', '', /the body is empty/, /"instances" or "inputs"/, /send a JSON object/),
  body('white space alone', ' \r\n\t ', /the body is empty/, /"instances" or "inputs"/, /send a JSON object/),
  body('a list', '[[1,2,3,4]]', /no JSON object/, /"instances"/, /send \{/),
  body('null', 'null', /no JSON object/, /"instances"/, /send \{/),
  body('a number', '7', /no JSON object/, /"instances"/, /send \{/),
  body('an empty object', '{}', /neither "instances"/, /nor "inputs"/, /send one of them/),
  body('a misspelt key', '{"instance":[[1,2,3,4]]}', /neither "instances"/, /nor "inputs"/, /send one of them/),
  body(
    'both forms',
    '{"instances":[[1]],"inputs":[[1]]}',
    /both "instances" and "inputs"/,
    /only one/,
    /send only one/,
  ),
  body('instances that are no list', '{"instances":7}', /"instances" is a number/, /a list/, /send a list/),
  body('instances that are null', '{"instances":null}', /"instances" is null/, /a list/, /send a list/),
  body('no rows', '{"instances":[]}', /"instances" is empty/, /at least one row/, /send at least one/),
  body('inputs that are null', '{"inputs":null}', /inputs is null/, /float32/, /send numbers/),
  body(
    'a signature name that is no string',
    '{"signature_name":7,"instances":[[1,2,3,4]]}',
    /no string/,
    /name/,
    /send/,
  ),
  body('null in a row', '{"instances":[[1,2,3,null]]}', /instances\[0\]\[3\] is null/, /float32/, /send numbers/),
  body(
    'a list in a row',
    '{"instances":[[1,2,3,[4]]]}',
    /instances\[0\]\[3\] is a list/,
    /others have single values/,
    /nest all alike/,
  ),
  body('ragged rows', '{"instances":[[1,2,3,4],[1,2]]}', /instances\[1\] is a list of 2/, /has 4/, /equally long/),
  body('a ragged last row', '{"instances":[[1,2,3,4],[]]}', /instances\[1\] is a list of 0/, /has 4/, /equally long/),
  body(
    'a value among rows',
    '{"instances":[[1,2,3,4],5]}',
    /instances\[1\] is a single value/,
    /others have lists/,
    /nest all alike/,
  ),
  body(
    'an object among rows',
    '{"instances":[[1,2,3,4],{"x":[1,2,3,4]}]}',
    /instances\[1\] is a single value/,
    /others have lists/,
    /nest all alike/,
  ),
  body(
    'a row among objects',
    '{"instances":[{"x":[1,2,3,4]},[1,2,3,4]]}',
    /instances\[1\] is a list/,
    /are objects/,
    /send all rows alike/,
  ),
  body('an unclosed b64', '{"instances":[[{"b64":"AA=="},2,3,4]]}', /is an object/, /float32/, /send numbers/),
];

function body(
  name: string,
  text: string | Uint8Array,
  sent: RegExp,
  wants: RegExp,
  fix: RegExp,
  model = 'float',
): BadScenario {
  return { name, kind: 'invalid_request', sent, wants, fix, rest: { path: `/v1/models/${model}:predict`, body: text } };
}

const ROWS: readonly BadScenario[] = [
  body(
    'a key missing in a row',
    '{"instances":[{"a":[1,2]}]}',
    /instances\[0\] lacks "b"/,
    /"a", "b"/,
    /give each row/,
    'pair',
  ),
  body(
    'a key too many in a row',
    '{"instances":[{"a":[1,2],"b":[1,2],"c":1}]}',
    /the key "c"/,
    /"a", "b"/,
    /give each row/,
    'pair',
  ),
  body(
    'a key twice in a row',
    '{"instances":[{"a":[1,2],"b":[1,2],"a":[3,4]}]}',
    /"a" twice/,
    /"a", "b"/,
    /give each row/,
    'pair',
  ),
  body(
    'a key in another case',
    '{"instances":[{"A":[1,2],"b":[1,2]}]}',
    /the key "A"/,
    /"a", "b"/,
    /give each row/,
    'pair',
  ),
  body(
    'plain rows for two inputs',
    '{"instances":[[1,2]]}',
    /plain values/,
    /"a", "b"/,
    /send a list of objects/,
    'pair',
  ),
  body('a plain value for two inputs', '{"inputs":[[1,2]]}', /plain values/, /"a", "b"/, /send an object/, 'pair'),
  body('rows without keys', '{"instances":[{}]}', /instances\[0\] lacks "a"/, /"a", "b"/, /give each row/, 'pair'),
  body(
    'a key twice in inputs',
    '{"inputs":{"a":[[1,2]],"b":[[1,2]],"a":[[3,4]]}}',
    /"a" twice/,
    /each input/,
    /send each input once/,
    'pair',
  ),
  body(
    'base64 that is none',
    '{"instances":[[{"b64":"!"},"x"]]}',
    /is not base64/,
    /string/,
    /standard alphabet/,
    'string',
  ),
  body(
    'b64 and another key',
    '{"instances":[[{"b64":"AA==","c":1},"x"]]}',
    /is an object/,
    /string/,
    /"b64" and a string alone/,
    'string',
  ),
  body(
    'bytes that are not UTF-8',
    latin1('{"instances":[["a\xff","x"]]}'),
    /not valid UTF-8/,
    /UTF-8 text/,
    /send binary data as/,
    'string',
  ),
  body(
    'b64 that is not UTF-8',
    '{"instances":[["x",{"b64":"//4="}]]}',
    /not valid UTF-8/,
    /UTF-8 text/,
    /send binary data as/,
    'string',
  ),
  body('an escaped NUL', '{"instances":[["a\\u0000b","x"]]}', /NUL/, /UTF-8 text/, /send binary data as/, 'string'),
];

export const BAD_JSON: readonly BadScenario[] = [
  ...SYNTAX.map(([name, text, wants]) => body(name, text, /^the body is not valid JSON at/, wants, wants)),
  ...BODIES,
  ...ROWS,
];

function good(name: string, text: string | Uint8Array, restBody = PREDICTIONS, model = 'float'): GoodScenario {
  return { name, restBody, rest: { path: `/v1/models/${model}:predict`, body: text } };
}

export const GOOD_JSON: readonly GoodScenario[] = [
  good('a byte order mark', latin1('\xef\xbb\xbf{"instances":[[1,2,3,4]]}')),
  good('white space everywhere', ' {\t"instances" :\r\n[ [ 1 , 2 , 3 , 4 ] ] } \n'),
  good('keys that are not ours', '{"a":null,"instances":[[1,2,3,4]],"b":{"c":[]}}'),
  good('the first of two instances counts', '{"instances":[[1,2,3,4]],"instances":[[5,6,7,8]]}'),
  good(
    'the first of two signature names counts',
    '{"signature_name":"serving_default","signature_name":"x","instances":[[1,2,3,4]]}',
  ),
  good('an escaped key', '{"\\u0069nstances":[[1,2,3,4]]}'),
  good('objects as rows', '{"instances":[{"x":[1,2,3,4]}]}'),
  good('exponents', '{"instances":[[1e0,20E-1,0.3e+1,4.0]]}'),
  good(
    'NaN and infinities',
    '{"instances":[[NaN,Infinity,-Infinity,-0.0]]}',
    '{"predictions":[[NaN,Infinity,-Infinity,-0.0]]}',
  ),
  good('Inf', '{"instances":[[Inf,-Inf,1,2]]}', '{"predictions":[[Infinity,-Infinity,1.0,2.0]]}'),
  good('beyond float32', '{"instances":[[1e39,-1e39,1e-60,2]]}', '{"predictions":[[Infinity,-Infinity,0.0,2.0]]}'),
  good(
    'the ends of int64',
    '{"instances":[[9223372036854775807,-9223372036854775808]]}',
    '{"predictions":[[9223372036854775807,-9223372036854775808]]}',
    'int64',
  ),
  good(
    'past 2^53',
    '{"instances":[[9007199254740993,-9007199254740993]]}',
    '{"predictions":[[9007199254740993,-9007199254740993]]}',
    'int64',
  ),
  good(
    'strings of every kind',
    '{"instances":[["","\\u00e9\\ud83d\\ude00 \\"\\\\"]]}',
    '{"predictions":[["","é😀 \\"\\\\"]]}',
    'string',
  ),
  good(
    'strings that look like JSON',
    '{"instances":[["[1]","{\\"b64\\":\\"AA==\\"}"]]}',
    '{"predictions":[["[1]","{\\"b64\\":\\"AA==\\"}"]]}',
    'string',
  ),
];
