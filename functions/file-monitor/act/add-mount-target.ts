/**
 * Creates a mount target, and waits until it is available.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { createMountTarget, listMountTargets, type MountTargetDescription } from "../aws/file-system.ts";
import { AwsCallError } from "../aws/session.ts";
import type { Subnet } from "../aws/subnets.ts";
import { decideScaleOut, type ScaleOutDecision } from "../decide/scale-out.ts";
import { type Account, observeAccount } from "../observe/account.ts";
import type { Run } from "../run.ts";
import { timeToSettle } from "./time-to-settle.ts";

/** No mount target could be added in this run; the message says why. */
export class MountTargetCreationError extends Error {
  override readonly name = "MountTargetCreationError";
  /** Whether EFS refused, so that nothing was created. */
  readonly wasRefused: boolean;

  constructor(
    message: string,
    { wasRefused = false, ...options }: ErrorOptions & { readonly wasRefused?: boolean } = {},
  ) {
    super(message, options);
    this.wasRefused = wasRefused;
  }
}

/** How it went, and the account as it is then. */
export interface Addition {
  /** The mount target that is available now; undefined where EFS supports none in the Availability Zones left. */
  readonly added: MountTargetDescription | undefined;
  readonly account: Account;
}

/**
 * Adds one mount target in an Availability Zone that has none, or waits for one that is being created already.
 * When a subnet can't take it, the next one is tried.
 *
 * @throws {MountTargetCreationError} when no subnet can take it, or it is not available in time.
 * @throws {AwsCallError} when another call fails.
 */
export async function addMountTarget(
  run: Run,
  before: Account,
  firstDecision: Exclude<ScaleOutDecision, { readonly action: "none" }>,
): Promise<Addition> {
  const { settings, memory, log } = run;
  const refusals = new Map<string, AwsCallError>();
  let account = before;
  let decision: ScaleOutDecision = firstDecision;
  while (decision.action === "create") {
    const { subnet } = decision;
    const attempt = await attemptCreation(run, subnet);
    if (attempt.outcome === "started") return await untilAvailable(run, account, attempt.mountTargetId);

    if (attempt.outcome === "refused") {
      const { scope, error } = attempt;
      log.warn(`This ${scope} can't take a mount target: trying the next`, { ...subnet, reason: error.message });
      if (scope === "Availability Zone") memory.unsupportedZones.add(subnet.availabilityZone);
      refusals.set(subnet.subnetId, error);
    }
    // Another run may have added one meanwhile: without this, the next attempt could exceed the limit.
    const { subnets, ...rest } = await observeAccount(run);
    account = { ...rest, subnets: subnets.filter(({ subnetId }) => !refusals.has(subnetId)) };
    if (attempt.outcome === "conflict") {
      const other = account.mountTargets.find(
        ({ availabilityZone, state }) => availabilityZone === subnet.availabilityZone && state !== "deleted",
      );
      if (!other) throw new MountTargetCreationError(attempt.error.message, { cause: attempt.error });
      log.info("The mount target of this Availability Zone was created meanwhile", { ...other });
      return await untilAvailable(run, account, other.mountTargetId);
    }
    decision = decideScaleOut(account, settings);
  }
  if (decision.action === "await") return await untilAvailable(run, account, decision.mountTarget.mountTargetId);
  if ([...refusals.values()].every(({ code }) => REFUSALS[code] === "Availability Zone")) {
    return { added: undefined, account };
  }
  const reasons = [...refusals].map(([subnetId, { code }]) => `${subnetId}: ${code}`);
  throw new MountTargetCreationError(`No subnet can take a mount target: ${reasons.join(", ")}`, { wasRefused: true });
}

type Attempt =
  | { readonly outcome: "started"; readonly mountTargetId: string }
  /** The Availability Zone has a mount target: another run's, or this call's own, retried after its response was lost. */
  | { readonly outcome: "conflict"; readonly error: AwsCallError }
  | { readonly outcome: "refused"; readonly scope: RefusalScope; readonly error: AwsCallError };

type RefusalScope = "subnet" | "Availability Zone";

/**
 * Errors of one subnet or Availability Zone: another may do. SubnetNotFound: it was deleted since it was listed. Those of
 * an Availability Zone do not pass.
 */
const REFUSALS: Readonly<Record<string, RefusalScope>> = {
  NoFreeAddressesInSubnet: "subnet",
  IpAddressInUse: "subnet",
  SubnetNotFound: "subnet",
  UnsupportedAvailabilityZone: "Availability Zone",
  AvailabilityZonesMismatch: "Availability Zone",
};

/** What to do about errors that every other subnet would give too. */
const ADVICE: Readonly<Record<string, string>> = {
  IncorrectFileSystemLifeCycleState: "the file system is being changed; the next run retries",
  NetworkInterfaceLimitExceeded: "raise the account's quota of network interfaces, or delete some",
  SecurityGroupLimitExceeded: "raise the account's quota of security groups per network interface",
  SecurityGroupNotFound: "EFS_SECURITY_GROUP_ID must name a security group of the VPC",
  FileSystemNotFound: "EFS_FILE_SYSTEM_ID must name a file system of this account and region",
};

async function attemptCreation({ aws, settings, log }: Run, subnet: Subnet): Promise<Attempt> {
  try {
    const { mountTargetId } = await createMountTarget(aws, { ...settings, subnetId: subnet.subnetId });
    log.info("Creating a mount target", { mountTargetId, ...subnet });
    return { outcome: "started", mountTargetId };
  } catch (error) {
    if (!(error instanceof AwsCallError)) throw error;
    if (error.code === "MountTargetConflict") return { outcome: "conflict", error };
    const scope = REFUSALS[error.code];
    if (scope) return { outcome: "refused", scope, error };
    const advice = ADVICE[error.code];
    const message = advice ? `${error.message} (${advice})` : error.message;
    throw new MountTargetCreationError(message, { cause: error, wasRefused: advice !== undefined });
  }
}

/** States from which a mount target never becomes available. */
const NEVER_AVAILABLE = new Set(["deleting", "deleted", "error"]);

async function untilAvailable(run: Run, account: Account, mountTargetId: string): Promise<Addition> {
  const { aws, settings } = run;
  const wait = timeToSettle(run);
  for (;;) {
    const mountTargets = await listMountTargets(aws, settings.fileSystemId);
    const added = mountTargets.find((target) => target.mountTargetId === mountTargetId);
    if (added?.state === "available") return { added, account: { ...account, mountTargets } };
    // Right after its creation, EFS may not list it yet.
    const state = added?.state ?? "not listed";
    if (NEVER_AVAILABLE.has(state)) throw new MountTargetCreationError(`${mountTargetId} is ${state}`);
    if (wait.remaining() === 0) {
      throw new MountTargetCreationError(`${mountTargetId} is still ${state}; the next run waits again`);
    }
    await sleep(Math.min(settings.mountTargetPollInterval, wait.remaining()), undefined, { signal: aws.signal });
  }
}
