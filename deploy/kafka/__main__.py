"""``make kafka``: a broker in the foreground on 127.0.0.1:9092, data and log in ``.cache/kafka``. Ctrl-C ends it."""

from __future__ import annotations

import contextlib
import sys

from deploy.kafka.broker import CACHE, Broker, KafkaUnavailableError


def main() -> int:
    """Start, say where, wait."""
    broker = Broker(CACHE / "kafka", port=9092)
    try:
        broker.start()
    except KafkaUnavailableError as error:
        print(f"no Kafka: {error}", file=sys.stderr)
        return 1
    print(f"Apache Kafka on {broker.bootstrap}, log in {broker.log}; Ctrl-C ends it", flush=True)
    try:
        with contextlib.suppress(KeyboardInterrupt):
            return broker.wait()
    finally:
        broker.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
