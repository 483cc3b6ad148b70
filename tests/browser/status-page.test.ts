/** The status page of the local stack, in a real browser. Screenshots of its states are left in `test-results/browser`. */
import { setTimeout as sleep } from "node:timers/promises";
import { filePath, rankingOf } from "@efs-mount-autoscaling/routed-files";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Stack, type StackOptions, startStack } from "../../local/stack.ts";
import {
  BROWSERS,
  chromiumProgram,
  expectAccessible,
  expectSuitable,
  fastestFirstPaint,
  openBrowser,
  openPage,
  optionsOf,
  screenshot,
} from "../support/browser.ts";
import { describeRequiring } from "../support/requirements.ts";

const TASKS = 3;
const THRESHOLD = 150;
const TOKEN = "token-of-the-browser-suite-0123456789abcdef";
const KIBIBYTE = 1_024;

/** Milliseconds for what several processes do one after the other. */
const SLOW = { timeout: 120_000 };

function startLocalStack(options: Partial<StackOptions> = {}): Promise<Stack> {
  return startStack({
    tasks: TASKS,
    mountTargets: 2,
    fileCountThreshold: THRESHOLD,
    monitorInterval: 2_000,
    mountTargetCreationDelay: 2_000,
    log: () => {},
    onMonitorRun: () => {},
    signal: new AbortController().signal,
    ...options,
  });
}

const row = (page: Page, target: string) => page.locator(`[data-target="${target}"]`);
const button = (page: Page, name: string) => page.getByRole("button", { name, exact: true });
const headline = (page: Page) => page.getByRole("heading", { level: 1 });

async function targetIds(url: string): Promise<string[]> {
  const response = await fetch(`${url}/targets`);
  const { targets } = (await response.json()) as { targets: { id: string }[] };
  return targets.map(({ id }) => id);
}

