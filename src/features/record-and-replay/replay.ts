/**
 * `pillion replay`: sends captured or recorded requests again, over REST as protobuf, one after the other. Compares
 * each answer with the recorded one, if there is one, as golden requests are compared.
 *
 * Exit status: 0 = every request was answered as recorded; 1 = a request failed, an answer differed, or there were
 * none.
 */
import { Buffer } from 'node:buffer';
import process from 'node:process';
import { readExamplesRequest } from '../../codec/tensorflow/example-input-reader.ts';
import {
  readClassificationResponse,
  readRegressionResponse,
} from '../../codec/tensorflow/inference-response-reader.ts';
import { readPredictRequest, readPredictResponse } from '../../codec/tensorflow/predict-reader.ts';
import { type LogType, readPredictionLog } from '../../codec/tensorflow/prediction-log.ts';
import { readConfigFile } from '../../config/config-file.ts';
import { secretIn } from '../../config/secret-file.ts';
import { systemClock } from '../../core/clock.ts';
import { visible } from '../../core/terminal/visible-text.ts';
import { differenceOf } from '../../proxy/records/golden-answer.ts';
import { resultDifference, resultOf } from '../classify-and-regress/result-difference.ts';
import { type ReplayRecord, type ReplaySource, replayRecords } from './replay-source.ts';

const MAX_BYTES = 2 ** 31 - 1;
/** The longest wait for one answer. */
const TIMEOUT_MS = 60_000;
const PROTOBUF = 'application/x-protobuf';

/** The options of replay-command.ts. */
interface ReplayOptions extends ReplaySource {
  /** HOST:PORT, and a path prefix. */
  readonly rest: string;
  /** Empty = no key. */
  readonly api_key_file: string;
  /** The most requests. */
  readonly count: number;
}

/** How one kind of request is sent and compared. */
interface Kind {
  readonly verb: string;
  /** The model that it was sent to. */
  modelOf(request: Uint8Array): string;
  /** The first difference from the recorded answer; undefined = none. */
  difference(got: Uint8Array, recorded: Uint8Array): string | undefined;
}

const NO_SPEC = { name: '' };

const KINDS: Partial<Record<LogType, Kind>> = {
  predict: {
    verb: 'predict',
    modelOf: (request) => readPredictRequest(request, MAX_BYTES).modelSpec.name,
    difference: (got, recorded) =>
      differenceOf(readPredictResponse(got, MAX_BYTES), readPredictResponse(recorded, MAX_BYTES)),
  },
  classify: {
    verb: 'classify',
    modelOf: (request) => readExamplesRequest(request, 'ClassificationRequest', MAX_BYTES, NO_SPEC).modelSpec.name,
    difference: (got, recorded) =>
      resultDifference(
        resultOf(readClassificationResponse(got, MAX_BYTES)),
        readClassificationResponse(recorded, MAX_BYTES),
      ),
  },
  regress: {
    verb: 'regress',
    modelOf: (request) => readExamplesRequest(request, 'RegressionRequest', MAX_BYTES, NO_SPEC).modelSpec.name,
    difference: (got, recorded) =>
      resultDifference(resultOf(readRegressionResponse(got, MAX_BYTES)), readRegressionResponse(recorded, MAX_BYTES)),
  },
};

interface Sending extends ReplayOptions {
  readonly apiKey: string | undefined;
}

/** Requests by result. */
interface Tally {
  same: number;
  different: number;
  /** Answered, without a recorded answer to compare with. */
  answered: number;
  failed: number;
  readonly ms: number[];
}

/** Resolves with the exit status once everything is printed. */
export async function replay(options: ReplayOptions): Promise<number> {
  const { token: apiKey, error } = keyIn(options.api_key_file);
  if (error !== undefined) {
    process.stderr.write(`pillion: ${error}\n`);
    return 1;
  }
  const tally: Tally = { same: 0, different: 0, answered: 0, failed: 0, ms: [] };
  let sent = 0;
  try {
    for await (const record of replayRecords(options)) {
      if (sent === options.count) break;
      sent += 1;
      const problem = await replayOne(record, { ...options, apiKey }, tally);
      if (problem !== undefined) process.stdout.write(`${visible(`${record.name}: ${problem}`)}\n`);
    }
  } catch (error) {
    process.stderr.write(`pillion: ${visible((error as Error).message)}\n`);
    return 1;
  }
  if (sent === 0) {
    process.stderr.write('pillion: there is no request to replay; see --capture_payloads of pillion serve\n');
    return 1;
  }
  process.stdout.write(`${summary(sent, tally)}\n`);
  return tally.failed + tally.different === 0 ? 0 : 1;
}

function keyIn(file: string): { readonly token?: string | undefined; readonly error?: string | undefined } {
  return file === '' ? {} : secretIn(file, readConfigFile(file));
}

/** Sends one request. Resolves with the failure or the difference; undefined = neither. */
async function replayOne({ data }: ReplayRecord, options: Sending, tally: Tally): Promise<string | undefined> {
  try {
    const { type, request, response } = readPredictionLog(data);
    const kind = type === undefined ? undefined : KINDS[type];
    if (kind === undefined) throw new Error(`it is a ${type ?? 'empty'} record, which cannot be replayed over REST`);
    const got = await send(kind, request, options, tally);
    if (response === undefined) {
      tally.answered += 1;
      return undefined;
    }
    const difference = kind.difference(got, response);
    if (difference === undefined) tally.same += 1;
    else tally.different += 1;
    return difference;
  } catch (error) {
    tally.failed += 1;
    return (error as Error).message;
  }
}

async function send(kind: Kind, request: Uint8Array, { rest, model, apiKey }: Sending, tally: Tally): Promise<Buffer> {
  const name = model === '' ? kind.modelOf(request) : model;
  const url = `http://${rest}/v1/models/${encodeURIComponent(name)}:${kind.verb}`;
  const startedAt = systemClock.nowMs();
  const answer = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': PROTOBUF, ...(apiKey !== undefined && { 'x-api-key': apiKey }) },
    body: Buffer.from(request),
    signal: AbortSignal.timeout(TIMEOUT_MS),
  }).catch((error: Error) => {
    if (error.name === 'TimeoutError') throw new Error(`${rest} did not answer within ${TIMEOUT_MS / 1000} s`);
    throw new Error(`no server at ${rest}: ${(error.cause as Error | undefined)?.message ?? error.message}`);
  });
  const body = Buffer.from(await answer.arrayBuffer());
  if (!answer.ok) throw new Error(`${answer.status} ${body.toString().trim()}`);
  tally.ms.push(systemClock.nowMs() - startedAt);
  return body;
}

function summary(sent: number, { same, different, answered, failed, ms }: Tally): string {
  const parts = [`${sent} sent`, `${same} answered as recorded`, `${different} otherwise`, `${failed} failed`];
  if (answered > 0) parts.push(`${answered} answered, with no recorded answer to compare`);
  if (ms.length === 0) return parts.join(', ');
  const sorted = [...ms].sort((a, b) => a - b);
  const at = (share: number): string => sorted[Math.floor((sorted.length - 1) * share)]!.toFixed(1);
  return `${parts.join(', ')}; p50 ${at(0.5)} ms, p99 ${at(0.99)} ms`;
}
