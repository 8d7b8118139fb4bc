/** The input and the output of the doctor's rules. */

import type { ModelsReport } from '../../admin/models-report.ts';
import type { Advice } from '../../admin/version-findings.ts';
import type { CudaState } from '../../backends/onnx/cuda-machine.ts';
import type { FreeMemory } from '../../config/machine/free-memory.ts';
import type { Machine } from '../../config/machine/machine.ts';
import type { MachineHealth } from '../../config/machine/machine-health.ts';
import type { Traffic } from './traffic.ts';

/** Read by read-facts.ts: as the server's process sees the machine, or as this process does where no server answers. */
export interface DoctorFacts {
  readonly machine: Machine;
  readonly health: MachineHealth;
  readonly freeMemory: FreeMemory | undefined;
  readonly cuda: CudaState;
  /** Environment variables that runtimes read. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Undefined where no server answers. */
  readonly server: ServerFacts | undefined;
}

export interface ServerFacts {
  readonly report: ModelsReport;
  readonly traffic: Traffic;
}

export interface Finding extends Advice {
  /** The rule's name, as src/features/doctor/README.md lists it. Stable, because scripts may look for it. */
  readonly id: string;
  /** Absent = the whole machine or server. */
  readonly model?: string;
}

/** A pure function: facts → the findings of one rule; [] = none. */
export type Rule = (facts: DoctorFacts) => Finding | readonly Finding[];
