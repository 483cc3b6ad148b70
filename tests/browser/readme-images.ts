/**
 * `npm run readme-images`: takes the pictures of the pages that the READMEs show, in each language, at the same moments of one
 * local run. It needs Chromium, and pngquant to make them small.
 */
import { execFile } from "node:child_process";
import { mkdir } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { Page } from "playwright-core";
import { type Stack, startStack } from "../../local/stack.ts";
import { chromiumProgram, openBrowser, openPage } from "../support/browser.ts";

const run = promisify(execFile);

const IMAGES = fileURLToPath(new URL("../../docs/images/", import.meta.url));

/** Where the pictures of each language are. */
const LANGUAGES = [
  { locale: "en-US", folder: IMAGES },
  { locale: "ja-JP", folder: `${IMAGES}ja/` },
];

/** In CSS pixels, of which the READMEs show fewer. */
const VIEWPORT = { width: 1_152, height: 1_100 };
const SCALE = 960 / VIEWPORT.width;
const COLORS = 48;

const FILES = 120;
const THRESHOLD = 250;
const CLIENTS = 4;
const TIMEOUT = { timeout: 60_000 };

interface View {
  readonly page: Page;
  readonly folder: string;
}

const command = chromiumProgram.find();
if (command === undefined) throw new Error(`Chromium is missing: ${chromiumProgram.howToGet}`);
const browser = await openBrowser(command);
const stack = await startStack({
  tasks: 4,
  mountTargets: 2,
  fileCountThreshold: THRESHOLD,
  monitorInterval: 3_000,
  mountTargetCreationDelay: 2_000,
  log: () => {},
  onMonitorRun: () => {},
  signal: new AbortController().signal,
});
const traffic = new AbortController();
try {
  await fill(stack);
  const clients = Array.from({ length: CLIENTS }, () => read(stack.url, traffic.signal));
  await showStatus(stack);
  traffic.abort();
  await Promise.all(clients);
  await showFiles(stack);
} finally {
  traffic.abort();
  await browser.close();
  await stack.close();
}

async function showStatus({ url }: Stack): Promise<void> {
  const views = await open(url, "light");
  const [first] = views;
  if (first === undefined) throw new Error("There is no language");
  // Charts have some points.
  await sleep(30_000);
  const { page } = first;
  await page.getByRole("button", { name: "Kill target 1" }).click();
  await page.locator('[data-target][data-state="failed"]').waitFor(TIMEOUT);
  await sleep(4_000);
  await take(views, "mount-target-failed", 1_010);
  await page.getByRole("button", { name: "Start target 1" }).click();
  await page.getByText("Both mount targets are connected").waitFor(TIMEOUT);
  await sleep(5_000);
  for (let batch = 0; batch < 2; batch += 1) await page.getByRole("button", { name: "Write 100 files" }).click();
  for (const view of views) await view.page.locator("[data-target]").nth(2).waitFor(TIMEOUT);
  await page.getByText("All 3 mount targets are connected").waitFor(TIMEOUT);
  await page.getByText("4 tasks, steady").waitFor(TIMEOUT);
  await sleep(15_000);
  await take(views, "third-mount-target", 1_030);
  for (const view of views) await view.page.context().close();
}

async function showFiles({ url }: Stack): Promise<void> {
  const views = await open(`${url}/files/2026/`, "dark");
  for (const { page } of views) await page.getByText("measurements.csv").waitFor(TIMEOUT);
  await take(views, "file-browser", 500);
}

async function open(url: string, colorScheme: "light" | "dark"): Promise<View[]> {
  return Promise.all(
    LANGUAGES.map(async ({ locale, folder }) => {
      const { page } = await openPage(browser, url, {
        locale,
        colorScheme,
        viewport: VIEWPORT,
        deviceScaleFactor: SCALE,
      });
      return { page, folder };
    }),
  );
}

/** @param height CSS pixels, from the top. */
async function take(views: readonly View[], name: string, height: number): Promise<void> {
  await Promise.all(
    views.map(async ({ page, folder }) => {
      await mkdir(folder, { recursive: true });
      const path = `${folder}${name}.png`;
      await page.screenshot({ path, clip: { ...VIEWPORT, x: 0, y: 0, height } });
      await run("pngquant", ["--force", "--strip", "--speed", "1", "--output", path, `${COLORS}`, path]);
    }),
  );
}

async function fill({ url }: Stack): Promise<void> {
  const put = async (path: string, body: string) => {
    const response = await fetch(`${url}/files/${encodeURI(path)}`, { method: "PUT", body });
    if (!response.ok) throw new Error(`${path}: ${response.status}`);
  };
  for (let file = 0; file < FILES; file += 1) await put(`app/${file}.html`, "x".repeat(8_192));
  await put("2026/reports/january.txt", "January\n");
  await put("2026/年次報告/2025.txt", "2025\n");
  await put("2026/measurements.csv", "time,value\n".repeat(22_000));
  await put("2026/notes.txt", "Notes\n");
  await put("2026/図.png", "x".repeat(346_000));
}

/** Requests at a steady pace. Of some, the mount target has just failed. */
async function read(url: string, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const file = Math.floor(Math.random() * FILES);
    await fetch(`${url}/files/app/${file}.html`).then(
      (response) => response.arrayBuffer(),
      () => {},
    );
    await sleep(20);
  }
}
