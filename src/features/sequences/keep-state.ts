/** Finds out which signatures of a version keep a state, and how: by its configuration, and by its pillion.yaml. */
import type { DeclaredState } from '../../models/loading/declared-state.ts';
import { DECLARED_STATE } from '../../models/loading/declared-state.ts';
import type { VersionDraft } from '../../models/loading/load-steps.ts';
import { declareState } from './declare-state.ts';
import { type SignatureState, STATES, type StateTensor, withStates } from './state.ts';
import { STATE } from './state-key.ts';

/** Rejects with `load_failed` if the configuration does not fit the graph. The file reports its own problems. */
export async function keepDeclaredState(draft: VersionDraft): Promise<void> {
  const { modelFile, facts, signatures } = draft;
  const declared = facts.get(DECLARED_STATE);
  const states = new Map<string, SignatureState>();
  if (declared !== undefined) states.set(declared.signatureName, await stateOf(declared, draft));
  const inFile = modelFile?.valueOf(STATE);
  if (inFile !== undefined) {
    const found = declareState(inFile, signatures, (problem, input, key) =>
      modelFile!.report(STATE, problem, ...(key === undefined ? [input] : [input, key])),
    );
    // Controls and what a request must be are the configuration's to say.
    for (const [name, tensors] of found) states.set(name, { ...states.get(name), tensors });
  }
  if (states.size === 0) return;
  facts.set(STATES, states);
  draft.signatures = withStates(signatures, states);
}

async function stateOf(declared: DeclaredState, { signatures }: VersionDraft): Promise<SignatureState> {
  const { signatureName, values, controls, whyStep } = declared;
  const problems = [...declared.problems];
  const main = new Map([[signatureName, signatures.get(signatureName)!]]);
  const found = declareState(values, main, (problem) => problems.push(problem)).get(signatureName);
  if (problems.length > 0) throw declared.refusal(problems);
  const initials = await declared.readInitial();
  const tensors = new Map<string, StateTensor>();
  for (const input of values.keys()) {
    const initial = initials.get(input);
    tensors.set(input, { ...found!.get(input)!, ...(initial !== undefined && { initial }) });
  }
  return { tensors, controls, whyStep };
}
