/** How often the program ran in this process. */
let runs = 0;

/** The stack's program, for the Automation API. It registers its resources as it is loaded: each run loads it again. */
export async function runProgram(): Promise<Record<string, unknown>> {
  runs += 1;
  return { ...(await import(`../../index.ts?run=${runs}`)) };
}
