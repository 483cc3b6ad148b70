import { openFiles } from "efs-files/embedded";

const files = await openFiles({ parameterName: "/efs-mount-autoscaling/mount-targets" });

await files.writeFile("examples/embedded.txt", "Hello, EFS!\n");
console.log(await files.readFile("examples/embedded.txt", "utf8"));
console.log(files.mountTargets.map(({ id, state }) => `${id} is ${state}`).join("\n"));

await files.rm("examples", { recursive: true });
await files.close();
