/** How much is measured. The task gets it as variables, and the price follows from it. */
export interface Workload {
  /** Both sides measure in each round; who begins changes from round to round. */
  readonly rounds: number;
  /** Files of a round. Each is read once, and replaced once, by each side: no cache has it before. */
  readonly filesPerRound: number;
  /** The first of them one at a time; the others so many at once. */
  readonly oneAtATime: number;
  readonly atOnce: number;
  readonly fileBytes: number;
}

export const WORKLOAD: Workload = {
  rounds: 4,
  filesPerRound: 250,
  oneAtATime: 50,
  atOnce: 16,
  fileBytes: 4096,
};
