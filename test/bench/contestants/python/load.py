"""Loads a CSV file without a header into a table, in one transaction, as the documentation of each library does it.

load.py duckdb|adbc|polars URI FILE TABLE NAME:TYPE,...
"""

import sys


def load_with_duckdb(uri, path, table, columns):
    import pathlib

    import duckdb
    import duckdb_extension_postgres_scanner

    folder = pathlib.Path(duckdb_extension_postgres_scanner.__file__).parent
    [extension] = folder.glob("extensions/*/*.duckdb_extension")
    types = {"string": "VARCHAR", "integer": "INTEGER", "date": "DATE"}
    db = duckdb.connect()
    db.execute(f"LOAD '{extension}'")
    db.execute(f"ATTACH '{uri}' AS target (TYPE postgres)")
    rows = db.read_csv(path, header=False, columns={name: types[kind] for name, kind in columns})
    db.execute(f"INSERT INTO target.{table} SELECT * FROM rows")


def load_with_adbc(uri, path, table, columns):
    import adbc_driver_postgresql.dbapi
    import pyarrow
    import pyarrow.csv

    types = {"string": pyarrow.string(), "integer": pyarrow.int32(), "date": pyarrow.date32()}
    # The reader streams, so that the file need not fit into memory.
    rows = pyarrow.csv.open_csv(
        path,
        read_options=pyarrow.csv.ReadOptions(column_names=[name for name, _ in columns]),
        parse_options=pyarrow.csv.ParseOptions(newlines_in_values=True),
        convert_options=pyarrow.csv.ConvertOptions(
            column_types={name: types[kind] for name, kind in columns},
            strings_can_be_null=True,
            null_values=[""],
        ),
    )
    with adbc_driver_postgresql.dbapi.connect(uri) as db, db.cursor() as cursor:
        cursor.adbc_ingest(table, rows, mode="append")
        db.commit()


def load_with_polars(uri, path, table, columns):
    import polars

    types = {"string": polars.String, "integer": polars.Int32, "date": polars.Date}
    rows = polars.read_csv(path, has_header=False, schema={name: types[kind] for name, kind in columns})
    rows.write_database(table, uri, engine="adbc", if_table_exists="append")


LOADERS = {"duckdb": load_with_duckdb, "adbc": load_with_adbc, "polars": load_with_polars}

if __name__ == "__main__":
    _, loader, uri, path, table, described = sys.argv
    LOADERS[loader](uri, path, table, [tuple(column.split(":")) for column in described.split(",")])
