/**
 * The differences that are meant, each with its reason: docs/reference/triton.md lists them. A case that differs and fits
 * none of them is missing, and fails the test. The first one that fits counts.
 */
import type { Case, StepAnswer } from './cases.ts';

export interface Difference {
  /** The case, for people. */
  readonly what: string;
  readonly triton: string;
  readonly here: string;
  readonly why: string;
  /** better: a client gains by it. noticeable: it may see it, and gains nothing. */
  readonly verdict: 'better' | 'noticeable';
  /** The ids of its cases. */
  readonly ids: RegExp;
  /** Triton's status and ours, of the first step that differs, such as '500→400'; absent = any. */
  readonly statuses?: RegExp;
}

export function differenceOf(each: Case, ours: readonly StepAnswer[]): Difference | undefined {
  const statuses = statusesOf(each, ours);
  return DIFFERENCES.find(({ ids, statuses: wanted }) => ids.test(each.id) && (wanted?.test(statuses) ?? true));
}

/** '=' where all statuses are the same. */
export function statusesOf({ triton }: Case, ours: readonly StepAnswer[]): string {
  for (const [i, answer] of triton.entries()) {
    const [a, b] = [statusOf(answer), statusOf(ours[i] ?? {})];
    if (a !== b) return `${a}→${b}`;
  }
  return '=';
}

function statusOf({ status, code }: StepAnswer): string {
  return String(status ?? code ?? 'closed');
}

const REFUSED = /^(200→400|OK→INVALID_ARGUMENT)$/;
const TAKEN = /^(400→200|INVALID_ARGUMENT→OK)$/;

/** As many may be noticeable, over all recorded cases. */
export const MOST_NOTICEABLE = 40;

