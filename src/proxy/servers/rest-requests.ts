/**
 * Finds what answers a request of REST, by its route, whatever the transport:
 *
 *   plain lane ────────────────▶ ┌ serve ─▶ method of the route ─▶ Exchange (proxy/exchange.ts) over an HttpWire
 *   node:http, HTTP/2 ─ begin ──┤
 *                                └ metrics, health, OPTIONS, …: answered here without a record, as they ask no model
 */
import { Buffer } from 'node:buffer';
import { ALL_MODELS } from '../../core/access-method.ts';
import { isPrincipal } from '../access-control.ts';
import { Exchange } from '../exchange.ts';
import { HttpWire, type RestContext } from '../http1/http-wire.ts';
import type { LocalReplies } from '../http1/local-replies.ts';
import type { OpenRequest } from '../http1/open-request.ts';
import type { ReplyingTransport, Transport } from '../http1/transport.ts';
import type { HttpBody } from '../sliced-body.ts';
import type { RestMethods } from './rest-methods.ts';
import type { MethodFields, RestRoute, RoutedMethod } from './rest-part.ts';
import { APP_ROUTE } from './rest-routes.ts';

const NO_BODY = Buffer.alloc(0);
const NO_FIELDS: MethodFields = { protobufType: undefined, inferenceHeader: undefined };
/** Routes of the kernel, and of the application, that no method answers. */
const NO_METHODS: ReadonlySet<string> = new Set(['metrics', 'options', APP_ROUTE.kind]);

export interface RestRequestsParts {
  readonly shared: RestContext;
  readonly methods: RestMethods;
  readonly replies: LocalReplies;
  readonly onInternalError: (error: unknown) => void;
}

export class RestRequests {
  readonly #shared: RestContext;
  readonly #methods: RestMethods;
  readonly #replies: LocalReplies;
  readonly #onInternalError: (error: unknown) => void;

  constructor({ shared, methods, replies, onInternalError }: RestRequestsParts) {
    this.#shared = shared;
    this.#methods = methods;
    this.#replies = replies;
    this.#onInternalError = onInternalError;
  }

  /** The method of a request with this route and no headers; undefined if none answers it. */
  routed(route: RestRoute): RoutedMethod | undefined {
    if (NO_METHODS.has(route.kind) || route.part?.pageOf?.(route) !== undefined) return undefined;
    const { method, form } = this.#methods.of(route, NO_FIELDS);
    return { method, form, spec: route.spec };
  }

  /** Takes a request of any kind. `open`: the requests of its connection, or of its stream, that have no answer yet. */
  begin(transport: ReplyingTransport, route: RestRoute, open: OpenRequest[]): void {
    const replies = this.#replies;
    switch (route.kind) {
      case 'metrics':
        this.#later(this.#metrics(transport, route, open));
        break;
      case 'options':
        replies.options(transport, route.allow!);
        break;
      default: {
        const page = route.part?.pageOf?.(route);
        if (page === undefined) this.serve(transport, route, open);
        else this.#later(page({ to: transport, answers: replies }));
      }
    }
  }

  /** Takes a request that has an exchange. */
  serve(transport: Transport, route: RestRoute, open: OpenRequest[]): void {
    const shared = this.#shared;
    const { method, form, keepsBody } = this.#methods.of(route, transport.fields);
    const wire = new HttpWire(transport, route, form, open, shared);
    const exchange = new Exchange<Buffer, HttpBody>(wire, method, route.spec, shared);
    if (method.hasNoBody === true) exchange.onMessage(NO_BODY);
    else if (!exchange.isFinished) this.#readBody(transport, exchange, keepsBody);
  }

  /** `isKept`: the call keeps views of the body, so a body in lent memory is copied. */
  #readBody(transport: Transport, exchange: Exchange<Buffer, HttpBody>, isKept: boolean): void {
    try {
      const body = transport.readBody(this.#shared.maxBodyBytes, exchange.context);
      if (!(body instanceof Promise)) exchange.onMessage(isKept ? Buffer.from(body) : body);
      else {
        body.then(
          (whole) => exchange.onMessage(whole),
          (thrown: unknown) => exchange.fail(thrown),
        );
      }
    } catch (thrown) {
      exchange.fail(thrown);
    }
  }

  /** Access control may allow the metrics to some callers alone; others are refused as any request is. */
  async #metrics(transport: ReplyingTransport, route: RestRoute, open: OpenRequest[]): Promise<void> {
    const who = await transport.visitor?.identify(transport.fields.token);
    const isOpen = this.#shared.access === undefined;
    const mayRead = isOpen || (who !== undefined && isPrincipal(who) && who.may('metrics', 'rest', ALL_MODELS));
    if (mayRead) await this.#replies.metrics(transport);
    else this.serve(transport, route, open);
  }

  #later(answer: Promise<void>): void {
    answer.catch((error: unknown) => this.#onInternalError(error));
  }
}
