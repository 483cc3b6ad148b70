import { connectFiles } from "efs-files";

const files = connectFiles({ url: process.env.ROUTER_URL ?? "http://127.0.0.1:8000", token: process.env.ROUTER_TOKEN });

const paths = Array.from({ length: 100 }, (_, index) => `examples/many/${index}`);
await Promise.all(paths.map((path) => files.writeFile(path, `content of ${path}`)));

// One request for up to 1,000 items. Each succeeds or fails by itself.
let bytes = 0;
const wanted = [...paths, "examples/missing"];
const reads = files.batch(wanted.map((path) => ({ operation: "read", path })));
for await (const { item, data, error } of reads) {
  if (error) console.log(`${item.path}: ${error.code}`);
  else bytes += data.length;
}
console.log(`read ${bytes} bytes`);

// A directory of any size, entry by entry.
let names = 0;
for await (const entry of files.opendir("examples/many")) if (entry.isFile()) names += 1;
console.log(`listed ${names} files`);

await files.rm("examples", { recursive: true });
await files.close();
