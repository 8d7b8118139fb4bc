/**
 * Contestants measured in turn, round by round, so that each figure has its rivals' as neighbours in time. Every second
 * round goes backwards: nobody always comes after the same one, and pays for what that one left behind.
 */
export interface Turns {
  readonly rounds: number;
  /** Measured too, and forgotten. */
  readonly warmUpRounds: number;
}

/** The values that `measure` gave for each contestant, in the order of the contestants, then of the rounds. */
export async function takeTurns<C, F>(
  contestants: readonly C[],
  { rounds, warmUpRounds }: Turns,
  measure: (contestant: C) => F | Promise<F>,
): Promise<F[][]> {
  const figures = contestants.map((): F[] => []);
  for (let round = -warmUpRounds; round < rounds; round++) {
    const order = [...contestants.entries()];
    if (round % 2 !== 0) order.reverse();
    for (const [i, contestant] of order) {
      const figure = await measure(contestant);
      if (round >= 0) figures[i]!.push(figure);
    }
  }
  return figures;
}
