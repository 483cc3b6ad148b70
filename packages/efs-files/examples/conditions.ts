import { connectFiles, isCode } from "efs-files";

const files = connectFiles({ url: process.env.ROUTER_URL ?? "http://127.0.0.1:8000", token: process.env.ROUTER_TOKEN });
const path = "examples/counter";

/** Adds one, however many others do the same. */
async function increment() {
  for (;;) {
    const { data, stats } = await files.readFileWithStats(path);
    try {
      // Only if the file is still the one that was read.
      return await files.writeFile(path, String(Number(data) + 1), { ifMatch: stats.etag });
    } catch (error) {
      // Somebody was faster: read again.
      if (isCode(error, "ERR_PRECONDITION")) continue;
      throw error;
    }
  }
}

// Only if there is no such file, as in node:fs.
await files.writeFile(path, "0", { flag: "wx" });
await Promise.all([increment(), increment(), increment(), increment(), increment()]);
console.log(`counted to ${await files.readFile(path, "utf8")}`);

await files.rm("examples", { recursive: true });
await files.close();
