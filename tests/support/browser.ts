/** A real browser, what it complains of, and what people see in it. */
import { mkdirSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";
import { expect } from "vitest";
import { type Command, debianProgram } from "./programs.ts";

export const chromiumProgram = debianProgram("chromium", "chromium");

/** A folder for people to look at. */
const SCREENSHOTS = fileURLToPath(new URL("../../test-results/browser", import.meta.url));

const AXE = createRequire(import.meta.url).resolve("axe-core/axe.min.js");

export async function openBrowser([executablePath, ...args]: Command): Promise<Browser> {
  mkdirSync(SCREENSHOTS, { recursive: true });
  // Its sandbox does not start as root, as which CI runs; it opens no page but ours.
  return chromium.launch({ executablePath, args: [...args, "--no-sandbox", "--disable-dev-shm-usage"] });
}

export interface OpenPage {
  readonly page: Page;
  /** Errors of its scripts and of its console. */
  readonly complaints: string[];
  /** URLs of all requests. */
  readonly requests: string[];
  close(): Promise<void>;
}

/** Opens a page in a browser that knows nothing of the pages before it. */
export async function openPage(browser: Browser, url: string, options: BrowserContextOptions = {}): Promise<OpenPage> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, locale: "en-US", ...options });
  const page = await context.newPage();
  const complaints: string[] = [];
  const requests: string[] = [];
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("request", (request) => requests.push(request.url()));
  await page.goto(url);
  return { page, complaints, requests, close: () => context.close() };
}

/** Browsers of different people, and the language that they get. */
export const BROWSERS = [
  { locale: "ja-JP", lang: "ja", colorScheme: "light", width: 1_280 },
  { locale: "en-GB", lang: "en", colorScheme: "dark", width: 1_280 },
  { locale: "fr-FR", lang: "en", colorScheme: "dark", width: 390 },
  { locale: "ja-JP", lang: "ja", colorScheme: "light", width: 390 },
] as const;

export function optionsOf({ locale, colorScheme, width }: (typeof BROWSERS)[number]): BrowserContextOptions {
  return { locale, colorScheme, viewport: { width, height: 844 } };
}

/** Fails where a page is not in the language of the browser, is wider than its screen, or breaks a rule of axe. */
export async function expectSuitable(page: Page, { lang, width }: (typeof BROWSERS)[number]): Promise<void> {
  expect(await page.locator("html").getAttribute("lang")).toBe(lang);
  expect(await page.locator("html").evaluate(({ scrollWidth }) => scrollWidth)).toBeLessThanOrEqual(width);
  await expectAccessible(page);
}

export function screenshot(page: Page, name: string): Promise<Buffer> {
  return page.screenshot({ path: `${SCREENSHOTS}/${name}.png`, fullPage: true });
}

/** Milliseconds from the navigation to the first paint: of several loads, since other work of the machine delays some. */
export async function fastestFirstPaint(page: Page): Promise<number> {
  let fastest = Number.POSITIVE_INFINITY;
  for (let load = 0; load < 5; load++) {
    await page.reload();
    const paint = await page.waitForFunction(
      () => performance.getEntriesByName("first-contentful-paint")[0]?.startTime,
    );
    fastest = Math.min(fastest, (await paint.jsonValue()) ?? Number.POSITIVE_INFINITY);
  }
  return fastest;
}

/** Fails for each rule of axe that the page breaks. */
export async function expectAccessible(page: Page): Promise<void> {
  // As a debugger does: the page itself may run no script but its own.
  const debuggingSession = await page.context().newCDPSession(page);
  await debuggingSession.send("Runtime.evaluate", { expression: await readFile(AXE, "utf8") });
  await debuggingSession.detach();
  const violations = await page.evaluate(async () => {
    const { axe } = globalThis as unknown as { axe: { run(): Promise<{ violations: Violation[] }> } };
    const { violations } = await axe.run();
    return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 200)).join(" ")}`);
  });
  expect(violations).toEqual([]);
}

interface Violation {
  readonly id: string;
  readonly nodes: readonly { readonly html: string }[];
}
