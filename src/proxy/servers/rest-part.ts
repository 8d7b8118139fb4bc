/** A feature's part of REST: routes, what answers them, and what /openapi.json says of them. */
import type { Buffer } from 'node:buffer';
import type { ModelSpec } from '../../core/model-spec.ts';
import type { AnswerForm } from '../answer-form.ts';
import type { Call } from '../call.ts';
import type { Method } from '../exchange.ts';
import { JSON_TYPE } from '../http1/answer-head.ts';
import type { LocalReplies } from '../http1/local-replies.ts';
import type { RequestFields } from '../http1/request-fields.ts';
import type { Replier } from '../http1/transport.ts';
import type { Operation } from '../protocols/rest/operation.ts';
import type { Route } from '../protocols/rest/route.ts';
import type { HttpBody } from '../sliced-body.ts';

export type RestMethod = Method<Buffer, unknown, Call<unknown>, HttpBody>;

export interface ChosenMethod {
  readonly method: RestMethod;
  /** The form of an answer. */
  readonly form: AnswerForm;
  /** The call keeps views of the body, so a body in lent memory is copied. */
  readonly keepsBody: boolean;
}

export function inJson(method: RestMethod): ChosenMethod {
  return { method, form: { contentType: JSON_TYPE, headers: [] }, keepsBody: false };
}

/** The method of a request that comes over no connection, with the model that its path names. */
export interface RoutedMethod extends Pick<ChosenMethod, 'method' | 'form'> {
  readonly spec: ModelSpec;
}

/** `type`: the media type of the body, and so of the answer. */
export function inProtobuf(method: RestMethod, type: string): ChosenMethod {
  return { method, form: { contentType: type, headers: [] }, keepsBody: true };
}

/** A request that is answered outside of the request lifecycle: it asks no model, and has no record. */
export interface PageRequest {
  readonly to: Replier;
  readonly answers: LocalReplies;
}

/** Methods for the description of the API, and JSON Schemas of the bodies that they name. */
export interface Described {
  readonly operations: readonly Operation[];
  readonly schemas: Readonly<Record<string, object>>;
  /** Whether the server has the path of an operation now. Default: it has all of them, always. */
  readonly hasPath?: (path: string) => boolean;
}

/** The headers by which a method is chosen. */
export type MethodFields = Pick<RequestFields, 'protobufType' | 'inferenceHeader'>;

export interface RestPart extends Described {
  /**
   * Paths here and below are this server's also where it fronts an application: '/v2'. Absent: such a server has them only
   * below --inference_path_prefix.
   */
  readonly root?: string;
  /** Kinds of its routes whose POST requests the plain lane serves. Default: none. */
  readonly plainKinds?: ReadonlySet<string>;
  /**
   * The route of a path that is its own; undefined for any other. It is asked after the kernel's routes. A part without a
   * root may have the paths of its operations for a time; any other route is always the same.
   */
  match(method: string, path: string): Route | undefined;
  /**
   * Chooses the method of a request by its route, which is no error, and its headers; undefined if `pageOf` answers it.
   */
  methodOf(route: Route, fields: MethodFields): ChosenMethod | undefined;
  /** Answers a route outside of the request lifecycle; undefined if `methodOf` chooses. */
  pageOf?(route: Route): ((asked: PageRequest) => Promise<void>) | undefined;
}

export interface RestRoute extends Route {
  /** The part that answers it; absent: the kernel does. */
  readonly part?: RestPart;
}
