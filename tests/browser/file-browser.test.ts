/** The file browser over the router's bundle, in a real browser. Screenshots are left in `test-results/browser`. */
import { mkdir, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { encodeName } from "nfs-client";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { API_TOKEN_SECRET_ID } from "../../local/environments.ts";
import { putToken, withTokenSecret } from "../support/api-token.ts";
import {
  BROWSERS,
  chromiumProgram,
  expectAccessible,
  expectSuitable,
  fastestFirstPaint,
  type OpenPage,
  openBrowser,
  openPage,
  optionsOf,
  screenshot,
} from "../support/browser.ts";
import { describeRequiring } from "../support/requirements.ts";
import { type RouterOverDirectory, startRouterOverDirectory } from "../support/router-over-directory.ts";
import type { StandaloneRouter } from "../support/standalone-router.ts";

const TOKEN = "token-of-the-browser-suite-0123456789abcdef";
const KIBIBYTE = 1_024;
const MEBIBYTE = KIBIBYTE * KIBIBYTE;

/** Milliseconds, on a machine with other work. */
const SLOW = { timeout: 120_000 };

const row = (page: Page, name: string) => page.locator(".entries tbody tr").filter({ hasText: name });
const rows = (page: Page) => page.locator(".entries tbody tr");
const button = (page: Page, name: string) => page.getByRole("button", { name, exact: true });
const dialog = (page: Page) => page.getByRole("dialog");

/** The requests for the listing of the root. */
const LISTING = /\/files\/\?limit=/;

/** Chromium counts refusals that are expected among the errors. */
const unexpected = (complaints: readonly string[]) =>
  complaints.filter((complaint) => !/the server responded with a status of (401|403|404|409|412|415)/.test(complaint));

describeRequiring([chromiumProgram], "the file browser in a browser", ([command]) => {
  let browser: Browser;
  let data: string;
  let started: RouterOverDirectory;
  let router: StandaloneRouter;

  beforeAll(async () => {
    started = await startRouterOverDirectory({ API_TOKEN_SECRET_ID }, async (account) => {
      account.update(withTokenSecret);
      await putToken(account.url, TOKEN);
    });
    router = started.router;
    data = started.directory;
    browser = await openBrowser(command);
  });
  afterAll(async () => {
    await browser?.close();
    await started?.close();
  });
  beforeEach(async () => {
    await rm(data, { recursive: true, force: true });
    await mkdir(data);
  });

  const put = async (path: string | Buffer, content: string | Buffer = "content\n") => {
    const bytes = typeof path === "string" ? encodeName(path) : path;
    await writeFile(Buffer.concat([Buffer.from(`${data}/`), bytes]), content);
  };

  /** Opens a directory, and signs in. */
  async function open(path = "/files/", options?: BrowserContextOptions): Promise<OpenPage> {
    const opened = await openPage(browser, `${router.url}${path}`, options);
    const { page } = opened;
    await page.locator("#token").fill(TOKEN);
    await page.keyboard.press("Enter");
    await page.locator("section[aria-busy=false]").waitFor(SLOW);
    return opened;
  }

  test("there is nothing to see without the token, and with it the directory until one signs out", async () => {
    await put("secret-name.txt");
    const { page, complaints, requests, close } = await openPage(browser, `${router.url}/files/`);
    await page.getByLabel("API token").waitFor(SLOW);
    await expectAccessible(page);
    await screenshot(page, "files-sign-in");
    expect(await page.content()).not.toContain("secret-name");

    await page.getByLabel("API token").fill(TOKEN);
    await button(page, "Sign in").click();
    await row(page, "secret-name.txt").waitFor(SLOW);
    const cookies = await page.context().cookies(`${router.url}/files/`);
    expect(cookies).toMatchObject([{ httpOnly: true, sameSite: "Strict", path: "/", expires: -1 }]);
    expect(new Set(requests.map((url) => new URL(url).origin))).toEqual(new Set([router.url]));

    // The other page needs no second token.
    await page.getByRole("link", { name: "Status" }).click();
    await page.locator("[data-target]").first().waitFor(SLOW);
    await page.getByRole("link", { name: "Files" }).click();
    await row(page, "secret-name.txt").waitFor(SLOW);

    await button(page, "Sign out").click();
    await page.getByLabel("API token").waitFor(SLOW);
    expect(await page.content()).not.toContain("secret-name");
    expect(await page.context().cookies(`${router.url}/files/`)).toEqual([]);
    expect(unexpected(complaints)).toEqual([]);
    await close();
  });

  describe("when the token is no longer valid, whoever goes on is asked to sign in, and can go on", () => {
    /** Gives the token back, and waits for the first page of the directory. */
    async function signInAgain(page: Page): Promise<void> {
      await page.getByLabel("API token").waitFor(SLOW);
      await page.getByLabel("API token").fill(TOKEN);
      await button(page, "Sign in").click();
      await rows(page).first().waitFor(SLOW);
    }
    const forgetToken = (page: Page) => page.context().clearCookies();

    test("with Retry, after the service could not be reached", async () => {
      await put("a.txt");
      const { page, close } = await open();
      await page.route(LISTING, (route) => route.abort());
      await page.reload();
      await page.getByText("The service cannot be reached. Retry in a moment.").waitFor(SLOW);
      await page.unroute(LISTING);
      await forgetToken(page);
      await button(page, "Retry").click();
      await signInAgain(page);
      expect(await rows(page).locator("th").allInnerTexts()).toEqual(["a.txt"]);
      await close();
    });

    test("with the next page of a directory", async () => {
      await mkdir(join(data, "many"));
      await Promise.all(Array.from({ length: 1_100 }, (_, number) => put(`many/${number}`)));
      const { page, close } = await open("/files/many/");
      await forgetToken(page);
      await button(page, "Load more").click();
      await signInAgain(page);
      await button(page, "Load more").click();
      await page.getByText("1,100 entries").waitFor(SLOW);
      await close();
    });

    test("with an upload, a preview and a deletion", async () => {
      await put("a.txt");
      const { page, close } = await open();
      const file = { name: "b.txt", mimeType: "text/plain", buffer: Buffer.from("b") };
      await forgetToken(page);
      await page.getByLabel("Upload files").setInputFiles(file);
      await signInAgain(page);
      await page.getByLabel("Upload files").setInputFiles(file);
      await row(page, "b.txt").waitFor(SLOW);

      await forgetToken(page);
      await page.getByRole("link", { name: "a.txt", exact: true }).click();
      await signInAgain(page);
      expect(await dialog(page).count()).toBe(0);

      await forgetToken(page);
      await button(page, "Delete a.txt").click();
      await button(page, "Delete").click();
      await signInAgain(page);
      expect((await readdir(data)).sort()).toEqual(["a.txt", "b.txt"]);
      await close();
    });
  });

  test("the page is small, and paints soon", async () => {
    const { page, close } = await openPage(browser, `${router.url}/files/`);
    let bytes = 0;
    page.on("requestfinished", async (request) => {
      bytes += (await request.sizes()).responseBodySize;
    });
    await page.reload();
    await page.getByLabel("API token").waitFor(SLOW);
    const loaded = bytes;
    expect(await fastestFirstPaint(page)).toBeLessThan(1_000);
    expect(loaded).toBeLessThan(150 * KIBIBYTE);
    await close();
  });

  test("directories lead down and up, and what is listed has its size and time", async () => {
    await mkdir(join(data, "reports/2026"), { recursive: true });
    await put("reports/2026/a.csv", "x".repeat(1_500));
    await put("reports/readme.md", "# Reports\n");
    const { page, complaints, close } = await open();
    await page.getByRole("link", { name: "reports" }).click();
    await row(page, "readme.md").waitFor(SLOW);
    expect(await rows(page).locator("th").allInnerTexts()).toEqual(["2026", "readme.md"]);
    await page.getByRole("link", { name: "2026" }).click();
    await row(page, "a.csv").getByText("1.5 kB").waitFor(SLOW);
    const time = await row(page, "a.csv").locator("time").getAttribute("datetime");
    expect(Date.parse(time ?? "")).toBeCloseTo((await stat(join(data, "reports/2026/a.csv"))).mtimeMs, -4);
    await page.getByRole("heading", { level: 1, name: "2026" }).waitFor();
    await page.getByRole("navigation", { name: "Path" }).getByRole("link", { name: "Files" }).click();
    await page.getByRole("link", { name: "reports" }).waitFor(SLOW);
    await page.goto(`${router.url}/files/nothing/here/`);
    await page.getByText("This directory does not exist.").waitFor(SLOW);
    await expectAccessible(page);
    expect(unexpected(complaints)).toEqual([]);
    await close();
  });

  test("a directory of thousands comes page by page, sorted as far as it is loaded", async () => {
    await mkdir(join(data, "many"));
    const numbers = Array.from({ length: 2_500 }, (_, number) => number);
    await Promise.all(numbers.map((number) => put(`many/file-${number}.txt`, "x".repeat(number))));
    const { page, complaints, close } = await open("/files/many/");
    await page.getByText("The first 1,000 entries").waitFor(SLOW);
    await button(page, "Load more").click();
    await page.getByText("The first 2,000 entries").waitFor(SLOW);
    await button(page, "Load more").click();
    await page.getByText("2,500 entries").waitFor(SLOW);
    expect(await rows(page).first().locator("th").innerText()).toBe("file-0.txt");
    await button(page, "Size").click();
    expect(await rows(page).first().locator("th").innerText()).toBe("file-2499.txt");
    await page.locator('th[aria-sort="descending"]', { hasText: "Size" }).waitFor();
    expect(complaints).toEqual([]);
    await close();
  });

  test("of a directory of a million, it never holds more than 5,000 entries", async () => {
    const { page, complaints, close } = await open();
    await page.route(/\/files\/million\/\?/, async (route) => {
      const start = Number(new URL(route.request().url()).searchParams.get("cursor") ?? 0);
      const entries = Array.from({ length: 1_000 }, (_, index) => ({
        name: `file-${start + index}`,
        type: "file",
        size: 1,
        modifiedAt: "2026-11-29T00:00:00.000Z",
        etag: '"1"',
      }));
      await route.fulfill({ json: { path: "million", entries, nextCursor: String(start + 1_000) } });
    });
    await page.goto(`${router.url}/files/million/`);
    for (let shown = 1; shown < 5; shown++) {
      await page.getByText(`The first ${shown},000 entries`).waitFor(SLOW);
      await button(page, "Load more").click();
    }
    await page.getByText("The first 5,000 entries").waitFor(SLOW);
    await button(page, "Go on: the next entries take their place").click();
    await page.getByText("1,000 entries behind the first 5,000").waitFor(SLOW);
    expect(await rows(page).count()).toBe(1_000);
    await button(page, "Back to the beginning").click();
    await page.getByText("The first 1,000 entries").waitFor(SLOW);
    expect(complaints).toEqual([]);
    await close();
  });

  describe("uploads", () => {
    const choose = (page: Page, files: { name: string; content: string }[]) =>
      page
        .getByLabel("Upload files")
        .setInputFiles(
          files.map(({ name, content }) => ({ name, mimeType: "text/plain", buffer: Buffer.from(content) })),
        );

    test("come by the button, by drag and drop, and never replace anything unasked", async () => {
      const { page, complaints, close } = await open();
      await choose(page, [
        { name: "a.txt", content: "first" },
        { name: "b#?%.txt", content: "other" },
      ]);
      await page.getByText("2 files were uploaded").waitFor(SLOW);
      await row(page, "b#?%.txt").waitFor(SLOW);
      expect(await readFile(join(data, "b#?%.txt"), "utf8")).toBe("other");

      const drop = async (name: string, text: string) => {
        const file = `new File([${JSON.stringify(text)}], ${JSON.stringify(name)})`;
        const dataTransfer = await page.evaluateHandle(
          `(() => { const transfer = new DataTransfer(); transfer.items.add(${file}); return transfer; })()`,
        );
        await page.locator("section[aria-busy]").dispatchEvent("drop", { dataTransfer });
      };
      await drop("dropped.txt", "dropped");
      await row(page, "dropped.txt").waitFor(SLOW);

      await drop("a.txt", "second");
      await dialog(page).getByText("a.txt is already here").waitFor(SLOW);
      await expectAccessible(page);
      await screenshot(page, "files-conflict");
      await button(page, "Skip").click();
      await dialog(page).waitFor({ state: "detached" });
      expect(await readFile(join(data, "a.txt"), "utf8")).toBe("first");

      await drop("a.txt", "second");
      await button(page, "Keep both").click();
      await row(page, "a (2).txt").waitFor(SLOW);
      expect(await readFile(join(data, "a (2).txt"), "utf8")).toBe("second");

      await drop("a.txt", "third");
      await button(page, "Replace").click();
      await page.getByText("1 file was uploaded").waitFor(SLOW);
      await expect.poll(() => readFile(join(data, "a.txt"), "utf8"), SLOW).toBe("third");
      expect((await readdir(data)).sort()).toEqual(["a (2).txt", "a.txt", "b#?%.txt", "dropped.txt"]);
      expect(unexpected(complaints)).toEqual([]);
      await close();
    });

    test("of which many are there already are asked about once", async () => {
      for (const name of ["a", "b", "c", "d", "e"]) await put(name, "old");
      await mkdir(join(data, "f"));
      const { page, complaints, close } = await open();
      await choose(
        page,
        ["a", "b", "c", "d", "e", "f", "g"].map((name) => ({ name, content: "new" })),
      );
      await dialog(page).waitFor(SLOW);
      await page.getByLabel("Do the same for all that follow").check();
      await button(page, "Replace").click();
      // A directory cannot be replaced.
      await dialog(page).getByText("f is already here").waitFor(SLOW);
      expect(await button(page, "Replace").count()).toBe(0);
      await page.keyboard.press("Escape");
      await page.getByText("6 files were uploaded").waitFor(SLOW);
      for (const name of ["a", "b", "c", "d", "e", "g"]) expect(await readFile(join(data, name), "utf8")).toBe("new");
      expect(unexpected(complaints)).toEqual([]);
      await close();
    });

    test("that changed while somebody was asked are asked about again", async () => {
      await put("a", "old");
      const { page, close } = await open();
      await choose(page, [{ name: "a", content: "mine" }]);
      await dialog(page).waitFor(SLOW);
      await put("a", "of somebody else");
      await button(page, "Replace").click();
      await dialog(page).getByText("16 B").waitFor(SLOW);
      expect(await readFile(join(data, "a"), "utf8")).toBe("of somebody else");
      await button(page, "Replace").click();
      await page.getByText("1 file was uploaded").waitFor(SLOW);
      expect(await readFile(join(data, "a"), "utf8")).toBe("mine");
      await close();
    });

    test("that are large show how far they are, can be cancelled, and are refused early where there is one", async () => {
      const size = 12 * MEBIBYTE;
      const file = join(data, "..", "large.bin");
      await writeFile(file, Buffer.alloc(size, "x"));
      const { page, complaints, close } = await open();
      const network = await page.context().newCDPSession(page);
      const throttle = (uploadThroughput: number) =>
        network.send("Network.emulateNetworkConditions", {
          offline: false,
          latency: 0,
          downloadThroughput: -1,
          uploadThroughput,
        });
      await throttle(2 * MEBIBYTE);
      await page.getByLabel("Upload files").setInputFiles(file);
      const progress = page.locator("progress");
      await expect
        .poll(() => progress.evaluate((element) => (element as unknown as { position: number }).position), SLOW)
        .toBeGreaterThan(0.1);
      await screenshot(page, "files-upload");
      await button(page, "Cancel the upload of large.bin").click();
      await progress.waitFor({ state: "detached" });
      await expect.poll(() => readdir(data), SLOW).toEqual([]);

      await throttle(-1);
      await page.getByLabel("Upload files").setInputFiles(file);
      await page.getByText("1 file was uploaded").waitFor(SLOW);
      await page.getByLabel("Upload files").setInputFiles(file);
      await dialog(page).getByText("large.bin is already here").waitFor(SLOW);
      await button(page, "Replace").click();
      await page.getByText("1 file was uploaded").waitFor(SLOW);
      expect((await stat(join(data, "large.bin"))).size).toBe(size);
      expect(unexpected(complaints)).toEqual([]);
      await close();
    });
  });

  test("a file is downloaded, byte by byte, under its name", async () => {
    const content = Buffer.from([0, 255, 1, 254, 10, 13]);
    await put("öäü 1.bin", content);
    const { page, close } = await open();
    const [download] = await Promise.all([
      page.waitForEvent("download"),
      page.getByRole("link", { name: "Download öäü 1.bin" }).click(),
    ]);
    expect(download.suggestedFilename()).toBe("öäü 1.bin");
    expect(await readFile(await download.path())).toEqual(content);
    await close();
  });

  test("what is deleted is asked about first, by keyboard, and is what was listed", async () => {
    await put("a.txt");
    await put("changing.txt");
    await mkdir(join(data, "full"));
    await put("full/b.txt");
    const { page, complaints, close } = await open();
    await button(page, "Delete a.txt").focus();
    await page.keyboard.press("Enter");
    await dialog(page).getByText("Delete a.txt?").waitFor(SLOW);
    await expectAccessible(page);
    await page.keyboard.press("Escape");
    await dialog(page).waitFor({ state: "detached" });
    expect(await page.evaluate("document.activeElement.getAttribute('aria-label')")).toBe("Delete a.txt");
    expect(await readdir(data)).toContain("a.txt");

    await page.keyboard.press("Enter");
    await button(page, "Delete").click();
    await page.getByText("a.txt was deleted").waitFor(SLOW);
    expect(await rows(page).count()).toBe(2);
    expect(await readdir(data)).not.toContain("a.txt");

    await put("changing.txt", "something else that is longer\n");
    await button(page, "Delete changing.txt").click();
    await button(page, "Delete").click();
    await page.getByText("The file has changed in the meantime").waitFor(SLOW);
    await button(page, "Delete full").click();
    await button(page, "Delete").click();
    await page.getByText("The directory is not empty").waitFor(SLOW);
    expect((await readdir(data)).sort()).toEqual(["changing.txt", "full"]);
    expect(unexpected(complaints)).toEqual([]);
    await close();
  });

  describe("a stored file", () => {
    /** Of a page whose scripts run, the title changes, and the victim is gone. */
    const SCRIPT = `document.title = "script ran"; fetch("/files/victim", { method: "DELETE" })`;
    const HTML = `<!doctype html><title>stored</title><script>${SCRIPT}</script>
      <img src="/missing" onerror='${SCRIPT}'><a id="link" href="/files/" ping="/files/victim?append">link</a>
      <form action="/files/victim?append" method="post" enctype="text/plain"><button>send</button></form>`;
    const SVG = `<svg xmlns="http://www.w3.org/2000/svg" onload='${SCRIPT}'><title>stored</title>
      <script>${SCRIPT}</script></svg>`;
    const XML = `<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"><script>${SCRIPT}</script></html>`;
    const FILES: Readonly<Record<string, string>> = {
      "evil.html": HTML,
      "evil.svg": SVG,
      "evil.xhtml": XML,
      "evil.png": HTML,
      evil: HTML,
      "evil.js": SCRIPT,
    };

    beforeEach(async () => {
      await put("victim", "untouched");
      for (const [name, content] of Object.entries(FILES)) await put(name, content);
    });

    test.each(Object.keys(FILES))("%s never acts as its reader, whether it is opened or shown", async (name) => {
      const { page, complaints, close } = await open();
      await page.getByRole("link", { name, exact: true }).click();
      await dialog(page).locator("iframe").waitFor(SLOW);
      await expect.poll(() => page.frames().length, SLOW).toBe(2);
      const frame = page.frames()[1];
      await frame?.waitForLoadState();
      expect(await frame?.evaluate("[document.contentType, origin]")).toEqual([
        name.endsWith(".png") ? "image/png" : "text/plain",
        "null",
      ]);
      expect(await frame?.evaluate("document.scripts.length")).toBe(0);
      await screenshot(page, `files-preview-${name}`);
      expect(unexpected(complaints)).toEqual([]);

      for (const prefix of ["/files/", "/preview/"]) {
        // What is no page is downloaded.
        await page.goto(`${router.url}${prefix}${name}`).catch(() => {});
        const [title, ownOrigin] = await page.evaluate<[string, string]>("[document.title, origin]");
        expect(title).not.toBe("script ran");
        if (page.url().endsWith(name)) expect(ownOrigin).toBe("null");
        const link = page.locator("#link");
        if ((await link.count()) > 0) {
          await page.getByRole("button", { name: "send" }).click();
          await link.click();
        }
      }
      await page.waitForTimeout(300);
      expect(await readFile(join(data, "victim"), "utf8")).toBe("untouched");
      await close();
    });

    test("is shown as text or as an image, or not at all", async () => {
      const pixel = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
      await put("pixel.png", Buffer.from(pixel, "base64"));
      await put("log.txt", "line of a log – ログ\n".repeat(20_000));
      await put("binary.bin", Buffer.from([0, 1, 2, 255]));
      const { page, complaints, close } = await open();
      const show = async (name: string) => {
        await page.getByRole("link", { name, exact: true }).click();
        await dialog(page).waitFor(SLOW);
      };
      await show("pixel.png");
      await page.frameLocator("iframe").locator("img").waitFor(SLOW);
      await button(page, "Close").click();
      await show("log.txt");
      await page.frameLocator("iframe").getByText("line of a log – ログ").first().waitFor(SLOW);
      await dialog(page).getByText("The first 250 kB are shown.").waitFor(SLOW);
      await expectAccessible(page);
      await screenshot(page, "files-preview");
      await page.keyboard.press("Escape");
      await show("binary.bin");
      await dialog(page).getByText("There is no preview").waitFor(SLOW);
      expect(unexpected(complaints)).toEqual([]);
      await close();
    });
  });

  describe("names of every hostile kind", () => {
    const NAMES: readonly (string | Buffer)[] = [
      "<img src=x onerror=alert(1)>.txt",
      '"><script>alert(1)<script>',
      "' onmouseover='alert(1)' x='",
      "javascript:alert(1)",
      "&lt;b&gt;&amp;",
      "{{7*7}}{alert(1)}",
      "line\nbreak\r\ttab",
      "\u001b[31mred\u0007",
      "invoice\u202egnp.exe",
      "\u2066isolate",
      "\u2028separator\u2029",
      "soft\u00adhyphen\ufeff",
      "..%2f..%2fetc%2fpasswd",
      "%2e%2e",
      "%00",
      "%",
      "...",
      "a?b#c&d=e;f",
      "back\\slash",
      "  spaces  ",
      "日本語 ファイル.txt",
      "👨‍👩‍👧",
      "__proto__",
      "constructor",
      "-rf",
      "*",
      "a".repeat(255),
      Buffer.from([0xe9, 0x2e, 0x74]),
      Buffer.from([0x3c, 0x62, 0x3e, 0xff, 0xfe, 0x25]),
    ];
    const bytesOf = (name: string | Buffer) => (typeof name === "string" ? encodeName(name) : name);

    test("are shown as they are, lead to their file, and run nothing", async () => {
      for (const [index, name] of NAMES.entries()) await put(name, `content ${index}`);
      const { page, complaints, close } = await open();
      const dialogs: string[] = [];
      page.on("dialog", (shown) => {
        dialogs.push(shown.message());
        void shown.dismiss();
      });
      expect(await rows(page).count()).toBe(NAMES.length);
      await screenshot(page, "files-hostile-names");
      await expectAccessible(page);

      const texts = await rows(page).locator(".name").allTextContents();
      expect(texts).toContain("<img src=x onerror=alert(1)>.txt");
      expect(texts).toContain("invoice\\u{202e}gnp.exe");
      expect(texts).toContain("line\\u{a}break\\u{d}\\u{9}tab");
      expect(texts).toContain("%2e%2e");
      expect(texts).toContain("👨‍👩‍👧");
      expect(texts.join("")).not.toMatch(/[\p{Cc}\u202a-\u202e\u2066-\u2069\u2028\u2029\u00ad]/u);
      expect(await page.getByText("not UTF-8").count()).toBe(2);

      const hrefs = await rows(page)
        .locator("a[download]")
        .evaluateAll((links) => links.map((link) => link.getAttribute("href") ?? ""));
      const contents = await page.evaluate(
        (urls: string[]) => Promise.all(urls.map(async (url) => (await fetch(url)).text())),
        hrefs,
      );
      expect(contents.sort()).toEqual(NAMES.map((_, index) => `content ${index}`).sort());

      // Nothing but what the page itself has.
      expect(await page.locator("img, script, iframe, [onerror], [onmouseover]").count()).toBe(2);
      for (let index = 0; index < NAMES.length; index++) {
        const link = rows(page).nth(index).locator("th a");
        await link.hover();
        await link.click();
        await page
          .frameLocator("iframe")
          .getByText(/^content \d+$/)
          .waitFor(SLOW);
        await button(page, "Close").click();
      }
      expect(dialogs).toEqual([]);
      expect(unexpected(complaints)).toEqual([]);
      await close();
    });

    test("can be deleted, and nothing else with them", async () => {
      for (const name of NAMES) await put(name);
      await put("bystander");
      const { page, close } = await open();
      for (let left = NAMES.length; left > 0; left--) {
        const other = rows(page).filter({ hasNotText: "bystander" }).first();
        await other.getByRole("button").click();
        await button(page, "Delete").click();
        await expect.poll(() => rows(page).count(), SLOW).toBe(left);
      }
      expect(await readdir(data)).toEqual(["bystander"]);
      await close();
    });

    test("of directories lead into them", async () => {
      // A name is at most 255 bytes, and a link of that length is no other case.
      for (const name of NAMES) {
        const path = Buffer.concat([Buffer.from(`${data}/`), bytesOf(name)]);
        await mkdir(path);
        await writeFile(Buffer.concat([path, Buffer.from("/inside")]), "content");
      }
      const { page, complaints, close } = await open();
      for (let index = 0; index < NAMES.length; index++) {
        const link = rows(page).nth(index).locator("th a");
        const name = await link.innerText();
        await link.click();
        await row(page, "inside").waitFor(SLOW);
        expect(await page.getByRole("heading", { level: 1 }).innerText()).toBe(name);
        await page.goBack();
        await expect.poll(() => rows(page).count(), SLOW).toBe(NAMES.length);
      }
      expect(complaints).toEqual([]);
      await close();
    });
  });

  describe("a page of another origin", () => {
    let attacker: Server;
    let origin: string;

    // On the same host, so that for browsers it is of the same site, and the cookie goes with its requests.
    beforeAll(async () => {
      attacker = createServer((_request, response) => {
        response.setHeader("content-type", "text/html");
        response.end("<!doctype html><title>attacker</title>");
      });
      await new Promise<void>((resolve) => attacker.listen(0, "127.0.0.1", resolve));
      origin = `http://127.0.0.1:${(attacker.address() as AddressInfo).port}`;
    });
    afterAll(() => {
      attacker?.close();
      attacker?.closeAllConnections();
    });

    test("changes nothing, and reads nothing", async () => {
      await put("victim", "untouched");
      const { page, close } = await open();
      const statuses: string[] = [];
      page.on("response", (response) => {
        if (response.url().includes("victim")) statuses.push(`${response.request().method()} ${response.status()}`);
      });
      await page.goto(origin);
      const outcomes = await page.evaluate(async (url) => {
        const attempt = async (path: string, options: RequestInit) => {
          try {
            return (await fetch(url + path, { credentials: "include", ...options })).type;
          } catch {
            return "refused";
          }
        };
        return [
          await attempt("/files/victim", { method: "DELETE" }),
          await attempt("/files/victim", { method: "PUT", body: "changed" }),
          await attempt("/files/victim", {}),
          await attempt("/files/victim", { mode: "no-cors" }),
          await attempt("/files/victim?append", { method: "POST", mode: "no-cors", body: "changed" }),
        ];
      }, router.url);
      expect(outcomes).toEqual(["refused", "refused", "refused", "refused", "refused"]);
      const form = { method: "post", enctype: "text/plain", action: `${router.url}/files/victim?append` };
      await page.evaluate(
        `(() => {
          const form = Object.assign(document.createElement("form"), ${JSON.stringify(form)});
          document.body.append(form);
          form.submit();
        })()`,
      );
      await expect.poll(() => statuses).toContain("POST 403");
      expect(await readFile(join(data, "victim"), "utf8")).toBe("untouched");
      await close();
    });
  });

  const upload = { ja: "ファイルをアップロード", en: "Upload files" };
  test.each(BROWSERS)("a browser of $locale, $colorScheme, $width pixels wide", async (visitor) => {
    await mkdir(join(data, "2026/reports"), { recursive: true });
    await mkdir(join(data, "2026/年次報告"), { recursive: true });
    await put("2026/notes.txt", "notes\n");
    await put("2026/measurements.csv", "1,2,3\n".repeat(40_000));
    await put("2026/a name that is long enough to need more than one line on a phone, and says little.txt");
    await put("2026/図.png", Buffer.alloc(345_678));
    const { lang, colorScheme, width } = visitor;
    const { page, complaints, close } = await open("/files/2026/", optionsOf(visitor));
    await page.getByLabel(upload[lang]).waitFor({ ...SLOW, state: "attached" });
    await row(page, "notes.txt").waitFor(SLOW);
    await expectSuitable(page, visitor);
    await screenshot(page, `files-${lang}-${colorScheme}-${width}`);
    expect(unexpected(complaints)).toEqual([]);
    await close();
  });

  test("a language that is chosen stays", async () => {
    const { page, close } = await open();
    await page.getByLabel("Language").selectOption("ja");
    await page.getByText("このディレクトリは空です。").waitFor();
    await page.reload();
    await page.getByText("このディレクトリは空です。").waitFor(SLOW);
    await close();
  });
});
