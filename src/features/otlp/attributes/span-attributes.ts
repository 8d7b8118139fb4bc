/**
 * The attributes of spans: OpenTelemetry's names where they exist (RPC, HTTP, network, error), `inference.*` for the
 * rest.
 *
 * Each value is of a closed set, a number, or a caller's text cut to MAX_TEXT_CHARS. Payloads are never attributes.
 */
import { ERROR_TABLE, GrpcStatus, type ServingError } from '../../../core/errors.ts';
import { clip } from '../../../ledger/caller-text.ts';
import type {
  BatchRecord,
  KeepReason,
  RequestOutcome,
  RequestRecord,
  StepRecord,
} from '../../../ledger/request-record.ts';
import type { RpcAttributes } from '../../../ledger/tracing/rpc-attributes.ts';
import { AttributeKey, type AttributeSink, type AttributeValue, setPeer } from '../../../ledger/tracing/span-output.ts';
import { setRequestLine } from './http-attributes.ts';
import { type Entries, LastBlock, type ModelFacts } from './last-block.ts';
import type { ServedNames } from './served-names.ts';

const HTTP_STATUS = new AttributeKey('http.response.status_code');
const ERROR_TYPE = new AttributeKey('error.type');
const USER_AGENT = new AttributeKey('user_agent.original');
const METHOD = new AttributeKey('inference.method');
const MODEL_NAME = new AttributeKey('inference.model.name');
const MODEL_VERSION = new AttributeKey('inference.model.version');
const MODEL_SIGNATURE = new AttributeKey('inference.model.signature');
const MODEL_REQUESTED = new AttributeKey('inference.model.requested');
const FALLBACK_REASON = new AttributeKey('inference.alternate.reason');
const REQUEST_ID = new AttributeKey('inference.request.id');
const REQUEST_ROWS = new AttributeKey('inference.request.rows');
const REQUEST_BYTES = new AttributeKey('inference.request.bytes');
const RESPONSE_BYTES = new AttributeKey('inference.response.bytes');
const DEADLINE = new AttributeKey('inference.deadline_ms');
const DEADLINE_SOURCE = new AttributeKey('inference.deadline_source');
const CACHE = new AttributeKey('inference.cache');
const KEPT = new AttributeKey('inference.kept');
const ERROR_STAGE = 'inference.error.stage';
const ERROR_MESSAGE = 'inference.error.message';
const BATCH_TASKS = new AttributeKey('inference.batch.tasks');
const BATCH_ROWS = new AttributeKey('inference.batch.rows');
const BATCH_SIZE = new AttributeKey('inference.batch.size');
const BATCH_PADDING = new AttributeKey('inference.batch.padding');
const BATCH_THREADS = new AttributeKey('inference.batch.threads');
const BATCH_REASON = new AttributeKey('inference.batch.dispatch_reason');
const BATCH_RUN = new AttributeKey('inference.batch.run_ms');
const BATCH_EXPECTED = new AttributeKey('inference.batch.expected_ms');
const BATCH_ISOLATION = new AttributeKey('inference.batch.isolation');

export interface SpanAttributesOptions {
  readonly rpc: RpcAttributes;
  readonly names: ServedNames;
}

/** Sets the attributes of spans from records. */
export class SpanAttributes {
  readonly #names: ServedNames;
  readonly #requests: LastBlock<RequestRecord>;
  readonly #models = new LastBlock(modelEntries);

