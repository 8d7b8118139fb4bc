/** The names in spans that records do not have, from the tables of the server's two surfaces. */
import type { RequestLine, RequestRecord } from '../../../ledger/request-record.ts';
import { OTHER_RPC_METHOD } from '../../../ledger/tracing/rpc-attributes.ts';
import type { GrpcService } from '../../../proxy/grpc/engine.ts';
import { type Operation, OperationTable } from '../../../proxy/protocols/rest/operation.ts';
import type { Described } from '../../../proxy/servers/rest-part.ts';

export interface ServedNamesOptions {
  /** The prefix of the paths of inference, `--inference_path_prefix`. Default: none. */
  readonly restPrefix?: string;
  /** The addresses of REST speak TLS, but for socket files. Default false. */
  readonly isRestTls?: boolean;
  /** The same of gRPC, where REST is spoken over HTTP/2. */
  readonly isGrpcTls?: boolean;
}

export class ServedNames {
  readonly #options: ServedNamesOptions;
  /** These two are set when the server has its tables, and read with the first span. */
  services: () => readonly GrpcService[] = () => [];
  described: () => readonly Described[] = () => [];
  #rpcMethods: ReadonlyMap<string, string> | undefined;
  #operations: OperationTable<string> | undefined;
  /** The last request's, which is mostly the next one's too. */
  #lastRoute: { readonly method?: string | undefined; readonly path?: string; readonly route?: string | undefined } =
    {};

  constructor(options: ServedNamesOptions = {}) {
    this.#options = options;
  }

  /** `method`: as records have it, 'Predict'. Gives "tensorflow.serving.PredictionService/Predict". */
  rpcMethodOf(method: string): string {
    this.#rpcMethods ??= new Map(
      this.services().flatMap(({ methods }) =>
        methods.map(({ path }) => [path.slice(path.lastIndexOf('/') + 1), path.slice(1)]),
      ),
    );
    return this.#rpcMethods.get(method) ?? OTHER_RPC_METHOD;
  }

  /** The template of a path, "/v1/models/{model}:predict"; undefined if the path has no such method. */
  routeOf({ method }: RequestLine, path: string): string | undefined {
    const last = this.#lastRoute;
    if (last.path === path && last.method === method) return last.route;
    const route = this.#findRoute(method === 'HEAD' ? 'GET' : method, path);
    this.#lastRoute = { method, path, route };
    return route;
  }

  /** The scheme of a request over REST. */
  schemeOf({ line, peer }: Pick<RequestRecord, 'line' | 'peer'>): string {
    const { isRestTls, isGrpcTls } = this.#options;
    const isTls = line?.httpVersion === '2' ? isGrpcTls : isRestTls;
    return isTls === true && peer !== 'unix' ? 'https' : 'http';
  }

  #findRoute(verb: string | undefined, path: string): string | undefined {
    const { restPrefix = '' } = this.#options;
    if (!path.startsWith(restPrefix)) return undefined;
    this.#operations ??= tableOf(this.described());
    const matches = this.#operations.match(path.slice(restPrefix.length));
    const found = matches.find(
      ({ operation, template }) => operation.http === verb && template === matches[0]!.template,
    );
    return found && restPrefix + found.template;
  }
}

/** Templates with a verb, "{model}:predict", come before "{model}", which fits all that they fit. */
function tableOf(described: readonly Described[]): OperationTable<string> {
  const operations = described.flatMap((each) => each.operations);
  const hasVerb = ({ paths }: Operation): boolean => paths.some((path) => path.includes(':'));
  return new OperationTable([...operations.filter(hasVerb), ...operations.filter((each) => !hasVerb(each))]);
}
