"""A table into a Parquet file with typed columns."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from stream_app.export.tables import Table

GROUP: Final = 65_536  # rows of a row group; what is held in memory at a time

TYPES: Final[dict[str, Any]] = {
    "text": pa.string(),
    "whole": pa.int64(),
    "flag": pa.bool_(),
    "time": pa.timestamp("ms", "UTC"),
}


def write_parquet(table: Table, path: Path) -> None:
    """Write ``table`` to ``path``."""
    schema = pa.schema([(column.name, TYPES[column.type]) for column in table.columns])
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        while rows := list(islice(table.rows, GROUP)):
            columns = zip(*rows, strict=True)
            arrays = [pa.array(values, field.type) for values, field in zip(columns, schema, strict=True)]
            writer.write_batch(pa.record_batch(arrays, schema=schema))
