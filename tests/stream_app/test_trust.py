from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from edge_agent.link.errors import MeterDataError
from stream_app.dlms.cipher import AuthenticationKey, EncryptionKey, MeterKeys
from stream_app.dlms.definitions import Profile
from stream_app.dlms.errors import (
    AuthenticationError,
    CipherHeaderError,
    ClearTextRefusedError,
    DowngradeError,
    NoPushError,
    PlaintextError,
    ProfileError,
    ReplayError,
    UnknownKeyError,
)
from stream_app.dlms.layout import Layout, Push
from stream_app.keys.ring import HeldKey, KeyRing
from stream_app.replay import Verdict
from stream_app.trust import NOTHING_ELSE, Moved, Policy, Trust, open_telegram

TITLE = bytes.fromhex("4C475A1030A1B2C3")
PLAIN = b"\x0f\x00\x00\x00\x01\x00\x02\x00"
PUSH = Push(Layout(None, (), (), ()), (1,), (), None, None, ())
GRACE = 3_600_000
NO_PROFILE = Profile(None, None, None)
KEYS = {
    version: MeterKeys(EncryptionKey(bytes([version] * 16)), AuthenticationKey(bytes([0x40 + version] * 16)), version)
    for version in (1, 2, 3)
}


def seal(counter: int, control: int = 0x30, version: int = 1, title: bytes = TITLE, plain: bytes = PLAIN) -> bytes:
    keys = KEYS[version]
    nonce, head = title + counter.to_bytes(4, "big"), bytes([control])
    assert keys.authentication
    if control & 0x20:
        sealed = AESGCM(keys.encryption).encrypt(nonce, plain, head + keys.authentication if control & 0x10 else None)
        body = sealed[:-16] + (sealed[-16:-4] if control & 0x10 else b"")
    else:
        body = plain + AESGCM(keys.encryption).encrypt(nonce, b"", head + keys.authentication + plain)[:12]
    content = head + counter.to_bytes(4, "big") + body
    return b"\xdb" + bytes([len(title)]) + title + bytes([len(content)]) + content


HEADER_OVER_CLEAR_BODY = seal(1, 0x20)[:10] + b"\x0d\x20\0\0\0\x01" + b"\x0f\0\0\0\0\x0c\x07\xe8"


def read(plaintext: bytes, profile: Profile) -> Push:
    if plaintext != PLAIN:
        raise NoPushError("no push", offset=0)
    return PUSH


def policy(*versions: int, security: Any = "encrypted", strict: bool = False) -> Policy:
    held = KeyRing(("4C475A1030A1B2C3", KEYS[version]) for version in versions).of("4C475A1030A1B2C3")
    return Policy(security, strict, held, GRACE, NO_PROFILE)


class Meter:
    """A meter's trust with the telegrams it is offered."""

    def __init__(self, *versions: int, **asked: Any) -> None:
        self.trust = Trust()
        self.policy = policy(*versions, **asked)

    def offer(self, apdu: bytes, clock: int = 0, title: bytes = TITLE) -> Any:
        opened = open_telegram(apdu, title, self.trust, self.policy, read, clock)
        self.trust.accept(opened, clock)
        return opened


@pytest.mark.parametrize("control", [0x10, 0x20, 0x21, 0x30, 0x31])
def test_an_honest_telegram_is_opened_once(control: int) -> None:
    meter = Meter(1)

    assert PUSH == meter.offer(seal(7, control)).push
    with pytest.raises(ReplayError, match=Verdict.SAME_TELEGRAM.value):
        meter.offer(seal(7, control))


FORGERIES: dict[str, tuple[Callable[[], bytes], type[MeterDataError]]] = {
    "forged-tag": (lambda: seal(9)[:-1] + b"\x00", AuthenticationError),
    "flipped-bit": (lambda: seal(9)[:-13] + bytes([seal(9)[-13] ^ 1]) + seal(9)[-12:], AuthenticationError),
    "truncated-tag": (lambda: seal(9)[:-4], CipherHeaderError),
    "another-meters-header": (lambda: seal(9).replace(TITLE, TITLE[:-1] + b"\xff"), AuthenticationError),
    "another-key": (lambda: seal(9, version=3), AuthenticationError),
    "highest-counter-forged": (lambda: seal(0xFFFFFFFF)[:-1] + b"\x00", AuthenticationError),
    "no-tag-any-more": (lambda: seal(9, 0x20), DowngradeError),
    "clear-text": (lambda: PLAIN, ClearTextRefusedError),
    "replayed": (lambda: seal(5), ReplayError),
}


@pytest.mark.parametrize("forgery", FORGERIES)
def test_an_attack_has_its_name_and_moves_nothing(forgery: str) -> None:
    meter = Meter(1, security="authenticated")
    meter.offer(seal(5))
    before = meter.trust.pack()
    make, refusal = FORGERIES[forgery]

    with pytest.raises(refusal):
        meter.offer(make())
    assert before == meter.trust.pack()
    assert PUSH == meter.offer(seal(6)).push


def test_a_meter_without_keys_is_unknown() -> None:
    with pytest.raises(UnknownKeyError):
        Meter().offer(seal(1))


