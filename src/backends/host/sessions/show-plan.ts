/** "1 session of 2 threads". */
export function showPlan(threads: number, sessions: number): string {
  return `${sessions} session${sessions === 1 ? '' : 's'} of ${threads} thread${threads === 1 ? '' : 's'}`;
}
