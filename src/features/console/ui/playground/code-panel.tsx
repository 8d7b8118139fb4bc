/** The playground's call as code. */
import type { SignatureDetail } from '../../../../admin/model-detail.ts';
import { CodeView } from '../code/code-view.tsx';
import { about } from '../live.ts';
import { type CallTarget, languagesOf, sample } from './code-samples.ts';
import type { Verb } from './signature-form.ts';

interface CodePanelProps {
  readonly model: string;
  readonly version: string | undefined;
  readonly verb: Verb;
  readonly signature: SignatureDetail;
  readonly body: string;
}

export function CodePanel({ model, version, verb, signature, body }: CodePanelProps) {
  const server = about.value;
  const dtypes = new Map(signature.inputs.map(({ name, dtype }) => [name, dtype]));
  const target: CallTarget = {
    rest: server?.rest ?? [],
    prefix: server?.inference_path_prefix ?? '',
    isTls: server?.rest_is_tls ?? false,
    grpc: server?.grpc ?? [],
    isGrpcTls: server?.grpc_is_tls ?? false,
    wantsKey: server?.wants_key ?? false,
    ...{ model, version, verb, features: signature.features ?? [] },
    ...(server?.has_open_inference === true && { dtypes }),
  };
  const codeOf = (language: Parameters<typeof sample>[0]): string => sample(language, target, body);
  return <CodeView languages={languagesOf(target, body)} codeOf={codeOf} target={target} body={body} />;
}
