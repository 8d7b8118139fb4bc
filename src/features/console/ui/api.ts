/** The page's requests to the server. A refusal becomes an Error whose message can be shown to people. */
import { signal } from '@preact/signals';
import type { ActionTaken, ModelAction } from '../../../admin/model-actions.ts';
import type { ModelDetail, SamplesDetail } from '../../../admin/model-detail.ts';
import type { ModelsReport } from '../../../admin/models-report.ts';
import type { ReportPage } from '../report-paths.ts';
import type { About } from './about.ts';

export class ApiError extends Error {
  readonly status: number;
  /** The record of the request, if it has one: GET /requests/ID. */
  readonly requestId: string | undefined;

  constructor(status: number, message: string, requestId?: string) {
    super(message);
    this.status = status;
    this.requestId = requestId;
  }
}

/** Proves that this page asks: the server lets no other page change anything. */
const CONSOLE_HEADERS = { 'x-pillion-console': '1' };

/** The server wants the operators' token, and has none or a wrong one of us. */
export const isLocked = signal(false);
/** It is locked although it got a token. */
export const isTokenWrong = signal(false);

/**
 * The key of the token in the storage of this tab, which keeps it until it is closed. It is no cookie, because a
 * browser sends the cookies of localhost to the servers of all its ports.
 */
const TOKEN = 'pillion-token';

/** Keeps the token for the requests from now on. A text that no header can hold is none. */
export function unlock(token: string): void {
  isTokenWrong.value = !/^[!-~]+$/.test(token.trim());
  if (isTokenWrong.value) return;
  sessionStorage.setItem(TOKEN, token.trim());
  isLocked.value = false;
}

function headersOf(more: HeadersInit | undefined): Headers {
  const headers = new Headers({ ...CONSOLE_HEADERS });
  const token = sessionStorage.getItem(TOKEN);
  if (token !== null) headers.set('authorization', `Bearer ${token}`);
  for (const [name, value] of new Headers(more)) headers.set(name, value);
  return headers;
}

/** Rejects with ApiError, or with the signal's reason when `init.signal` aborts. */
export async function ask(path: string, init: RequestInit = {}): Promise<Response> {
  const response = await fetch(path, { ...init, headers: headersOf(init.headers) }).catch((error: unknown) => {
    if (error instanceof DOMException) throw error;
    throw new ApiError(0, 'The server does not answer. It may have ended; this page reconnects by itself.');
  });
  if (response.ok) return response;
  if (response.status === 401) {
    isLocked.value = true;
    isTokenWrong.value = sessionStorage.getItem(TOKEN) !== null;
  }
  const requestId = response.headers.get('x-request-id') ?? undefined;
  throw new ApiError(response.status, await refusalText(response), requestId);
}

export async function getJson<T>(path: string, signal?: AbortSignal): Promise<T> {
  const response = await ask(path, signal === undefined ? {} : { signal });
  return (await response.json()) as T;
}

export function post(path: string, body?: string): Promise<Response> {
  const headers = { 'content-type': 'application/json' };
  return ask(path, { method: 'POST', headers, ...(body !== undefined && { body }) });
}

export const getModels = (): Promise<ModelsReport> => getJson('/models');
export const getAbout = (): Promise<About> => getJson('/about');
export const getReports = (): Promise<{ readonly reports: readonly ReportPage[] }> => getJson('/reports');
export const getModel = (name: string, signal?: AbortSignal): Promise<ModelDetail> =>
  getJson(`/models/${encodeURIComponent(name)}`, signal);

export async function getSamples(
  model: string,
  version: string,
  signal?: AbortSignal,
): Promise<SamplesDetail & { readonly version: string }> {
  const path = `/models/${encodeURIComponent(model)}/samples?version=${version}`;
  return { ...(await getJson<SamplesDetail>(path, signal)), version };
}

export async function operate(model: string, version: string, action: ModelAction): Promise<ActionTaken> {
  const response = await post(`/models/${encodeURIComponent(model)}/${action}?version=${version}`);
  return (await response.json()) as ActionTaken;
}

/** The body is {"error": text}, or plain text. */
async function refusalText(response: Response): Promise<string> {
  const text = await response.text();
  try {
    const { error } = JSON.parse(text) as { error?: unknown };
    if (typeof error === 'string') return error;
  } catch {
    // Plain text.
  }
  return text.trim() || `the server answered ${response.status}`;
}
