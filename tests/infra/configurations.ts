/** Configurations of the stack that between them make every resource it can have, by name. */
export const CONFIGURATIONS = {
  defaults: {},
  everything: {
    owner: "file-service@example.com",
    nameSuffix: "-prod",
    kmsKeyArn: "arn:aws:kms:ap-northeast-1:123456789012:key/11111111-2222-3333-4444-555555555555",
    dataOnDestroy: "retain",
    certificateArn: "arn:aws:acm:ap-northeast-1:123456789012:certificate/11111111-2222-3333-4444-555555555555",
    domainName: "files.example.com",
    hostedZoneId: "Z0123456789ABCDEFGHIJ",
    availabilityZones: '["ap-northeast-1a","ap-northeast-1c","ap-northeast-1d"]',
    allowedCidrs: '["10.0.0.0/16","172.16.0.0/12"]',
    throughputMode: "provisioned",
    provisionedThroughput: "256",
    transitionToIaDays: "30",
    maxMountTargets: "3",
    parameterType: "SecureString",
    drainSeconds: "600",
    taskCpu: "1024",
    taskMemory: "2048",
    logObjectSize: "large",
    meteredGibPerDay: "500",
    alarmEmail: "on-call@example.com",
    auditTrail: "true",
  },
  "an existing VPC and file system": {
    vpcId: "vpc-0e0e0e0e",
    privateSubnetIds: '["subnet-0e0e0e01","subnet-0e0e0e02","subnet-0e0e0e03"]',
    createVpcEndpoints: "false",
    existingFileSystemId: "fs-0e0e0e0e",
    logRouter: "false",
    efsIamAuthorization: "false",
    apiToken: "false",
    rollout: "hot-reload",
    mountTableRefreshSeconds: "10",
  },
  "endpoints in an existing VPC": {
    vpcId: "vpc-0e0e0e0e",
    privateSubnetIds: '["subnet-0e0e0e01","subnet-0e0e0e02","subnet-0e0e0e03"]',
  },
} as const satisfies Record<string, Record<string, string>>;

export type ConfigurationName = keyof typeof CONFIGURATIONS;
