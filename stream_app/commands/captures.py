"""Captures as the commands take them: files or standard input, bytes or hex text, whatever the link."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from enum import StrEnum
from io import BufferedReader
from pathlib import Path
from typing import Final, cast

from edge_agent.link.delimiter import Delimiter
from edge_agent.link.frame import Refused, Telegram
from edge_agent.link.telegram import nothing_in
from stream_app.dlms.cipher import TITLE_OCTETS

CHUNK: Final = 65_536
STDIN: Final = Path("-")

_HEX_DECORATION: Final = re.compile(r"0[xX]|[\s:]")


class Link(StrEnum):
    """What may be on the line."""

    AUTO = "auto"
    MBUS = "mbus"
    HDLC = "hdlc"
    P1 = "p1"
    WPDU = "wpdu"
    APDU = "apdu"


class WrongUseError(Exception):
    """The call cannot be carried out as it stands."""


def telegrams(source: Path, delimiter: Delimiter, *, hex_text: bool) -> Iterator[Telegram | Refused]:
    """What the delimiter finds in a capture, in order; of one with nothing to find in it, a refusal that says so."""
    silent, head = True, b""
    for chunk in _chunks(source, hex_text):
        head = head or chunk
        for found in delimiter.feed(chunk):
            silent = False
            yield found
    for found in delimiter.idle():
        silent = False
        yield found
    if silent and head:
        yield Refused(nothing_in(head, delimiter.link), head)


def title_option(text: str | None) -> bytes:
    """The octets of ``--title``; empty where there is none."""
    if text is None:
        return b""
    try:
        title = bytes.fromhex(_HEX_DECORATION.sub("", text))
    except ValueError:
        title = b""
    if len(title) != TITLE_OCTETS:
        raise WrongUseError(f"--title: not {TITLE_OCTETS} octets in hex digits")
    return title


def _chunks(source: Path, hex_text: bool) -> Iterator[bytes]:
    try:
        if source == STDIN:
            yield from _read(cast(BufferedReader, sys.stdin.buffer), hex_text)
        else:
            with source.open("rb") as file:
                yield from _read(file, hex_text)
    except OSError as error:
        raise WrongUseError(f"{source}: {error.strerror}") from error
    except ValueError as error:
        raise WrongUseError(f"{source}: no hex text") from error


def _read(file: BufferedReader, hex_text: bool) -> Iterator[bytes]:
    if hex_text:
        yield bytes.fromhex(_HEX_DECORATION.sub("", file.read().decode("ascii")))
    else:
        while chunk := file.read1(CHUNK):  # what is there: a line that is read live does not wait for more
            yield chunk
