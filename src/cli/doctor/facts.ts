/** What the doctor's rules look at. Gathered by read-facts.ts; a test makes its own. */
import type { ModelsReport } from '../../admin/models-report.ts';
import type { FreeMemory } from '../../config/machine/free-memory.ts';
import type { Machine } from '../../config/machine/machine.ts';
import type { MachineHealth } from '../../config/machine/machine-health.ts';
import type { Traffic } from './traffic.ts';

export interface DoctorFacts {
  /** As the server sees it where there is one, else as this process does. */
  readonly machine: Machine;
  readonly health: MachineHealth;
  readonly freeMemory: FreeMemory | undefined;
  /** Variables that runtimes read, of the server where they can be read, else of this process. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Undefined where no server was asked, or none answered. */
  readonly server: ServerFacts | undefined;
}

export interface ServerFacts {
  readonly report: ModelsReport;
  readonly traffic: Traffic;
}