def test_a_tag_without_authentication_key_is_refused_not_skipped() -> None:
    meter = Meter()
    bare = HeldKey(MeterKeys(KEYS[1].encryption, None), b"kcv0")
    meter.policy = meter.policy._replace(held=(bare,))

    with pytest.raises(AuthenticationError, match="no authentication key"):
        meter.offer(seal(1))


@pytest.mark.parametrize(
    ("telegram", "reason"),
    [
        pytest.param(seal(1, 0x20, plain=b"\xc2"), "no push (wrong key?)", id="encrypted"),
        pytest.param(seal(1, 0x21, plain=b"\xc2"), "no push (wrong key?)", id="encrypted-suite-1"),
        pytest.param(seal(1, 0x30, plain=b"\xc2"), "no push", id="encrypted-and-verified"),
        pytest.param(seal(1, 0x10, plain=b"\xc2"), "no push", id="verified"),
        pytest.param(b"\xc2", "no push", id="clear"),
        pytest.param(
            HEADER_OVER_CLEAR_BODY, "ciphering header over a body that is already clear", id="deciphered-before"
        ),
    ],
)
def test_a_key_is_suspected_only_where_one_was_used_and_nothing_verified(telegram: bytes, reason: str) -> None:
    with pytest.raises(PlaintextError) as caught:
        Meter(1, security="clear").offer(telegram)

    assert reason == caught.value.reason


def test_clear_text_is_read_where_the_meter_is_registered_so() -> None:
    opened = Meter(security="clear").offer(PLAIN)

    assert (None, False, None) == (opened.key, opened.authenticated, opened.counter)


def test_strict_refuses_a_late_counter() -> None:
    late, strict = Meter(1), Meter(1, strict=True)
    late.offer(seal(9))
    strict.offer(seal(9))

    assert Verdict.LATE is late.offer(seal(8)).verdict
    with pytest.raises(ReplayError, match=Verdict.OLD.value):
        strict.offer(seal(8))


@pytest.mark.parametrize("control", [0x20, 0x30])
def test_each_version_proves_itself_with_its_first_telegram_and_starts_its_own_counters(control: int) -> None:
    meter = Meter(1, 2)
    proofs = []
    for counter, version in ((900, 1), (901, 1), (1, 2), (2, 2), (902, 1)):
        opened = open_telegram(seal(counter, control, version=version), TITLE, meter.trust, meter.policy, read, 0)
        proofs.append(meter.trust.accept(opened, 0))

    assert [Moved.PROMOTED, NOTHING_ELSE, Moved.PROMOTED, NOTHING_ELSE, NOTHING_ELSE] == proofs
    assert 2 == meter.trust.version


def test_the_replaced_key_opens_telegrams_in_flight_for_the_grace_period_only() -> None:
    meter = Meter(1, 2)
    meter.offer(seal(900), clock=0)
    meter.offer(seal(1, version=2), clock=1000)

    assert PUSH == meter.offer(seal(901), clock=1000 + GRACE).push
    with pytest.raises(AuthenticationError):
        meter.offer(seal(902), clock=1001 + GRACE)


def test_a_new_authentication_key_alone_does_not_restart_the_counters() -> None:
    meter = Meter(1)
    meter.offer(seal(5))
    renewed = MeterKeys(KEYS[1].encryption, KEYS[2].authentication, 2)
    meter.policy = meter.policy._replace(held=KeyRing([("T", renewed)]).of("T"))
    telegram = seal(5, 0x20)

    with pytest.raises(ReplayError):
        meter.offer(telegram)


def test_an_operators_reset_starts_the_counters_afresh_once() -> None:
    meter = Meter(1, strict=True)
    meter.offer(seal(900))
    reset = KeyRing([("T", KEYS[1])], {"T": 1}).of("T")
    meter.policy = meter.policy._replace(held=reset)
    moved = []
    for counter in (3, 4):
        opened = open_telegram(seal(counter), TITLE, meter.trust, meter.policy, read, 0)
        moved.append(meter.trust.accept(opened, 0))

    assert [Moved.RESET, NOTHING_ELSE] == moved
    with pytest.raises(ReplayError):
        meter.offer(seal(3))


def test_of_several_keys_the_one_that_got_furthest_tells_what_is_wrong() -> None:
    meter = Meter(1, 2)

    def no_list(plaintext: bytes, profile: Profile) -> Any:
        read(plaintext, profile)
        raise ProfileError("no push list")

    with pytest.raises(ProfileError):
        open_telegram(seal(1), TITLE, meter.trust, meter.policy, no_list, 0)


def test_an_empty_title_takes_the_one_of_the_port() -> None:
    inner = seal(4)
    untitled = b"\xdb\x00" + inner[10:]

    assert PUSH == Meter(1).offer(untitled).push


def test_trust_packed_and_unpacked_refuses_the_same_counters() -> None:
    meter = Meter(1, 2)
    for telegram in (seal(5), seal(9), seal(3, version=2)):
        meter.offer(telegram)
    meter.trust, end = Trust.unpack(b"-" + meter.trust.pack(), 1)

    assert 2 == meter.trust.version
    for telegram in (seal(5), seal(9), seal(3, version=2)):
        with pytest.raises(ReplayError):
            meter.offer(telegram)
    assert PUSH == meter.offer(seal(7)).push
    assert end == 1 + len(meter.trust.pack()) - 8  # the hole at 7 made one more range
