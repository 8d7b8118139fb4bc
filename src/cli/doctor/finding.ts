/** What the doctor says, and what a rule is. */
import type { DoctorFacts } from './facts.ts';

/** Plain words, whole clauses without a full stop. */
export interface Finding {
  /** The rule's name, as docs/doctor.md has it. Stable: scripts may look for it. */
  readonly id: string;
  /** The model that it is about; absent = the whole machine or server. */
  readonly model?: string;
  /** What is wrong, with the numbers. */
  readonly what: string;
  readonly why: string;
  /** One thing to do. */
  readonly change: string;
}

/** Pure: facts → what is wrong by this one rule. Empty = nothing. */
export type Rule = (facts: DoctorFacts) => readonly Finding[];

/** 1.5 → "1.5", 0.333 → "0.33", 12 → "12". */
export function showNumber(value: number): string {
  return String(value >= 100 ? Math.round(value) : Number(value.toPrecision(2)));
}

/** 0.123 → "12 %". */
export function showShare(share: number): string {
  return `${showNumber(share * 100)} %`;
}
