import { beforeEach, expect, test, vi } from "vitest";
import { Uploads } from "../../../fargate-app/web/browser/uploads.ts";

/** Every name is taken; a request that says what it replaces does so. */
class TakenNames extends EventTarget {
  readonly upload = new EventTarget();
  readonly responseText = "{}";
  status = 0;
  #url = "";
  #replaces = false;

  open(_method: string, url: string): void {
    this.#url = url;
  }

  setRequestHeader(name: string): void {
    this.#replaces ||= name === "if-match";
  }

  send(): void {
    if (this.#replaces) replaced.push(this.#url);
    queueMicrotask(() => {
      this.status = this.#replaces ? 204 : 412;
      this.dispatchEvent(new Event("loadend"));
    });
  }

  abort(): void {}
}

let replaced: string[];

beforeEach(() => {
  replaced = [];
  vi.stubGlobal("XMLHttpRequest", TakenNames);
  return () => vi.unstubAllGlobals();
});

test("an upload that is cancelled while its name is looked at replaces nothing", async () => {
  let release = () => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  vi.stubGlobal("fetch", async (url: string) => {
    if (url.endsWith("b.txt")) await held;
    return new Response(null, { headers: { etag: '"1"', "content-length": "1" } });
  });
  const onIdle = vi.fn();
  const uploads = new Uploads("/files/", { onChange: () => {}, onIdle });
  uploads.add(["a.txt", "b.txt", "c.txt"].map((name) => new File(["x"], name)));
  await expect.poll(() => uploads.list.filter(({ state }) => state === "asking").length).toBe(2);
  const { question } = uploads;
  const cancelled = uploads.list.find(({ file }) => file.name === "b.txt");
  if (question === undefined || cancelled === undefined) throw new Error("Both are there");
  uploads.answer(question, "replace", true);
  uploads.cancel(cancelled);
  release();
  await expect.poll(() => uploads.finished).toBe(2);
  // What follows the look has happened by then.
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(replaced).toEqual(["/files/a.txt", "/files/c.txt"]);
  expect(uploads.list).toEqual([]);
  expect(onIdle).toHaveBeenCalledOnce();
});
