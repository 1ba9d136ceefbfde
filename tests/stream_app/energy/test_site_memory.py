"""What a site remembers comes back from its changelog, and stays small."""

from __future__ import annotations

from stream_app.energy.originals import BLOCK_MS
from stream_app.energy.site import Part, Quarter, Rows
from stream_app.energy.site_memory import FOLD_AFTER_MS, SiteMemory
from stream_app.registry.model import Member, Site
from tests.stream_app.balance_world import T0, Q, point, title
from tests.stream_app.energy.energy_world import fields

DAY = 96
ROWS = Rows(
    Site("house", "Europe/Vienna", "Am Bach 3|b", "community", "at-static"),
    (point("AT001000000000000000000000000000001", 1, quantities=("1.8.0", "5.8.0")), point("P2", 2, until=9)),
    (Member("house", "P2", T0, None, 50, 1200),),
)


def fill(quarter: Quarter, amount: int = 7) -> None:
    for quantity in ("1.8.0", "2.8.0"):
        key = (title(1), quantity, quarter.start, quarter.start + Q)
        quarter.put(*key, Part(amount, "MEASURED", "INTERPOLATED", 900, 180, 5000, True))
        quarter.series["AT001000000000000000000000000000001", quantity] = 1
    quarter.balance = 1


def pour(memory: SiteMemory, changelog: dict[bytes, bytes]) -> list[tuple[bytes, bytes | None]]:
    changes = memory.changes()
    for key, value in changes:
        if value is None:
            changelog.pop(key)
        else:
            changelog[key] = value
    return changes


def again(changelog: dict[bytes, bytes]) -> SiteMemory:
    memory = SiteMemory("house")
    for key, value in changelog.items():
        kind, *at, _ = key.split(b"|", 2 if key[:1] in b"qb" else 1)
        memory.restore(kind, int(at[0]) if at else 0, value)
    return memory


def contents(quarter: Quarter) -> tuple[object, ...]:
    return tuple(getattr(quarter, name) for name in fields(Quarter))


def test_everything_of_a_site_comes_back() -> None:
    memory, changelog = SiteMemory("house"), dict[bytes, bytes]()
    memory.begin(T0)
    memory.adopt(ROWS)
    memory.offset, memory.through = 17, T0 + Q
    quarter = memory.open(T0)
    fill(quarter)
    quarter.adjusted.add(("AT001000000000000000000000000000001", "1.8.0"))
    quarter.allocations["P2"] = 3
    expected = contents(quarter)
    pour(memory, changelog)
    back = again(changelog)

    assert (17, T0, T0 + Q, T0) == (back.offset, back.first, back.through, back.folded)
    assert ROWS == back.rows
    assert expected == contents(back.open(T0))


def test_quarters_are_folded_into_blocks_and_found_there() -> None:
    memory, changelog = SiteMemory("house"), dict[bytes, bytes]()
    memory.begin(T0)
    for n in range(30):
        fill(memory.open(T0 + n * Q), n)
    pour(memory, changelog)
    memory.through = T0 + 40 * Q
    assert [T0] == list(memory.fold(T0 + BLOCK_MS + FOLD_AFTER_MS))
    pour(memory, changelog)

    assert 1 == sum(key.startswith(b"b|") for key in changelog)
    assert 6 == sum(key.startswith(b"q|") for key in changelog)
    back = again(changelog)
    assert list(range(30)) == [
        back.open(T0 + n * Q).parts[title(1), "1.8.0"][T0 + n * Q, T0 + n * Q + Q].amount for n in range(30)
    ]


def test_a_folded_quarter_that_changes_is_written_with_its_block() -> None:
    memory, changelog = SiteMemory("house"), dict[bytes, bytes]()
    memory.begin(T0)
    for n in range(24):
        fill(memory.open(T0 + n * Q))
    memory.through = T0 + 40 * Q
    list(memory.fold(T0 + 90 * Q))
    pour(memory, changelog)
    memory.open(T0 + 5 * Q).balance = 9
    written = [key for key, _ in pour(memory, changelog)]
    back = again(changelog)

    assert [b"b|%d|house" % T0, b"h|house"] == written
    assert [1] * 5 + [9] + [1] * 18 == [back.open(T0 + n * Q).balance for n in range(24)]


def test_what_was_opened_after_the_fold_moved_back_is_newer_than_its_block() -> None:
    memory, changelog = SiteMemory("house"), dict[bytes, bytes]()
    memory.begin(T0)
    for n in (4, 5, 6):
        fill(memory.open(T0 + n * Q))
    memory.through = T0 + 40 * Q
    list(memory.fold(T0 + 90 * Q))
    pour(memory, changelog)
    memory.look_again(T0 + 3 * Q)
    memory.open(T0 + 5 * Q).balance = 9
    pour(memory, changelog)
    fill(memory.open(T0 + 7 * Q))
    pour(memory, changelog)
    back = again(changelog)

    assert [1, 9, 1, 1] == [back.open(T0 + n * Q).balance for n in (4, 5, 6, 7)]


def test_a_quarter_that_changes_as_it_is_folded_is_folded_as_it_has_become() -> None:
    memory, changelog = SiteMemory("house"), dict[bytes, bytes]()
    memory.begin(T0)
    fill(memory.open(T0))
    pour(memory, changelog)
    memory.open(T0).balance = 9
    memory.through = T0 + 40 * Q
    list(memory.fold(T0 + 90 * Q))
    pour(memory, changelog)

    assert 9 == again(changelog).open(T0).balance
    assert [b"h|house", b"b|%d|house" % T0] == list(changelog)


def test_nothing_is_remembered_of_a_quarter_that_was_only_looked_at() -> None:
    memory, changelog = SiteMemory("house"), dict[bytes, bytes]()
    memory.begin(T0)
    memory.open(T0)
    pour(memory, changelog)

    assert [b"h|house"] == list(changelog)


def test_a_block_that_was_forgotten_is_gone_unless_it_has_begun_anew() -> None:
    memory, changelog = SiteMemory("house"), dict[bytes, bytes]()
    memory.begin(T0)
    fill(memory.open(T0))
    memory.through = T0 + 40 * Q
    list(memory.fold(T0 + 90 * Q))
    pour(memory, changelog)
    memory.forget(T0)
    fill(memory.open(T0), 3)
    pour(memory, changelog)
    assert b"b|%d|house" % T0 in changelog
    memory.forget(T0)
    pour(memory, changelog)

    assert [b"h|house"] == list(changelog)
    assert not memory.holds(T0)


def test_a_day_of_a_household_takes_less_than_two_kilobytes_and_a_silent_one_a_fraction() -> None:
    busy, silent = SiteMemory("house"), SiteMemory("house")
    for memory, amounts in ((busy, True), (silent, False)):
        memory.begin(T0)
        for n in range(DAY):
            quarter = memory.open(T0 + n * Q)
            fill(quarter, n * n * 7919 % 400)
            if not amounts:
                quarter.parts.clear()
        memory.through = T0 + 2 * DAY * Q
        list(memory.fold(T0 + 2 * DAY * Q))
    sizes = [sum(len(value or b"") for _, value in memory.changes()) for memory in (busy, silent)]

    assert sizes[0] < 2_000
    assert sizes[1] < 1_000
