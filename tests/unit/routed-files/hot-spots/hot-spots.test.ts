import { beforeEach, describe, expect, test } from "vitest";
import { HotSpots } from "../../../../packages/routed-files/src/hot-spots/hot-spots.ts";
import { filePath } from "../../../../packages/routed-files/src/routing/path.ts";
import { type LogLine, memoryLog } from "../../../support/memory-router.ts";

let time = 0;
let lines: LogLine[];
let hotSpots: HotSpots;
const of = (level: string) => lines.filter((line) => line.level === level).map(({ msg }) => msg);

beforeEach(() => {
  time = 0;
  const memory = memoryLog();
  lines = memory.lines;
  hotSpots = new HotSpots({ share: 0.05, log: memory.log, now: () => time });
});

/** So many requests a second, one in ten of them for the hot path. */
function serve(seconds: number, hotEvery: number, perSecond = 100): void {
  for (let request = 0; request < seconds * perSecond; request++) {
    time += 1_000 / perSecond;
    hotSpots.note(filePath(request % hotEvery === 0 ? "a/hot.txt" : `b/${request % 2_000}.txt`));
  }
}

describe("a path that gets many of the requests", () => {
  test("is hot with one WARN, until it is not, with one INFO", () => {
    serve(120, 10);
    expect(of("WARN")).toEqual([expect.stringMatching(/^a\/hot\.txt is hot: it gets \d+\.\d % of the requests$/)]);
    expect(hotSpots.report(3).hot).toEqual(["a/hot.txt"]);
    expect(of("INFO")).toEqual([]);
    serve(240, 10_000);
    expect(of("INFO")).toEqual(["a/hot.txt is no longer hot"]);
    expect(hotSpots.note(filePath("a/hot.txt"))).toBe(false);
    expect(of("WARN")).toHaveLength(1);
  });

  test("is not hot while there are few requests at all", () => {
    for (let request = 0; request < 200; request++) expect(hotSpots.note(filePath("only.txt"))).toBe(false);
    expect(lines).toEqual([]);
  });

  test("stops being hot when nothing comes any more", () => {
    serve(60, 10);
    time += 600_000;
    expect(hotSpots.report(3).hot).toEqual([]);
    expect(of("INFO")).toHaveLength(1);
  });

  test("is never hot where the share is not set", () => {
    hotSpots = new HotSpots({ share: undefined, log: memoryLog().log, now: () => time });
    for (let request = 0; request < 10_000; request++) expect(hotSpots.note(filePath("only.txt"))).toBe(false);
  });
});

describe("the report", () => {
  test.each([1, 60])("is empty after a day without requests, asked for every %d minutes", (minutes) => {
    serve(60, 10);
    hotSpots.noteBytes(filePath("c/large.bin"), 1e9);
    for (const end = time + 86_400_000; time < end; time += minutes * 60_000) hotSpots.report(3);
    const nothing = { byRequests: [], byBytes: [] };
    expect(hotSpots.report(3)).toEqual({ hot: [], paths: nothing, directories: nothing });
    hotSpots.note(filePath("d/new.txt"));
    expect(hotSpots.report(3).paths.byRequests).toMatchObject([{ path: "d/new.txt", share: 1, shareError: 0 }]);
  });

  test("ranks paths and directories by requests and by bytes of the last minute", () => {
    serve(300, 10);
    hotSpots.noteBytes(filePath("c/large.bin"), 1e9);
    hotSpots.noteBytes(filePath("c/empty.bin"), 0);
    const { paths, directories } = hotSpots.report(2);
    expect(paths.byRequests[0]?.path).toBe("a/hot.txt");
    expect(paths.byRequests[0]?.share).toBeCloseTo(0.1, 2);
    expect(paths.byRequests[0]?.perSecond).toBeCloseTo(10, 0);
    expect(directories.byRequests.map(({ path }) => path)).toEqual(["b", "a"]);
    expect(directories.byRequests[0]?.share).toBeCloseTo(0.9, 2);
    expect(paths.byBytes).toMatchObject([{ path: "c/large.bin", share: 1 }]);
    expect(directories.byBytes).toMatchObject([{ path: "c", share: 1 }]);
  });

  test("tells two long paths with the same beginning apart", () => {
    const long = (name: string) => filePath(`${"directory/".repeat(50)}${name}`);
    for (let request = 0; request < 3; request++) hotSpots.note(long("a"));
    hotSpots.note(long("b"));
    const counts = hotSpots.report(3).paths.byRequests.map(({ share }) => share);
    expect(counts).toEqual([0.75, 0.25]);
  });

  test("remembers the size of what is hot, and of nothing else", () => {
    serve(60, 10);
    hotSpots.noteSize(filePath("a/hot.txt"), 10);
    hotSpots.noteSize(filePath("b/1.txt"), 10);
    expect(hotSpots.sizeOf(filePath("a/hot.txt"))).toBe(10);
    expect(hotSpots.sizeOf(filePath("b/1.txt"))).toBeUndefined();
  });
});