export const DIFFERENCES: readonly Difference[] = [
  {
    verdict: 'better',
    what: 'values that the graph refuses',
    triton: 'INTERNAL, 500',
    here: 'INVALID_ARGUMENT, 400, once others have shown that the model works',
    why: 'whoever retries or counts a 5xx is misled by one: the fault is the request’s',
    ids: /mismatch|no number/,
    statuses: /^(INTERNAL→INVALID_ARGUMENT|500→400)$/,
  },
  {
    verdict: 'better',
    what: 'a body, a tensor, a parameter or a name that cannot be read or used',
    triton: '500, INTERNAL',
    here: '400, or 404 for what is not there; INVALID_ARGUMENT',
    why: 'the same',
    ids: /./,
    statuses: /^(500→40[04]|INTERNAL→INVALID_ARGUMENT)$/,
  },
  {
    verdict: 'better',
    what: 'a NUL byte in BYTES of an ONNX model',
    triton: 'the rest of the element is cut off',
    here: 'INVALID_ARGUMENT, 400',
    why: 'a wrong answer that looks right is worse than none',
    ids: /bytes\/(json|bin|typed|raw)(?!.* utf-8)|\\u0000| nul$/,
    statuses: REFUSED,
  },
  {
    verdict: 'better',
    what: 'a number that its datatype cannot hold; a boolean byte that is neither 0 nor 1',
    triton: 'narrowed without a word: 300 as INT8 is 44; passed on, and graphs compute with its bits',
    here: 'INVALID_ARGUMENT, 400',
    why: 'the same',
    ids: /number\//,
    statuses: REFUSED,
  },
  {
    verdict: 'better',
    what: 'a shape of more than 2^63 elements, over gRPC',
    triton: 'it overflows, and the request is answered',
    here: 'RESOURCE_EXHAUSTED',
    why: 'the answer is of another shape than was sent',
    ids: /^g\/.*shape overflow/,
  },
  {
    verdict: 'better',
    what: 'an output that a request names twice',
    triton: 'answered once',
    here: 'INVALID_ARGUMENT, 400',
    why: 'who reads answers by place takes another output for it',
    ids: /\/out twice$/,
  },
  {
    verdict: 'better',
    what: 'outputs that a request names in an order of its own, over HTTP',
    triton: 'by name',
    here: 'in the order of the request, as Triton does over gRPC',
    why: 'who reads answers by place gets what was asked for',
    ids: /\/out 1 0$/,
  },
  {
    verdict: 'better',
    what: 'one of two outputs of a model with `response_cache`',
    triton: 'both, if the cache has both',
    here: 'the one',
    why: 'it was asked for',
    ids: /cached out0/,
  },
  {
    verdict: 'better',
    what: 'classes of an output of an ensemble',
    triton: 'INVALID_ARGUMENT, "unexpected deadlock"',
    here: 'the classes',
    why: 'they can be had',
    ids: /ens\/class/,
  },
  {
    verdict: 'better',
    what: 'classes of FP16, and of NaN',
    triton: 'INVALID_ARGUMENT; NaN anywhere among them',
    here: 'FP16 has classes; NaN is last',
    why: 'the best elements are asked for',
    ids: /class\/(FP16|nan)/,
  },
  {
    verdict: 'better',
    what: 'a batch of no rows, to a model with `max_batch_size`',
    triton: 'INVALID_ARGUMENT, 400: "expected 3, got 0"',
    here: 'answered, with outputs of no rows, as Triton does for other models',
    why: 'who filters a batch needs no second way for an empty one',
    ids: /zero rows|\/0 rows/,
    statuses: TAKEN,
  },
  {
    verdict: 'better',
    what: 'more rows than `max_batch_size`',
    triton: 'INVALID_ARGUMENT, 400',
    here: 'cut, run and joined',
    why: 'callers need not know the number',
    ids: /\d rows$/,
    statuses: TAKEN,
  },
  {
    verdict: 'better',
    what: 'a parameter of another type whose value is clear: 1.0, null, a uint64',
    triton: 'INVALID_ARGUMENT, 500',
    here: 'taken',
    why: 'JSON has one kind of number, and over gRPC an id above 2^63 fits no other',
    ids: /param|uint64|size float|timeout float/,
    statuses: /^(500→200|INVALID_ARGUMENT→OK)$/,
  },
  {
    verdict: 'better',
    what: 'a raw binary request of BYTES to a model whose shape is free',
    triton: 'INVALID_ARGUMENT, 400',
    here: 'one element',
    why: 'only one shape fits',
    ids: /^rawbin\/id_bytes/,
  },
  {
    verdict: 'better',
    what: 'percent-encoded names in a path',
    triton: 'not decoded: 404',
    here: 'decoded',
    why: '`tritonclient` encodes names with spaces and letters beyond ASCII',
    ids: /%|escaped/,
  },
  {
    verdict: 'better',
    what: 'a request in another content coding',
    triton: '501',
    here: 'br, zstd and codings over one another are read; an empty one is none; else 501',
    why: 'proxies use them',
    ids: /^comp\/encoding/,
  },
  {
    verdict: 'better',
    what: 'lines that end with LF alone; a request line of 13 KB',
    triton: 'the connection is closed without an answer',
    here: '400; 405 for the method that it names',
    why: 'the client learns why',
    ids: /^raw\/(lf|long)/,
  },
  {
    verdict: 'better',
    what: 'a reshape to a scalar without batching; dims in the file that the graph leaves free',
    triton: 'the model does not load',
    here: 'it is served, and held to its file',
    why: 'the file says clearly enough what is meant',
    // Statistics of all models list them, too.
    ids: /narrow|scalar_out|meta\/stats model$|stats\/all$/,
  },
  {
    verdict: 'better',
    what: 'models that do not load, in the index',
    triton: 'a name alone, or nothing',
    here: 'each version with its state and the reason',
    why: 'operators look there',
    ids: /repo\/(named )?index$/,
  },
  {
    verdict: 'better',
    what: 'the order of inputs and outputs of a model whose file does not list them',
    triton: 'that of a hash table',
    here: 'the graph’s',
    why: 'it is the model’s own, and the same at every start',
    ids: /(meta|config)\/(auto_nobatch|part_)|meta\/auto_/,
  },
  {
    verdict: 'better',
    what: 'an empty `log_file` among log settings',
    triton: '501',
    here: 'taken: it is as it was',
    why: 'settings that were read can be sent back',
    ids: /log\/file empty/,
  },
  {
    verdict: 'noticeable',
    what: 'files and configuration that a load by name brings (`config`, `file:…`)',
    triton: 'taken',
    here: 'UNIMPLEMENTED, 501',
    why: 'nothing that a peer sends chooses code',
    ids: /repo\/load config/,
  },
  {
    verdict: 'noticeable',
    what: 'version of the server, and its extensions',
    triton: '2.51.0, and those of Triton',
    here: 'this server’s own, without CUDA shared memory',
    why: 'clients look up what is there',
    ids: /GET \/v2$|ServerMetadata/,
  },
  {
    verdict: 'noticeable',
    what: '`max_batch_size` of a model whose file gives none',
    triton: '4',
    here: '64, or `--max_batch_size`; inputs and outputs in the graph’s order',
    why: 'larger batches are taken, so they are announced',
    ids: /config\/auto_/,
  },
  {
    verdict: 'noticeable',
    what: 'BYTES that are no UTF-8, of an ONNX model',
    triton: 'passed on',
    here: 'INVALID_ARGUMENT, 400',
    why: 'the runtime’s binding takes JavaScript strings, which would change them',
    ids: /non utf-8/,
    statuses: REFUSED,
  },
  {
    verdict: 'noticeable',
    what: 'a compressed answer over HTTP',
    triton: 'whenever the client accepts gzip or deflate',
    here: 'with `--rest_compress_from_bytes`, in gzip',
    why: 'compression costs more time than it saves on a machine’s own network',
    ids: /^comp\/(accept|bin|big)/,
    statuses: /^=$/,
  },
  {
    verdict: 'noticeable',
    what: 'trace settings',
    triton: 'of files of its own, for each model',
    here: 'of OpenTelemetry, for all models; UNIMPLEMENTED, 501 where nothing is exported',
    why: 'spans go to collectors ([settings](../../src/features/open-inference/README.md#settings))',
    ids: /trace\//,
  },
  {
    verdict: 'noticeable',
    what: 'an unknown log setting',
    triton: 'ignored',
    here: 'INVALID_ARGUMENT, 400',
    why: 'it would have no effect',
    ids: /log\/unknown/,
  },
  {
    verdict: 'noticeable',
    what: 'parameters of an ensemble’s answer',
    triton: '`sequence_id` 0, `sequence_start` and `sequence_end` false',
    here: 'none',
    why: 'the request is of no sequence',
    ids: /ens(_nb)?\/(out|plain)/,
  },
  {
    verdict: 'noticeable',
    what: 'the number that a `CONTROL_SEQUENCE_CORRID` tensor holds for a sequence whose id is a text',
    triton: 'a hash of its C++ library',
    here: 'another hash, FNV-1a',
    why: 'Triton promises none',
    ids: /seq_ctl\/string/,
  },
  {
    verdict: 'noticeable',
    what: 'a shape of more than 2^63 elements, over HTTP',
    triton: '400',
    here: '413',
    why: 'it is refused before the model is known',
    ids: /shape overflow/,
  },
  {
    verdict: 'noticeable',
    what: 'an output in a region of shared memory that is not there, without its size, over HTTP',
    triton: '404',
    here: '400',
    why: 'two faults, of which each names one; over gRPC Triton names the size, too',
    ids: /^outparam\/shm no size/,
  },
  {
    verdict: 'noticeable',
    what: 'registering CUDA shared memory',
    triton: 'INVALID_ARGUMENT for a handle that is none',
    here: 'UNIMPLEMENTED, 501',
    why: 'there is none; status and unregister answer as for none',
    ids: /cuda\/register/,
  },
  {
    verdict: 'noticeable',
    what: 'HTTP/1.1 without Host',
    triton: 'taken',
    here: '400',
    why: 'RFC 9112 demands it',
    ids: /^raw\/no host/,
  },
  {
    verdict: 'noticeable',
    what: '`Inference-Header-Content-Length: 210.0`',
    triton: 'cut at the point',
    here: '400',
    why: 'it is no whole number',
    ids: /header len float/,
  },
];
