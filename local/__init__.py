"""The embedded stack: Kafka and Redis as child processes, without Docker or installed servers."""
