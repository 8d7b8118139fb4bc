/** The playground's call as a command and in several languages. Pure. */
import type { FeatureDetail } from '../../../../admin/feature-detail.ts';
import { HTTP_LANGUAGES, type HttpLanguage, httpCode, pythonBody, reachable, urlOf } from '../code/http-code.ts';
import { seen } from '../code/quoting.ts';
import { pythonExample } from './example-code.ts';
import type { Verb } from './signature-form.ts';
import { canAskTriton, tritonCode } from './triton-code.ts';

export interface CallTarget {
  /** Addresses from GET /about: "127.0.0.1:8501", "[::]:8501", "unix:/run/p.sock". */
  readonly rest: readonly string[];
  /** Stands before the paths of REST. Absent or empty = nothing. */
  readonly prefix?: string;
  readonly isTls: boolean;
  /** Addresses from GET /about. */
  readonly grpc: readonly string[];
  readonly isGrpcTls: boolean;
  /** Callers need a key, which the code takes from the environment. Default false. */
  readonly wantsKey?: boolean;
  readonly verb: Verb;
  readonly model: string;
  /** Undefined = the latest. */
  readonly version: string | undefined;
  /** The known features of a signature that takes examples. */
  readonly features: readonly FeatureDetail[];
  /** The dtypes of the signature's inputs by name. Absent: the server has no Open Inference Protocol. */
  readonly dtypes?: ReadonlyMap<string, string>;
}

export type SampleLanguage = HttpLanguage | 'Python, V2';

/** The languages that can make this call. */
export function languagesOf(target: CallTarget, body: string): readonly SampleLanguage[] {
  const { dtypes, verb } = target;
  const isForTriton = verb === 'predict' && dtypes !== undefined && canAskTriton(dtypes, body);
  return isForTriton ? [...HTTP_LANGUAGES, 'Python, V2'] : HTTP_LANGUAGES;
}

export function callUrl(target: CallTarget): string {
  return urlOf({ ...target, path: pathOf(target) });
}

/** @param body of the REST API, in JSON */
export function sample(language: SampleLanguage, target: CallTarget, body: string): string {
  const text = seen(body);
  const { verb, grpc, isGrpcTls: isTls } = target;
  if (language === 'Python, V2') return tritonCode({ ...target, dtypes: target.dtypes ?? new Map() }, text);
  if (language === 'Python' && verb !== 'predict') {
    const address = reachable(grpc, 8500);
    return pythonExample({ ...target, address, isTls, verb, body, bodyExpression: pythonBody(text) });
  }
  return httpCode(language, { ...target, method: 'POST', path: pathOf(target), body: text });
}

function pathOf({ prefix = '', verb, model, version }: CallTarget): string {
  const at = version === undefined ? '' : `/versions/${version}`;
  return `${prefix}/v1/models/${encodeURIComponent(model)}${at}:${verb}`;
}
