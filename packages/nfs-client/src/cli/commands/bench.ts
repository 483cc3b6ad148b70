/** bench: how fast a server is with small files. */
import { runBench } from "../bench.ts";
import { type Command, operand } from "../command.ts";
import { formatTable } from "../format.ts";
import { positiveNumber, wholeNumber } from "../numbers.ts";

const MAX_FILES = 10_000_000;
const MAX_SIZE = 2 ** 30;

export const bench: Command = {
  name: "bench",
  operands: "DIRECTORY",
  minOperands: 1,
  maxOperands: 1,
  summary: "measure small files, in a directory that is removed afterwards",
  flags: { files: "how many (1000)", size: "bytes in each (4096)", json: "the result as one line of JSON" },
  async run(context) {
    const { flags, signal, write, note } = context;
    const files = positiveNumber("files", flags.files ?? "1000", MAX_FILES);
    const size = wholeNumber("size", flags.size ?? "4096", MAX_SIZE);
    const { client, path } = await context.open(operand(context, 0));
    const result = await runBench(client, path, { files, size, signal, onPhase: (name) => note(`${name} …`) });
    note("");
    if (flags.json) {
      await write(`${JSON.stringify(result)}\n`);
      return;
    }
    const row = (name: string, one: number, many: number, compounds: number) => [
      name,
      `${one}/s`,
      `${many}/s`,
      compounds.toFixed(2),
    ];
    await write(
      formatTable([
        [`${files} files of ${size} bytes`, "one at a time", "64 at once", "COMPOUNDs a file"],
        row("read", result.sequentialReadsPerSecond, result.concurrentReadsPerSecond, result.compoundsPerRead),
        row("write", result.sequentialWritesPerSecond, result.concurrentWritesPerSecond, result.compoundsPerWrite),
      ]),
    );
  },
};
