import { connectFiles } from "efs-files";

const files = connectFiles({ url: process.env.ROUTER_URL ?? "http://127.0.0.1:8000", token: process.env.ROUTER_TOKEN });

// Missing directories are made, readers see the old or the new content, and it is durable.
await files.writeFile("examples/hello.txt", "Hello, EFS!\n");
await files.appendFile("examples/hello.txt", "And again.\n");

console.log(await files.readFile("examples/hello.txt", "utf8"));
console.log((await files.stat("examples/hello.txt")).size, await files.readdir("examples"));

await files.rm("examples", { recursive: true });
await files.close();
