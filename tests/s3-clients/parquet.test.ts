/** pandas with s3fs, PyArrow and DuckDB, unmodified, with an S3 client each, at the router's bundle. */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { pythonWith } from "../support/programs.ts";
import { describeRequiring } from "../support/requirements.ts";
import { SCRIPTS, startWorld, type World } from "./world.ts";

const python = pythonWith("pandas", "s3fs", "pyarrow", "duckdb", "duckdb_extension_httpfs");

describeRequiring([python], "pandas, PyArrow and DuckDB", ([command]) => {
  let world: World;

  beforeAll(async () => {
    world = await startWorld();
  });

  afterAll(async () => {
    await world?.close();
  });

  test("write tables that each of them reads, whole, in ranges and in partitions", async () => {
    const configurations = ["s3fs and pandas", "PyArrow", "DuckDB"].map(world.configuration);
    await world.run(command, join(SCRIPTS, "parquet_client.py"), ...configurations);
    const names = await readdir(join(world.s3.directory, "my-bucket"));
    expect(names.sort()).toEqual(["duckdb.parquet", "empty", "pandas.parquet", "pyarrow.parquet", "table.csv"]);
  });
});
