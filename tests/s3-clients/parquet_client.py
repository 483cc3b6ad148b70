"""Tables that pandas, PyArrow and DuckDB write to an S3 endpoint, each read by all. Whatever is wrong is an exception.

Usage: parquet_client.py S3FS_CONFIGURATION PYARROW_CONFIGURATION DUCKDB_CONFIGURATION
"""

import sys
from pathlib import Path

import duckdb
import duckdb_extension_httpfs
import pandas
import pyarrow
from pyarrow import dataset, parquet

s3fs_configuration, pyarrow_configuration, duckdb_configuration = sys.argv[1:]
exec(s3fs_configuration)
files.mkdir("my-bucket")
exec(pyarrow_configuration)

# DuckDB loads no extension that its makers have not signed.
(extension,) = Path(duckdb_extension_httpfs.__path__[0]).rglob("*.duckdb_extension")
connection = duckdb.connect()
connection.load_extension(str(extension))
connection.execute(duckdb_configuration)

rows = 300_000
frame = pandas.DataFrame({"n": range(rows), "part": [n % 3 for n in range(rows)], "text": [f"row {n}" for n in range(rows)]})
# In many row groups, each of which is a range.
frame.to_parquet("s3://my-bucket/pandas.parquet", storage_options=storage_options, row_group_size=20_000)
parquet.write_table(pyarrow.Table.from_pandas(frame), "my-bucket/pyarrow.parquet", filesystem=files, row_group_size=20_000)
connection.execute("COPY (SELECT * FROM frame) TO 's3://my-bucket/duckdb.parquet' (ROW_GROUP_SIZE 20000)")

for writer in ["pandas", "pyarrow", "duckdb"]:
    url = f"s3://my-bucket/{writer}.parquet"
    read = pandas.read_parquet(url, storage_options=storage_options, columns=["n"], filters=[("n", ">=", rows - 10)])
    assert list(read["n"]) == list(range(rows - 10, rows)), writer
    assert parquet.read_table(f"my-bucket/{writer}.parquet", filesystem=files).to_pandas().equals(frame), writer
    assert connection.sql(f"SELECT count(*), sum(n) FROM '{url}'").fetchall() == [(rows, sum(range(rows)))], writer

# Partitions are directories.
frame.to_parquet("s3://my-bucket/parts", partition_cols=["part"], storage_options=storage_options)
read = pandas.read_parquet("s3://my-bucket/parts", storage_options=storage_options, filters=[("part", "==", 1)])
assert len(read) == rows / 3
parts = dataset.dataset("my-bucket/parts", filesystem=files, partitioning="hive", format="parquet")
assert parts.count_rows() == rows
query = "SELECT part, count(*) FROM 's3://my-bucket/parts/**/*.parquet' GROUP BY part ORDER BY part"
assert connection.sql(query).fetchall() == [(part, rows / 3) for part in range(3)]

files.create_dir("my-bucket/empty")
files.delete_dir("my-bucket/parts")
assert connection.sql("FROM glob('s3://my-bucket/parts/**')").fetchall() == []

frame.to_csv("s3://my-bucket/table.csv", storage_options=storage_options, index=False)
assert pandas.read_csv("s3://my-bucket/table.csv", storage_options=storage_options).equals(frame)