  constructor({ rpc, names }: SpanAttributesOptions) {
    this.#names = names;
    this.#requests = new LastBlock((record) => {
      const { surface, method, outcome } = record;
      const asked = surface === 'grpc' ? rpc.of(names.rpcMethodOf(method), grpcStatus(outcome)) : httpEntries(record);
      return [...asked, ...modelEntries(record)];
    });
  }

  /** Sets those of a request's server span. `kept`: why the request is kept. */
  setRequest(span: AttributeSink, record: RequestRecord, kept?: KeepReason): void {
    span.setAll(this.#requests.blockOf(record));
    if (record.surface === 'rest') setRequestLine(span, record, this.#names);
    setRequestFacts(span, record, kept);
  }

  /** Sets those of the span of an ensemble's step. */
  setStep(span: AttributeSink, step: StepRecord): void {
    span.setAll(this.#models.blockOf(step));
    const { batch, cache, outcome } = step;
    if (batch !== undefined) {
      span.set(BATCH_ROWS, batch.rows);
      span.set(BATCH_SIZE, batch.size);
    }
    if (cache !== undefined) span.set(CACHE, cache);
    if (outcome !== 'ok') span.set(ERROR_TYPE, outcome);
  }

  /** Sets those of a batch's span. */
  setBatch(span: AttributeSink, record: BatchRecord): void {
    span.setAll(this.#models.blockOf(record));
    setBatchFacts(span, record);
  }
}

function setRequestFacts(span: AttributeSink, record: RequestRecord, kept: KeepReason | undefined): void {
  span.set(REQUEST_ID, clip(record.id));
  if (record.peer !== '') setPeer(span, clip(record.peer), record.client?.address);
  if (record.userAgent !== undefined) span.set(USER_AGENT, clip(record.userAgent));
  if (record.fallback !== undefined) {
    span.set(MODEL_REQUESTED, record.fallback.asked);
    span.set(FALLBACK_REASON, record.fallback.reason);
  }
  if (record.rows > 0) span.set(REQUEST_ROWS, record.rows);
  if (record.requestBytes > 0) span.set(REQUEST_BYTES, record.requestBytes);
  if (record.responseBytes > 0) span.set(RESPONSE_BYTES, record.responseBytes);
  if (Number.isFinite(record.deadline)) span.set(DEADLINE, record.deadline - record.stages.startedAt);
  if (record.isDeadlineCarried === true) span.set(DEADLINE_SOURCE, 'fronted_request');
  if (record.batch !== undefined) {
    span.set(BATCH_ROWS, record.batch.rows);
    span.set(BATCH_SIZE, record.batch.size);
  }
  if (record.cache !== undefined) span.set(CACHE, record.cache);
  if (record.attributes !== undefined) setNamed(span, record.attributes);
  if (kept !== undefined) span.set(KEPT, kept);
  if (record.outcome !== 'ok') setError(span, record);
}

function setBatchFacts(span: AttributeSink, record: BatchRecord): void {
  span.set(BATCH_TASKS, record.tasks);
  span.set(BATCH_ROWS, record.rows);
  span.set(BATCH_SIZE, record.size);
  span.set(BATCH_PADDING, record.size - record.rows);
  span.set(BATCH_THREADS, record.threads);
  span.set(BATCH_REASON, record.reason);
  if (record.runStart !== undefined && record.runEnd !== undefined)
    span.set(BATCH_RUN, record.runEnd - record.runStart);
  if (record.expectedMs !== undefined) span.set(BATCH_EXPECTED, record.expectedMs);
  if (record.outcome !== 'ok') span.set(ERROR_TYPE, record.outcome);
  if (record.isolation !== undefined) span.set(BATCH_ISOLATION, record.isolation);
}

function grpcStatus(outcome: RequestOutcome): number {
  return outcome === 'ok' ? GrpcStatus.OK : ERROR_TABLE[outcome].grpc;
}

function httpEntries({ method, outcome }: RequestRecord): Entries {
  return [
    [HTTP_STATUS, outcome === 'ok' ? 200 : ERROR_TABLE[outcome].http],
    [METHOD, method],
  ];
}

function modelEntries({ model, version, signatureName }: ModelFacts): Entries {
  if (model === '') return [];
  const entries: (readonly [AttributeKey, AttributeValue])[] = [[MODEL_NAME, model]];
  if (version !== '') entries.push([MODEL_VERSION, version]);
  if (signatureName !== '') entries.push([MODEL_SIGNATURE, signatureName]);
  return entries;
}

/** The error's own stage, if it has one, goes before the stage that the request had reached. */
function setError(span: AttributeSink, { outcome, error, stages }: RequestRecord): void {
  span.set(ERROR_TYPE, outcome);
  const facts = factsOf(error);
  facts[ERROR_STAGE] ??= stages.reached;
  setNamed(span, facts);
}

function setNamed(span: AttributeSink, attributes: Readonly<Record<string, AttributeValue>>): void {
  for (const [name, value] of Object.entries(attributes)) span.set(new AttributeKey(name), value);
}

function factsOf(error: ServingError | undefined): Record<string, AttributeValue> {
  if (error === undefined) return {};
  const facts: Record<string, AttributeValue> = { [ERROR_MESSAGE]: clip(error.message) };
  for (const [name, value] of Object.entries(error.attributes ?? {})) facts[`inference.error.${name}`] = value;
  return facts;
}
