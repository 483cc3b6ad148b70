/** Both pages in a region that is a standby, in a real browser. Screenshots are left in `test-results/browser`. */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type RegionRole, serializeRegionRole } from "@efs-mount-autoscaling/mount-table";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { OSAKA, TOKYO } from "../../local/account.ts";
import type { Parameter } from "../../local/control-plane/state.ts";
import { REGION_PARAMETER_NAME } from "../../local/environments.ts";
import {
  BROWSERS,
  chromiumProgram,
  expectAccessible,
  expectSuitable,
  openBrowser,
  openPage,
  optionsOf,
  screenshot,
} from "../support/browser.ts";
import { describeRequiring } from "../support/requirements.ts";
import { type RouterOverDirectory, startRouterOverDirectory } from "../support/router-over-directory.ts";
import type { StandaloneRouter } from "../support/standalone-router.ts";

const PRIMARY = "http://osaka.example";

/** Milliseconds, on a machine with other work. */
const SLOW = { timeout: 120_000 };

const STANDBY: RegionRole = {
  role: "standby",
  epoch: 2,
  region: TOKYO.region,
  peer: { region: OSAKA.region, url: PRIMARY },
  alone: false,
  takeovers: [],
  changed_at: new Date(0).toISOString(),
};

const parameterOf = (role: RegionRole): Parameter => ({
  name: REGION_PARAMETER_NAME,
  type: "String",
  tier: "Standard",
  value: serializeRegionRole(role),
  version: 1,
  lastModifiedDate: new Date(),
});

describeRequiring([chromiumProgram], "a standby in a browser", ([command]) => {
  let browser: Browser;
  let started: RouterOverDirectory;
  let router: StandaloneRouter;

  beforeAll(async () => {
    const replication = {
      id: "replication",
      source: { region: OSAKA.region, fileSystemId: OSAKA.fileSystemId },
      destination: { region: TOKYO.region, fileSystemId: TOKYO.fileSystemId },
      creationTime: new Date(0),
      status: "ENABLED" as const,
      lastReplicatedTimestamp: new Date(Date.now() - 5 * 60_000),
    };
    started = await startRouterOverDirectory(
      { EFS_FILE_SYSTEM_ID: TOKYO.fileSystemId, REGION_PARAMETER_NAME, ROLE_LEASE_SECONDS: "2" },
      (account) =>
        account.update((state) => ({ ...state, parameters: [parameterOf(STANDBY)], replications: [replication] })),
    );
    router = started.router;
    await mkdir(join(started.directory, "reports"));
    await writeFile(join(started.directory, "reports", "a.txt"), "content\n");
    browser = await openBrowser(command);
  });
  afterAll(async () => {
    await browser?.close();
    await started?.close();
  });

  test("the status page shows role, epoch, lag, and why writes are refused", async () => {
    await fetch(`${router.url}/files/refused`, { method: "PUT", body: "content" });
    const { page, complaints, close } = await openPage(browser, router.url);
    const region = page.getByRole("region", { name: `Region ${TOKYO.region}` });
    await region.waitFor(SLOW);
    const text = await region.innerText();
    for (const shown of ["Standby", "Takes no writes", "they belong in the primary region", "Epoch", "2"]) {
      expect(text).toContain(shown);
    }
    expect(text).toMatch(/The replica is behind by at most\s+\d+ min/);
    expect(text).toMatch(/Writes refused since these tasks started\s+[1-9]/);
    expect(await region.getByRole("link", { name: OSAKA.region }).getAttribute("href")).toBe(PRIMARY);
    await expectAccessible(page);
    await screenshot(page, "status-standby");
    expect(complaints).toEqual([]);
    await close();
  });

  test("the file browser reads, says that nothing can be changed here, and leads to the primary", async () => {
    const { page, complaints, close } = await openPage(browser, `${router.url}/files/reports/`);
    await page.getByText("This region is read-only.").waitFor(SLOW);
    const link = page.getByRole("link", { name: "Change files in the primary region" });
    expect(await link.getAttribute("href")).toBe(`${PRIMARY}/files/reports/`);
    await page.getByRole("link", { name: "a.txt", exact: true }).click();
    await page.getByRole("dialog").waitFor();
    await page.keyboard.press("Escape");
    expect(await page.getByText("Upload files").count()).toBe(0);
    expect(await page.getByRole("button", { name: "Delete a.txt" }).count()).toBe(0);
    await expectAccessible(page);
    await screenshot(page, "files-standby");
    expect(complaints).toEqual([]);
    await close();
  });

  test("a page that was open when its region lost the primary's role says so at the next change", async () => {
    const become = (changes: Partial<RegionRole>) =>
      router.controlPlane.update((state) => ({ ...state, parameters: [parameterOf({ ...STANDBY, ...changes })] }));
    const writes = async () => (await fetch(`${router.url}/files/probe`, { method: "PUT", body: "x" })).ok;
    become({ role: "primary", alone: true, epoch: 3 });
    await expect.poll(writes, SLOW).toBe(true);
    const { page, close } = await openPage(browser, `${router.url}/files/reports/`);
    await page.getByText("Upload files").waitFor(SLOW);
    become({ epoch: 4 });
    await expect.poll(writes, SLOW).toBe(false);
    await page.getByRole("button", { name: "Delete a.txt" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
    await page.getByRole("note").waitFor(SLOW);
    expect(await page.getByRole("button", { name: "Delete a.txt" }).count()).toBe(0);
    await close();
  });

  test.each(BROWSERS)("both pages suit $locale, $colorScheme, $width pixels wide", async (person) => {
    for (const [path, place] of [
      ["/", "section.region"],
      ["/files/reports/", "[role=note]"],
    ] as const) {
      const { page, close } = await openPage(browser, `${router.url}${path}`, optionsOf(person));
      await page.locator(place).waitFor(SLOW);
      await expectSuitable(page, person);
      await screenshot(page, `standby-${path === "/" ? "status" : "files"}-${person.lang}-${person.width}`);
      await close();
    }
  });
});
