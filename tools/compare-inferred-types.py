"""Prints a Markdown table of the columns for which infer, DuckDB and frictionless guess different types.

    pip install duckdb frictionless
    python3 tools/compare-inferred-types.py node_modules/vega-datasets/data/*.csv
"""

import os
import subprocess
import sys

import duckdb
import yaml
from frictionless import Resource

MAIN = os.path.join(os.path.dirname(__file__), "..", "cli", "main.ts")
# The words of the Table Schema for DuckDB's types.
DUCKDB = {
    "BIGINT": "integer",
    "DOUBLE": "number",
    "VARCHAR": "string",
    "BOOLEAN": "boolean",
    "DATE": "date",
    "TIME": "time",
    "TIMESTAMP": "datetime",
    "TIMESTAMP WITH TIME ZONE": "datetime",
}


def by_infer(path):
    command = ["node", MAIN, "infer", path, "--table", "t"]
    said = subprocess.run(command, capture_output=True, text=True, check=False)
    document = yaml.safe_load(said.stdout)
    if document is None:
        raise ValueError(said.stderr.strip())
    return {field["name"]: field.get("type", "string") for field in document["spec"]["fields"]}


def by_duckdb(path):
    rows = duckdb.sql(f"DESCRIBE SELECT * FROM read_csv('{path}', sample_size = -1)").fetchall()
    return {name: DUCKDB.get(kind, kind) for name, kind, *_ in rows}


def by_frictionless(path):
    resource = Resource(path=os.path.basename(path), basepath=os.path.dirname(path))
    resource.infer(stats=False)
    return {field.name: field.type for field in resource.schema.fields}


def main():
    columns = same = 0
    print("| file | column | infer | DuckDB | frictionless |\n|---|---|---|---|---|")
    for path in sys.argv[1:]:
        ours, duck, frictionless = by_infer(path), by_duckdb(path), by_frictionless(path)
        for name, kind in ours.items():
            columns += 1
            others = [duck.get(name, "-"), frictionless.get(name, "-")]
            same += others == [kind, kind]
            if others != [kind, kind]:
                print(f"| {os.path.basename(path)} | {name} | {kind} | {' | '.join(others)} |")
    print(f"\n{same} of {columns} columns have the same type by all three.")


main()
