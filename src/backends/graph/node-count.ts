/**
 * Counts the nodes that a walk through a graph follows, those of functions and bodies each time they are reached: it
 * bounds them, and tells when the event loop is to have a turn.
 */
import { MOST_INNER_NODES, MOST_NODES, undecidedModel } from './limits.ts';

/** The event loop has a turn after so many nodes. */
const NODES_A_TURN = 250;

export class NodeCount {
  #followed = 0;
  /** The count at which the event loop had its last turn. */
  #turn = 0;
  /** The count at which the node of the model's graph that is followed has reached too many. */
  #innerEnd = 0;

  /** How many nodes have been followed. */
  get followed(): number {
    return this.#followed;
  }

  /** A node of the model's own graph comes next. */
  begin(): void {
    this.#innerEnd = this.#followed + MOST_INNER_NODES;
  }

  /** A node is followed. Throws UndecidedModel if it is one too many. */
  add(): void {
    this.#followed += 1;
    if (this.#followed > MOST_NODES || this.#followed > this.#innerEnd) {
      throw undecidedModel(`it has more than ${MOST_NODES} nodes, or one that reaches more than ${MOST_INNER_NODES}`);
    }
  }

  /** Whether the event loop is to have a turn now. Call between nodes of the model's own graph. */
  takesTurn(): boolean {
    if (this.#followed - this.#turn < NODES_A_TURN) return false;
    this.#turn = this.#followed;
    return true;
  }
}
