/** What the status page makes of the monitor's status, in a real browser. Screenshots are left in `test-results/browser`. */
import { PutParameterCommand } from "@aws-sdk/client-ssm";
import type { MonitorStatus } from "@efs-mount-autoscaling/mount-table/monitor-status";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { STATUS_PARAMETER_NAME } from "../../local/environments.ts";
import { clients } from "../support/aws-clients.ts";
import { chromiumProgram, expectAccessible, openBrowser, openPage, screenshot } from "../support/browser.ts";
import { describeRequiring } from "../support/requirements.ts";
import { type RouterOverDirectory, startRouterOverDirectory } from "../support/router-over-directory.ts";
import type { StandaloneRouter } from "../support/standalone-router.ts";

const MINUTE = 60_000;

/** Milliseconds, on a machine with other work. */
const SLOW = { timeout: 120_000 };

const section = (page: Page) => page.locator("section", { has: page.locator("#files") });

/** How many pixels of the chart have the colour of the band, which is that of the line and mostly transparent. */
const bandPixels = (page: Page) =>
  section(page)
    .locator("canvas")
    .evaluate((element) => {
      const { width, height } = element as unknown as { width: number; height: number };
      const context = (element as unknown as { getContext(kind: "2d"): Context }).getContext("2d");
      const { data } = context.getImageData(0, 0, width, height);
      let count = 0;
      for (let at = 0; at < data.length; at += 4) {
        const [red = 0, , blue = 0, alpha = 0] = data.subarray(at, at + 4);
        if (alpha > 20 && alpha < 45 && blue > red + 100) count += 1;
      }
      return count;
    });

interface Context {
  getImageData(x: number, y: number, width: number, height: number): { readonly data: Uint8ClampedArray };
}

describeRequiring([chromiumProgram], "the monitor's status in a browser", ([command]) => {
  let browser: Browser;
  let started: RouterOverDirectory;
  let router: StandaloneRouter;

  beforeAll(async () => {
    started = await startRouterOverDirectory({ STATUS_PARAMETER_NAME }, (account) => publish(status(), account));
    router = started.router;
    browser = await openBrowser(command);
  });
  afterAll(async () => {
    await browser?.close();
    await started?.close();
  });

  async function publish(value: MonitorStatus, account = router.controlPlane): Promise<void> {
    await clients(account.url).ssm.send(
      new PutParameterCommand({
        Name: STATUS_PARAMETER_NAME,
        Value: JSON.stringify(value),
        Type: "String",
        Overwrite: true,
      }),
    );
  }

  test("a forecast is a band ahead of the last count, and gone when there is none", async () => {
    const now = Date.now();
    await publish(
      status({
        effectiveThreshold: 95_000,
        thresholdReason: "in 60 minutes there may be 101000 files",
        forecast: { time: now + 60 * MINUTE, q05: 91_000, q50: 96_000, q90: 100_000, q95: 101_000 },
      }),
    );
    const { page, complaints, close } = await openPage(browser, router.url);
    await section(page).getByText("91,000 to 101,000 files are expected at").waitFor(SLOW);
    await section(page).getByText("The forecast lowers the threshold to 95,000").waitFor(SLOW);
    await section(page).getByText("in 60 minutes there may be 101000 files").waitFor(SLOW);
    await expect.poll(() => bandPixels(page), SLOW).toBeGreaterThan(500);
    await expectAccessible(page);
    await screenshot(page, "forecast");
    await page.getByLabel("Language").selectOption("ja");
    await section(page).getByText("予測により、しきい値を 95,000 に引き下げています").waitFor(SLOW);
    await screenshot(page, "forecast-ja");
    await page.getByLabel("言語").selectOption("en");

    await publish(status());
    await section(page).getByText("No forecast").waitFor(SLOW);
    await expect.poll(() => bandPixels(page), SLOW).toBeLessThan(100);
    expect(complaints).toEqual([]);
    await close();
  });

  test("what the last run decided about scale-in is said in words", async () => {
    await publish(status({ retiring: "fsmt-0123456789abcdef0", scaleInReason: "routers may still use it" }));
    const { page, complaints, close } = await openPage(browser, router.url);
    await section(page).getByText("Retiring fsmt-0123456789abcdef0").waitFor(SLOW);
    await section(page).getByText("Scale-in: routers may still use it").waitFor(SLOW);
    await expectAccessible(page);
    await screenshot(page, "scale-in");

    await publish(status({ deletedIn: "ap-northeast-1d", scaleInReason: "no router uses it any more" }));
    await section(page).getByText("Deleted the mount target in ap-northeast-1d").waitFor(SLOW);
    await page.getByLabel("Language").selectOption("ja");
    await section(page).getByText("ap-northeast-1d のマウントターゲットを削除しました").waitFor(SLOW);
    await section(page).getByText("スケールイン: no router uses it any more").waitFor(SLOW);
    expect(complaints).toEqual([]);
    await close();
  });
});

/** Of a run that has just ended: the last of counts every five minutes. */
function status(changes: Partial<MonitorStatus> = {}): MonitorStatus {
  const now = Date.now();
  return {
    time: now,
    succeeded: true,
    outcome: "No action needed",
    threshold: 100_000,
    effectiveThreshold: 100_000,
    fileCount: 90_000,
    countComplete: true,
    countedAt: now,
    counts: Array.from({ length: 13 }, (_, index) => [now - (12 - index) * 5 * MINUTE, 78_000 + index * 1_000]),
    availabilityZonesLeft: 1,
    ...changes,
  };
}
