/**
 * The differences that are meant, each with its reason: docs/reference/triton.md lists them. A case that differs and fits
 * none of them is missing, and fails the test.
 */
import type { Case, StepAnswer } from './cases.ts';

export interface Difference {
  /** The case, for people. */
  readonly what: string;
  readonly triton: string;
  readonly here: string;
  readonly why: string;
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

export const DIFFERENCES: readonly Difference[] = [
  {
    what: 'a body, a tensor or a parameter that cannot be read',
    triton: '500, or taken',
    here: '400',
    why: 'the fault is the request’s: whoever retries or counts a 5xx is misled',
    ids: /./,
    statuses: /^500→400$/,
  },
  {
    what: 'values that the graph refuses',
    triton: 'INTERNAL, 500',
    here: 'INVALID_ARGUMENT, 400, once others have shown that the model works',
    why: 'the same',
    ids: /mismatch|no number/,
    statuses: /^INTERNAL→INVALID_ARGUMENT$/,
  },
  {
    what: 'a batch of no rows',
    triton: 'INVALID_ARGUMENT, 400',
    here: 'answered, with outputs of no rows',
    why: 'nothing to do is no fault',
    ids: /zero rows|\/0 rows/,
    statuses: TAKEN,
  },
  {
    what: 'more rows than `max_batch_size`',
    triton: 'INVALID_ARGUMENT, 400',
    here: 'cut, run and joined',
    why: 'callers need not know it',
    ids: /\d rows$/,
    statuses: TAKEN,
  },
  {
    what: 'inputs whose rows differ in number',
    triton: 'INVALID_ARGUMENT, 400',
    here: 'the graph decides: it may broadcast',
    why: 'what a graph can do is not forbidden before it',
    ids: /beside 1$/,
    statuses: TAKEN,
  },
  {
    what: 'BYTES that are no UTF-8, of an ONNX model',
    triton: 'passed on',
    here: 'INVALID_ARGUMENT, 400',
    why: 'the runtime’s binding takes JavaScript strings, which would change them',
    ids: /non utf-8/,
    statuses: REFUSED,
  },
  {
    what: 'a NUL byte in BYTES of an ONNX model',
    triton: 'cut there',
    here: 'INVALID_ARGUMENT, 400',
    why: 'a wrong answer that looks right is worse',
    ids: /bytes\/(json|bin|typed|raw)|\\u0000| nul$/,
    statuses: REFUSED,
  },
  {
    what: 'a number that its datatype cannot hold; a boolean byte that is neither 0 nor 1',
    triton: 'narrowed without a word',
    here: 'INVALID_ARGUMENT, 400',
    why: 'a wrong answer that looks right is worse',
    ids: /number\//,
    statuses: REFUSED,
  },
  {
    what: 'outputs that a request names',
    triton: 'over HTTP by name, named twice or not',
    here: 'in the order of the request; INVALID_ARGUMENT, 400 if one is named twice',
    why: 'clients that read answers by place get what they asked for',
    ids: /\/out (1 0|twice)$/,
  },
  {
    what: '`parameters` that are no object',
    triton: 'ignored',
    here: '400',
    why: 'they would have no effect',
    ids: /parameters (list|string)$/,
    statuses: REFUSED,
  },
  {
    what: 'a parameter of another type whose value is clear: 1.0, null, a uint64',
    triton: 'INVALID_ARGUMENT, 500',
    here: 'taken',
    why: 'nobody is misled by it',
    ids: /param|uint64|size float|timeout float/,
    statuses: /^(500→200|INVALID_ARGUMENT→OK)$/,
  },
  {
    what: '`Inference-Header-Content-Length: 210.0`',
    triton: 'cut at the point',
    here: '400',
    why: 'it is no whole number',
    ids: /header len float/,
  },
  {
    what: 'files and configuration that a load by name brings (`config`, `file:…`)',
    triton: 'taken',
    here: 'UNIMPLEMENTED, 501',
    why: 'nothing that a peer sends chooses code',
    ids: /repo\/load config/,
  },
  {
    what: 'a load of a name that no repository has',
    triton: '500',
    here: '404',
    why: 'it is not there',
    ids: /load traversal/,
  },
  {
    what: '`max_batch_size` of a model whose file gives none',
    triton: '4',
    here: '64, or `--max_batch_size`',
    why: 'larger requests are taken (inputs and outputs stand in the graph’s order, where Triton’s has no rule)',
    ids: /config\/auto_/,
  },
  {
    what: 'the order of inputs and outputs in the metadata of a model whose file does not list them',
    triton: 'that of a hash table',
    here: 'the graph’s',
    why: 'it is the model’s own',
    ids: /(meta|config)\/(auto|part)_/,
  },
  {
    what: 'a reshape to a scalar without batching; dims in the file that the graph leaves free',
    triton: 'the model does not load',
    here: 'it is served',
    why: 'the file says clearly enough what is meant',
    ids: /narrow|scalar_out/,
  },
  {
    what: 'percent-encoded names in a path',
    triton: 'not decoded: 404',
    here: 'decoded',
    why: 'names with spaces and letters beyond ASCII can be asked for over HTTP',
    ids: /%|escaped/,
  },
  {
    what: 'a model without a version, or whose version has failed to load',
    triton: 'NOT_FOUND, or UNAVAILABLE if the version is named',
    here: 'UNAVAILABLE if it may still come, else NOT_FOUND with the reason',
    why: 'a retry makes sense only in the first case',
    ids: /bad_(noversion|file)/,
  },
  {
    what: 'a compressed answer over HTTP',
    triton: 'whenever the client accepts gzip or deflate',
    here: 'with `--rest_compress_from_bytes`, in gzip',
    why: 'compression costs more time than it saves on a machine’s own network',
    ids: /^comp\/(accept|bin|big)/,
    statuses: /^=$/,
  },
  {
    what: 'a request in another content coding',
    triton: '501',
    here: 'br, zstd and codings over one another are read; an empty one is none; else 501',
    why: 'proxies use them',
    ids: /^comp\/encoding/,
  },
  {
    what: 'classes of FP16, and of NaN',
    triton: 'INVALID_ARGUMENT; NaN anywhere among them',
    here: 'FP16 has classes; NaN is last',
    why: 'the best elements are asked for',
    ids: /class\/(FP16|nan)/,
  },
  {
    what: 'some outputs of an ensemble, or classes of one',
    triton: 'parameters of a sequence in the answer; "unexpected deadlock"',
    here: 'the outputs',
    why: 'neither was asked for',
    ids: /ens(_nb)?\/(out|plain|class)/,
  },
  {
    what: 'one of two outputs of a model with `response_cache`',
    triton: 'both, if the cache has both',
    here: 'the one',
    why: 'it was asked for',
    ids: /cached out0/,
  },
  {
    what: 'version of the server, and its extensions',
    triton: '2.51.0, and those of Triton',
    here: 'this server’s own',
    why: 'clients look up what is there',
    ids: /GET \/v2$|ServerMetadata/,
  },
  {
    what: 'trace settings',
    triton: 'of files of its own, for each model',
    here: 'of OpenTelemetry, for all models; UNIMPLEMENTED, 501 where nothing is exported',
    why: 'spans go to collectors ([settings](../../src/features/open-inference/README.md#settings))',
    ids: /trace\//,
  },
  {
    what: 'an unknown log setting; an empty `log_file`',
    triton: 'ignored; 501',
    here: 'INVALID_ARGUMENT, 400; taken',
    why: 'it would have no effect; it is as it was',
    ids: /log\//,
  },
  {
    what: 'a shape of more than 2^53 elements',
    triton: 'it overflows, and may be taken',
    here: 'RESOURCE_EXHAUSTED, 413',
    why: 'the sizes are not what was sent',
    ids: /shape overflow/,
  },
  {
    what: 'HTTP/1.1 without Host, lines that end with LF alone, a request line of 13 KB',
    triton: 'taken; closed without an answer',
    here: '400; 405 for the method that it names',
    why: 'RFC 9112',
    ids: /^raw\//,
  },
  {
    what: 'a region of shared memory that is there already; a key that is not there; an output without a size',
    triton: '400; INTERNAL; 404',
    here: '409; INVALID_ARGUMENT; 400',
    why: 'each is the request’s fault, and says which',
    ids: /shm/,
  },
  {
    what: 'registering CUDA shared memory',
    triton: 'INVALID_ARGUMENT for a handle that is none',
    here: 'UNIMPLEMENTED, 501',
    why: 'there is none; status and unregister answer as for none',
    ids: /cuda\/register/,
  },
  {
    what: 'the number that a `CONTROL_SEQUENCE_CORRID` tensor holds for a sequence whose id is a text',
    triton: 'a hash of its C++ library',
    here: 'another hash, FNV-1a',
    why: 'Triton promises none',
    ids: /seq_ctl\/string/,
  },
  {
    what: 'a raw binary request of BYTES to a model whose shape is free',
    triton: 'INVALID_ARGUMENT, 400',
    here: 'one element',
    why: 'only one shape fits',
    ids: /^rawbin\/id_bytes/,
  },
  {
    what: 'fields of newer versions of the protocol (`max_inflight_requests`)',
    triton: 'absent',
    here: 'as the newer files have them',
    why: 'clients skip what they do not know',
    ids: /config\/ens/,
  },
  {
    what: 'models that do not load, in the index',
    triton: 'a name alone, or nothing',
    here: 'each version with its state and the reason',
    why: 'operators look there',
    ids: /repo\/(named )?index$/,
  },
  {
    what: 'statistics of an ensemble',
    triton: 'its members’ runs are counted in its own',
    here: 'requests of its own',
    why: 'members have theirs',
    ids: /stats/,
  },
];
