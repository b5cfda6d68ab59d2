CREATE TABLE "failover" (
    "cluster_id" UUID NOT NULL,
    "id" TEXT NOT NULL,
    "kind" TEXT NOT NULL,
    "state" TEXT NOT NULL,
    "old_primary" TEXT,
    "new_primary" TEXT,
    "view" JSONB NOT NULL,
    "started_at" TIMESTAMPTZ(3) NOT NULL,
    "ended_at" TIMESTAMPTZ(3),

    CONSTRAINT "failover_pkey" PRIMARY KEY ("cluster_id", "id")
);
CREATE INDEX "failover_cluster_id_started_at_idx" ON "failover"("cluster_id", "started_at");
ALTER TABLE "failover" ADD CONSTRAINT "failover_cluster_id_fkey" FOREIGN KEY ("cluster_id") REFERENCES "cluster"("id") ON DELETE CASCADE ON UPDATE CASCADE;
