ALTER TABLE "host" ADD COLUMN "clock_ahead_ms" DOUBLE PRECISION;

CREATE TABLE "alert_rule" (
    "rule" TEXT NOT NULL,
    "scope" TEXT NOT NULL,
    "settings" JSONB NOT NULL,
    "changed_by" TEXT NOT NULL,
    "changed_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "alert_rule_pkey" PRIMARY KEY ("rule","scope")
);

CREATE TABLE "alert" (
    "id" UUID NOT NULL,
    "rule" TEXT NOT NULL,
    "cluster_id" UUID,
    "cluster" TEXT,
    "subject" TEXT NOT NULL,
    "state" TEXT NOT NULL,
    "severity" TEXT NOT NULL,
    "sentence" TEXT NOT NULL,
    "since_at" TIMESTAMPTZ(3) NOT NULL,
    "firing_at" TIMESTAMPTZ(3),
    "seen_at" TIMESTAMPTZ(3) NOT NULL,
    "resolved_at" TIMESTAMPTZ(3),
    "acknowledged_at" TIMESTAMPTZ(3),
    "acknowledged_by" TEXT,
    "note" TEXT,
    "notified_at" TIMESTAMPTZ(3),
    "notified_as" TEXT,
    "escalated_at" TIMESTAMPTZ(3),

    CONSTRAINT "alert_pkey" PRIMARY KEY ("id")
);

CREATE TABLE "alert_silence" (
    "id" UUID NOT NULL,
    "rule" TEXT,
    "cluster_id" UUID,
    "subject" TEXT,
    "reason" TEXT NOT NULL,
    "created_by" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "ends_at" TIMESTAMPTZ(3) NOT NULL,
    "ended_by" TEXT,

    CONSTRAINT "alert_silence_pkey" PRIMARY KEY ("id")
);

CREATE TABLE "alert_channel" (
    "id" UUID NOT NULL,
    "name" TEXT NOT NULL,
    "kind" TEXT NOT NULL,
    "settings" JSONB NOT NULL,
    "sealed" BYTEA NOT NULL,
    "is_on" BOOLEAN NOT NULL DEFAULT true,
    "changed_by" TEXT NOT NULL,
    "changed_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "alert_channel_pkey" PRIMARY KEY ("id")
);

CREATE TABLE "alert_route" (
    "id" UUID NOT NULL,
    "name" TEXT NOT NULL,
    "position" INTEGER NOT NULL,
    "is_default" BOOLEAN NOT NULL DEFAULT false,
    "severities" TEXT[],
    "cluster_ids" UUID[],
    "channel_ids" UUID[],
    "escalate_minutes" INTEGER,
    "escalate_channel_ids" UUID[],

    CONSTRAINT "alert_route_pkey" PRIMARY KEY ("id")
);

CREATE TABLE "alert_delivery" (
    "id" UUID NOT NULL,
    "alert_id" UUID,
    "channel_id" UUID NOT NULL,
    "kind" TEXT NOT NULL,
    "state" TEXT NOT NULL,
    "message" JSONB NOT NULL,
    "attempts" INTEGER NOT NULL DEFAULT 0,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "next_at" TIMESTAMPTZ(3) NOT NULL,
    "ended_at" TIMESTAMPTZ(3),
    "error" TEXT,

    CONSTRAINT "alert_delivery_pkey" PRIMARY KEY ("id")
);
CREATE INDEX "alert_state_idx" ON "alert"("state");
CREATE INDEX "alert_resolved_at_idx" ON "alert"("resolved_at");
CREATE INDEX "alert_silence_ends_at_idx" ON "alert_silence"("ends_at");
CREATE UNIQUE INDEX "alert_channel_name_key" ON "alert_channel"("name");
CREATE INDEX "alert_delivery_state_next_at_idx" ON "alert_delivery"("state", "next_at");
CREATE UNIQUE INDEX "alert_delivery_alert_id_channel_id_kind_key" ON "alert_delivery"("alert_id", "channel_id", "kind");
ALTER TABLE "alert_delivery" ADD CONSTRAINT "alert_delivery_alert_id_fkey" FOREIGN KEY ("alert_id") REFERENCES "alert"("id") ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE "alert_delivery" ADD CONSTRAINT "alert_delivery_channel_id_fkey" FOREIGN KEY ("channel_id") REFERENCES "alert_channel"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- One living alert for what is the same trouble, whichever console writes it.
CREATE UNIQUE INDEX "alert_living" ON "alert" ("rule", coalesce("cluster_id"::text, ''), "subject") WHERE "state" <> 'resolved';

-- There is always one route that takes what no other takes.
CREATE UNIQUE INDEX "alert_route_default" ON "alert_route" ("is_default") WHERE "is_default";
INSERT INTO "alert_route" ("id", "name", "position", "is_default", "severities", "cluster_ids", "channel_ids", "escalate_channel_ids")
VALUES (gen_random_uuid(), 'Everything else', 0, true, '{warning,critical}', '{}', '{}', '{}');
