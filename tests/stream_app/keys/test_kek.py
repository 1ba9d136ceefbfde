from __future__ import annotations

import base64

import pytest

from stream_app.keys.envelope import Place
from stream_app.keys.kek import read_keks
from stream_app.keys.ring import KeyStoreError

KEY = bytes(range(1, 33))
PLACE = Place("A", "encryption", 1)


def test_keys_are_read_newest_first_in_hex_or_base64_between_comments() -> None:
    text = f"# ours\n2026  {KEY.hex()}  # since May\n\n2025 {base64.b64encode(KEY).decode()}\n"
    newest, older = read_keks(text, "kek")

    assert ("2026", "2025") == (newest.id, older.id)
    assert [b"k" * 16] == older.open([(PLACE, newest.seal([(PLACE, b"k" * 16)])[0])])


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        pytest.param("", "no key-encryption key", id="empty"),
        pytest.param(KEY.hex(), "line 1: wanted an id", id="no-id"),
        pytest.param(f"a b {KEY.hex()}", "line 1: wanted an id", id="too-many-words"),
        pytest.param(f"\na {KEY[:31].hex()}", "line 2: the key is not 32 octets", id="too-short"),
        pytest.param(f"a {'zz' * 32}", "line 1: the key is not 32 octets", id="no-hex"),
        pytest.param(f"a {'00' * 32}", "line 1: the key is not 32 octets", id="all-zero"),
        pytest.param(f"a {KEY.hex()}\na {KEY.hex()}", "line 2: a stands there already", id="twice"),
    ],
)
def test_what_is_wrong_is_said_by_line_and_without_the_line(text: str, problem: str) -> None:
    with pytest.raises(KeyStoreError, match=f"^kek: {problem}") as refusal:
        read_keks(text, "kek")
    assert KEY[:31].hex() not in str(refusal.value)
