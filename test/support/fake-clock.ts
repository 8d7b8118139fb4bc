/** The clock of tests: time that moves only when a test says so. */
import { VirtualClock } from '../../src/core/repeatable/virtual-clock.ts';

export class FakeClock extends VirtualClock {}
