"""Which register goes into which column of a ``Reading``, by C.D.E of its OBIS code (IEC 62056-6-1, electricity).

A column holds integers of ten to the power of ``exponent`` in ``unit``: volts with exponent -3 are millivolts.
The order is that of the columns in the record.
"""

from __future__ import annotations

from typing import NamedTuple


class Column(NamedTuple):
    """A quantity column of ``Reading``."""

    field: str
    unit: str
    exponent: int


COLUMNS: dict[str, Column] = {
    "1.8.0": Column("import_wh", "Wh", 0),
    "2.8.0": Column("export_wh", "Wh", 0),
    "1.8.1": Column("import_t1_wh", "Wh", 0),
    "1.8.2": Column("import_t2_wh", "Wh", 0),
    "1.8.3": Column("import_t3_wh", "Wh", 0),
    "1.8.4": Column("import_t4_wh", "Wh", 0),
    "2.8.1": Column("export_t1_wh", "Wh", 0),
    "2.8.2": Column("export_t2_wh", "Wh", 0),
    "2.8.3": Column("export_t3_wh", "Wh", 0),
    "2.8.4": Column("export_t4_wh", "Wh", 0),
    "3.8.0": Column("reactive_import_varh", "varh", 0),
    "3.8.1": Column("reactive_import_t1_varh", "varh", 0),
    "3.8.2": Column("reactive_import_t2_varh", "varh", 0),
    "4.8.0": Column("reactive_export_varh", "varh", 0),
    "4.8.1": Column("reactive_export_t1_varh", "varh", 0),
    "4.8.2": Column("reactive_export_t2_varh", "varh", 0),
    "5.8.0": Column("reactive_q1_varh", "varh", 0),
    "5.8.1": Column("reactive_q1_t1_varh", "varh", 0),
    "5.8.2": Column("reactive_q1_t2_varh", "varh", 0),
    "6.8.0": Column("reactive_q2_varh", "varh", 0),
    "6.8.1": Column("reactive_q2_t1_varh", "varh", 0),
    "6.8.2": Column("reactive_q2_t2_varh", "varh", 0),
    "7.8.0": Column("reactive_q3_varh", "varh", 0),
    "7.8.1": Column("reactive_q3_t1_varh", "varh", 0),
    "7.8.2": Column("reactive_q3_t2_varh", "varh", 0),
    "8.8.0": Column("reactive_q4_varh", "varh", 0),
    "8.8.1": Column("reactive_q4_t1_varh", "varh", 0),
    "8.8.2": Column("reactive_q4_t2_varh", "varh", 0),
    "1.7.0": Column("import_w", "W", 0),
    "2.7.0": Column("export_w", "W", 0),
    "21.7.0": Column("import_l1_w", "W", 0),
    "41.7.0": Column("import_l2_w", "W", 0),
    "61.7.0": Column("import_l3_w", "W", 0),
    "22.7.0": Column("export_l1_w", "W", 0),
    "42.7.0": Column("export_l2_w", "W", 0),
    "62.7.0": Column("export_l3_w", "W", 0),
    "3.7.0": Column("reactive_import_var", "var", 0),
    "4.7.0": Column("reactive_export_var", "var", 0),
    "23.7.0": Column("reactive_import_l1_var", "var", 0),
    "43.7.0": Column("reactive_import_l2_var", "var", 0),
    "63.7.0": Column("reactive_import_l3_var", "var", 0),
    "24.7.0": Column("reactive_export_l1_var", "var", 0),
    "44.7.0": Column("reactive_export_l2_var", "var", 0),
    "64.7.0": Column("reactive_export_l3_var", "var", 0),
    "32.7.0": Column("voltage_l1_mv", "V", -3),
    "52.7.0": Column("voltage_l2_mv", "V", -3),
    "72.7.0": Column("voltage_l3_mv", "V", -3),
    "31.7.0": Column("current_l1_ma", "A", -3),
    "51.7.0": Column("current_l2_ma", "A", -3),
    "71.7.0": Column("current_l3_ma", "A", -3),
    "91.7.0": Column("current_n_ma", "A", -3),
    "13.7.0": Column("power_factor_permille", "1", -3),
}
