/**
 * Somebody whom the authorization file names, and what the file allows them.
 *
 * Decisions are about the model that the request names, not about its version: after a fallback another model answers,
 * which the operator has configured.
 */
import {
  ACCESS_METHOD_NAMES,
  ACCESS_SURFACES,
  type AccessMethod,
  type AccessSurface,
} from '../../core/access-method.ts';
import type { Principal } from '../../proxy/access-control.ts';

export interface AccessRule {
  readonly models: readonly string[];
  readonly methods: readonly AccessMethod[];
  /** Default: all. */
  readonly surfaces?: readonly AccessSurface[] | undefined;
}

/** The methods over gRPC in the low bits, over REST above them. */
const BITS = Object.fromEntries(ACCESS_METHOD_NAMES.map((method, i) => [method, 1 << i])) as Record<
  AccessMethod,
  number
>;
const REST_SHIFT = ACCESS_METHOD_NAMES.length;

export class FilePrincipal implements Principal {
  readonly name: string;
  readonly caller: string;
  readonly #rules: readonly { readonly models: readonly string[]; readonly mask: number }[];
  /** The model of the request before: most requests ask for the same one. */
  #lastModel: string | undefined;
  #lastMask = 0;

  constructor(name: string, rules: readonly AccessRule[]) {
    this.name = name;
    this.caller = `principal:${name}`;
    this.#rules = rules.map(({ models, methods, surfaces = ACCESS_SURFACES }) => ({
      models,
      mask: methods.reduce((mask, method) => surfaces.reduce((all, each) => all | bitOf(method, each), mask), 0),
    }));
  }

  /** `model` is the name in the request. */
  may(method: AccessMethod, surface: AccessSurface, model: string): boolean {
    if (model !== this.#lastModel) {
      this.#lastMask = this.#maskOf(model);
      this.#lastModel = model;
    }
    return (this.#lastMask & bitOf(method, surface)) !== 0;
  }

  #maskOf(model: string): number {
    let mask = 0;
    for (const rule of this.#rules) {
      if (rule.models.some((pattern) => fitsModel(pattern, model))) mask |= rule.mask;
    }
    return mask;
  }
}

function bitOf(method: AccessMethod, surface: AccessSurface): number {
  return surface === 'grpc' ? BITS[method] : BITS[method] << REST_SHIFT;
}

/** Whether the pattern, a name or the beginning of names and a `*`, fits the name (or covers the other pattern). */
export function fitsModel(pattern: string, name: string): boolean {
  return pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : pattern === name;
}
