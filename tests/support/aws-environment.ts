/** The environment of code that finds AWS by the SDK's own rules. */
import { vi } from "vitest";
import { REGION } from "../../local/account.ts";

/** Leads the SDK's clients to the AWS at `url`, until `vi.unstubAllEnvs`. */
export function stubAws(url: string): void {
  vi.stubEnv("AWS_ENDPOINT_URL", url);
  vi.stubEnv("AWS_REGION", REGION);
  vi.stubEnv("AWS_ACCESS_KEY_ID", "test");
  vi.stubEnv("AWS_SECRET_ACCESS_KEY", "test");
}
