import { expect, test } from "vitest";
import { AwsError } from "../../local/control-plane/aws-error.ts";
import { describeRequiring } from "../support/requirements.ts";
import { fluentBit, startLogRouting } from "./support/log-routing.ts";

const statusOf = async (url: string) => (await fetch(url)).status;

describeRequiring([fluentBit], "the health check", ([command]) => {
  test.concurrent("passes while the outputs work", async (context) => {
    const routing = await startLogRouting(command, context);
    const driver = await routing.openDriver();
    driver.write('{"level":"ERROR","msg":"fine"}', "stdout");
    await context.expect.poll(() => routing.errors(), { timeout: 60_000 }).toHaveLength(1);

    expect(await statusOf(routing.router.healthUrl)).toBe(200);
    await driver.close(1_000);
  });

  test.concurrent("fails when an output keeps failing", async (context) => {
    const routing = await startLogRouting(command, context, { retryLimit: 1 });
    const driver = await routing.openDriver();
    const response = new AwsError("ResourceNotFoundException", 400, "The specified log group does not exist.");
    await routing.setFault("logs", { takesEffect: false, response });
    const writing = setInterval(() => driver.write('{"level":"ERROR","msg":"nowhere to go"}', "stdout"), 250);
    context.onTestFinished(() => clearInterval(writing));

    await context.expect.poll(() => statusOf(routing.router.healthUrl), { timeout: 60_000, interval: 500 }).toBe(500);
    await driver.close(1_000);
  }, 70_000);
});
