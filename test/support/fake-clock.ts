/** The clock of tests: time that moves only when a test says so. */
import { VirtualClock } from '../../src/scheduler/simulation/virtual-clock.ts';

export class FakeClock extends VirtualClock {}
