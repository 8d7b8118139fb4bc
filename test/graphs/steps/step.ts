/** A step adds nodes to a draft, or throws StepDoesNotFit. */
import type { GraphDraft } from '../graph-draft.ts';

export type Step = (draft: GraphDraft) => void;
export type Steps = Readonly<Record<string, Step>>;
