-- One wide row per node and second. A partition per UTC day: dropping one is how samples expire.
CREATE TABLE metric_sample (
    cluster_id uuid NOT NULL,
    node text NOT NULL,
    at timestamptz(3) NOT NULL,
    role text NOT NULL,
    state text NOT NULL,
    timeline integer,
    -- Insert position of a primary, received position of a standby, as a byte count since 0/0.
    wal_position bigint,
    lag_bytes bigint,
    lag_ms double precision,
    sync text NOT NULL,
    raft_term bigint,
    raft_fsync_ms_max double precision,
    raft_loop_delay_ms_max double precision,
    PRIMARY KEY (cluster_id, node, at)
) PARTITION BY RANGE (at);

-- The Socket.IO adapter between console instances keeps payloads here that are too large for NOTIFY.
CREATE UNLOGGED TABLE socket_io_attachments (
    id bigserial UNIQUE,
    created_at timestamptz DEFAULT now(),
    payload bytea
);
