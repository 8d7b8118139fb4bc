/**
 * The layouts of messages that were met lately: a few, the oldest replaced first. A client repeats its own, and a server has
 * clients of a few kinds at a time.
 *
 * Those of one client may all differ, as when its rows vary. So of messages that have none of the known layouts one in
 * LEARN_EVERY is learned from, which bounds what learning in vain can cost.
 */

const MAX_KNOWN = 4;
const LEARN_EVERY = 8;

export class FewLayouts<Layout> {
  readonly known: Layout[] = [];
  #next = 0;
  #misses = 0;

  /** Called for each message that none of the known layouts is of: is it to be learned from? */
  isToLearn(): boolean {
    return this.#misses++ % LEARN_EVERY === 0;
  }

  add(layout: Layout): void {
    this.known[this.#next] = layout;
    this.#next = (this.#next + 1) % MAX_KNOWN;
  }
}
