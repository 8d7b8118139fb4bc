/** Spans of fronted requests by OpenTelemetry's conventions for HTTP. */
import { clip } from '../../../ledger/caller-text.ts';
import { methodClass, OTHER_HTTP_METHOD } from '../../../ledger/tracing/http-methods.ts';
import { AttributeKey, type SpanOutput } from '../../../ledger/tracing/span-output.ts';
import type { FrontedRecord } from './fronted-record.ts';
import { ERROR_TYPE, HTTP_STATUS, type SpanForm, setArrival, setSent } from './span-form.ts';

/** The lowest status that is an error of a CLIENT span; of a SERVER span it is FIRST_SERVER_FAULT. */
const FIRST_FAULT = 400;
const FIRST_SERVER_FAULT = 500;

const METHOD = new AttributeKey('http.request.method');
const ORIGINAL_METHOD = new AttributeKey('http.request.method_original');
const SCHEME = new AttributeKey('url.scheme');
const PATH = new AttributeKey('url.path');

export const HTTP_FORM: SpanForm = {
  nameOf: ({ arrival }) => {
    const method = methodClass(arrival.method);
    return method === OTHER_HTTP_METHOD ? 'HTTP' : method;
  },
  setServer: (output, record) => {
    setMethod(output, record);
    output.set(SCHEME, record.arrival.client?.scheme ?? (record.arrival.isTls ? 'https' : 'http'));
    output.set(PATH, clip(record.path));
    setArrival(output, record);
    setEnd(output, record, true);
  },
  setClient: (output, record) => {
    setMethod(output, record);
    setSent(output, record);
    setEnd(output, record, false);
  },
};

function setMethod(output: SpanOutput, { arrival }: FrontedRecord): void {
  const method = methodClass(arrival.method);
  output.set(METHOD, method);
  if (method !== arrival.method) output.set(ORIGINAL_METHOD, clip(arrival.method));
}

function setEnd(output: SpanOutput, { status, outcome, error, headAt }: FrontedRecord, isServer: boolean): void {
  // A status in place of the application's is no answer of its own.
  const seen = isServer || headAt !== 0 ? status : 0;
  if (seen !== 0) output.set(HTTP_STATUS, seen);
  const isFaulty = seen >= (isServer ? FIRST_SERVER_FAULT : FIRST_FAULT);
  // A request that this server gives up because its client has left is no failure of the CLIENT span.
  const isEnded = outcome === 'ok' || outcome === 'upgraded' || (!isServer && outcome === 'client_left');
  if (!isEnded) output.set(ERROR_TYPE, outcome);
  else if (isFaulty) output.set(ERROR_TYPE, String(status));
  // It is no fault of a server's that its client has left.
  if (isFaulty || outcome === 'app_cut' || (!isServer && !isEnded)) output.fail(clip(error?.message ?? ''));
}
