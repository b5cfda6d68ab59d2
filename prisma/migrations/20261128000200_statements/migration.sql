-- What PostgreSQL of every node has spent its time on, a row for each of the statements most was spent on in a minute, and one
-- with query_id 0 for all others together. A partition per UTC day: dropping one is how they expire.
CREATE TABLE statement_figures (
    cluster_id uuid NOT NULL,
    node text NOT NULL,
    at timestamptz(3) NOT NULL,
    query_id bigint NOT NULL,
    user_name text NOT NULL,
    database_name text NOT NULL,
    calls double precision NOT NULL,
    total_ms double precision NOT NULL,
    rows double precision NOT NULL,
    blocks_hit double precision NOT NULL,
    blocks_read double precision NOT NULL,
    temp_blocks double precision NOT NULL,
    wal_bytes double precision NOT NULL,
    PRIMARY KEY (cluster_id, at, node, query_id, user_name, database_name)
) PARTITION BY RANGE (at);

-- The text of a statement, once for all nodes.
CREATE TABLE statement_text (
    cluster_id uuid NOT NULL,
    query_id bigint NOT NULL,
    text text NOT NULL,
    seen_at timestamptz(3) NOT NULL,
    PRIMARY KEY (cluster_id, query_id)
);

-- Which nodes tell of their statements, and why one does not.
CREATE TABLE statement_source (
    cluster_id uuid NOT NULL,
    node text NOT NULL,
    at timestamptz(3) NOT NULL,
    problem text,
    PRIMARY KEY (cluster_id, node)
);
