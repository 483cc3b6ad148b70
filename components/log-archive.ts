import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import { createPrivateBucket } from "./private-bucket.ts";

export interface LogArchiveArgs {
  /** Ends the database's name. Example: `-prod`. */
  readonly nameSuffix: string;
  /** The role that writes the lines, and the only one that may. */
  readonly writerArn: pulumi.Input<string>;
  /** Days that lines are kept, more than 90. Example: 365. */
  readonly days: number;
  /** Leave the bucket, with its policy and lifecycle, in the account when it leaves the stack; else it is deleted. */
  readonly retain: boolean;
}

const PREFIX = "logs/";

/** Days after which lines move to S3 Glacier Flexible Retrieval, which Athena cannot read. */
const DAYS_UNTIL_GLACIER = 90;
const QUERY_RESULTS = "athena-results/";
const QUERY_RESULT_DAYS = 7;

/**
 * The partitions are computed from the query instead of looked up, so that a new hour needs nothing to be queried.
 * Source: Athena user guide, "Partition projection".
 */
const PARTITIONS = [
  { name: "year", range: "2025,2045", digits: 4 },
  { name: "month", range: "1,12", digits: 2 },
  { name: "day", range: "1,31", digits: 2 },
  { name: "hour", range: "0,23", digits: 2 },
];

/** What the router and the log router write; anything else in a line can be added as a column. */
const COLUMNS = [
  "timestamp",
  "level",
  "msg",
  "log",
  "reqid",
  "req",
  "res",
  "err",
  "container_name",
  "container_id",
  "source",
  "ecs_cluster",
  "ecs_task_arn",
  "ecs_task_definition",
];

/** All lines of the routers, one object an hour or more in S3, ready to be queried with Athena. */
export class LogArchive extends pulumi.ComponentResource {
  readonly bucketName: pulumi.Output<string>;
  readonly bucketArn: pulumi.Output<string>;
  /** Where in the bucket the lines are. */
  readonly prefix = PREFIX;
  readonly #name: string;

  constructor(name: string, args: LogArchiveArgs, opts?: pulumi.ComponentResourceOptions) {
    super("efs-mount-autoscaling:index:LogArchive", name, {}, opts);
    this.#name = name;

    const { bucket } = createPrivateBucket(
      name,
      {
        statements: (bucket) => [denyOtherWriters(bucket, args.writerArn)],
        lifecycleRules: lifecycleRules(args.days),
        retain: args.retain,
      },
      this,
    );
    this.bucketName = bucket.bucket;
    this.bucketArn = bucket.arn;
    this.#saveQueries(bucket, this.#createTable(bucket, args));

    this.registerOutputs();
  }

  #createTable(bucket: aws.s3.Bucket, { nameSuffix }: LogArchiveArgs): aws.glue.CatalogTable {
    const location = pulumi.interpolate`s3://${bucket.bucket}/${PREFIX}`;
    const partitionPath = PARTITIONS.map((partition) => `${partition.name}=\${${partition.name}}`).join("/");
    const database = new aws.glue.CatalogDatabase(
      this.#name,
      { name: `efs_mount_autoscaling${nameSuffix.replaceAll("-", "_")}`, description: "The routers' logs" },
      { parent: this },
    );
    return new aws.glue.CatalogTable(
      this.#name,
      {
        databaseName: database.name,
        name: "router_logs",
        tableType: "EXTERNAL_TABLE",
        parameters: {
          classification: "json",
          "projection.enabled": "true",
          ...Object.fromEntries(
            PARTITIONS.flatMap(({ name, range, digits }) => [
              [`projection.${name}.type`, "integer"],
              [`projection.${name}.range`, range],
              [`projection.${name}.digits`, String(digits)],
            ]),
          ),
          "storage.location.template": pulumi.interpolate`${location}${partitionPath}/`,
        },
        partitionKeys: PARTITIONS.map(({ name }) => ({ name, type: "string" })),
        storageDescriptor: {
          location,
          inputFormat: "org.apache.hadoop.mapred.TextInputFormat",
          outputFormat: "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat",
          serDeInfo: {
            serializationLibrary: "org.openx.data.jsonserde.JsonSerDe",
            parameters: { "case.insensitive": "true", "ignore.malformed.json": "true" },
          },
          columns: COLUMNS.map((column) => ({ name: column, type: "string" })),
        },
      },
      { parent: this },
    );
  }

  #saveQueries(bucket: aws.s3.Bucket, table: aws.glue.CatalogTable): void {
    const workgroup = new aws.athena.Workgroup(
      this.#name,
      {
        description: "Queries on the routers' logs",
        forceDestroy: true,
        configuration: {
          resultConfiguration: {
            outputLocation: pulumi.interpolate`s3://${bucket.bucket}/${QUERY_RESULTS}`,
            encryptionConfiguration: { encryptionOption: "SSE_S3" },
          },
        },
      },
      { parent: this },
    );
    const query = (resourceName: string, title: string, description: string, sql: pulumi.Input<string>) =>
      new aws.athena.NamedQuery(
        resourceName,
        { name: title, description, workgroup: workgroup.name, database: table.databaseName, query: sql },
        { parent: this },
      );
    query(
      `${this.#name}-errors-by-hour`,
      "Errors by hour",
      "How many errors each container logged in each hour of a day. Change the day.",
      pulumi.interpolate`SELECT year, month, day, hour, container_name, count(*) AS errors
FROM ${table.name}
WHERE year = '2026' AND month = '01' AND day = '31'
  AND (upper(level) IN ('ERROR', 'CRITICAL', 'FATAL') OR level IN ('50', '60'))
GROUP BY year, month, day, hour, container_name
ORDER BY year, month, day, hour, container_name`,
    );
    query(
      `${this.#name}-one-request`,
      "One request",
      "All lines of a request, in order. Change the id, and the hours in which to look.",
      pulumi.interpolate`SELECT "timestamp", level, msg, log, err, container_name, ecs_task_arn
FROM ${table.name}
WHERE year = '2026' AND month = '01' AND day = '31' AND hour BETWEEN '00' AND '01'
  AND reqid = 'REQUEST_ID'
ORDER BY "timestamp"`,
    );
  }
}

function denyOtherWriters(bucket: aws.s3.Bucket, writerArn: pulumi.Input<string>): aws.iam.PolicyStatement {
  return {
    Sid: "DenyOtherWriters",
    Effect: "Deny",
    Principal: { AWS: "*" },
    Action: "s3:PutObject",
    Resource: pulumi.interpolate`${bucket.arn}/${PREFIX}*`,
    Condition: { ArnNotEquals: { "aws:PrincipalArn": writerArn } },
  };
}

function lifecycleRules(days: number): aws.types.input.s3.BucketLifecycleConfigurationRule[] {
  return [
    {
      id: "archive-lines",
      status: "Enabled",
      filter: { prefix: PREFIX },
      transitions: [{ days: DAYS_UNTIL_GLACIER, storageClass: "GLACIER" }],
      expiration: { days },
    },
    {
      id: "forget-query-results",
      status: "Enabled",
      filter: { prefix: QUERY_RESULTS },
      expiration: { days: QUERY_RESULT_DAYS },
    },
    {
      id: "abort-unfinished-uploads",
      status: "Enabled",
      filter: { prefix: "" },
      abortIncompleteMultipartUpload: { daysAfterInitiation: 1 },
    },
  ];
}
