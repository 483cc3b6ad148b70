/** The files through a mount, as a careful program uses it. */
import { randomUUID } from "node:crypto";
import { open, readFile, rename } from "node:fs/promises";
import { join } from "node:path";
import type { Side } from "./side.ts";

/** @param directory the directory of the comparison, below the mount. */
export function mountSide(directory: string): Side {
  return {
    name: "mount",
    read: (name) => readFile(join(directory, name)),
    async replace(name, content) {
      const temporary = join(directory, `.${randomUUID()}`);
      const file = await open(temporary, "wx");
      try {
        await file.writeFile(content);
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(temporary, join(directory, name));
    },
    close() {},
  };
}
