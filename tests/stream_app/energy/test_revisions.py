"""How long a site can be revised."""

from __future__ import annotations

import pytest

from stream_app.energy.quality import DAY_MS
from stream_app.energy.revisions import fold
from stream_app.energy.site import Part
from stream_app.energy.site_memory import SiteMemory
from tests.stream_app.balance_world import T0, Q, point, title


@pytest.mark.parametrize(
    ("amount", "days", "held"),
    [
        pytest.param(7, 34, True, id="complete-and-young"),
        pytest.param(7, 36, False, id="complete-and-old"),
        pytest.param(None, 399, True, id="missing-and-old"),
        pytest.param(None, 401, False, id="missing-and-lost"),
    ],
)
def test_what_is_complete_leaves_after_weeks_and_what_is_missing_after_a_year(
    amount: int | None, days: int, held: bool
) -> None:
    memory = SiteMemory("house")
    memory.begin(T0)
    quarter = memory.open(T0)
    quarter.put(title(1), "1.8.0", T0, T0 + Q, Part(amount, "MEASURED", "REGISTER", 900, 15, 0, True))
    quarter.series["P1", "1.8.0"] = 1
    memory.rows = memory.rows._replace(points=(point("P1", 1, role="consumer"),))
    memory.through = T0 + Q
    memory.changes()
    memory.through = T0 + 500 * DAY_MS
    list(memory.fold(T0 + DAY_MS))
    memory.changes()
    fold(memory, T0 + days * DAY_MS + DAY_MS // 4, 35 * DAY_MS)

    assert held == memory.holds(T0)