describeRequiring([chromiumProgram], "the status page in a browser", ([command]) => {
  let browser: Browser;

  beforeAll(async () => {
    browser = await openBrowser(command);
  });
  afterAll(() => browser?.close());

  describe("of an open API", () => {
    let stack: Stack;

    beforeAll(async () => {
      stack = await startLocalStack();
    });
    afterAll(() => stack?.close());

    test("a first visit shows every target and every task, from this host alone, small and soon", async () => {
      const { page, complaints, requests, close } = await openPage(browser, stack.url);
      let bytes = 0;
      page.on("requestfinished", async (request) => {
        if (!request.url().endsWith("/events")) bytes += (await request.sizes()).responseBodySize;
      });
      await page.reload();
      await row(page, (await targetIds(stack.url))[0] ?? "").waitFor();
      await expect.poll(() => page.locator("[data-task]").count()).toBe(TASKS);
      await expect.poll(() => page.locator("[data-task] .number", { hasText: "MB" }).count()).toBe(TASKS);
      await headline(page).filter({ hasText: "Both mount targets are connected" }).waitFor();
      expect(await page.locator("[data-target]").count()).toBe(2);
      await page.getByText(`of ${THRESHOLD} files`).waitFor(SLOW);

      const loaded = bytes;
      expect(await fastestFirstPaint(page)).toBeLessThan(1_000);
      expect(loaded).toBeLessThan(150 * KIBIBYTE);
      expect(new Set(requests.map((url) => new URL(url).origin))).toEqual(new Set([stack.url]));
      await expectAccessible(page);
      await screenshot(page, "first-visit");
      expect(complaints).toEqual([]);
      await close();
    });

    test("a path that is typed shows its targets in their order, by keyboard alone", async () => {
      const { page, complaints, close } = await openPage(browser, stack.url);
      const path = "reports/2026/a b.csv";
      const [first, second] = rankingOf((await targetIds(stack.url)).map((id) => ({ id })))(filePath(path));
      await page.getByLabel("Path", { exact: true }).focus();
      await page.keyboard.type(path);
      await page.keyboard.press("Enter");
      await expect.poll(() => page.locator(".route .id").allTextContents()).toEqual([first?.id, second?.id]);
      await page.getByLabel("Path", { exact: true }).fill("a/../b");
      await page.keyboard.press("Enter");
      await page.getByText('The part ".." of the path leads upwards').waitFor();
      // Chromium counts a refusal among the errors.
      expect(complaints.filter((complaint) => !complaint.includes("400"))).toEqual([]);
      await close();
    });

    test("the first stop of the keyboard leads to the mount targets", async () => {
      const { page, close } = await openPage(browser, stack.url);
      await page.locator("[data-target]").first().waitFor();
      await page.keyboard.press("Tab");
      await page.keyboard.press("Enter");
      expect(await page.locator("#targets:focus").count()).toBe(1);
      await close();
    });

    test("a path that gets most of the requests is seen to be hot", async () => {
      const { page, complaints, close } = await openPage(browser, stack.url);
      const busy = new AbortController();
      const path = "popular/page.html";
      await fetch(`${stack.url}/files/${path}`, { method: "PUT", body: "x".repeat(4_096) });
      const read = async () => {
        while (!busy.signal.aborted) {
          await (await fetch(`${stack.url}/files/${path}`)).arrayBuffer();
          await sleep(5);
        }
      };
      const readers = Promise.all(Array.from({ length: 6 }, read));
      await page.locator(".ranks li", { hasText: path }).getByText("Hot").waitFor(SLOW);
      // Charts have some points.
      await sleep(10_000);
      await screenshot(page, "hot-spot");
      busy.abort();
      await readers;
      expect(complaints).toEqual([]);
      await close();
    });

    const heading = { ja: "マウントターゲット", en: "Mount targets" };
    test.each(BROWSERS)("a browser of $locale, $colorScheme, $width pixels wide", async (visitor) => {
      const { lang, colorScheme, width } = visitor;
      const { page, complaints, close } = await openPage(browser, stack.url, optionsOf(visitor));
      await page.getByRole("heading", { name: heading[lang], exact: true }).waitFor();
      await page.locator(".chart").first().waitFor();
      await expectSuitable(page, visitor);
      await screenshot(page, `${lang}-${colorScheme}-${width}`);
      expect(complaints).toEqual([]);
      await close();
    });

    test("the language can be chosen", async () => {
      const { page, close } = await openPage(browser, stack.url);
      await page.getByLabel("Language").selectOption("ja");
      await page.getByRole("heading", { name: "ホットスポット" }).waitFor();
      await close();
    });

    test("a mount target dies, and comes back", async () => {
      const { page, complaints, close } = await openPage(browser, stack.url);
      await button(page, "Kill target 1").click();
      await page.locator('[data-target][data-state="failed"]').waitFor(SLOW);
      await headline(page).filter({ hasText: "1 of 2 mount targets: Failed" }).waitFor();
      await page.locator(".changes li", { hasText: "Failed" }).first().waitFor();
      await expectAccessible(page);
      await screenshot(page, "target-failed");
      await button(page, "Start target 1").click();
      await headline(page).filter({ hasText: "Both mount targets are connected" }).waitFor(SLOW);
      expect(complaints).toEqual([]);
      await close();
    });

    test("one that is slowed down has a higher latency", async () => {
      const { page, close } = await openPage(browser, stack.url);
      await button(page, "Slow down target 2").click();
      const busy = new AbortController();
      const read = async () => {
        for (let file = 0; !busy.signal.aborted; file = (file + 1) % 50) {
          await (await fetch(`${stack.url}/files/slow/${file}`)).arrayBuffer();
        }
      };
      const readers = Promise.all(Array.from({ length: 4 }, read));
      const slowest = async () => {
        const texts = await page.locator('[data-target] [data-label="p50"]').allTextContents();
        return Math.max(...texts.map((text) => Number.parseFloat(text) || 0));
      };
      await expect.poll(slowest, SLOW).toBeGreaterThan(120);
      busy.abort();
      await readers;
      await button(page, "Speed up target 2").click();
      await button(page, "Slow down target 2").waitFor();
      await close();
    });

    test("files are written until a mount target is added, and the tasks that use it come", {
      timeout: 300_000,
    }, async () => {
      const { page, complaints, close } = await openPage(browser, stack.url);
      const tasks = () =>
        page.locator("[data-task]").evaluateAll((rows) => rows.map((row) => row.textContent.slice(0, 8)));
      await expect.poll(tasks, SLOW).toHaveLength(TASKS);
      const before = await tasks();
      // Twice would do, if no write failed.
      for (let batch = 0; batch < 3; batch++) await button(page, "Write 100 files").click();
      await button(page, "Run the monitor now").click();
      // While tasks are replaced, the page shows both generations. That can be over before it looks.
      const isReplaced = async () => (await tasks()).some((task) => !before.includes(task));
      await expect.poll(isReplaced, { ...SLOW, interval: 100 }).toBe(true);
      await screenshot(page, "tasks-replaced");
      await headline(page).filter({ hasText: "All 3 mount targets are connected" }).waitFor(SLOW);
      await page.getByText(`${TASKS} tasks, steady`).waitFor(SLOW);
      await page.getByText("Every Availability Zone has its mount target").waitFor(SLOW);
      expect(await page.locator("[data-target]").count()).toBe(3);
      const happened = page.locator(".changes li");
      await happened.filter({ hasText: "Mount target added in ap-northeast-1d" }).waitFor(SLOW);
      await happened.filter({ hasText: "Deployment started" }).waitFor(SLOW);
      await happened.filter({ hasText: "Deployment completed" }).waitFor(SLOW);
      // A test before has stopped a mount target. The tasks that saw it are gone, and what they saw is not.
      await happened.filter({ hasText: "Failed" }).first().waitFor(SLOW);
      await sleep(5_000);
      await screenshot(page, "scaled-out");
      // Its own task is among those that were replaced: its stream ends as it should, and it connects again.
      expect(complaints).toEqual([]);
      await close();
    });
  });

  describe("of an API with a token", () => {
    let stack: Stack;

    beforeAll(async () => {
      stack = await startLocalStack({ apiToken: TOKEN, tasks: 2 });
    });
    afterAll(() => stack?.close());

    test("there is nothing to see without the token, and with it everything until one signs out", async () => {
      const { page, complaints, close } = await openPage(browser, stack.url);
      await page.getByLabel("API token").waitFor();
      await expectAccessible(page);
      await screenshot(page, "sign-in");
      expect(complaints).toEqual([]);

      await page.getByLabel("API token").fill("another-token");
      await page.keyboard.press("Enter");
      await page.getByText("This token is not valid.").waitFor();
      expect(await page.locator("[data-target]").count()).toBe(0);

      await page.getByLabel("API token").fill(TOKEN);
      await button(page, "Sign in").click();
      await expect.poll(() => page.locator("[data-task] .number", { hasText: "MB" }).count(), SLOW).toBe(2);
      const [cookie, ...others] = await page.context().cookies(`${stack.url}/status/events`);
      expect(others).toEqual([]);
      expect(cookie).toMatchObject({ httpOnly: true, sameSite: "Strict", path: "/", expires: -1 });

      await page.reload();
      await page.locator("[data-target]").first().waitFor();
      await button(page, "Sign out").click();
      await page.getByLabel("API token").waitFor();
      expect(await page.context().cookies(`${stack.url}/status/events`)).toEqual([]);
      // Chromium counts the refusal among the errors.
      expect(complaints.filter((complaint) => !complaint.includes("401"))).toEqual([]);
      await close();
    });
  });
});
