/** What the file monitor says of itself, in the SSM parameter that it writes (SSM, GetParameter). */
import { type MonitorStatus, parseMonitorStatus } from "@efs-mount-autoscaling/mount-table/monitor-status";
import { AWS_CLIENT_OPTIONS } from "@efs-mount-autoscaling/routed-files/aws-client";

/** @returns reads it; undefined before the monitor's first run. */
export function monitorStatusSource(parameterName: string) {
  return async (abortSignal: AbortSignal): Promise<MonitorStatus | undefined> => {
    const { GetParameterCommand, SSMClient } = await import("@aws-sdk/client-ssm");
    const ssm = new SSMClient(AWS_CLIENT_OPTIONS);
    try {
      const { Parameter } = await ssm.send(new GetParameterCommand({ Name: parameterName }), { abortSignal });
      return parseMonitorStatus(Parameter?.Value ?? "");
    } finally {
      ssm.destroy();
    }
  };
}
