from __future__ import annotations

from types import SimpleNamespace

from edge_agent.link.errors import LinkError, MeterDataError
from stream_app.dlms import errors
from stream_app.refusals import EVENT_OF_KIND, MAX_QUIET, QUIET_MS, Alarms, reject
from stream_app.replay import Verdict

TITLE = "4C475A1030A1B2C3"
FORGED = errors.AuthenticationError("tag does not verify", offset=18)


def test_every_kind_of_the_family_has_its_event() -> None:
    def kinds(family: type[MeterDataError]) -> set[str]:
        return {family.kind} if hasattr(family, "kind") else set().union(*map(kinds, family.__subclasses__()))

    assert kinds(MeterDataError) == set(EVENT_OF_KIND)


def test_a_key_is_called_wrong_only_where_it_is_suspected() -> None:
    told = [
        Alarms().refused(TITLE, error, 0)
        for error in (errors.NoPushError("no push: get-request"), errors.WrongKeyError("no push: tag A7 (wrong key?)"))
    ]

    assert ["telegram.damaged", "key.wrong"] == [event.type for event in told if event]


def test_a_reject_keeps_key_value_and_headers_and_says_why() -> None:
    record = SimpleNamespace(
        topic="cip.frames.v1",
        partition=2,
        offset=99,
        timestamp=7,
        key=TITLE.encode(),
        value=b"\x7e\xa0",
        headers=[("edge-id", b"e1"), ("error", b"from an earlier refusal")],
    )

    output = reject("cip.rejects.v1", record, FORGED)

    assert ("cip.rejects.v1", TITLE.encode(), b"\x7e\xa0", 7) == output[:4]
    assert [
        ("edge-id", b"e1"),
        ("error", b"authentication"),
        ("layer", b"cipher"),
        ("reason", b"tag does not verify at byte 18"),
        ("source", b"cip.frames.v1/2/99"),
    ] == output.headers


def test_a_flood_is_one_alarm_and_a_sum() -> None:
    alarms = Alarms()
    told = [alarms.refused(TITLE, FORGED, at * 5000) for at in range(720)]
    (total,) = alarms.sweep(QUIET_MS)

    assert "security.authentication" == told[0].type  # type: ignore[union-attr]
    assert [None] * 719 == told[1:]
    assert "went on (719 more in the hour before)" == total.detail
    assert [] == alarms.sweep(QUIET_MS)


def test_another_kind_or_meter_is_told_at_once() -> None:
    alarms = Alarms()
    alarms.refused(TITLE, FORGED, 0)

    assert alarms.refused(TITLE, LinkError("FCS", layer="hdlc"), 1) is not None
    assert alarms.refused("4B464D0000000001", FORGED, 1) is not None


def test_the_same_telegram_from_a_second_gateway_is_no_event() -> None:
    copy = errors.ReplayError(Verdict.SAME_TELEGRAM.value)

    assert Alarms().refused(TITLE, copy, 0) is None


def test_a_flood_of_titles_does_not_grow_the_memory() -> None:
    alarms = Alarms()
    for number in range(MAX_QUIET + 50):
        alarms.refused(f"{number:016X}", FORGED, number)

    assert MAX_QUIET == len(alarms._quiet)
