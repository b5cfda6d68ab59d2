-- What every node tells of itself, as an array in the order of the release's list of figures (names are only added at its
-- end). A partition per UTC day: dropping one is how they expire.
CREATE TABLE node_figures (
    cluster_id uuid NOT NULL,
    node text NOT NULL,
    at timestamptz(3) NOT NULL,
    figures double precision[] NOT NULL,
    PRIMARY KEY (cluster_id, node, at)
) PARTITION BY RANGE (at);

-- Five minutes each, for as long as a month: what they were on the whole, and at their worst.
CREATE TABLE node_figures_rollup (
    cluster_id uuid NOT NULL,
    node text NOT NULL,
    at timestamptz(3) NOT NULL,
    mean double precision[] NOT NULL,
    low double precision[] NOT NULL,
    high double precision[] NOT NULL,
    PRIMARY KEY (cluster_id, node, at)
);
CREATE INDEX node_figures_rollup_at ON node_figures_rollup (at);
