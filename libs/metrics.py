"""Every metric, by the names that `docs` promises. No label may carry patient data.

A service with several processes sets PROMETHEUS_MULTIPROC_DIR before anything imports this module
(see `libs.health.counting_together`).
"""

from prometheus_client import Counter, Gauge, Histogram

_HTTP_SECONDS = (0.01, 0.05, 0.1, 0.5, 1, 2, 5)
_QUERY_SECONDS = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1)
_ACK_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 5)
_PROCESSING_SECONDS = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 2, 5, 30)

HTTP_SECONDS = Histogram(
    "http_request_duration_seconds", "Time to answer an HTTP request",
    ["method", "route", "status"], buckets=_HTTP_SECONDS,
)  # fmt: skip
HTTP_REQUESTS = Counter("http_requests_total", "HTTP requests answered", ["method", "route", "status"])

RECEIVED = Counter(
    "hl7_messages_received_total", "HL7 messages acknowledged positively", ["message_type", "org_id"]
)
SENT = Counter(
    "hl7_messages_sent_total", "HL7 messages that a destination has taken", ["message_type", "org_id"]
)
DUPLICATES = Counter(
    "hl7_duplicates_total", "Messages sent again after they were applied, and not applied again", ["org_id"]
)
PARSE_ERRORS = Counter(
    "hl7_parse_errors_total", "HL7 input refused, dropped or dead-lettered, by reason", ["error_type"]
)
PROCESSING_SECONDS = Histogram(
    "hl7_processing_duration_seconds", "Time from ACK to committed FHIR, per message",
    ["message_type"], buckets=_PROCESSING_SECONDS,
)  # fmt: skip
MLLP_BYTES = Counter("mllp_received_bytes_total", "Bytes received over MLLP", ["listener"])
MLLP_FRAMES = Counter("mllp_frames_total", "Whole MLLP frames received", ["listener"])
MLLP_QUIRKS = Counter(
    "mllp_quirks_total", "Deviations from the standard that were tolerated, by kind", ["kind"]
)
MLLP_DROPPED = Counter(
    "mllp_connections_dropped_total", "MLLP connections ended or refused by us", ["reason"]
)
NAKS = Counter(
    "hl7_naks_total", "Negative acknowledgements, by code and reason", ["code", "reason", "listener"]
)
MLLP_CONNECTIONS = Gauge("mllp_connections", "Open MLLP connections", multiprocess_mode="livesum")
MLLP_LISTENER_CONNECTIONS = Gauge(
    "mllp_listener_connections",
    "Open MLLP connections, by listener",
    ["listener"],
    multiprocess_mode="livesum",
)
ACK_SECONDS = Histogram(
    "mllp_ack_duration_seconds", "Time from the last byte of a message to its acknowledgement",
    buckets=_ACK_SECONDS,
)  # fmt: skip

QUEUE_DEPTH = Gauge(
    "queue_depth", "Messages waiting in a queue's lanes", ["queue_name"], multiprocess_mode="mostrecent"
)
QUEUE_PROCESSED = Counter(
    "queue_processing_rate_total", "Messages taken off a queue, by outcome", ["queue_name", "status"]
)
LANE_OLDEST_SECONDS = Gauge(
    "lane_oldest_message_seconds", "Age of the oldest message waiting in a queue",
    ["queue_name"], multiprocess_mode="mostrecent",
)  # fmt: skip
LANE_STALLED = Counter(
    "lane_stalled_total", "Lanes that the sweep had to give to a new worker", ["queue_name"]
)
DEAD_LETTERS = Gauge(
    "dead_letters", "Dead letters that wait for an operator", ["queue_name"], multiprocess_mode="mostrecent"
)
REPOINTINGS = Gauge(
    "repointings", "Merges and moves that references have yet to follow", multiprocess_mode="mostrecent"
)

FHIR_OPERATIONS = Counter(
    "fhir_operations_total", "FHIR interactions, by outcome", ["operation", "resource_type", "status"]
)
QUERY_SECONDS = Histogram(
    "db_query_duration_seconds", "Time of a database query", ["query_type"], buckets=_QUERY_SECONDS
)
POOL_SIZE = Gauge("db_connection_pool_size", "Database connections held", multiprocess_mode="livesum")
POOL_IN_USE = Gauge("db_connection_pool_in_use", "Database connections at work", multiprocess_mode="livesum")
CACHE_REQUESTS = Counter("cache_requests_total", "Cache look-ups", ["cache", "result"])
