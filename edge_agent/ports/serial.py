"""A customer port on a UART. The only module that knows pyserial-asyncio."""

from __future__ import annotations

import asyncio

from serial_asyncio import open_serial_connection

from edge_agent.ports.port import Reader
from edge_agent.settings import SerialPort


async def serve(port: SerialPort, read: Reader) -> None:
    """Read the device until it is pulled."""
    source, writer = await open_serial_connection(
        loop=asyncio.get_running_loop(),
        url=port.device,
        baudrate=port.baudrate,
        bytesize=port.bytesize,
        parity=port.parity,
        stopbits=port.stopbits,
        exclusive=True,  # two readers would share the bytes out between them
    )
    try:
        await read(source)
    finally:
        writer.close()
    raise ConnectionError("the device has hung up")
