/** The members of each ensemble, to find one that would be a member of itself. */

export class EnsembleGraph {
  readonly #members = new Map<string, readonly string[]>();

  /** The model is an ensemble of these; of none: it is no ensemble. */
  set(name: string, members: readonly string[]): void {
    if (members.length === 0) this.#members.delete(name);
    else this.#members.set(name, members);
  }

  /** The names on a way from the ensemble to itself; undefined = there is none. */
  circleOf(name: string): readonly string[] | undefined {
    const seen = new Set<string>();
    const walk = (at: string, path: readonly string[]): readonly string[] | undefined => {
      for (const member of this.#members.get(at) ?? []) {
        if (member === name) return [...path, member];
        if (seen.has(member)) continue;
        seen.add(member);
        const found = walk(member, [...path, member]);
        if (found !== undefined) return found;
      }
      return undefined;
    };
    return walk(name, [name]);
  }
}
